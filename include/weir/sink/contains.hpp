// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/search.hpp>

namespace weir {

namespace detail {

/// Whether an item equals a value.
template <class Value>
class equals {
public:
    explicit equals(Value value) : value_(std::move(value)) {}

    template <class T>
    bool operator()(const T& item) const {
        return item == value_;
    }

private:
    Value value_;
};

} // namespace detail

struct contains_fn : detail::operator_fn<contains_fn> {
    template <class S, class Value>
    using pipeline = detail::accumulating_sink<S, detail::search_any<item_t<S>, detail::equals<Value>>>;

    template <class T, class Value>
    static consteval bool accepts() {
        constexpr bool ok = requires(const T& item, const Value& value) { static_cast<bool>(item == value); };
        static_assert(ok, "weir::contains(value): an item cannot be compared with the value by ==; write any_of(pred)");
        return ok;
    }

    template <class S, class Value>
    static constexpr auto attach(S left, Value value) {
        return pipeline<S, Value>(std::move(left), detail::equals<Value>(std::move(value)));
    }
};

/// contains(value): whether an item equals the value.
///
///     const bool found = co_await (weir::lines("hosts") | weir::contains("localhost"));
///
/// Upstream is dropped at the first item that equals the value. The answer is false for a stream without items.
///
/// Errors: upstream's before the answer is known, and what == throws.
/// Cost: no allocation.
/// See: any_of.
inline constexpr contains_fn contains{};

} // namespace weir
