// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir::detail {

/// An argument of `run` or `spawn`: an operation, or a function that returns one.
template <class A>
concept runnable = operation<A> || returns_operation<A&>;

/// An operation, or a function that returns one. The function is called in the first poll and kept as long as its
/// operation.
template <runnable A>
class lazy_operation {
    struct as_it_is {
        using type = A;
    };
    static constexpr bool made_before = operation<A>;

public:
    using operation_type = typename std::conditional_t<made_before, as_it_is, std::invoke_result<A&>>::type;
    using result_type = typename operation_type::result_type;

    explicit lazy_operation(A what) : what_(std::move(what)) {}

    poll<result_type> poll_result(context& cx) {
        if constexpr (made_before) {
            return what_->poll_result(cx);
        } else {
            if (!operation_) {
                operation_.emplace(std::invoke(*what_));
                if (cx.leaving()) return cx.yield();
            }
            return operation_->poll_result(cx);
        }
    }

    void reset() noexcept {
        operation_.reset();
        what_.reset();
    }

    void outline(stage_outline& out) const {
        if constexpr (made_before)
            out.upstream(what_);
        else
            out.upstream(operation_);
    }

private:
    struct nothing {
        void reset() noexcept {}
    };

    resettable<A> what_; // the function must outlive the coroutine that it returns
    [[no_unique_address]] std::conditional_t<made_before, nothing, std::optional<operation_type>> operation_;
};

} // namespace weir::detail
