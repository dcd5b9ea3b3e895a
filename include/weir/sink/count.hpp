#pragma once

#include <cstddef>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
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

struct count_fn : operator_needs_its_arguments_in_parentheses {
    constexpr auto operator()() const {
        return closure{[]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::count(): what is left of | is not a stream");
            } else {
                using accumulator = detail::count_items<item_t<S>>;
                return detail::accumulating_sink<S, accumulator>{std::move(upstream), accumulator{}};
            }
        }};
    }
};

/// count(): how many items there are.
///
///     const std::size_t n = co_await (weir::lines("access.log") | weir::count());
///
/// Fails with its upstream.
inline constexpr count_fn count{};

} // namespace weir
