// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <utility>

#include <weir/core/drop_reason.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>

namespace weir::detail {

/// Base of an operator that holds one item until it releases the item or replaces it with a later one.
///
/// A released item is never dropped: upstream is not polled until the consumer has taken the item. An item that is held
/// when upstream ends or fails is delivered before the end.
template <class Operator, stream S, class OnDrop>
class latest_item_operator : public prefetching_operator<Operator, S> {
public:
    using value_type = item_t<S>;

    poll<value_type> poll_next(context& cx) {
        if (!passed_ && this->open()) {
            if (!this->drive(cx)) return pending;
            if (!passed_ && this->open()) return this->wait(cx);
        }
        if (!held_) return this->finish();
        poll<value_type> item(std::move(*held_));
        held_.reset();
        passed_ = false;
        this->resume();
        return item;
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        latest_item_operator::prefetching_operator::outline(out);
    }

protected:
    latest_item_operator(S upstream, OnDrop on_drop)
        : prefetching_operator<Operator, S>(std::move(upstream)), on_drop_(std::move(on_drop)) {}

    bool holds() const noexcept { return held_.has_value(); }
    const value_type& held() const noexcept { return *held_; }
    bool passed() const noexcept { return passed_; }

    void hold(value_type item) {
        if (!held_) {
            held_.emplace(std::move(item));
            return;
        }
        value_type old(std::move(*held_));
        held_.emplace(std::move(item));
        drop(std::move(old), drop_reason::replaced);
    }

    void pass() noexcept {
        passed_ = true;
        this->notify();
    }

    void drop(value_type item, drop_reason why) noexcept { drop_item(on_drop_, std::move(item), why); }

private:
    std::optional<value_type> held_;
    bool passed_ = false;
    [[no_unique_address]] OnDrop on_drop_;
};

} // namespace weir::detail
