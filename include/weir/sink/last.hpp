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
class keep_last {
public:
    using result_type = std::optional<T>;

    bool add(T&& item) {
        last_.emplace(std::move(item));
        return true;
    }
    std::optional<T> finish() { return std::move(last_); }

private:
    std::optional<T> last_;
};

} // namespace detail

struct last_fn : operator_needs_its_arguments_in_parentheses {
    constexpr auto operator()() const {
        return closure{[]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::last(): what is left of | is not a stream");
            } else {
                static_assert(
                    detail::keepable<item_t<S>>,
                    "weir::last(): keeps an item, and these borrow their memory; put to_owned() before it, or "
                    "outlives(view) around what outlives it");
                using accumulator = detail::keep_last<item_t<S>>;
                return detail::accumulating_sink<S, accumulator>{std::move(upstream), accumulator{}};
            }
        }};
    }
};

/// last(): the last item, or std::nullopt of a stream without items.
///
///     const std::optional<int> x = co_await (numbers() | weir::last());
///
/// Fails with its upstream.
inline constexpr last_fn last{};

} // namespace weir
