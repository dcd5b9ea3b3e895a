// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir::detail {

/// The stream without items.
template <class T>
class no_items {
public:
    using value_type = T;

    poll<T> poll_next(context&) const noexcept { return done; }

    void outline(stage_outline&) const noexcept {}
};

/// The stream of one value.
template <class T>
class one_value {
public:
    using value_type = T;

    explicit one_value(T value) : value_(std::in_place, std::move(value)) {}

    poll<T> poll_next(context&) {
        if (!value_) return done;
        poll<T> answer(std::move(*value_));
        value_.reset();
        return answer;
    }

    void outline(stage_outline& out) const { out.holds(1); }

private:
    std::optional<T> value_;
};

} // namespace weir::detail
