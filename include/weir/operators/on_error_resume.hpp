#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>

namespace weir {

namespace detail {

/// Stands for errors of every type.
struct any_error {};

/// What the user's function is called with.
template <class E>
using error_argument_t = std::conditional_t<std::is_same_v<E, any_error>, std::exception_ptr, const E&>;

} // namespace detail

/// An upstream, and when it has failed, the stream that a function made of its error.
template <stream S, class E, class F>
class on_error_resume_stream {
    using fallback_t = std::remove_cvref_t<std::invoke_result_t<F&, detail::error_argument_t<E>>>;

public:
    using value_type = item_t<S>;

    on_error_resume_stream(S upstream, F f) : f_{std::move(f)}, upstream_{std::in_place, std::move(upstream)} {}

    poll<value_type> poll_next(context& cx) {
        if (fallback_) return fallback_->poll_next(cx);
        std::exception_ptr error;
        try {
            return upstream_->poll_next(cx);
        } catch (...) {
            error = std::current_exception();
        }
        upstream_.reset();
        resume(std::move(error));
        return fallback_->poll_next(cx);
    }

private:
    void resume(std::exception_ptr error) {
        if constexpr (std::is_same_v<E, detail::any_error>) {
            fallback_.emplace(std::invoke(f_, std::move(error)));
        } else {
            try {
                std::rethrow_exception(error);
            } catch (const E& e) {
                fallback_.emplace(std::invoke(f_, e));
            }
        }
    }

    F f_; // outlives the coroutines that it makes
    std::optional<S> upstream_;
    std::optional<fallback_t> fallback_;
};

/// on_error_resume(f): when upstream fails it is dropped, and the stream that f makes of the error goes on in its place.
/// on_error_resume<E>(f): the same for errors of type E; others pass.
///
///     in                          --1--2--#
///     f(error)                    -8-9|
///     on_error_resume(f)          --1--2---8-9|
///
/// Ends with its upstream or with f's stream. An error of f's stream passes, and an exception from f ends the stream.
///
/// @param f  takes a std::exception_ptr, or a const E&, and gives a stream of the same item type
template <class E = detail::any_error, class F>
constexpr auto on_error_resume(F f) {
    return closure{[f = std::move(f)]<class S>(S upstream) mutable {
        if constexpr (!stream<S>) {
            static_assert(detail::always_false<S>, "weir::on_error_resume(f): what is left of | is not a stream");
        } else if constexpr (!std::invocable<F&, detail::error_argument_t<E>>) {
            static_assert(detail::always_false<S>,
                          "weir::on_error_resume(f): f cannot be called with the error: a std::exception_ptr, or the E "
                          "of on_error_resume<E>");
        } else if constexpr (!stream<std::remove_cvref_t<std::invoke_result_t<F&, detail::error_argument_t<E>>>>) {
            static_assert(detail::always_false<S>,
                          "weir::on_error_resume(f): f does not give a stream; write just(value) for a value");
        } else if constexpr (!std::same_as<
                                 item_t<std::remove_cvref_t<std::invoke_result_t<F&, detail::error_argument_t<E>>>>,
                                 item_t<S>>) {
            static_assert(detail::always_false<S>,
                          "weir::on_error_resume(f): f gives a stream of another item type than what is left of |");
        } else {
            return on_error_resume_stream<S, E, F>{std::move(upstream), std::move(f)};
        }
    }};
}

} // namespace weir
