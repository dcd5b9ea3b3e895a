// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/waker.hpp>

namespace weir {

class backend;
class endpoint;
class executor;

/// How a file is opened.
enum class open_mode : std::uint8_t {
    read,   ///< reads an existing file
    write,  ///< writes; creates or truncates the file
    append, ///< writes at the end; creates the file if missing
    update, ///< reads and writes an existing file
    create, ///< reads and writes a new file; fails if it exists
};

/// The sizes of `receive_bytes`: small at first, because messages need no more and a kept part should not hold much
/// memory; then large, for a connection that filled the small size.
inline constexpr std::uint32_t small_receive = 4 * 1024;
inline constexpr std::uint32_t large_receive = 32 * 1024;

/// A request to the kernel, with the arguments of the system call of that name.
struct io_request {
// GCC 12 finds that `send` hides the sink of that name.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
    enum class kind : std::uint8_t {
        read,            ///< fd, data, size, offset (-1: the descriptor's own position)
        receive,         ///< fd, data, size: from a socket
        receive_bytes,   ///< fd, data: a `bytes`, size: the maximum, > 0; the backend provides the memory when needed
        receive_message, ///< fd, data: an io_message; the result is the datagram's length, which may exceed size
        readable,        ///< fd: completes when a read would not block; other code may own the descriptor
        write,           ///< fd, data, size, offset
        send,            ///< fd, data, size: to a socket; a closed peer is EPIPE, never a signal
        accept,          ///< fd, peer: the result is a descriptor
        connect,         ///< fd, address
        open,            ///< path, mode, permissions: the result is a descriptor. fd: the directory that the path
                         ///< starts in and does not leave (-EXDEV), or -1. Only then, -EAGAIN asks to try again
        sync,            ///< fd
        send_message,    ///< fd, data: an io_message; a closed peer is EPIPE
        writable,        ///< fd: completes when a write would not block; other code may own the descriptor
        close,           ///< fd: it is closed in any case, also when the operation is cancelled
    };
#pragma GCC diagnostic pop

    kind what;
    open_mode mode = open_mode::read;
    std::uint16_t permissions = 0666; ///< of a new file, without the bits of the umask
    int fd = -1;
    void* data = nullptr;
    std::size_t size = 0;
    std::int64_t offset = -1;
    endpoint* address = nullptr;

    bool reads() const noexcept { return what <= kind::readable; }
    bool asks_readiness() const noexcept { return what == kind::readable || what == kind::writable; }
    /// Whether the request waits until its descriptor is writable. The others wait until it is readable.
    bool waits_for_writable() const noexcept {
        return what == kind::write || what == kind::send || what == kind::send_message || what == kind::connect ||
               what == kind::writable;
    }
    const char* path() const noexcept { return static_cast<const char*>(data); }
};

/// A request to the kernel and its answer. What the request points to must exist as long.
///
/// Destroying it in flight cancels it and waits for its completion, so that the kernel does not use its memory
/// afterwards. A descriptor that it still produced is closed. Bytes that a read has taken are returned by the next read
/// of the descriptor, before any later ones.
class io_operation : private detail::list_link {
public:
    io_operation() noexcept = default;
    /// Sets the request for `run`.
    explicit io_operation(const io_request& request) noexcept : request_{request} {}
    io_operation(io_operation&& other) noexcept : list_link{}, request_{other.request_} {
        WEIR_ASSERT(!other.in_flight(), "moved after its first poll");
    }
    ~io_operation() { cancel(); }

    /// Starts a request. None may be in flight.
    void start(executor& ex, const io_request& request);
    bool in_flight() const noexcept { return state_ == state::in_flight; }
    bool started() const noexcept { return state_ != state::idle; }

    /// Returns the answer, once: the system call's result, or minus the error number.
    poll<int> poll_result(context& cx) {
        if (state_ == state::complete) {
            state_ = state::idle;
            return result_;
        }
        WEIR_ASSERT(state_ == state::in_flight, "an I/O operation was polled before it was started");
        waiter_.arm(cx.waker());
        return pending;
    }

    /// Starts the request at the first call, and returns the answer as `poll_result` does. Restarts after a signal.
    poll<int> run(context& cx, const io_request& request) {
        if (!started()) start(cx.executor(), request);
        auto result = poll_result(cx);
        while (result.is_item() && *result == -EINTR) {
            start(cx.executor(), request);
            result = poll_result(cx);
        }
        return result;
    }

    poll<int> run(context& cx) { return run(cx, request_); }

    void cancel() noexcept;

    /// The operation that contains this slot, which has its mark.
    static io_operation& of(detail::slot_base& slot) noexcept;

    // For backends: the request, their own numbers, a link in one of their lists, and the answer.
    const io_request& request() const noexcept { return request_; }
    std::uint64_t backend_data = 0;
    /// For a read: distinguishes its descriptor from earlier ones with the same number.
    static constexpr std::uint32_t descriptors = 1U << 30U; ///< the number of distinguishable descriptors
    std::uint32_t descriptor() const noexcept { return descriptor_; }
    void set_descriptor(std::uint32_t which) noexcept { descriptor_ = which % descriptors; }
    void leave_list() noexcept { unlink(); }
    void complete(int result) noexcept {
        result_ = result;
        state_ = state::complete;
        waiter_.wake();
    }

private:
    friend class detail::intrusive_list<io_operation>;

    enum class state : std::uint32_t { idle, in_flight, complete };

    io_request request_{};
    backend* backend_ = nullptr;
    detail::marked_slot<detail::slot_mark::io> waiter_;
    int result_ = 0;
    // Packed into one word, because there are many operations.
    state state_ : 2 = state::idle;
    std::uint32_t descriptor_ : 30 = 0;
};

} // namespace weir
