// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/operators/detail/collecting_operator.hpp>

namespace weir {

/// The items of an upstream in vectors that a pause separates.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] sessions_stream
    : public detail::collecting_operator<sessions_stream<S>, S> {
    using collecting_operator = detail::collecting_operator<sessions_stream, S>;
    friend collecting_operator;

public:
    sessions_stream(S upstream, duration gap, std::size_t limit)
        : collecting_operator(std::move(upstream)), gap_{gap}, limit_{limit} {}

    void outline(stage_outline& out) const {
        out.holds(limit_);
        sessions_stream::collecting_operator::outline(out);
    }

private:
    auto adder(context& cx) {
        return [this, &cx](item_t<S>&& item) {
            this->append(std::move(item));
            pause_.set(cx.executor().time_after(gap_));
            return this->held_.size() != limit_;
        };
    }
    bool due(context& cx) { return this->holds() && pause_.poll(cx); }
    void upstream_ended() noexcept { pause_.cancel(); }

    duration gap_;
    std::size_t limit_;
    detail::resettable_deadline pause_; // when the session ends if no item follows
};

struct sessions_fn : detail::operator_fn<sessions_fn> {
    template <class S, class Gap, class Limit>
    using pipeline = sessions_stream<S>;

    template <class T, class Gap, class Limit>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::sessions(gap) keeps items, and these borrow their memory; put to_owned() before it, "
                            "or outlives(view) around what outlives it");
        return kept;
    }

    constexpr auto operator()(duration gap) const {
        return with(checked(gap), std::numeric_limits<std::size_t>::max());
    }
    template <std::integral N>
    constexpr auto operator()(duration gap, N limit) const {
        return with(checked(gap), detail::at_least_one(limit, "weir::sessions(gap, limit): limit must be at least 1"));
    }

private:
    static constexpr duration checked(duration gap) {
        if (gap <= duration::zero()) throw std::invalid_argument{"weir::sessions(gap): gap must be positive"};
        return gap;
    }
};

/// sessions(gap): the items, as std::vectors, where a pause of gap separates one vector from the next.
/// sessions(gap, limit): the same, and a session with limit items leaves at once.
///
///     in           a-b-----c-d-e-----|
///     sessions(3)  -----(ab)---------(cde)--|
///
/// A session leaves when no item has followed its last for gap. Its pauses are those between the polls of upstream,
/// which is not polled while the consumer does not wait for a session: an item that was ready all the time belongs to
/// it. An item that is ready when the pause is over belongs to the session too.
///
/// Ends: with upstream. Errors: upstream's. The items held come before either, after upstream has been destroyed.
/// Dropped: the items held are lost.
/// Cost: allocations for each vector; one session held, of at most limit items; one timer, which is set once per pause.
/// See: chunk, chunk_by, debounce.
///
/// @throws std::invalid_argument when gap is not positive, or limit is less than 1
inline constexpr sessions_fn sessions{};

} // namespace weir
