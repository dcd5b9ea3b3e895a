// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/poll.hpp>
#include <weir/scope/task_group.hpp>

namespace weir {

template <class F>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] with_group_operation {
    using body_type = std::invoke_result_t<F&, task_group&>;

public:
    using result_type = typename body_type::result_type;

    with_group_operation(task_group_options options, F f, std::source_location place)
        : options_{options}, f_(std::move(f)), place_{place} {}

    poll<result_type> poll_result(context& cx) {
        if (!group_) start(cx);
        if (group_->body_ != nullptr || !group_->quiet()) {
            group_->cleanups_.wait(waiter_, cx);
            return pending;
        }
        if (body_error_ != nullptr && group_->failures_.size() == 1) {
            group_->failures_.clear();
            std::rethrow_exception(std::move(body_error_));
        }
        group_->rethrow();
        return std::move(result_);
    }

private:
    /// The body, as a member of the group.
    class body {
    public:
        using result_type = unit;

        explicit body(with_group_operation& owner) noexcept : owner_{&owner} {}

        poll<unit> poll_result(context& cx) {
            try {
                if (!operation_) operation_.construct_with([this] { return std::invoke(owner_->f_, *owner_->group_); });
                if (cx.leaving()) return cx.yield();
                auto result = operation_->poll_result(cx);
                if (result.is_pending()) return pending;
                owner_->result_ = std::move(result);
                return unit{};
            } catch (...) {
                owner_->body_error_ = std::current_exception();
                throw;
            }
        }

    private:
        with_group_operation* owner_;
        detail::manual_lifetime<body_type> operation_;
    };

    void start(context& cx) {
        options_.deadline = std::min(options_.deadline, cx.deadline);
        group_.construct_with(
            [&] { return task_group(cx.executor(), cx.waker().root(), cx.waker().group(), options_); });
        group_->add_body(*new detail::group_task<body>{*group_, body{*this}, place_});
    }

    task_group_options options_;
    F f_;
    std::source_location place_;
    poll<result_type> result_{pending};
    std::exception_ptr body_error_;
    detail::manual_lifetime<task_group> group_;
    detail::cleanups::waiter waiter_;
};

/// `co_await with_group(f)`: runs the task that f(group) returns, in a task group that ends with it.
///
///     co_await weir::with_group([&](weir::task_group& group) -> weir::task<> {
///         for (const auto& url : urls) group.spawn(fetch(url));
///         co_await weir::sleep_for(1s);
///     });
///
/// The result is that of the task. When the task returns, with_group waits for all operations of the group. f and its
/// captures exist as long as the task.
///
/// Errors: when the task or an operation of the group fails, all others are dropped, and the error is thrown after
/// their cleanups have finished. With {.errors = group_errors::collect} the others continue, and a group_error is
/// thrown at the end.
/// Dropped: drops the task and all operations. Their cleanups continue in the group or executor around it.
/// See: task_group, async_finally.
///
/// @throws std::invalid_argument when options.max_concurrent is 0
template <class F>
auto with_group(task_group_options options, F f, std::source_location place = std::source_location::current()) {
    if constexpr (!detail::returns_operation<F&, task_group&>) {
        static_assert(detail::always_false<F>,
                      "weir::with_group(f): f cannot be called with a task_group&, or does not "
                      "return a task or another operation");
    } else {
        detail::check(options);
        return with_group_operation<F>{options, std::move(f), place};
    }
}
template <class F>
auto with_group(F f, std::source_location place = std::source_location::current()) {
    return with_group(task_group_options{}, std::move(f), place);
}

} // namespace weir
