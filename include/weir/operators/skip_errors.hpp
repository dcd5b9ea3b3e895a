// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/dematerialize.hpp>
#include <weir/operators/detail/one_to_one.hpp>
#include <weir/operators/on_error_complete.hpp>
#include <weir/operators/on_error_resume.hpp>
#include <weir/scope/outcome.hpp>

namespace weir {

/// The values of the outcomes of an upstream, without the errors that a predicate selects.
template <stream S, class E, class Pred, class OnDrop>
class [[nodiscard("add a sink and co_await it")]] skip_errors_stream
    : public detail::one_to_optional<skip_errors_stream<S, E, Pred, OnDrop>, S, Pred, OnDrop> {
    using base = detail::one_to_optional<skip_errors_stream, S, Pred, OnDrop>;

public:
    using value_type = typename detail::value_of_outcome<item_t<S>>::type;

    skip_errors_stream(S upstream, Pred pred, OnDrop on_drop)
        : base(std::move(upstream)), pred_(std::move(pred)), on_drop_(std::move(on_drop)) {}

    std::optional<value_type> pass(item_t<S>&& item) {
        if (item) return std::optional<value_type>(*std::move(item));
        std::exception_ptr error = item.error();
        if (!skips(error)) std::rethrow_exception(std::move(error));
        detail::drop_item(on_drop_, std::move(error), drop_reason::failed);
        return std::nullopt;
    }

private:
    bool skips(const std::exception_ptr& error) {
        if constexpr (std::is_same_v<E, detail::any_error>) {
            return std::invoke(pred_, error);
        } else {
            try {
                std::rethrow_exception(error);
            } catch (const E& e) {
                return std::invoke(pred_, e);
            } catch (...) {
                return false;
            }
        }
    }

    [[no_unique_address]] Pred pred_;
    [[no_unique_address]] OnDrop on_drop_;
};

namespace detail {

template <class E>
struct skip_errors_fn : operator_fn<skip_errors_fn<E>> {
    template <class S, class Pred, class OnDrop>
    using pipeline = skip_errors_stream<S, E, Pred, OnDrop>;

    template <class T, class Pred, class OnDrop>
    static consteval bool accepts() {
        constexpr bool outcomes = std::is_object_v<typename value_of_outcome<T>::type>;
        static_assert(outcomes, "weir::skip_errors(): the items are not weir::outcomes with a value; an error of a "
                                "stream ends it: let map_async return as_outcome(operation)");
        constexpr bool ok = std::predicate<Pred&, const std::remove_cvref_t<error_argument_t<E>>&>;
        static_assert(ok, "weir::skip_errors(pred): pred cannot be called with the error, a std::exception_ptr or the "
                          "E of skip_errors<E>, or does not return a bool");
        constexpr bool drops = drops_items<OnDrop, std::exception_ptr>;
        static_assert(drops, "weir::skip_errors(pred, on_drop): on_drop cannot be called with a std::exception_ptr, or "
                             "returns an operation or a stream, which nothing would await");
        return outcomes && ok && drops;
    }
};

} // namespace detail

/// skip_errors(): the values of outcomes; outcomes with an error are dropped. skip_errors(pred): only errors for which
/// pred returns true are dropped. skip_errors<E>(), skip_errors<E>(pred): only those of type E are.
///
///     in                 --a--x--b--y--c--|     x, y: outcomes with an error
///     skip_errors()      --a-----b-----c--|
///     skip_errors(is_x)  --a-----b--#           the error of y
///
/// An error that a stream throws ends the stream, and no operator can continue it. Errors that are items can be skipped
/// one by one: `as_outcome` makes an item of the error of an operation.
///
///     map_async(8, [](request r) { return weir::as_outcome(send(r)); }) | weir::skip_errors()
///
/// pred takes a std::exception_ptr, or a const E&.
///
/// Ends: with upstream. Errors: upstream's; the first error in an outcome that is not of type E, or for which pred
/// returns false; what pred throws.
/// Dropped: the errors are passed to on_drop, the second argument, if there is one, as std::exception_ptr.
/// Cost: no allocation; nothing held. An error of a type E is thrown and caught once more.
/// See: as_outcome, dematerialize (fails with the first error), on_error_complete.
template <class E = detail::any_error, class Pred = detail::every_error, class OnDrop = detail::drop_silently>
constexpr auto skip_errors(Pred pred = {}, OnDrop on_drop = {}) {
    return detail::skip_errors_fn<E>{}(std::move(pred), std::move(on_drop));
}

} // namespace weir
