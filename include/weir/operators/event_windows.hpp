// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/operators/detail/hashable.hpp>
#include <weir/operators/detail/open_windows.hpp>

namespace weir {

/// The items of one key whose times are in [start, end), in the order in which they arrived.
template <class T, class Key, class Time>
struct event_window {
    Key key;
    Time start;
    Time end;
    std::vector<T> items;
    /// False when the stream has failed before the window was over, so that items may be missing.
    bool complete = true;
};

struct event_window_options {
    /// By how much the time of an item may be behind the latest time so far.
    duration lateness = duration::zero();
    /// The maximum number of open windows, >= 1. One more is an error, limit_exceeded.
    std::size_t max_windows = 1024;
    /// The maximum number of items held in all windows, >= 1. One more is an error, limit_exceeded.
    std::size_t max_items = std::size_t{1} << 20;
};

namespace detail {

/// Adds lengths that are not negative. duration::max() stands for all that are longer.
constexpr duration add_lengths(duration a, duration b) noexcept {
    return a > duration::max() - b ? duration::max() : a + b;
}
constexpr duration magnitude(duration d) noexcept {
    return d >= duration::zero() ? d : d == duration::min() ? duration::max() : -d;
}

/// The start of the window of a length that contains t, where one window starts at an offset from the epoch.
template <class Time>
Time window_start(Time t, duration length, duration offset) noexcept {
    const duration behind = (t.time_since_epoch() - offset) % length;
    return t - (behind < duration::zero() ? behind + length : behind);
}

} // namespace detail

/// Windows of one length, one after the other: for event_windows.
class tumbling_windows {
public:
    static constexpr bool copies = false;

    /// @param offset  where windows start: at the epoch plus the offset, and at multiples of size from there
    /// @throws std::invalid_argument when size is not positive
    explicit tumbling_windows(duration size, duration offset = duration::zero()) : size_{size}, offset_{offset} {
        if (size <= duration::zero()) {
            throw std::invalid_argument{"weir::tumbling_windows{size}: size must be more than zero"};
        }
    }

    /// The maximum distance between an item and the times that are computed for it.
    duration reach() const noexcept { return detail::add_lengths(size_, detail::magnitude(offset_)); }

    /// Adds an item to those of its windows that have not ended. Returns false when all of them have ended.
    template <class Windows, class Key, class Time, class T, class Ended>
    bool add(Windows& windows, const Key& key, Time t, T& item, const Ended& has_ended) const {
        const Time start = detail::window_start(t, size_, offset_);
        if (has_ended(start + size_)) return false;
        windows.add(key, start, start + size_, std::move(item));
        return true;
    }

private:
    duration size_;
    duration offset_;
};

/// Windows of one length that start at regular times and overlap: for event_windows.
class sliding_windows {
public:
    static constexpr bool copies = true;

    /// @param step  the time from the start of a window to that of the next
    /// @param offset  where windows start: at the epoch plus the offset, and at multiples of step from there
    /// @throws std::invalid_argument when step is not positive, longer than size, or less than a millionth of it
    sliding_windows(duration size, duration step, duration offset = duration::zero())
        : size_{size}, step_{step}, offset_{offset} {
        if (step <= duration::zero()) {
            throw std::invalid_argument{"weir::sliding_windows{size, step}: step must be more than zero"};
        }
        if (step > size) {
            throw std::invalid_argument{
                "weir::sliding_windows{size, step}: step is longer than size, and items between "
                "the windows would be in none"};
        }
        constexpr int most = 1'000'000;
        if (size / step > most) {
            throw std::invalid_argument{
                "weir::sliding_windows{size, step}: an item would be in more than 1000000 windows"};
        }
    }

    /// The maximum distance between an item and the times that are computed for it.
    duration reach() const noexcept {
        return detail::add_lengths(detail::add_lengths(size_, step_), detail::magnitude(offset_));
    }

    /// Adds an item to those of its windows that have not ended. Returns false when all of them have ended.
    template <class Windows, class Key, class Time, class T, class Ended>
    bool add(Windows& windows, const Key& key, Time t, T& item, const Ended& has_ended) const {
        const Time newest = detail::window_start(t, step_, offset_); // the start of the last window with t
        if (has_ended(newest + size_)) return false;
        Time start = newest;
        while (start - step_ > t - size_ && !has_ended(start - step_ + size_)) start -= step_;
        for (; start != newest; start += step_) windows.add(key, start, start + size_, T(std::as_const(item)));
        windows.add(key, newest, newest + size_, std::move(item));
        return true;
    }

private:
    duration size_;
    duration step_;
    duration offset_;
};

/// Windows that end when no item of their key has a time within a gap: for event_windows.
class session_windows {
public:
    static constexpr bool copies = false;

    /// @throws std::invalid_argument when gap is not positive
    explicit session_windows(duration gap) : gap_{gap} {
        if (gap <= duration::zero()) {
            throw std::invalid_argument{"weir::session_windows{gap}: gap must be more than zero"};
        }
    }

    /// The maximum distance between an item and the times that are computed for it.
    duration reach() const noexcept { return gap_; }

    /// Adds an item to its session. Returns false when that has ended.
    template <class Windows, class Key, class Time, class T, class Ended>
    bool add(Windows& windows, const Key& key, Time t, T& item, const Ended& has_ended) const {
        return windows.add_to_session(key, t, t + gap_, has_ended, item);
    }

private:
    duration gap_;
};

namespace detail {

template <class Kind>
concept kind_of_window =
    std::same_as<Kind, tumbling_windows> || std::same_as<Kind, sliding_windows> || std::same_as<Kind, session_windows>;

/// The key of all items where windows are not divided by keys.
struct one_key {
    template <class T>
    int operator()(const T&) const noexcept {
        return 0;
    }
};

/// A function that returns a std::chrono::time_point for an item.
template <class F, class T>
concept gives_time = std::invocable<F&, const T&> && requires {
    typename key_t<F, T>::clock;
    typename key_t<F, T>::duration;
    requires std::convertible_to<key_t<F, T>, std::chrono::time_point<typename key_t<F, T>::clock, weir::duration>>;
};

template <class F, class T>
using event_time_t = std::chrono::time_point<typename key_t<F, T>::clock, duration>;

} // namespace detail

/// The items of an upstream in windows of their own times.
template <stream S, class Kind, class TimeOf, class KeyOf, class OnLate>
class [[nodiscard("add a sink and co_await it")]] event_windows_stream {
    using item = item_t<S>;
    using key = detail::key_t<KeyOf, item>;
    using time = detail::event_time_t<TimeOf, item>;

public:
    using value_type = event_window<item, key, time>;

    event_windows_stream(S upstream, Kind kind, const event_window_options& options, TimeOf time_of, KeyOf key_of,
                         OnLate on_late)
        : upstream_(std::move(upstream)),
          kind_{kind},
          lateness_{options.lateness},
          margin_{detail::add_lengths(kind.reach(), options.lateness)},
          open_{options.max_windows, options.max_items},
          time_of_(std::move(time_of)),
          key_of_(std::move(key_of)),
          on_late_(std::move(on_late)) {}

    poll<value_type> poll_next(context& cx) {
        if (due()) return open_.take_first();
        if (!upstream_) return finish();
        const auto add_and_go_on = [&](item&& one) {
            add(std::move(one), cx);
            return cx.stopping() || !due();
        };
        constexpr bool may_stop = detail::may_drop<TimeOf> || detail::may_drop<KeyOf> || detail::may_drop<OnLate> ||
                                  detail::may_drop_at_end<item>;
        try {
            const flow answer = detail::poll_each_unless_dropped<may_stop>(*upstream_, cx, add_and_go_on);
            if (answer == flow::pending) return pending;
            if (answer == flow::stopped) return open_.take_first();
        } catch (...) {
            if (cx.stopping()) throw;
            error_ = std::current_exception();
        }
        upstream_.reset();
        if (cx.stopping()) return cx.yield();
        return finish();
    }

    void outline(stage_outline& out) const {
        out.holds(open_.max_items());
        out.upstream(upstream_);
    }

private:
    bool has_ended(time end) const noexcept { return started_ && end <= watermark_; }
    bool due() const noexcept { return !open_.empty() && has_ended(open_.first_end()); }

    /// Times of windows and of the watermark that an item leads to can be counted in nanoseconds.
    template <class T>
    time checked(const T& t) const {
        using unit = typename T::duration;
        const auto since_epoch = t.time_since_epoch();
        if (since_epoch < std::chrono::duration_cast<unit>(duration::min() + margin_) ||
            since_epoch > std::chrono::duration_cast<unit>(duration::max() - margin_)) {
            throw std::out_of_range{"weir::event_windows: the time of an item is too far from the epoch: nanoseconds "
                                    "count 292 years, and the windows and the lateness take a part of them"};
        }
        return t;
    }

    void add(item&& one, context& cx) {
        const auto at = std::invoke(time_of_, std::as_const(one));
        if (cx.stopping()) return;
        const time t = checked(at);
        const key k(std::invoke(key_of_, std::as_const(one)));
        if (cx.stopping()) return;
        if (!kind_.add(open_, k, t, one, [this](time end) { return has_ended(end); })) {
            detail::drop_item(on_late_, std::move(one), drop_reason::late);
            return;
        }
        const time mark = t - lateness_;
        if (!started_ || mark > watermark_) watermark_ = mark;
        started_ = true;
    }

    /// The windows that are open, and then the end or the error.
    poll<value_type> finish() {
        if (!open_.empty()) {
            value_type one = open_.take_first();
            one.complete = error_ == nullptr || has_ended(one.end);
            return one;
        }
        if (error_ != nullptr) std::rethrow_exception(error_);
        return done;
    }

    detail::resettable<S> upstream_;
    Kind kind_;
    duration lateness_;
    duration margin_;      // around the times that can be counted
    bool started_ = false; // the watermark is set
    time watermark_{};     // no item before this time is expected
    detail::open_windows<item, key, time, value_type> open_;
    std::exception_ptr error_;
    [[no_unique_address]] TimeOf time_of_;
    [[no_unique_address]] KeyOf key_of_;
    [[no_unique_address]] OnLate on_late_;
};

struct event_windows_fn : detail::operator_fn<event_windows_fn> {
    template <class S, class Kind, class Options, class TimeOf, class KeyOf, class OnLate>
    using pipeline = event_windows_stream<S, Kind, TimeOf, KeyOf, OnLate>;

    template <class T, class Kind, class Options, class TimeOf, class KeyOf, class OnLate>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::event_windows(...) keeps items, and these borrow their memory; put to_owned() "
                            "before it, or outlives(view) around what outlives it");
        constexpr bool copied = !Kind::copies || std::copy_constructible<T>;
        static_assert(copied, "weir::event_windows(sliding_windows{...}, ...): an item is in several windows, and "
                              "cannot be copied");
        constexpr bool timed = detail::gives_time<TimeOf, T>;
        static_assert(timed, "weir::event_windows(kind, options, time_of): time_of cannot be called with a const item, "
                             "or does not return a std::chrono::time_point in nanoseconds or coarser");
        constexpr bool drops = detail::drops_items<OnLate, T>;
        static_assert(drops, "weir::event_windows(..., on_late): on_late cannot be called with an item, or returns an "
                             "operation or a stream, which nothing would await");
        constexpr bool keyed = detail::gives_object<KeyOf&, const T&>;
        static_assert(keyed, "weir::event_windows(..., key_of): key_of cannot be called with a const item, or returns "
                             "nothing");
        if constexpr (keyed) {
            using key = detail::key_t<KeyOf, T>;
            constexpr bool hashed = detail::hashable<key> && std::copy_constructible<key>;
            static_assert(hashed, "weir::event_windows(..., key_of): the keys have no operator== or no std::hash, or "
                                  "cannot be copied");
            constexpr bool owned = detail::keepable<key>;
            static_assert(owned, "weir::event_windows(..., key_of) keeps keys, and these borrow their memory; return a "
                                 "key that owns it");
            return kept && copied && timed && drops && hashed && owned;
        }
        return false;
    }

    template <detail::kind_of_window Kind, class TimeOf, class KeyOf = detail::one_key,
              class OnLate = detail::drop_silently>
    constexpr auto operator()(Kind kind, event_window_options options, TimeOf time_of, KeyOf key_of = {},
                              OnLate on_late = {}) const {
        static_cast<void>(detail::not_negative(options.lateness, "weir::event_windows({.lateness}): lateness is "
                                                                 "negative"));
        static_cast<void>(detail::at_least_one(options.max_windows, "weir::event_windows({.max_windows}): max_windows "
                                                                    "must be at least 1"));
        static_cast<void>(detail::at_least_one(options.max_items, "weir::event_windows({.max_items}): max_items must "
                                                                  "be at least 1"));
        return with(kind, options, std::move(time_of), std::move(key_of), std::move(on_late));
    }
};

/// event_windows(kind, options, time_of, key_of, on_late): the items in windows of the times that they carry, whatever
/// the order in which they arrive. A window is emitted once, when no more of its items are expected.
///
///     in                               --1--4--3--2--7--9--5--|     the numbers are times
///     event_windows(tumbling of 4)     -----------------A-----[BC|]
///
///     A: 1, 3, 2 in [0, 4), when 7 has come; the lateness is 3.   B: 4, 7, 5 in [4, 8).   C: 9 in [8, 12)
///
///     requests()
///         | weir::event_windows(weir::tumbling_windows{1min}, {.lateness = 10s}, &request::time, &request::path)
///         | weir::for_each([](const auto& w) { report(w.key, w.start, w.items.size()); })
///
/// kind is one of these, with windows that include their start and not their end:
/// - tumbling_windows{size}: an item is in one window; as Flink's TumblingEventTimeWindows, aligned with the epoch.
/// - sliding_windows{size, step}: an item is in each window of the length size that contains it; a window starts at
///   each multiple of step. An item that is late for some of them is in the others, as in Flink.
/// - session_windows{gap}: the items of a key without a pause of gap between two of their times. The window ends gap
///   after the last of them. Times that are exactly gap apart are in two sessions, as in Beam and in `sessions(gap)`;
///   Flink and Kafka Streams join them. An item between two sessions that are open joins them.
///
/// The watermark is the latest time so far minus options.lateness, as Flink's BoundedOutOfOrdernessWatermarks. A window
/// is emitted when the watermark has reached its end, as in Kafka Streams with suppress(untilWindowCloses): there are
/// no early results and no corrections. An item all of whose windows were emitted is late; it is passed to on_late and
/// changes nothing. The clock plays no part: while no item arrives, no window is emitted. keep_alive can add items that
/// carry the time.
///
/// time_of returns a std::chrono::time_point, and may be a member of the item. Without key_of all items have the key 0.
/// Windows are emitted in the order of their ends, then their starts, then their first items. The items of a window are
/// in the order of arrival; those of sessions that were joined are one after the other.
///
/// Ends: with upstream, after the windows that are open.
/// Errors: upstream's, what a function throws, std::out_of_range for an item whose time or window nanoseconds cannot
/// count, such as one in the year 9999, and limit_exceeded when more than options.max_windows windows are open,
/// or more than options.max_items items are held. The windows that are open come before the error, with
/// complete == false unless they are over; upstream has been destroyed by then.
/// Dropped: late items are passed to on_late, if there is one. The windows that are
/// open are lost.
/// Cost: allocations for each window, none per item but for the growth of vectors; the items of the open windows held.
/// A logarithm of their number per item.
/// See: chunk (by count and clock), window, sessions (by the clock), for_each_group.
///
/// @throws std::invalid_argument when lateness is negative, or a maximum is 0
inline constexpr event_windows_fn event_windows{};

} // namespace weir
