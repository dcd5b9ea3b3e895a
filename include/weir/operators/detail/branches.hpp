// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>
#include <weir/sync/detail/shared_state.hpp>

namespace weir {

namespace detail {

/// What the branches of a source share. A branch that has no item asks the source, and stores items for other branches
/// in their buffers.
///
///     std::size_t Route::operator()(const T& item, std::size_t asking); // the number of the branch that gets an item
template <stream S, class Route, class OnDrop>
class branches : public shared_state {
    using T = item_t<S>;

public:
    branches(S source, std::size_t n, std::size_t capacity, Route route, OnDrop on_drop)
        : capacity_{capacity},
          route_(std::move(route)),
          on_drop_(std::move(on_drop)),
          branches_{std::make_unique<branch[]>(n)},
          size_{n},
          source_(std::move(source)) {}

    poll<T> poll_next(std::size_t number, context& cx) {
        branch& own = branches_[number];
        for (;;) {
            if (!own.held.empty()) return take(own);
            if (!source_ && !in_hand_.is_item()) return finish();
            if (full_ != 0) return wait(own, cx);
            poll<T> item(in_hand_.is_item() ? std::exchange(in_hand_, pending) : ask(cx));
            if (cx.stopping()) { // the source has dropped the consumer
                if (item.is_item()) in_hand_ = std::move(item);
                wake_all();
                return cx.yield();
            }
            if (item.is_pending()) return source_ ? poll<T>(wait(own, cx)) : finish();
            const std::size_t to = route(*item, number, cx);
            if (to == number && !cx.stopping()) return item;
            if (to != size_) give(branches_[to], *std::move(item));
            if (cx.stopping()) return cx.yield();
            if (!cx.spend() || cx.leaving()) return cx.yield();
        }
    }

    std::size_t capacity() const noexcept { return capacity_; }

    void leave(std::size_t number) noexcept {
        branch& own = branches_[number];
        own.left = true;
        if (own.held.size() == capacity_) room();
        for (; !own.held.empty(); own.held.drop_front()) drop(std::move(own.held.front()));
    }

    void outline(stage_outline& out) const { out.upstream(source_); }

private:
    struct branch {
        ring_buffer<T> held;
        referring_slot consumer;
        bool left = false;
    };

    pending_t wait(branch& own, context& cx) noexcept {
        own.consumer.refer_to(self_);
        own.consumer.arm(cx.waker());
        return pending;
    }

    poll<T> finish() {
        if (error_ != nullptr) std::rethrow_exception(error_);
        return done;
    }

    poll<T> take(branch& own) {
        const bool was_full = own.held.size() == capacity_;
        poll<T> item(own.held.pop_front());
        if (was_full) room();
        return item;
    }

    /// Polls the source. When it has ended or failed, it is destroyed. If it drops the consumer, it goes on: the others
    /// get the item, the end or the error.
    poll<T> ask(context& cx) {
        waker_.bind(*this, cx.waker());
        nested_context own{cx, waker_};
        const run_queue::shared_code here{cx.waker().queue()};
        try {
            auto item = source_->poll_next(own);
            if (!item.is_done()) return item;
        } catch (...) {
            error_ = std::current_exception();
        }
        end();
        return pending;
    }

    /// Returns the number of the item's branch, or size_ when the function has failed.
    std::size_t route(const T& item, std::size_t asking, context& cx) {
        const run_queue::shared_code here{cx.waker().queue()};
        try {
            return std::invoke(route_, item, asking);
        } catch (...) {
            error_ = std::current_exception();
        }
        end();
        return size_;
    }

    friend described;

    void describe(wait_report& report) {
        if (full_ != 0) {
            report.object(this, "the division of a stream",
                          std::to_string(full_) + " of its branches are full; they do not ask for an item");
            return;
        }
        report.object(this, "the division of a stream", "has no item for this branch, and has asked upstream");
        if (waker_.bound()) report.cause(waker_);
    }

    /// Stores an item for a branch. When that fails, all see the error: the item is lost.
    void give(branch& to, T&& item) {
        if (to.left) return drop(std::move(item));
        try {
            to.held.push_back(std::move(item));
        } catch (...) {
            error_ = std::current_exception();
            return end();
        }
        if (to.held.size() == capacity_) ++full_;
        to.consumer.wake();
    }

    void drop(T&& item) noexcept { drop_item(on_drop_, std::move(item), drop_reason::consumer_gone); }

    void end() noexcept {
        source_.reset();
        wake_all();
    }

    /// To be called when a buffer is full no more.
    void room() noexcept {
        if (--full_ == 0) wake_all();
    }
    /// Called by the run queue as well, when the source may have an item: the first that asks gets it.
    void wake_all() noexcept {
        for (std::size_t i = 0; i != size_; ++i) branches_[i].consumer.wake();
    }

    std::size_t capacity_;
    [[no_unique_address]] Route route_;
    [[no_unique_address]] OnDrop on_drop_;
    std::unique_ptr<branch[]> branches_;
    std::size_t size_;
    std::size_t full_ = 0;         // the number of full buffers
    poll<T> in_hand_{pending};     // for the next consumer that asks: the last one was dropped
    detail::resettable<S> source_; // until its end
    std::exception_ptr error_;
    member_waker<branches, &branches::wake_all> waker_;
    described self_{*this};
};

} // namespace detail

/// One of the streams into which a source was divided. It may be moved at any time.
template <stream S, class Route, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] stream_branch {
    using branches = detail::branches<S, Route, OnDrop>;

public:
    using value_type = item_t<S>;

    stream_branch(const detail::handle<branches, detail::role::other>& all, std::size_t number) noexcept
        : all_{all}, number_{number} {}
    stream_branch(stream_branch&&) noexcept = default;
    ~stream_branch() {
        if (all_) all_->leave(number_);
    }

    poll<value_type> poll_next(context& cx) { return all_->poll_next(number_, cx); }

    void outline(stage_outline& out) const {
        if (!all_) return; // moved away
        out.holds(all_->capacity());
        all_->outline(out);
    }

private:
    detail::handle<branches, detail::role::other> all_;
    std::size_t number_;
};

template <stream S, class Route, class OnDrop>
inline constexpr bool thread_bound<stream_branch<S, Route, OnDrop>> = true;

} // namespace weir
