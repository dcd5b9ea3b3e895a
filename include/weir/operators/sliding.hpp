// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/collecting_operator.hpp>

namespace weir {

/// Windows of consecutive items of an upstream.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] sliding_stream
    : public detail::collecting_operator<sliding_stream<S>, S> {
    using collecting_operator = detail::collecting_operator<sliding_stream, S>;
    friend collecting_operator;

public:
    using typename collecting_operator::value_type;

    sliding_stream(S upstream, std::size_t n, std::size_t step)
        : collecting_operator(std::move(upstream)), n_{n}, step_{step} {}

    void outline(stage_outline& out) const {
        out.holds(n_);
        sliding_stream::collecting_operator::outline(out);
    }

private:
    auto adder(context&) {
        return [this](item_t<S>&& item) {
            if (to_skip_ != 0) {
                --to_skip_;
                return true;
            }
            if (this->held_.empty()) this->reserve(this->held_, n_);
            this->append(std::move(item));
            fresh_ = true;
            return this->held_.size() != n_;
        };
    }

    bool holds() const noexcept { return fresh_; }

    value_type take() {
        fresh_ = false;
        if (!this->open()) return collecting_operator::take();
        value_type next;
        if (step_ < n_) {
            this->reserve(next, n_);
            for (std::size_t i = step_; i < this->held_.size(); ++i) next.push_back(this->held_[i]);
        } else {
            to_skip_ = step_ - n_;
        }
        return std::exchange(this->held_, std::move(next));
    }

    std::size_t n_;
    std::size_t step_;
    std::size_t to_skip_ = 0; // items between two windows
    bool fresh_ = false;      // whether an item is held that was in no window
};

struct sliding_fn : detail::operator_fn<sliding_fn> {
    template <class S, class N, class Step>
    using pipeline = sliding_stream<S>;

    template <class T, class N, class Step>
    static consteval bool accepts() {
        constexpr bool copied = std::copy_constructible<T>;
        static_assert(copied,
                      "weir::sliding(n): an item is in several windows, and these items cannot be copied; write "
                      "chunk(n) for windows that do not overlap");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::sliding(n) keeps items, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return copied && kept;
    }

    template <std::integral N, std::integral Step = int>
    constexpr auto operator()(N n, Step step = 1) const {
        return with(detail::at_least_one(n, "weir::sliding(n, step): n must be at least 1"),
                    detail::at_least_one(step, "weir::sliding(n, step): step must be at least 1"));
    }
};

/// sliding(n): each n consecutive items, as a std::vector.
/// sliding(n, step): the same, where a window starts step items after the one before it.
///
///     in             --a--b--c--d--e--|
///     sliding(3)     --------(abc)-(bcd)-(cde)--|
///     sliding(2, 3)  -----(ab)-------(de)--|
///
/// With step < n windows overlap; with step > n the items between two windows are left out. The last window is shorter
/// when upstream ends with items that were in no window; sliding(n, n) is chunk(n).
///
/// Ends: with upstream. Errors: upstream's, and what copying an item throws. A last window comes before the end and
/// before an error of upstream, after upstream has been destroyed.
/// Dropped: the items held are lost.
/// Cost: one allocation per window, and n - step copies; at most n items held.
/// See: chunk, pairwise, chunk_by.
///
/// @throws std::invalid_argument when n or step is less than 1
inline constexpr sliding_fn sliding{};

} // namespace weir
