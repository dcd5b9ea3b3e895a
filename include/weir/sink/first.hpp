#pragma once

#include <optional>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

template <class T>
class keep_first {
public:
    using result_type = std::optional<T>;

    bool add(T&& item) {
        first_.emplace(std::move(item));
        return false;
    }
    std::optional<T> finish() { return std::move(first_); }

private:
    std::optional<T> first_;
};

} // namespace detail

struct first_fn : operator_needs_its_arguments_in_parentheses {
    constexpr auto operator()() const {
        return closure{[]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::first(): what is left of | is not a stream");
            } else {
                static_assert(
                    detail::keepable<item_t<S>>,
                    "weir::first(): keeps an item, and these borrow their memory; put to_owned() before it, or "
                    "outlives(view) around what outlives it");
                using accumulator = detail::keep_first<item_t<S>>;
                return detail::accumulating_sink<S, accumulator>{std::move(upstream), accumulator{}};
            }
        }};
    }
};

/// first(): the first item, or std::nullopt of a stream without items. Nothing is asked for after it.
///
///     const std::optional<int> x = co_await (numbers() | weir::first());
///
/// Fails with its upstream.
inline constexpr first_fn first{};

} // namespace weir
