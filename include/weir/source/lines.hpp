// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/limit_exceeded.hpp>
#include <weir/core/stream.hpp>
#include <weir/io/bytes.hpp>
#include <weir/source/read.hpp>

namespace weir {

/// What happens to a line that is longer than the limit.
enum class long_lines : std::uint8_t {
    fail,     ///< the stream fails with limit_exceeded, which names the limit and the line's number
    truncate, ///< the item is the first `limit` bytes
    skip,     ///< the line is left out
};

struct lines_options {
    std::size_t limit = std::size_t{1} << 20; ///< the maximum length of a line in bytes, without its terminator
    long_lines on_long = long_lines::fail;
};

/// The stream of the lines in a stream of bytes.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] lines_stream {
public:
    using value_type = bytes;

    lines_stream(S upstream, lines_options options) : upstream_(std::move(upstream)), options_{options} {}

    poll<bytes> poll_next(context& cx) {
        checker_.check();
        for (;;) {
            // `memchr` must not be called with the null pointer of an empty block.
            if (!block_.empty()) {
                const char* begin = block_.data();
                if (const void* found = std::memchr(begin, '\n', block_.size())) {
                    const auto size = static_cast<std::size_t>(static_cast<const char*>(found) - begin);
                    if (started_.empty() && !too_long_ && size <= options_.limit) [[likely]] {
                        ++ended_lines_;
                        bytes line = block_.slice(0, size);
                        if (size != 0 && begin[size - 1] == '\r') line.remove_suffix(1);
                        block_.remove_prefix(size + 1);
                        return line;
                    }
                    continue_line({begin, size});
                    block_.remove_prefix(size + 1);
                    if (!too_long_ && !started_.empty() && started_.back() == '\r') {
                        started_.shorten(started_.size() - 1);
                    }
                    if (end_line()) return started_.take();
                } else {
                    continue_line(block_);
                    block_ = {};
                }
                continue;
            }
            if (ended_) {
                checker_.ended();
                return done;
            }
            if (!cx.spend()) return cx.yield();
            auto next = upstream_.poll_next(cx);
            if (next.is_pending()) return pending;
            if (next.is_item()) {
                block_ = *std::move(next);
                continue;
            }
            ended_ = true;
            if (started_.empty() && !too_long_) continue;
            if (end_line()) return started_.take();
        }
    }

    void outline(stage_outline& out) const {
        out.holds({.items = 1, .bytes = options_.limit});
        out.upstream(upstream_);
    }

private:
    /// Appends a part of a line that spans blocks: at most one byte beyond the limit, which may be a '\r'.
    void continue_line(std::string_view part) {
        if (too_long_) return;
        const std::size_t room = std::max(options_.limit, options_.limit + 1) - started_.size(); // the sum may wrap
        too_long_ = part.size() > room;
        started_.append(part.substr(0, room));
        if (started_.size() > options_.limit && started_.back() != '\r') too_long_ = true;
        if (!too_long_) return;
        switch (options_.on_long) {
        case long_lines::fail:
            fail();
        case long_lines::truncate:
            started_.shorten(options_.limit);
            break;
        case long_lines::skip:
            started_.clear();
            break;
        }
    }

    /// Returns whether the line is to be delivered.
    bool end_line() {
        if (!too_long_ && started_.size() > options_.limit) continue_line("\r"); // the '\r' was not followed by '\n'
        ++ended_lines_;
        return !std::exchange(too_long_, false) || options_.on_long == long_lines::truncate;
    }

    [[noreturn]] void fail() {
        checker_.ended();
        throw limit_exceeded{"weir::lines: line " + std::to_string(ended_lines_ + 1) + " is longer than " +
                             std::to_string(options_.limit) + " bytes"};
    }

    S upstream_;
    lines_options options_;
    bytes block_;                  // the rest of the last block
    detail::byte_builder started_; // the start of a line that spans blocks
    std::uint64_t ended_lines_ = 0;
    bool too_long_ = false;
    bool ended_ = false;
    detail::poll_checker checker_;
};

struct lines_fn : detail::operator_fn<lines_fn> {
    template <class S, class Options>
    using pipeline = lines_stream<S>;

    template <class T, class Options>
    static consteval bool accepts() {
        constexpr bool ok = std::is_same_v<T, bytes>;
        static_assert(ok, "weir::lines(): takes a stream of weir::bytes, such as read(file)");
        return ok;
    }

    /// `stream of bytes | lines({.limit = 4096})`
    constexpr auto operator()(lines_options options = {}) const { return with(options); }

    /// `lines("access.log")`
    auto operator()(std::string path, lines_options options = {}) const {
        return lines_stream{read(std::move(path)), options};
    }
    auto operator()(const char* path, lines_options options = {}) const { return (*this)(std::string{path}, options); }

    /// `lines(weir::standard_input())`, `lines(socket)`
    template <class Device>
        requires detail::input_device<std::remove_cvref_t<Device>>
    auto operator()(Device&& device, lines_options options = {}) const {
        return lines_stream{read(std::forward<Device>(device)), options};
    }
};

/// lines(path), lines(file), lines(socket), bytes | lines(): text line by line, without the terminators. A line is a
/// `weir::bytes`, which functions take as a std::string_view, or as a std::string after to_owned().
///
///     weir::lines("access.log") | weir::filter(is_error) | weir::for_each(print)
///     weir::read(socket) | weir::lines({.limit = 8192})
///
/// A line ends with '\n' or "\r\n". The last line may end with the input instead.
///
/// Ends: with upstream.
/// Errors: upstream's; what was read of the last line is then left out. limit_exceeded for a line of more than `limit`
/// bytes, unless `on_long` says to truncate or skip it.
/// Cost: a line inside a block is a part of the block; a line that spans blocks is copied once. At most the limit and
/// one block are held.
/// See: frames, split, read, follow.
inline constexpr lines_fn lines{};

} // namespace weir
