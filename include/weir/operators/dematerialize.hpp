// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>
#include <weir/scope/outcome.hpp>

namespace weir {

namespace detail {

/// The type of the value of an outcome; void for another type.
template <class T>
struct value_of_outcome {
    using type = void;
};
template <class T>
struct value_of_outcome<outcome<T>> {
    using type = T;
};

} // namespace detail

/// The values of the outcomes of an upstream.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] dematerialize_stream
    : public detail::one_to_one<dematerialize_stream<S>, S> {
public:
    using value_type = typename detail::value_of_outcome<item_t<S>>::type;

    explicit dematerialize_stream(S upstream) : dematerialize_stream::one_to_one(std::move(upstream)) {}

    value_type pass(item_t<S>&& item) { return std::move(item).value(); }
};

struct dematerialize_fn : detail::operator_fn<dematerialize_fn> {
    template <class S>
    using pipeline = dematerialize_stream<S>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool ok = std::is_object_v<typename detail::value_of_outcome<T>::type>;
        static_assert(ok, "weir::dematerialize(): the items are not weir::outcomes with a value");
        return ok;
    }
};

/// dematerialize(): the values of outcomes. An outcome with an error is the error of the stream.
///
///     in               --a--b--x--c--|   x: an outcome with an error
///     dematerialize()  --a--b--#
///
/// Ends: with upstream. Errors: upstream's, and the first that is the item of an outcome.
/// Cost: no allocation; nothing held.
/// See: materialize.
inline constexpr dematerialize_fn dematerialize{};

} // namespace weir
