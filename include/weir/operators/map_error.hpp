// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/few_items.hpp>
#include <weir/operators/on_error_resume.hpp>

namespace weir {

namespace detail {

/// Throws what a function returns for an error.
template <class T, class E, class F>
class throw_mapped {
public:
    static constexpr held_bound held{};

    explicit throw_mapped(F f) : f_(std::move(f)) {}

    no_items<T> operator()(error_argument_t<E> error) {
        if constexpr (std::is_same_v<std::remove_cvref_t<std::invoke_result_t<F&, error_argument_t<E>>>,
                                     std::exception_ptr>) {
            const std::exception_ptr mapped = std::invoke(f_, std::forward<error_argument_t<E>>(error));
            if (mapped == nullptr) throw std::invalid_argument{"weir::map_error(f): f returned a null exception_ptr"};
            std::rethrow_exception(mapped);
        } else {
            throw std::invoke(f_, std::forward<error_argument_t<E>>(error));
        }
    }

private:
    [[no_unique_address]] F f_;
};

template <class E>
struct map_error_fn : operator_fn<map_error_fn<E>> {
    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool ok = gives_object<F&, error_argument_t<E>>;
        static_assert(ok, "weir::map_error(f): f cannot be called with the error, a std::exception_ptr or the E of "
                          "map_error<E>, or returns nothing");
        constexpr bool vanishes = returns_work<F&, error_argument_t<E>>;
        static_assert(!vanishes, "weir::map_error(f): f returns a stream or an operation, and not an error; write "
                                 "on_error_resume(f) for a stream");
        return ok && !vanishes;
    }

    template <stream S, class F>
    static constexpr auto attach(S left, F f) {
        using fallback = throw_mapped<item_t<S>, E, F>;
        return on_error_resume_stream<S, E, fallback>(std::move(left), fallback(std::move(f)));
    }
};

} // namespace detail

/// map_error(f): an error of upstream is replaced by the one that f returns for it. map_error<E>(f): the same for
/// errors of type E; others pass.
///
///     in            --1--2--#
///     map_error(f)  --1--2--#     the error is f(error)
///
///     weir::map_error<std::system_error>([](const auto& e) { return config_error{"no configuration", e.code()}; })
///
/// f takes a std::exception_ptr, or a const E&, and returns an object to throw, or a std::exception_ptr. A null
/// pointer becomes a std::invalid_argument.
///
/// Ends: with upstream. Errors: what f returns or throws; upstream's, if they are not of type E. Upstream is destroyed
/// before f is called.
/// Cost: no allocation; no item held.
/// See: on_error_resume, on_error_return.
template <class E = detail::any_error, class F>
constexpr auto map_error(F f) {
    return detail::map_error_fn<E>{}(std::move(f));
}

} // namespace weir
