// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <weir/backend/endpoint.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/waker.hpp>

namespace weir {

class backend;
class executor;

/// What a file is opened for.
enum class open_mode : std::uint8_t {
    read,   ///< of what exists
    write,  ///< made if missing, emptied if not
    append, ///< made if missing; every write goes to its end
    update, ///< reads and writes of what exists
    create, ///< reads and writes of what is made now; an error if it exists
};

/// What `receive_bytes` is asked for: little, as a stream of messages needs no more, and a piece that is kept for the
/// sake of a few bytes should not hold much memory; then more, by whoever filled that.
inline constexpr std::uint32_t small_receive = 4 * 1024;
inline constexpr std::uint32_t large_receive = 32 * 1024;

/// What an operation asks the kernel for, with the arguments of the system call of that name.
struct io_request {
// GCC 12 finds that `send` hides the sink of that name.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
    enum class kind : std::uint8_t {
        read,            ///< fd, data, size, offset (-1: the descriptor's own position)
        receive,         ///< fd, data, size: from a socket
        receive_bytes,   ///< fd, data: a `bytes`, size: the maximum, > 0; the backend provides the memory when needed
        receive_message, ///< fd, data: an io_message; the result is a datagram's length, even where that is beyond size
        readable,        ///< fd: completes when a read would not block
        write,           ///< fd, data, size, offset
        send,            ///< fd, data, size: to a socket; a closed peer is EPIPE, never a signal
        accept,          ///< fd, peer: the result is a descriptor
        connect,         ///< fd, address
        open,            ///< path, mode, permissions: the result is a descriptor
        sync,            ///< fd
        send_message,    ///< fd, data: an io_message; a closed peer is EPIPE
    };
#pragma GCC diagnostic pop

    kind what;
    open_mode mode = open_mode::read;
    std::uint16_t permissions = 0666; ///< of a file that is made, less the umask
    int fd = -1;
    void* data = nullptr;
    std::size_t size = 0;
    std::int64_t offset = -1;
    endpoint* address = nullptr;

    bool reads() const noexcept { return what <= kind::readable; }
    const char* path() const noexcept { return static_cast<const char*>(data); }
};

/// A request in the kernel's hands, with room for its answer. What the request points to must live as long.
///
/// Destroying it while in flight cancels it and waits for its final completion, so that the kernel touches nothing of
/// it afterwards; a descriptor that it still produced is closed, and what a read had taken goes back: it is the answer
/// to the next read of that descriptor, before anything that comes later.
class io_operation : private detail::list_link {
public:
    io_operation() noexcept = default;
    /// What `run` is to hand over.
    explicit io_operation(const io_request& request) noexcept : request_{request} {}
    io_operation(io_operation&& other) noexcept : list_link{}, request_{other.request_} {
        WEIR_ASSERT(!other.in_flight(), "moved after its first poll");
    }
    ~io_operation() { cancel(); }

    /// Hands a request over. None may be in flight.
    void start(executor& ex, const io_request& request);
    bool in_flight() const noexcept { return state_ == state::in_flight; }
    bool started() const noexcept { return state_ != state::idle; }

    /// The answer, once: the system call's result, or minus the error number.
    poll<int> poll_result(context& cx) {
        if (state_ == state::complete) {
            state_ = state::idle;
            return result_;
        }
        WEIR_ASSERT(state_ == state::in_flight, "an I/O operation was polled before it was started");
        waiter_.arm(cx.waker());
        return pending;
    }

    /// Starts it at the first call; the answer as `poll_result` gives it. Goes on where a signal interrupted.
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

    // For backends: the request, numbers for their own use, a place in one list of theirs, and the answer.
    const io_request& request() const noexcept { return request_; }
    std::uint64_t backend_data = 0;
    /// Of a read: which of all that have had this number its descriptor is.
    static constexpr std::uint32_t descriptors = 1U << 30U; ///< how many it tells apart
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
    waker_slot waiter_;
    int result_ = 0;
    // In one word: there are many operations.
    state state_ : 2 = state::idle;
    std::uint32_t descriptor_ : 30 = 0;
};

} // namespace weir
