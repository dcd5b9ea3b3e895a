// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>

namespace weir {

template <std::weakly_incrementable T>
    requires std::copyable<T> && std::equality_comparable<T>
class [[nodiscard("add a sink and co_await it")]] iota_stream {
public:
    using value_type = T;

    iota_stream(T from, T to) : next_(std::move(from)), last_(std::move(to)) {
        if constexpr (std::totally_ordered<T>) {
            if (last_ < next_) throw std::invalid_argument{"weir::iota(first, last): last is before first"};
        }
    }

    poll<T> poll_next(context&) {
        checker_.check();
        if (next_ == last_) {
            checker_.ended();
            return done;
        }
        return next_++;
    }

private:
    T next_;
    T last_;
    detail::poll_checker checker_;
};

/// iota(first, last): first, first + 1, ..., last - 1, as std::views::iota.
///
///     iota(1, 4)  123|
///
/// Ends: before last; without last, at the largest value of the type. Errors: none.
/// Cost: no allocation.
/// See: from_range, generate.
///
/// @throws std::invalid_argument when last is less than first
inline constexpr auto iota = []<class T>(T from, T to = std::numeric_limits<T>::max()) {
    return iota_stream<T>{std::move(from), std::move(to)};
};

} // namespace weir
