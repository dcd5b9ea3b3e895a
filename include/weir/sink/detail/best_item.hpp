// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir::detail {

/// Keeps the first of the smallest items, or of the largest.
template <class T, class Less, bool Largest>
class best_item {
public:
    using result_type = std::optional<T>;
    static constexpr held_bound held{.items = 1};
    static constexpr bool may_stop = may_drop<Less>;

    explicit best_item(Less less) : less_(std::move(less)) {}

    bool add(T&& item) {
        if (!best_ || is_better(std::as_const(item), std::as_const(*best_))) best_.emplace(std::move(item));
        return true;
    }
    std::optional<T> finish() { return std::move(best_); }

private:
    bool is_better(const T& item, const T& best) {
        if constexpr (Largest) {
            return std::invoke(less_, best, item);
        } else {
            return std::invoke(less_, item, best);
        }
    }

    std::optional<T> best_;
    [[no_unique_address]] Less less_;
};

} // namespace weir::detail
