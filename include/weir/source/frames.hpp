// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
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

struct frames_options {
    std::size_t limit = std::size_t{1} << 20; ///< the maximum size of a frame in bytes, without its prefix
    std::size_t prefix = 4;                   ///< the number of bytes that hold the length: 1 to 8
    std::endian order = std::endian::big;     ///< the byte order of the length
};

/// Thrown when the input ends inside a frame.
class incomplete_frame : public std::runtime_error {
public:
    explicit incomplete_frame(std::uint64_t number)
        : runtime_error{"weir::frames: the input ends within frame " + std::to_string(number)} {}
};

/// The stream of the frames in a stream of bytes.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] frames_stream {
public:
    using value_type = bytes;

    frames_stream(S upstream, frames_options options) : upstream_(std::move(upstream)), options_{options} {}

    poll<bytes> poll_next(context& cx) {
        checker_.check();
        for (;;) {
            if (prefix_left_ != 0) take_prefix();
            if (prefix_left_ == 0) {
                if (started_.empty() && block_.size() >= frame_left_) {
                    bytes frame = block_.slice(0, frame_left_);
                    block_.remove_prefix(frame_left_);
                    next_frame();
                    return frame;
                }
                const std::size_t part = std::min(block_.size(), frame_left_);
                if (part != 0) started_.append(block_.view().substr(0, part));
                block_.remove_prefix(part);
                frame_left_ -= part;
                if (frame_left_ == 0) {
                    next_frame();
                    return started_.take();
                }
            }
            // The block is used up.
            if (!cx.spend()) return cx.yield();
            auto next = upstream_.poll_next(cx);
            if (next.is_pending()) return pending;
            if (next.is_done()) {
                checker_.ended();
                if (prefix_left_ != options_.prefix) throw incomplete_frame{number_};
                return done;
            }
            block_ = *std::move(next);
        }
    }

    void outline(stage_outline& out) const {
        out.holds({.items = 1, .bytes = options_.limit});
        out.upstream(upstream_);
    }

private:
    void next_frame() noexcept {
        ++number_;
        prefix_left_ = options_.prefix;
        size_ = 0;
    }

    void take_prefix() {
        while (prefix_left_ != 0 && !block_.empty()) {
            const auto byte = std::uint64_t{static_cast<unsigned char>(block_[0])};
            block_.remove_prefix(1);
            --prefix_left_;
            if (options_.order == std::endian::big) {
                size_ = size_ << 8 | byte;
            } else {
                size_ |= byte << 8 * (options_.prefix - prefix_left_ - 1);
            }
        }
        if (prefix_left_ != 0) return;
        if (size_ > options_.limit) {
            checker_.ended();
            throw limit_exceeded{"weir::frames: frame " + std::to_string(number_) + " has " + std::to_string(size_) +
                                 " bytes, more than " + std::to_string(options_.limit)};
        }
        frame_left_ = size_;
    }

    S upstream_;
    frames_options options_;
    bytes block_;                  // the rest of the last block
    detail::byte_builder started_; // the start of a frame that spans blocks
    std::uint64_t number_ = 1;
    std::uint64_t size_ = 0;
    std::size_t prefix_left_ = options_.prefix;
    std::size_t frame_left_ = 0;
    detail::poll_checker checker_;
};

struct frames_fn : detail::operator_fn<frames_fn> {
    template <class S, class Options>
    using pipeline = frames_stream<S>;

    template <class T, class Options>
    static consteval bool accepts() {
        constexpr bool ok = std::is_same_v<T, bytes>;
        static_assert(ok, "weir::frames(): takes a stream of weir::bytes, such as read(socket)");
        return ok;
    }

    /// `stream of bytes | frames({.limit = 4096})`
    auto operator()(frames_options options = {}) const {
        check(options);
        return with(options);
    }

    /// `frames(socket)`
    template <class Device>
        requires detail::input_device<std::remove_cvref_t<Device>>
    auto operator()(Device&& device, frames_options options = {}) const {
        check(options);
        return frames_stream{read(std::forward<Device>(device)), options};
    }

private:
    static void check(const frames_options& options) {
        if (options.prefix < 1 || options.prefix > 8) {
            throw std::invalid_argument{"weir::frames(options): prefix must be 1 to 8"};
        }
    }
};

/// frames(socket), bytes | frames(): messages that are each preceded by their length. The items do not contain the
/// length.
///
///     weir::frames(socket, {.limit = 64 * 1024}) | weir::for_each(handle)
///     weir::read(socket) | weir::frames({.prefix = 2})
///
/// Ends: with upstream.
/// Errors: upstream's. limit_exceeded for a frame that is longer than `limit`, as soon as its length is known and
/// before memory is allocated for it. incomplete_frame when upstream ends inside a frame.
/// Cost: a frame inside a block is a part of the block; a frame that spans blocks is copied once.
/// See: lines, split, read.
///
/// @throws std::invalid_argument when the prefix does not have 1 to 8 bytes
inline constexpr frames_fn frames{};

} // namespace weir
