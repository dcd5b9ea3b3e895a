// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weir/backend/file_system.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/io/detail/device.hpp>
#include <weir/io/detail/transfer.hpp>
#include <weir/io/file.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

/// How `write(path, options)` replaces the contents of a file.
enum class replace : std::uint8_t {
    in_place,   ///< truncates the file and writes it
    atomically, ///< writes another file and renames it
};

struct write_options {
    weir::replace replace = weir::replace::in_place;
};

namespace detail {

/// A file whose old contents are replaced.
class replaced_file {
public:
    using device_type = file;

    replaced_file(std::string path, write_options options)
        : path_{without_nul(std::move(path), "weir::write: the path")}, options_{options} {}
    replaced_file(replaced_file&& other) noexcept = default;
    ~replaced_file() {
        // The file is closed later, which makes no difference to its name.
        if (files_ != nullptr) files_->remove(temporary_.c_str());
    }

    /// The file; null while it is being opened.
    file* poll_device(context& cx);
    /// Returns true when the file has its name for good.
    bool poll_commit(context& cx);

private:
    std::string path_;
    write_options options_;
    std::string temporary_;
    std::optional<unsigned> permissions_; // of the old file
    file_system* files_ = nullptr;        // not null while the temporary file exists
    file file_;
    file directory_;
    std::optional<open_operation> open_;
    std::optional<sync_operation> sync_;
};

/// Writes items whole and in order. It gathers small items while more are ready, to save system calls.
template <stream S, class Holder>
class write_items {
public:
    using result_type = std::uint64_t;

    write_items(S upstream, Holder holder) : upstream_(std::move(upstream)), holder_(std::move(holder)) {}

    poll<std::uint64_t> poll_result(context& outer) {
        nested_context cx{outer};
        auto* device = holder_.poll_device(cx);
        if (device == nullptr) return pending;
        for (bool spent = false;;) {
            if (!progress_.poll(cx, *device)) return pending;
            total_ += std::exchange(writing_, 0);
            if (large_) {
                if (!large_started_) {
                    start(*large_);
                    large_started_ = true;
                    continue;
                }
                large_.reset();
            }
            if (ended_) {
                if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
                if constexpr (requires { holder_.poll_commit(cx); }) {
                    if (!holder_.poll_commit(cx)) return pending;
                }
                return total_;
            }
            if (spent) return cx.yield();
            spent = !gather(cx);
            if (gathered_ != 0) {
                start(std::string_view{memory_.get(), std::exchange(gathered_, 0)});
            } else if (!large_ && !ended_ && !spent) {
                return pending;
            }
        }
    }

    void outline(stage_outline& out) const {
        out.holds({.items = 1, .bytes = capacity});
        out.upstream(upstream_);
    }

private:
    static constexpr std::size_t capacity = 64 * 1024;
    static constexpr std::size_t largest_copy = 16 * 1024;

    /// Gathers the ready items, up to a large item, which is written without a copy. Returns false when the budget is
    /// spent.
    bool gather(context& cx) {
        try {
            for (;;) {
                auto item = upstream_.poll_next(cx);
                if (item.is_pending()) return true;
                if (item.is_done()) {
                    ended_ = true;
                    return true;
                }
                const byte_view view{*item};
                if (view.size() > largest_copy || view.size() > capacity - gathered_) {
                    large_.emplace(*std::move(item));
                    large_started_ = false;
                    return cx.spend();
                }
                if (!memory_) memory_ = std::make_unique_for_overwrite<char[]>(capacity);
                if (view.size() != 0) std::memcpy(memory_.get() + gathered_, view.data(), view.size());
                gathered_ += view.size();
                if (!cx.spend()) return false;
            }
        } catch (...) {
            // The items before the error are written first.
            error_ = std::current_exception();
            ended_ = true;
            return true;
        }
    }

    void start(byte_view what) noexcept {
        progress_.start(what);
        writing_ = what.size();
    }

    S upstream_;
    Holder holder_;
    std::unique_ptr<char[]> memory_;
    std::size_t gathered_ = 0;
    std::optional<item_t<S>> large_; // an item that is written without a copy
    bool large_started_ = false;
    bool ended_ = false;
    std::exception_ptr error_;
    std::uint64_t total_ = 0;
    std::uint64_t writing_ = 0;
    writes<typename Holder::device_type> progress_; // last: cancelled before its memory is freed and its device closed
};

} // namespace detail

struct write_fn : detail::operator_fn<write_fn> {
    template <class S, class Holder>
    using pipeline = detail::sink<detail::write_items<S, Holder>>;

    template <class T, class Holder>
    static consteval bool accepts() {
        constexpr bool ok = std::is_constructible_v<byte_view, const T&>;
        static_assert(ok, "weir::write(...): items are text or bytes: std::string, std::string_view, weir::bytes, "
                          "std::span<const std::byte>");
        return ok;
    }

    template <class Device>
        requires detail::output_device<std::remove_cvref_t<Device>>
    auto operator()(Device&& device) const {
        if constexpr (std::is_lvalue_reference_v<Device>) {
            return with(detail::borrowed_device<std::remove_reference_t<Device>>{device});
        } else {
            return with(detail::owned_device<Device>{std::move(device)});
        }
    }
    auto operator()(std::string path, open_mode mode = open_mode::write) const {
        return with(detail::file_at_path{std::move(path), mode});
    }
    auto operator()(std::string path, write_options options) const {
        return with(detail::replaced_file{std::move(path), options});
    }
};

/// write(file), write(socket), write(path), write(path, options): writes every item whole, one after the other. The
/// result is the number of bytes written (std::uint64_t).
///
///     co_await (weir::read(client) | weir::write(client));                          // echo
///     co_await (weir::lines("in.txt") | weir::map(with_newline) | weir::write("out.txt"));
///
/// Upstream is not polled during a write. Small items that are ready at the same time are written together. Nothing is
/// added between items. A path is opened at the first poll; the file is created or truncated, unless another mode is
/// given. Accepts every byte_writer.
///
/// With `{.replace = weir::replace::atomically}` the items go to a temporary file in the same directory, which is
/// synced and takes the place of the old file when upstream has ended; then the directory is synced. Whenever the
/// process is killed or the power fails, the path has the old contents or the new ones, whole. After an error or a drop
/// the old file is there. A process that is killed may leave the temporary file, `<path>.<16 digits>.tmp`. The new file
/// has the permissions of the old one, and belongs to the user of the process. A symbolic link at the path is replaced,
/// not its target.
///
/// Errors: upstream's, after the items before it were written; std::system_error, such as
/// `write 10.0.0.1:80: Broken pipe`.
/// Dropped: cancels the write in flight; bytes that were gathered and not written are lost.
/// Cost: a buffer of 64 KiB if items are small; one item held if it is large.
/// Lifetime: owns an rvalue argument; borrows an lvalue, which must then outlive the operation and must not be moved.
/// See: send, copy.
inline constexpr write_fn write{};

} // namespace weir
