// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <weir/compression/detail/codec.hpp>
#include <weir/compression/flushing.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/core/stream.hpp>
#include <weir/io/bytes.hpp>

namespace weir::compression::detail {

/// When a coded_stream hands on bytes of a block that is not full.
enum class hand_on : std::uint8_t {
    at_end,
    after_item,
    at_once,
};

/// Base of a stream of bytes that a codec has made of an upstream.
template <stream S>
class coded_stream {
public:
    using value_type = bytes;

    poll<bytes> poll_next(context& cx) {
        checker_.check();
        while (upstream_ || !finished_) {
            if (item_ || !upstream_) {
                step();
                if (written_ != 0 && hands_on()) {
                    return filler_.take(std::exchange(written_, 0));
                }
            } else {
                auto next = upstream_->poll_next(cx);
                if (next.is_pending()) return pending;
                if (!next.is_item()) {
                    upstream_.reset();
                } else if (!std::string_view{*next}.empty()) {
                    item_.emplace(*std::move(next));
                }
                if (item_ || !upstream_) continue;
            }
            if (!cx.spend() || cx.leaving()) return cx.yield();
        }
        checker_.ended();
        return done;
    }

    void outline(stage_outline& out) const {
        out.holds({.items = 1, .bytes = block_size + codec_->window()});
        out.upstream(upstream_);
    }

protected:
    coded_stream(S upstream, std::unique_ptr<codec> c, hand_on when)
        : upstream_(std::move(upstream)), codec_{std::move(c)}, when_{when} {}

private:
    static constexpr std::size_t block_size = std::size_t{64} * 1024;

    /// Takes up to a block of the item, or ends the data, and fills the room.
    void step() {
        // A block that still belongs to consumers is filled further as long as it has this much room.
        constexpr std::size_t least = 4096;
        if (written_ == 0) filler_.make_room(block_size, when_ == hand_on::at_end ? block_size : least);
        const std::size_t room = std::min(filler_.room_size(), block_size);
        std::string_view input;
        codec_action action = codec_action::finish;
        bool last = true;
        if (item_) {
            const std::string_view whole{*item_};
            input = whole.substr(taken_, block_size);
            last = taken_ + input.size() == whole.size();
            action = last && when_ == hand_on::after_item ? codec_action::flush : codec_action::more;
        }
        const std::size_t before = input.size();
        const codec_step made = codec_->run(input, {filler_.room() + written_, room - written_}, action);
        taken_ += before - input.size();
        written_ += made.written;
        full_ = written_ == room;
        item_ended_ = made.complete && last;
        if (!item_ended_) return;
        if (!item_) finished_ = true;
        item_.reset();
        taken_ = 0;
    }

    bool hands_on() const noexcept {
        return full_ || finished_ || when_ == hand_on::at_once || (when_ == hand_on::after_item && item_ended_);
    }

    weir::detail::resettable<S> upstream_; // until its end
    std::unique_ptr<codec> codec_;
    std::optional<item_t<S>> item_;
    std::size_t taken_ = 0; // bytes of the item
    weir::detail::byte_filler filler_;
    std::size_t written_ = 0; // bytes in the room of the filler
    hand_on when_;
    bool full_ = false; // the room is
    bool item_ended_ = false;
    bool finished_ = false;
    weir::detail::poll_checker checker_;
};

constexpr hand_on hand_on_for(flushing f) noexcept {
    return f == flushing::each_item ? hand_on::after_item : hand_on::at_end;
}

} // namespace weir::compression::detail
