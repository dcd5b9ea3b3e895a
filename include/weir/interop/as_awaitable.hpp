// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/result.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/interop/from_completion.hpp>

namespace weir {

namespace detail {

/// The coroutine that awaits a foreign awaitable. It starts at once and destroys itself at its end.
class foreign_await {
public:
    struct promise_type {
        foreign_await get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
    };
};

template <class X>
concept has_member_co_await = requires(X&& x) { static_cast<X&&>(x).operator co_await(); };
template <class X>
concept has_free_co_await = requires(X&& x) { operator co_await(static_cast<X&&>(x)); };

/// The awaiter of `co_await x`.
template <class X>
decltype(auto) awaiter_of(X&& x) {
    if constexpr (has_member_co_await<X>) {
        return static_cast<X&&>(x).operator co_await();
    } else if constexpr (has_free_co_await<X>) {
        return operator co_await(static_cast<X&&>(x));
    } else {
        return static_cast<X&&>(x);
    }
}

/// An object that any coroutine can await: it requires no promise type of its own library.
template <class X>
concept awaitable_anywhere = requires(X&& x, std::coroutine_handle<foreign_await::promise_type> self) {
    awaiter_of(static_cast<X&&>(x)).await_ready();
    awaiter_of(static_cast<X&&>(x)).await_suspend(self);
    awaiter_of(static_cast<X&&>(x)).await_resume();
};

/// As an rvalue if that can be awaited, so that a result can be moved out of it.
template <class X>
using awaited_as = std::conditional_t<awaitable_anywhere<X>, X, X&>;

template <class X>
using foreign_result_t = typename as_result<
    std::conditional_t<std::is_lvalue_reference_v<decltype(awaiter_of(std::declval<awaited_as<X>>()).await_resume())>,
                       decltype(awaiter_of(std::declval<awaited_as<X>>()).await_resume()),
                       std::remove_cvref_t<decltype(awaiter_of(std::declval<awaited_as<X>>()).await_resume())>>>::type;

/// Awaits x, destroys it, and then delivers its result, so that no code of x runs beside the code that receives the
/// result.
template <class X>
foreign_await await_foreign(completion<foreign_result_t<X>> done, std::optional<X> x) {
    using result_type = foreign_result_t<X>;
    std::optional<result_type> result;
    std::exception_ptr error;
    try {
        if constexpr (std::is_same_v<result_type, unit>) {
            co_await static_cast<awaited_as<X>&&>(*x);
            result.emplace();
        } else {
            result.emplace(co_await static_cast<awaited_as<X>&&>(*x));
        }
    } catch (...) {
        error = std::current_exception();
    }
    x.reset();
    if (error != nullptr) {
        done.fail(std::move(error));
    } else {
        done.set(*std::move(result));
    }
}

template <class X, class Cancel>
class start_foreign {
public:
    start_foreign(X x, Cancel cancel) : x_(std::move(x)), cancel_(std::move(cancel)) {}

    Cancel operator()(completion<foreign_result_t<X>> done) && {
        await_foreign<X>(std::move(done), std::optional<X>(std::move(x_)));
        return std::move(cancel_);
    }

private:
    X x_;
    Cancel cancel_;
};

struct cancels_nothing {
    void operator()() const noexcept {}
};

} // namespace detail

/// `co_await as_awaitable(x)`, `as_awaitable(x, cancel)`: awaits an object of another library, such as a task,
/// that has an `operator co_await` or is an awaiter.
///
///     const user u = co_await weir::as_awaitable(other_library::load_user(id));
///
/// The first poll moves x into a coroutine of its own and awaits it there. The code of x runs where its library resumes
/// it; the awaiting coroutine of weir resumes on its executor.
///
/// An awaitable that requires the promise type of its own library, as those of asio do, does not compile: start it by
/// that library's functions within from_completion.
///
/// Errors: what x throws.
/// Dropped: x runs to its end and its result is discarded, since a coroutine that another library is going to resume
/// cannot be destroyed safely. Objects that x refers to must exist until then. cancel is called first, on the
/// executor's thread, unless a result has been delivered: it may ask x to end early, by a std::stop_source for example.
/// It must not throw.
/// Threads: x is started on the executor's thread, and destroyed where it ends.
/// Cost: one allocation and a coroutine frame.
/// See: to_awaitable, from_completion.
template <class X, class Cancel = detail::cancels_nothing>
auto as_awaitable(X x, Cancel cancel = {}) {
    if constexpr (!detail::awaitable_anywhere<X> && !detail::awaitable_anywhere<X&>) {
        static_assert(
            detail::always_false<X>,
            "weir::as_awaitable(x): x has no operator co_await and is no awaiter, or it can only be awaited by "
            "a coroutine of its own library; start it by that library within from_completion");
    } else {
        static_assert(std::invocable<Cancel&>,
                      "weir::as_awaitable(x, cancel): cancel cannot be called without arguments");
        using result = detail::foreign_result_t<X>;
        static_assert(detail::crossable<result>,
                      "weir::as_awaitable(x): the result crosses threads, and is bound to its thread, as weir::bytes "
                      "are, or borrows its memory");
        return from_completion<result>(detail::start_foreign<X, Cancel>{std::move(x), std::move(cancel)});
    }
}

} // namespace weir
