// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>

namespace weir::detail {

/// What may be run: an operation, which does nothing before it is polled, or a function that makes one.
template <class A>
concept runnable = operation<A> || returns_operation<A&>;

/// An operation, or a function that makes one: called when it is first polled, and kept as long as what it made.
template <runnable A>
class lazy_operation {
    struct as_it_is {
        using type = A;
    };
    static constexpr bool made_before = operation<A>;

public:
    using operation_type = typename std::conditional_t<made_before, as_it_is, std::invoke_result<A&>>::type;
    using result_type = typename operation_type::result_type;

    explicit lazy_operation(A what) : what_(std::in_place, std::move(what)) {}

    poll<result_type> poll_result(context& cx) {
        if constexpr (made_before) {
            return what_->poll_result(cx);
        } else {
            if (!operation_) {
                operation_.emplace(std::invoke(*what_));
                if (cx.stopping()) return cx.yield();
            }
            return operation_->poll_result(cx);
        }
    }

    void reset() noexcept {
        operation_.reset();
        what_.reset();
    }

private:
    struct nothing {
        void reset() noexcept {}
    };

    std::optional<A> what_; // a function outlives the coroutine that it makes
    [[no_unique_address]] std::conditional_t<made_before, nothing, std::optional<operation_type>> operation_;
};

} // namespace weir::detail
