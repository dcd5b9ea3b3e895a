// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/executor/detail/time_limit.hpp>

namespace weir {

namespace detail {

/// The time limit of a pull. An item that is ready costs one check of a flag.
class pull_time_limit {
public:
    static constexpr const char* late = "weir::timeout: no item";

    explicit pull_time_limit(duration d) noexcept : d_{d} {}

    duration limit() const noexcept { return d_; }

    void answered() noexcept {
        if (waiting_) [[unlikely]]
            waiting_ = false;
    }
    void stop() noexcept { time_.stop(); }

    /// To be called when upstream is pending. Returns true when the limit has passed.
    bool pending(context& cx) noexcept {
        if (!waiting_) {
            waiting_ = true;
            time_.set(cx.executor(), cx.executor().time_after(d_));
        }
        return time_.over(cx);
    }

private:
    duration d_;
    bool waiting_ = false;
    basic_time_limit<resettable_deadline> time_;
};

/// The time limit of the first pull.
class first_pull_time_limit {
public:
    static constexpr const char* late = "weir::timeout_first: no item";

    explicit first_pull_time_limit(duration d) noexcept : first_{d} {}

    duration limit() const noexcept { return first_.limit(); }

    void answered() noexcept {
        if (answered_) [[likely]]
            return;
        answered_ = true;
        first_.stop();
    }
    void stop() noexcept { first_.stop(); }

    bool pending(context& cx) noexcept { return !answered_ && first_.pending(cx); }

private:
    pull_time_limit first_;
    bool answered_ = false;
};

/// Passes on items. Sets `late` to whether upstream has exceeded the time limit. A loop that has passed on items and
/// only yields does not wait, and arms no timer.
template <class S, class Consume, class Limit>
flow poll_each_timed(S& upstream, context& cx, Consume& consume, Limit& limit, bool& late) {
    bool answered = false;
    const auto pass_on = [&](item_t<S>&& item) {
        answered = true;
        return consume(std::move(item));
    };
    const flow answer = poll_each(upstream, cx, pass_on);
    if (answered) limit.answered();
    late = answer == flow::pending && !(answered && cx.waker().queued()) && limit.pending(cx);
    return answer;
}

} // namespace detail

/// The items of an upstream until one is late.
/// @tparam Limit  the pulls that the time limit applies to
template <stream S, class Limit = detail::pull_time_limit>
class [[nodiscard("add a sink and co_await it")]] timeout_stream {
public:
    using value_type = item_t<S>;

    timeout_stream(S upstream, duration d) : upstream_(std::move(upstream)), limit_{d} {}

    poll<value_type> poll_next(context& cx) {
        auto item = upstream_->poll_next(cx);
        if (item.is_item()) [[likely]] {
            limit_.answered();
            return item;
        }
        return without_item(item.is_done(), cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        bool late = false;
        const flow answer = detail::poll_each_timed(*upstream_, cx, consume, limit_, late);
        if (answer == flow::done) limit_.stop();
        if (late) fail();
        return answer;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    poll<value_type> without_item(bool ended, context& cx) {
        if (ended) {
            limit_.stop();
            return done;
        }
        if (limit_.pending(cx)) fail();
        return pending;
    }
    [[noreturn]] void fail() {
        upstream_.reset();
        throw timed_out{Limit::late, limit_.limit()};
    }

    detail::resettable<S> upstream_;
    Limit limit_;
};

/// The same, with a fallback stream.
template <stream S, class MakeFallback>
class [[nodiscard("add a sink and co_await it")]] timeout_or_stream {
public:
    using value_type = item_t<S>;

    timeout_or_stream(S upstream, duration d, MakeFallback make)
        : upstream_(std::move(upstream)), limit_{d}, make_(std::move(make)) {}

    poll<value_type> poll_next(context& cx) {
        if (upstream_) [[likely]] {
            auto item = upstream_->poll_next(cx);
            if (item.is_item()) [[likely]] {
                limit_.answered();
                return item;
            }
            if (item.is_pending() && !limit_.pending(cx)) return pending;
            limit_.stop();
            if (item.is_done()) return done;
            if (!fall_back(cx)) return cx.yield();
        }
        return fallback_->poll_next(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (upstream_) {
            bool late = false;
            const flow answer = detail::poll_each_timed(*upstream_, cx, consume, limit_, late);
            if (answer == flow::done || late) limit_.stop();
            if (!late) return answer;
            if (!fall_back(cx)) return detail::yield_loop(cx);
        }
        return weir::poll_each(*fallback_, cx, consume);
    }

    void outline(stage_outline& out) const {
        out.holds({.inner_streams = 1});
        out.upstream(upstream_);
    }

private:
    /// False when something that was called has dropped what runs.
    bool fall_back(context& cx) {
        upstream_.reset();
        if (cx.stopping()) return false;
        fallback_.emplace(std::invoke(make_));
        return !cx.stopping();
    }

    detail::resettable<S> upstream_;
    detail::pull_time_limit limit_;
    [[no_unique_address]] MakeFallback make_;
    std::optional<std::invoke_result_t<MakeFallback&>> fallback_;
};

namespace detail {

template <class MakeFallback, class T>
concept makes_stream_of = std::invocable<MakeFallback&> && stream<std::invoke_result_t<MakeFallback&>> &&
                          std::same_as<item_t<std::invoke_result_t<MakeFallback&>>, T>;

template <class S, class... MakeFallback>
struct timeout_with {
    using type = timeout_stream<S>;
};
template <class S, class MakeFallback>
struct timeout_with<S, MakeFallback> {
    using type = timeout_or_stream<S, MakeFallback>;
};

} // namespace detail

struct timeout_fn : detail::operator_fn<timeout_fn> {
    template <class S, class D, class... MakeFallback>
    using pipeline = typename detail::timeout_with<S, MakeFallback...>::type;

    template <class T, class D, class MakeFallback>
    static consteval bool accepts() {
        constexpr bool made = !stream<MakeFallback>;
        static_assert(made, "weir::timeout(d, make): takes a function that makes the other stream: "
                            "timeout(d, [] { return ...; })");
        constexpr bool ok = !made || detail::makes_stream_of<MakeFallback, T>;
        static_assert(ok, "weir::timeout(d, make): make() does not return a stream of the same items");
        return made && ok;
    }

    constexpr auto operator()(duration d) const { return with(checked(d)); }
    template <class MakeFallback>
    constexpr auto operator()(duration d, MakeFallback make) const {
        return with(checked(d), std::move(make));
    }

private:
    static constexpr duration checked(duration d) { return detail::not_negative(d, "weir::timeout(d): d is negative"); }
};

/// timeout(d): fails with timed_out when the consumer has waited longer than d for an item.
/// timeout(d, make): continues with the stream that make() returns instead, which has no time limit.
///
///     in          a--b-----c--|
///     timeout(4)  a--b---#
///
/// The time counts from a poll that found no item, and not while the consumer is busy. An item that is ready in the
/// turn in which the time runs out is delivered.
///
/// Ends: with upstream, or with the other stream.
/// Errors: upstream's; timed_out, after upstream has been destroyed.
/// Cost: no allocation; an item that is ready costs no timer and no store.
/// See: timeout_first, timeout_total, with_timeout for operations, debounce.
inline constexpr timeout_fn timeout{};

} // namespace weir
