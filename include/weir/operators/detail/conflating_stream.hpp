// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>

namespace weir::detail {

/// The result of a function called with an item of S.
template <class S, class Seed>
using conflated_t = std::remove_cvref_t<std::invoke_result_t<Seed&, item_t<S>>>;

/// Items of an upstream, combined while the consumer is busy.
///
/// seed makes a value of the first item; f(value, item) makes the next value, for up to `most` items.
template <stream S, class Seed, class F>
class [[nodiscard("add a sink and co_await it")]] conflating_stream
    : public prefetching_operator<conflating_stream<S, Seed, F>, S> {
    using prefetching_operator = detail::prefetching_operator<conflating_stream, S>;
    friend prefetching_operator;

public:
    using value_type = conflated_t<S, Seed>;

    conflating_stream(S upstream, std::size_t most, Seed seed, F f)
        : prefetching_operator(std::move(upstream)), most_{most}, seed_(std::move(seed)), f_(std::move(f)) {}

    poll<value_type> poll_next(context& cx) {
        if (!held_ && this->open()) {
            if (!this->drive(cx)) return pending;
            if (!held_ && this->open()) return this->wait(cx);
        }
        if (!held_) return this->finish();
        poll<value_type> value(std::move(*held_));
        held_.reset();
        turn_given_ = false;
        this->resume();
        return value;
    }

    void outline(stage_outline& out) const {
        out.holds({.items = most_ == held_bound::any_number ? 1 : most_, .in_user_code = 1});
        prefetching_operator::outline(out);
    }

private:
    bool wants(context& cx) noexcept {
        if (!held_) return true;
        if (items_ == most_) return false;
        if (turn_given_) return true;
        // A consumer that keeps up sees every item: it has a turn before two items are combined.
        turn_given_ = true;
        static_cast<void>(cx.yield());
        return false;
    }

    void on_item(item_t<S> item, context&) {
        if (!held_) {
            held_.emplace(std::invoke(seed_, std::move(item)));
            items_ = 1;
            return this->notify();
        }
        value_type last(std::move(*held_));
        held_.reset(); // nothing is held when f throws
        held_.emplace(std::invoke(f_, std::move(last), std::move(item)));
        ++items_;
    }

    std::optional<value_type> held_;
    std::size_t items_ = 0; // in the value that is held
    std::size_t most_;
    bool turn_given_ = false; // whether the consumer had a turn since a value is held
    [[no_unique_address]] Seed seed_;
    [[no_unique_address]] F f_;
};

/// Whether seed and f can combine items of type T.
template <class T, class Seed, class F>
consteval bool conflates() {
    if constexpr (gives_object<Seed&, T>) {
        using value = std::remove_cvref_t<std::invoke_result_t<Seed&, T>>;
        if constexpr (std::invocable<F&, value, T>)
            return std::constructible_from<value, std::invoke_result_t<F&, value, T>>;
    }
    return false;
}

} // namespace weir::detail
