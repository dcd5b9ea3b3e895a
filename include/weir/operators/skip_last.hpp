// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// The items of an upstream without its last ones.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] skip_last_stream
    : public detail::one_to_optional<skip_last_stream<S>, S> {
public:
    using value_type = item_t<S>;

    skip_last_stream(S upstream, std::size_t n) : skip_last_stream::one_to_optional(std::move(upstream)), n_{n} {}

    std::optional<value_type> pass(value_type&& item) {
        std::optional<value_type> oldest;
        if (n_ == 0) {
            oldest.emplace(std::move(item));
        } else if (held_.size() == n_) {
            oldest.emplace(held_.replace_front(std::move(item)));
        } else {
            held_.push_back(std::move(item));
        }
        return oldest;
    }

    void outline(stage_outline& out) const {
        out.holds(n_);
        skip_last_stream::one_to_optional::outline(out);
    }

private:
    detail::ring_buffer<value_type> held_; // the newest items
    std::size_t n_;
};

struct skip_last_fn : detail::operator_fn<skip_last_fn> {
    template <class S, class N>
    using pipeline = skip_last_stream<S>;

    template <class T, class N>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept,
                      "weir::skip_last(n) keeps items, and these borrow their memory; put to_owned() before it, or "
                      "outlives(view) around what outlives it");
        return kept;
    }

    template <std::integral N>
    constexpr auto operator()(N n) const {
        return with(detail::checked_count(n, "weir::skip_last(n): n is negative"));
    }
};

/// skip_last(n): all items but the last n. Each item leaves when n more have come.
///
///     in            --1--2--3--4--|
///     skip_last(2)  --------1--2--|
///
/// Ends: with upstream; the items held are destroyed. Errors: upstream's, at once.
/// Cost: up to n items held; memory for them is allocated once.
/// See: skip, take_last.
///
/// @throws std::invalid_argument when n is negative
inline constexpr skip_last_fn skip_last{};

} // namespace weir
