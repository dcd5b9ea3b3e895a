// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

template <class T>
class count_items {
public:
    using result_type = std::size_t;

    bool add(T&&) noexcept {
        ++count_;
        return true;
    }
    std::size_t finish() const noexcept { return count_; }

private:
    std::size_t count_ = 0;
};

} // namespace detail

struct count_fn : detail::operator_fn<count_fn> {
    template <class S>
    using pipeline = detail::accumulating_sink<S, detail::count_items<item_t<S>>>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool vanish = operation<T>;
        static_assert(!vanish, "weir::count(): the items are operations, and nothing would await them; write "
                               "map_async(n, f) where they are made by map(f)");
        return !vanish;
    }
};

/// count(): the number of items.
///
///     const std::size_t n = co_await (weir::lines("access.log") | weir::count());
///
/// Errors: upstream's.
/// Cost: no allocation; no item held.
/// See: fold, drain.
inline constexpr count_fn count{};

} // namespace weir
