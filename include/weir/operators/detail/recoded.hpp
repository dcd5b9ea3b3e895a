// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

/// Base of the errors of a text that cannot be decoded.
class invalid_code : public std::runtime_error {
public:
    /// The number of characters before the first that is wrong or missing.
    std::uint64_t position() const noexcept { return position_; }

protected:
    invalid_code(const std::string& what, std::uint64_t position)
        : runtime_error{what + std::to_string(position)}, position_{position} {}

private:
    std::uint64_t position_;
};

/// Whether decoders leave out a character.
constexpr bool is_blank(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

template <class T>
concept text_item = std::convertible_to<const T&, std::string_view>;

/// Base of an operator that encodes or decodes text that arrives in parts.
///
///     std::string Codec::recode(std::string_view part);
///     std::string Codec::finish();   // what is left at the end
template <stream S, class Codec>
class recoded {
public:
    using value_type = std::string;

    poll<std::string> poll_next(context& cx) {
        while (upstream_) {
            auto item = upstream_->poll_next(cx);
            if (item.is_pending()) return pending;
            std::string text;
            if (item.is_item()) {
                text = codec_.recode(std::string_view{*item});
            } else {
                upstream_.reset();
                text = codec_.finish();
            }
            if (!text.empty()) return text;
            if (upstream_ && (!cx.spend() || cx.leaving())) return cx.yield();
        }
        return done;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

protected:
    recoded(S upstream, Codec codec) : upstream_(std::move(upstream)), codec_(std::move(codec)) {}

private:
    resettable<S> upstream_; // until its end
    Codec codec_;
};

} // namespace weir::detail
