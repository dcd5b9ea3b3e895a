#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>

namespace weir {

/// A source of items that are asked for one at a time.
///
/// One `poll_next` is one unit of demand. It answers with an item, with `done`, or with `pending` after storing
/// `cx.wk`, which it wakes once when another poll is worthwhile. A failure leaves as an exception. After the end or a
/// failure it is not polled again. A stream may be moved until it is first polled, then it stays where it is.
/// Destroying it cancels everything below it before the destructor returns.
template <class S>
concept stream = requires(S& s, context& cx) {
    typename S::value_type;
    { s.poll_next(cx) } -> std::same_as<poll<typename S::value_type>>;
} && std::move_constructible<S>;

template <class S>
using item_t = typename S::value_type;

/// An operation with one result, which may take a while: what a sink is, what a task is, what `co_await` takes.
///
/// `poll_result` answers with the result (once) or with `pending`, under the same rules as `poll_next`.
template <class A>
concept awaitable = requires(A& a, context& cx) {
    typename A::result_type;
    { a.poll_result(cx) } -> std::same_as<poll<typename A::result_type>>;
} && std::move_constructible<A>;

namespace detail {

/// A reference as a result: results are objects.
template <class T>
class reference_result {
public:
    constexpr reference_result(T& object) noexcept : object_{&object} {}
    constexpr operator T&() const noexcept { return *object_; }

private:
    T* object_;
};

/// What coroutines return, as an object, and back.
template <class T>
struct as_result : std::type_identity<T> {};
template <>
struct as_result<void> : std::type_identity<unit> {};
template <class T>
struct as_result<T&> : std::type_identity<reference_result<T>> {};

template <class R>
struct from_result : std::type_identity<R> {};
template <>
struct from_result<unit> : std::type_identity<void> {};
template <class T>
struct from_result<reference_result<T>> : std::type_identity<T&> {};

} // namespace detail

/// What awaiting gives: the result; nothing where it is `unit`, and a reference where it was one.
template <class A>
using await_result_t = typename detail::from_result<typename A::result_type>::type;

namespace detail {

/// What is kept of an operation's result among others: `unit` where there is none.
template <class A>
using kept_t = std::conditional_t<std::is_void_v<await_result_t<A>>, unit, await_result_t<A>>;

/// The same as an object.
template <class T>
using kept_object_t = std::conditional_t<std::is_reference_v<T>, std::reference_wrapper<std::remove_reference_t<T>>, T>;

/// For static_assert in a branch that must not be chosen.
template <class...>
inline constexpr bool always_false = false;

/// A function that makes an item: callable, and what it gives can be one.
template <class F, class... Args>
concept gives_object =
    std::invocable<F, Args...> && std::is_object_v<std::remove_cvref_t<std::invoke_result_t<F, Args...>>>;

/// A function that makes a stream, or an operation.
template <class F, class... Args>
concept gives_stream = std::invocable<F, Args...> && stream<std::invoke_result_t<F, Args...>>;
template <class F, class... Args>
concept gives_awaitable = std::invocable<F, Args...> && awaitable<std::invoke_result_t<F, Args...>>;

/// Catches the move of a stream that was polled, and polls after the end, in debug builds. Sources hold one: every
/// pipeline has a source. Its layout is the same in all builds, so that debug and release code link.
class pin {
public:
    pin() noexcept = default;
    pin(const pin&) noexcept {}
    pin(pin&& other) noexcept { other.must_not_have_been_polled(); }

    /// At the start of each poll.
    void check() noexcept {
#ifndef NDEBUG
        WEIR_ASSERT(!ended_, "a stream was polled after its end");
        polled_ = true;
#endif
    }
    /// Where the end or a failure is answered.
    void ended() noexcept {
#ifndef NDEBUG
        ended_ = true;
#endif
    }
    /// Answers what f answers, the part of a poll that calls a user's code: `done` and an exception are the end.
    template <class F>
    auto watch(F f) {
#ifdef NDEBUG
        return f();
#else
        try {
            auto answer = f();
            if (answer.is_done()) ended();
            return answer;
        } catch (...) {
            ended();
            throw;
        }
#endif
    }

private:
    void must_not_have_been_polled() const noexcept {
        WEIR_ASSERT(!polled_, "a stream was moved after its first poll");
    }

    [[maybe_unused]] bool polled_ = false; // read in debug builds only
    [[maybe_unused]] bool ended_ = false;
};

} // namespace detail

} // namespace weir
