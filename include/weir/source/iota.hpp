// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir {

template <std::weakly_incrementable T>
    requires std::copyable<T> && std::equality_comparable<T>
class [[nodiscard("add a sink and co_await it")]] iota_stream {
public:
    using value_type = T;

    /// Counts up to the largest value of the type, and includes it.
    explicit iota_stream(T from) : next_(std::move(from)), last_(std::numeric_limits<T>::max()), with_last_{true} {}
    iota_stream(T from, T to) : next_(std::move(from)), last_(std::move(to)) {
        if constexpr (std::totally_ordered<T>) {
            if (last_ < next_) throw std::invalid_argument{"weir::iota(first, last): last is before first"};
        }
    }

    poll<T> poll_next(context&) {
        checker_.check();
        if (next_ == last_) {
            if (std::exchange(with_last_, false)) return T(last_);
            checker_.ended();
            return done;
        }
        return next_++;
    }

    /// Counts up to the end or as far as the budget goes, whichever is first.
    template <class Consume>
    flow poll_each(context& cx, Consume& consume)
        requires std::integral<T>
    {
        using distance = std::make_unsigned_t<T>;
        checker_.check();
        const T from = next_;
        const auto ahead = static_cast<distance>(static_cast<distance>(last_) - static_cast<distance>(from));
        const auto most = static_cast<unsigned>(cx.budget());
        const T end = ahead < most ? last_ : static_cast<T>(from + static_cast<T>(most));
        for (T at = from; at != end;) {
            if (!consume(T(at++))) {
                next_ = at;
                static_cast<void>(cx.spend(static_cast<int>(at - from) - 1));
                return flow::stopped;
            }
        }
        next_ = end;
        if (!cx.spend(static_cast<int>(end - from))) return detail::yield_loop(cx);
        if (std::exchange(with_last_, false) && !consume(T(last_))) return flow::stopped;
        checker_.ended();
        return flow::done;
    }

    void outline(stage_outline&) const noexcept {}

private:
    T next_;
    T last_;
    bool with_last_ = false;
    detail::poll_checker checker_;
};

struct iota_fn {
    template <class T>
        requires std::numeric_limits<T>::is_bounded
    auto operator()(T from) const {
        return iota_stream<T>{std::move(from)};
    }
    template <class T>
    auto operator()(T from, T to) const {
        return iota_stream<T>{std::move(from), std::move(to)};
    }
};

/// iota(first, last): first, first + 1, ..., last - 1, as std::views::iota.
///
///     iota(1, 4)  123|
///
/// Ends: before last; without last, after the largest value of the type. Errors: none.
/// Cost: no allocation.
/// See: from_range, generate.
///
/// @throws std::invalid_argument when last is less than first
inline constexpr iota_fn iota{};

} // namespace weir
