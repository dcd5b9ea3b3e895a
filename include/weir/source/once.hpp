// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir {

/// The stream of one operation's result.
template <operation A>
class [[nodiscard("add a sink and co_await it")]] once_stream {
public:
    using value_type = typename A::result_type;

    explicit once_stream(A operation) : operation_(std::move(operation)) {}

    poll<value_type> poll_next(context& cx) {
        checker_.check();
        return checker_.checked([&]() -> poll<value_type> {
            if (!operation_) return done;
            auto result = operation_->poll_result(cx);
            if (result.is_item()) operation_.reset();
            return result;
        });
    }

    void outline(stage_outline& out) const { out.upstream(operation_); }

private:
    detail::resettable<A> operation_;
    detail::poll_checker checker_;
};

struct once_fn {
    template <class A>
    constexpr auto operator()(A&& operation) const {
        using operation_t = std::remove_cvref_t<A>;
        if constexpr (!weir::operation<operation_t>) {
            static_assert(detail::always_false<A>,
                          "weir::once(operation): takes a task, or a pipeline that ends in a sink; write just(value) "
                          "for a value");
            return detail::invalid_pipeline{};
        } else if constexpr (!std::constructible_from<operation_t, A>) {
            static_assert(detail::always_false<A>,
                          "weir::once(operation): an operation runs once and cannot be copied: write "
                          "once(std::move(operation))");
            return detail::invalid_pipeline{};
        } else {
            return once_stream<operation_t>{std::forward<A>(operation)};
        }
    }
};

/// once(operation): the result of a task, or of a pipeline that ends in a sink, as a stream of one item. The item of an
/// operation without a result is a `unit`.
///
///     once(answer())  -----a|
///
/// The operation starts at the first poll, and is destroyed as soon as its result is there.
///
/// Ends: after the item. Errors: the operation's.
/// Dropped: drops the operation.
/// Cost: no allocation of its own.
/// See: just, async_stream.
inline constexpr once_fn once{};

} // namespace weir
