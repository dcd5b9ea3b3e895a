// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include <weir/core/stream.hpp>
#include <weir/operators/detail/driven.hpp>

namespace weir::detail {

/// Base of an operator that holds one item back, until it lets it pass or replaces it by a later one.
///
/// What has passed is never dropped: until the consumer takes it upstream is not asked. What is held when upstream
/// ends or fails comes out before that.
template <class Operator, stream S, class OnDrop>
class held_back : public driven<Operator, S> {
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

protected:
    held_back(S upstream, OnDrop on_drop) : driven<Operator, S>(std::move(upstream)), on_drop_(std::move(on_drop)) {}

    bool holds() const noexcept { return held_.has_value(); }
    bool passed() const noexcept { return passed_; }

    void hold(value_type item) {
        if (!held_) {
            held_.emplace(std::move(item));
            return;
        }
        value_type old(std::move(*held_));
        held_.emplace(std::move(item));
        drop(std::move(old));
    }

    void pass() noexcept {
        passed_ = true;
        this->notify();
    }

    void drop(value_type item) { std::invoke(on_drop_, std::move(item)); }

private:
    std::optional<value_type> held_;
    bool passed_ = false;
    [[no_unique_address]] OnDrop on_drop_;
};

} // namespace weir::detail
