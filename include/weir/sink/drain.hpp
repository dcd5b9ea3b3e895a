#pragma once

#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

template <class T>
class ignore_items {
public:
    using result_type = unit;

    bool add(T&&) const noexcept { return true; }
    unit finish() const noexcept { return {}; }
};

} // namespace detail

struct drain_fn : operator_needs_its_arguments_in_parentheses {
    constexpr auto operator()() const {
        return closure{[]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::drain(): what is left of | is not a stream");
            } else {
                using accumulator = detail::ignore_items<item_t<S>>;
                return detail::accumulating_sink<S, accumulator>{std::move(upstream), accumulator{}};
            }
        }};
    }
};

/// drain(): asks for all items and ignores them: runs a pipeline for its effects.
///
///     co_await (jobs() | weir::map(work) | weir::drain());
///
/// Has no result. Fails with its upstream.
inline constexpr drain_fn drain{};

} // namespace weir
