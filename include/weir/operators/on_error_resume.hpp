// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

namespace detail {

/// Selects errors of all types.
struct any_error {};

/// The argument of the user's function.
template <class E>
using error_argument_t = std::conditional_t<std::is_same_v<E, any_error>, std::exception_ptr, const E&>;

} // namespace detail

/// An upstream, and after its failure the stream that a function returned for the error.
template <stream S, class E, class F>
class [[nodiscard("add a sink and co_await it")]] on_error_resume_stream {
    using fallback_t = std::remove_cvref_t<std::invoke_result_t<F&, detail::error_argument_t<E>>>;

public:
    using value_type = item_t<S>;

    on_error_resume_stream(S upstream, F f) : f_(std::move(f)), upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        if (fallback_) return fallback_->poll_next(cx);
        try {
            return upstream_->poll_next(cx);
        } catch (...) {
            error_ = std::current_exception();
        }
        if (!resume(cx)) return cx.yield();
        return fallback_->poll_next(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (!fallback_) {
            detail::fenced passed(consume);
            flow answer = flow::pending;
            try {
                answer = weir::poll_each(*upstream_, cx, passed);
            } catch (...) {
                error_ = std::current_exception();
            }
            if (error_ == nullptr) {
                passed.rethrow();
                return answer;
            }
            if (!resume(cx)) return detail::yield_loop(cx);
        }
        return weir::poll_each(*fallback_, cx, consume);
    }

    void outline(stage_outline& out) const {
        if constexpr (requires { requires std::same_as<decltype(F::held), const held_bound>; }) {
            out.holds(F::held);
        } else {
            out.holds({.inner_streams = 1});
        }
        out.upstream(upstream_);
    }

private:
    /// False when something that was called has dropped what runs.
    bool resume(context& cx) {
        upstream_.reset();
        if (cx.stopping()) return false;
        fall_back();
        return !cx.stopping();
    }
    void fall_back() {
        if constexpr (std::is_same_v<E, detail::any_error>) {
            fallback_.emplace(std::invoke(f_, std::move(error_)));
        } else {
            try {
                std::rethrow_exception(error_);
            } catch (const E& e) {
                fallback_.emplace(std::invoke(f_, e));
            }
        }
    }

    F f_; // must outlive the coroutines that it returns
    detail::resettable<S> upstream_;
    std::exception_ptr error_; // must outlive the fallback, which may refer to it
    std::optional<fallback_t> fallback_;
};

namespace detail {

template <class E>
struct on_error_resume_fn : operator_fn<on_error_resume_fn<E>> {
    template <class S, class F>
    using pipeline = on_error_resume_stream<S, E, F>;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool called = std::invocable<F&, error_argument_t<E>>;
        static_assert(called,
                      "weir::on_error_resume(f): f cannot be called with the error: a std::exception_ptr, or the "
                      "E of on_error_resume<E>");
        if constexpr (called) {
            using fallback = std::remove_cvref_t<std::invoke_result_t<F&, error_argument_t<E>>>;
            constexpr bool streams = stream<fallback>;
            static_assert(streams,
                          "weir::on_error_resume(f): f does not return a stream; write just(value) for a value");
            if constexpr (streams) {
                constexpr bool same = std::same_as<item_t<fallback>, T>;
                static_assert(same,
                              "weir::on_error_resume(f): f returns a stream of another item type than what is left "
                              "of |");
                return same;
            }
        }
        return false;
    }
};

} // namespace detail

/// on_error_resume(f): when upstream fails it is destroyed, and the stream that f returns for the error takes its
/// place. on_error_resume<E>(f): the same for errors of type E; others pass.
///
///     in                          --1--2--#
///     f(error)                    -8-9|
///     on_error_resume(f)          --1--2---8-9|
///
/// f takes a std::exception_ptr, or a const E&, and returns a stream of the same items. The error exists as
/// long as that stream, which may be a coroutine that refers to it.
///
/// Ends: with upstream, or with f's stream.
/// Errors: those of f's stream, and what f throws; upstream's, if they are not of type E.
/// Cost: no allocation; no item held.
/// See: retry, timeout, concat.
template <class E = detail::any_error, class F>
constexpr auto on_error_resume(F f) {
    return detail::on_error_resume_fn<E>{}(std::move(f));
}

} // namespace weir
