// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/limit_exceeded.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/io/bytes.hpp>

namespace weir {

struct split_options {
    std::size_t limit = std::size_t{1} << 20; ///< the maximum length of a part in bytes, without its delimiter
};

/// The parts of a stream of bytes that delimiters end.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] split_stream {
public:
    using value_type = bytes;

    split_stream(S upstream, std::string delimiter, split_options options)
        : upstream_(std::move(upstream)), delimiter_{std::move(delimiter)}, limit_{options.limit} {}

    poll<bytes> poll_next(context& cx) {
        for (;;) {
            if (!block_.empty()) {
                if (ends_across_blocks()) return end_started();
                const std::size_t size = block_.view().find(delimiter_);
                if (size != std::string_view::npos) {
                    bytes part = block_.slice(0, size);
                    block_.remove_prefix(size + delimiter_.size());
                    if (started_.empty()) {
                        check(part.size());
                        return part;
                    }
                    started_.append(part);
                    return end_started();
                }
                // The last bytes may be the start of a delimiter.
                const std::size_t held = started_.size() + block_.size();
                if (held >= delimiter_.size()) check(held - delimiter_.size() + 1);
                started_.append(block_);
                block_ = {};
            }
            if (ended_) return done;
            if (!cx.spend()) return cx.yield();
            auto next = upstream_.poll_next(cx);
            if (next.is_pending()) return pending;
            if (next.is_item()) {
                block_ = *std::move(next);
                continue;
            }
            ended_ = true;
            if (!started_.empty()) return end_started();
        }
    }

    void outline(stage_outline& out) const {
        out.holds({.items = 1, .bytes = limit_});
        out.upstream(upstream_);
    }

private:
    /// Whether a delimiter starts in the blocks before this one and ends in it. Takes it away from both.
    bool ends_across_blocks() {
        const std::size_t before = std::min(started_.size(), delimiter_.size() - 1);
        for (std::size_t left = before; left != 0; --left) {
            const std::string_view rest = std::string_view{delimiter_}.substr(left);
            const std::string_view tail{started_.data() + started_.size() - left, left};
            if (!delimiter_.starts_with(tail) || !block_.view().starts_with(rest)) continue;
            started_.shorten(started_.size() - left);
            block_.remove_prefix(rest.size());
            return true;
        }
        return false;
    }

    bytes end_started() {
        check(started_.size());
        return started_.take();
    }

    void check(std::size_t size) const {
        if (size > limit_) {
            throw limit_exceeded{"weir::split: a part is longer than " + std::to_string(limit_) + " bytes"};
        }
    }

    S upstream_;
    std::string delimiter_;
    std::size_t limit_;
    bytes block_;                  // the rest of the last block
    detail::byte_builder started_; // the start of a part that spans blocks
    bool ended_ = false;
};

struct split_fn : detail::operator_fn<split_fn> {
    template <class S, class Delimiter, class Options>
    using pipeline = split_stream<S>;

    template <class T, class Delimiter, class Options>
    static consteval bool accepts() {
        constexpr bool ok = std::is_same_v<T, bytes>;
        static_assert(ok, "weir::split(delimiter): takes a stream of weir::bytes, such as read(file)");
        return ok;
    }

    auto operator()(std::string delimiter, split_options options = {}) const {
        if (delimiter.empty()) throw std::invalid_argument{"weir::split(delimiter): the delimiter is empty"};
        return with(std::move(delimiter), options);
    }
    auto operator()(char delimiter, split_options options = {}) const {
        return (*this)(std::string(1, delimiter), options);
    }
};

/// split(delimiter): the bytes between delimiters. A delimiter is a character or a text.
///
///     in          --"a,b"----"c,d"----|
///     split(',')  --"a"------"bc"-----["d"|]
///
///     weir::read(weir::standard_input()) | weir::split('\0') | weir::for_each(remove_file)
///     weir::read(socket) | weir::split("\r\n\r\n", {.limit = 8192})
///
/// A part ends with a delimiter, which is left out. The last part may end with the input instead. Two delimiters in a
/// row have an empty part between them.
///
/// Ends: with upstream.
/// Errors: upstream's; what was read of the last part is then left out. limit_exceeded for a part of more than `limit`
/// bytes.
/// Cost: a part inside a block is a part of the block; a part that spans blocks is copied once. At most the limit and
/// one block are held.
/// See: lines, frames.
///
/// @throws std::invalid_argument when the delimiter is empty
inline constexpr split_fn split{};

} // namespace weir
