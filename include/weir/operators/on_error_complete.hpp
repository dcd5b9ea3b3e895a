// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/few_items.hpp>
#include <weir/operators/on_error_resume.hpp>

namespace weir {

namespace detail {

/// The stream without items in place of an error for which a predicate holds; throws other errors again.
template <class T, class E, class Pred>
class complete_if {
public:
    static constexpr held_bound held{};

    explicit complete_if(Pred pred) : pred_(std::move(pred)) {}

    no_items<T> operator()(error_argument_t<E> error) {
        if (std::invoke(pred_, error)) return {};
        if constexpr (std::is_same_v<E, any_error>) {
            std::rethrow_exception(std::move(error));
        } else {
            throw; // called where the error was caught
        }
    }

private:
    [[no_unique_address]] Pred pred_;
};

struct every_error {
    template <class Error>
    bool operator()(const Error&) const noexcept {
        return true;
    }
};

template <class E>
struct on_error_complete_fn : operator_fn<on_error_complete_fn<E>> {
    template <class T, class Pred>
    static consteval bool accepts() {
        constexpr bool ok = std::predicate<Pred&, const std::remove_cvref_t<error_argument_t<E>>&>;
        static_assert(ok,
                      "weir::on_error_complete(pred): pred cannot be called with the error, a std::exception_ptr or "
                      "the E of on_error_complete<E>, or does not return a bool");
        return ok;
    }

    template <stream S, class Pred>
    static constexpr auto attach(S left, Pred pred) {
        using fallback = complete_if<item_t<S>, E, Pred>;
        return on_error_resume_stream<S, E, fallback>(std::move(left), fallback(std::move(pred)));
    }
};

} // namespace detail

/// on_error_complete(): an error of upstream becomes the end. on_error_complete(pred): only an error for which pred
/// returns true does. on_error_complete<E>(), on_error_complete<E>(pred): the same for errors of type E; others pass.
///
///     in                   --1--2--#
///     on_error_complete()  --1--2--|
///
/// pred takes a std::exception_ptr, or a const E&.
///
/// Ends: with upstream; upstream is destroyed before pred is called.
/// Errors: upstream's that are not of type E, or for which pred returns false; what pred throws.
/// Cost: no allocation; no item held.
/// See: on_error_return, on_error_resume, take_until.
template <class E = detail::any_error, class Pred = detail::every_error>
constexpr auto on_error_complete(Pred pred = {}) {
    return detail::on_error_complete_fn<E>{}(std::move(pred));
}

} // namespace weir
