// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/detail/periodic_schedule.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/operators/detail/item_duration.hpp>
#include <weir/operators/detail/signal.hpp>
#include <weir/sync/detail/shared_state.hpp>

namespace weir::detail {

// What ends a window:
//
//     static constexpr bool may_be_empty;    // whether a window opens without an item; then open is not called
//     void idle(context&);                   // called before a window opens
//     void open(context&, const T& first);   // called when the first item has arrived
//     bool last();                           // called with each item: whether it is the last one
//     bool over(context&);                   // whether the window has ended without another item
//     void close();

/// A window has n items.
class window_of_items {
public:
    static constexpr bool may_be_empty = false;

    explicit window_of_items(std::size_t n) noexcept : n_{n} {}

    void idle(context&) const noexcept {}
    template <class T>
    void open(context&, const T&) noexcept {
        left_ = n_;
    }
    bool last() noexcept { return --left_ == 0; }
    bool over(context&) const noexcept { return false; }
    void close() const noexcept {}

private:
    std::size_t n_;
    std::size_t left_ = 0;
};

/// A window ends some time after its first item.
/// @tparam Length  a fixed_duration, or a duration_of_item
template <class Length>
class window_of_time {
public:
    static constexpr bool may_be_empty = false;

    explicit window_of_time(Length length) : length_(std::move(length)) {}

    void idle(context&) const noexcept {}
    template <class T>
    void open(context& cx, const T& first) {
        end_.set(cx.executor().time_after(length_(first)));
    }
    bool last() const noexcept { return false; }
    bool over(context& cx) noexcept { return end_.poll(cx); }
    void close() noexcept { end_.cancel(); }

private:
    [[no_unique_address]] Length length_;
    resettable_deadline end_;
};

/// Each window ends when the next one opens, at the points of a schedule.
class window_of_schedule {
public:
    static constexpr bool may_be_empty = true;

    explicit window_of_schedule(duration d) noexcept : ends_{d} {}

    void idle(context& cx) noexcept {
        const time_point now = cx.executor().now();
        if (!std::exchange(started_, true)) ends_.start(now);
        ends_.pass(now); // windows that nobody has waited for are not made up for
        end_.set(ends_.next());
    }
    bool last() const noexcept { return false; }
    bool over(context& cx) noexcept { return end_.poll(cx); }
    void close() noexcept { end_.cancel(); }

private:
    periodic_schedule ends_;
    resettable_deadline end_;
    bool started_ = false;
};

/// A window ends when an item of another stream arrives.
template <stream Signal>
class window_until {
public:
    static constexpr bool may_be_empty = false;

    explicit window_until(Signal s) : signal_(std::move(s)) {}

    void idle(context& cx) { signal_.arrived(cx); }
    template <class T>
    void open(context&, const T&) const noexcept {}
    bool last() const noexcept { return false; }
    bool over(context& cx) { return signal_.arrived(cx); }
    void close() const noexcept {}

private:
    signal<Signal> signal_;
};

/// Whether an extent can be used with items of type T.
template <class Extent, class T>
inline constexpr bool ends_windows_of = true;
template <class Length, class T>
inline constexpr bool ends_windows_of<window_of_time<Length>, T> = lasts_for<Length, T>;

/// What the operator and the streams of its windows share: upstream, and the current window. The consumer is the
/// operator; upstream is destroyed with it.
template <stream S, class Extent>
class window_core : public shared_state {
    using T = item_t<S>;

public:
    window_core(S upstream, Extent extent) : upstream_(std::move(upstream)), extent_(std::move(extent)) {}

    /// The number of the current window.
    std::uint64_t number() const noexcept { return number_; }
    /// Whether it has not ended.
    bool open() const noexcept { return open_; }

    /// Opens a window: with the next item of upstream, unless it may be empty.
    poll<unit> open_next(context& cx) {
        if (!upstream_) return finish();
        extent_.idle(cx);
        if (cx.stopping()) return pending;
        if constexpr (!Extent::may_be_empty) {
            auto item = upstream_->poll_next(cx);
            if (!item.is_item() || cx.stopping()) return item.is_done() ? poll<unit>(done) : poll<unit>(pending);
            first_.emplace(*std::move(item));
            extent_.open(cx, std::as_const(*first_));
            if (cx.stopping()) return pending;
        }
        open_ = true;
        return unit{};
    }

    /// The next item of a window. It ends before an error of upstream, which the operator delivers.
    poll<T> next(std::uint64_t number, context& cx) {
        std::optional<T> one;
        const auto take = [&](T&& item) { return one.emplace(std::move(item)), false; };
        switch (each(number, cx, take)) {
        case flow::pending:
            return pending;
        case flow::done:
            return done;
        case flow::stopped:
            break;
        }
        return poll<T>(*std::move(one));
    }

    template <class Consume>
    flow each(std::uint64_t number, context& cx, Consume& consume) {
        if (number != number_ || !open_) return flow::done;
        if (first_) {
            T item(std::move(*first_));
            first_.reset();
            if (extent_.last()) close();
            if (!consume(std::move(item))) return flow::stopped;
            if (!open_) return flow::done;
            if (!cx.spend() || cx.leaving()) return yield_loop(cx);
        }
        bool wanted = true;
        const auto pass_on = [&](T&& item) {
            if (extent_.last()) close();
            wanted = consume(std::move(item));
            return wanted && open_;
        };
        fenced passed(pass_on);
        flow answer = flow::done;
        try {
            if (extent_.over(cx)) {
                close();
                return flow::done;
            }
            if (cx.stopping()) return flow::pending;
            answer = poll_each_unless_dropped<true>(*upstream_, cx, passed);
        } catch (...) {
            if (cx.stopping()) throw;
            error_ = std::current_exception();
        }
        passed.rethrow();
        if (answer == flow::pending) reader_.arm(cx.waker());
        if (answer == flow::done) end();
        return answer == flow::stopped && wanted ? flow::done : answer;
    }

    /// Ends the stream of the current window, which the operation may have handed to others.
    void release(context& cx) noexcept {
        ++number_;
        if (reader_.waiting() != &cx.waker()) reader_.wake();
    }

    void consumers_left() noexcept {
        end();
        reader_.wake();
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    friend described;

    void describe(wait_report& report) const {
        report.object(this, "weir::window",
                      open_ ? "the next item of the window has not arrived" : "no window is open");
    }

    done_t finish() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return done;
    }

    void close() noexcept {
        open_ = false;
        extent_.close();
    }

    /// Destroys upstream.
    void end() noexcept {
        close();
        first_.reset();
        upstream_.reset();
    }

    resettable<S> upstream_; // until its end
    Extent extent_;
    std::optional<T> first_; // the first item of a window, until it is taken
    std::exception_ptr error_;
    std::uint64_t number_ = 0;
    bool open_ = false;
    described_slot reader_{*this}; // of a window
};

} // namespace weir::detail
