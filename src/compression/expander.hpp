// SPDX-License-Identifier: MIT
#pragma once

#include <weir/compression/detail/codec.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <weir/compression/error.hpp>
#include <weir/core/limit_exceeded.hpp>

namespace weir::compression::detail {

/// Base of the codecs that expand data, which consists of members, one behind the other.
class expander : public codec {
public:
    codec_step run(std::string_view& input, std::span<char> room, codec_action action) final {
        std::span<char> allowed = room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), left_)));
        char beyond = 0; // tells whether there is more than the limit allows
        const bool at_limit = allowed.empty();
        if (at_limit) allowed = {&beyond, 1};
        std::size_t written = 0;
        bool waits = false; // for input
        while (written != allowed.size() && !waits) {
            if (!in_member_) {
                if (input.empty()) {
                    waits = true;
                    break;
                }
                if (!may_start(input.front())) {
                    if (written != 0) break;
                    throw invalid_data{stage_, position_ == 0 ? unknown_ : "something else follows the data",
                                       position_};
                }
                in_member_ = true;
                begin();
            }
            const char* const before = input.data();
            const progress made = expand(input, allowed.subspan(written), written != 0);
            position_ += static_cast<std::uint64_t>(input.data() - before);
            written += made.written;
            if (made.stops == stop::at_end) in_member_ = false;
            if (made.stops == stop::at_error) break; // which the next call throws
            waits = made.stops == stop::for_input && input.empty();
        }
        if (at_limit && written != 0) {
            throw limit_exceeded{std::string{stage_}.append(": the data is larger than ") + std::to_string(limit_) +
                                 " bytes"};
        }
        left_ -= written;
        if (!waits) return {written, false};
        if (action != codec_action::finish || (!in_member_ && position_ != 0)) return {written, true};
        if (written == 0) throw truncated_data{stage_, position_};
        return {written, false};
    }

protected:
    enum class stop : std::uint8_t {
        for_room,
        for_input,
        at_end,   // of a member
        at_error, // which is thrown when nothing else has to be handed out
    };
    struct progress {
        std::size_t written = 0;
        stop stops = stop::for_room;
    };

    /// @param unknown  the error of data of another format
    expander(std::string_view stage, std::string_view unknown, std::uint64_t limit) noexcept
        : stage_{stage}, unknown_{unknown}, limit_{limit}, left_{limit} {}

    [[noreturn]] void fail(std::string_view what, std::uint64_t position) const {
        throw invalid_data{stage_, what, position};
    }
    std::uint64_t position() const noexcept { return position_; }

private:
    /// Whether a member may start with a byte.
    virtual bool may_start(char first) const noexcept = 0;
    virtual void begin() = 0;
    /// Expands a part of one member.
    /// @param delay  whether an error is to be thrown by the next call
    virtual progress expand(std::string_view& input, std::span<char> room, bool delay) = 0;

    std::string_view stage_;
    std::string_view unknown_;
    std::uint64_t limit_;
    std::uint64_t left_;
    std::uint64_t position_ = 0; // of the input
    bool in_member_ = false;
};

} // namespace weir::compression::detail
