// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/observe/detail/stage_run.hpp>

namespace weir {

namespace detail {

/// The text of items whose meter has no function for it.
struct without_text {
    template <class T>
    std::string operator()(const T&) const noexcept {
        return {};
    }
};

} // namespace detail

/// The items of an upstream, counted and timed on their way.
template <stream S, class Text = detail::without_text>
class [[nodiscard("add a sink and co_await it")]] meter_stream {
public:
    using value_type = item_t<S>;

    meter_stream(S upstream, std::string name, Text text = {})
        : run_{std::move(name)}, text_(std::move(text)), upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        if (run_.begin_poll(cx, detail::type_name<meter_stream>())) [[unlikely]]
            return poll_timed(cx);
        return poll_upstream(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        while (run_.begin_poll(cx, detail::type_name<meter_stream>())) [[unlikely]] {
            auto item = poll_timed(cx);
            if (item.is_pending()) return flow::pending;
            if (item.is_done()) return flow::done;
            if (!consume(*std::move(item))) return flow::stopped;
            if (!cx.spend() || cx.leaving()) return detail::yield_loop(cx);
        }
        detail::fenced downstream{consume}; // an exception of the consumer is no failure of this stage
        std::uint64_t passed = 0;           // counted here and not in memory
        auto pass_on = [&](value_type&& item) {
            ++passed;
            return downstream(std::move(item));
        };
        flow answer{};
        try {
            answer = weir::poll_each(upstream_, cx, pass_on);
        } catch (...) {
            run_.items(passed);
            run_.fails();
            throw;
        }
        run_.items(passed);
        downstream.rethrow();
        if (answer == flow::pending) run_.waits();
        if (answer == flow::done) run_.ends();
        return answer;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    poll<value_type> poll_upstream(context& cx) {
        try {
            auto item = upstream_.poll_next(cx);
            if (item.is_item()) {
                run_.items(1);
            } else if (item.is_done()) {
                run_.ends();
            } else {
                run_.waits();
            }
            return item;
        } catch (...) {
            run_.fails();
            throw;
        }
    }
    [[gnu::noinline]] poll<value_type> poll_timed(context& cx) {
        const detail::stage_run::measurement timed{run_};
        auto item = poll_upstream(cx);
        if (item.is_item() && run_.observed()) run_.passes(text_of(*item));
        return item;
    }
    std::string text_of(const value_type& item) noexcept {
        try {
            return std::invoke(text_, item);
        } catch (...) { // a trace does not change what a pipeline does
            return {};
        }
    }

    detail::stage_run run_; // destroyed after those of upstream
    [[no_unique_address]] Text text_;
    S upstream_;
};

struct meter_fn : detail::operator_fn<meter_fn> {
    template <class S, class Name, class Text = detail::without_text>
    using pipeline = meter_stream<S, Text>;

    template <class T, class Name, class Text = detail::without_text>
    static consteval bool accepts() {
        constexpr bool ok = std::is_invocable_r_v<std::string, Text&, const T&>;
        static_assert(ok,
                      "weir::meter(name, text): text cannot be called with a const item, or returns no std::string");
        return ok;
    }

    auto operator()(std::string name) const { return with(checked(std::move(name))); }
    template <class Text>
    auto operator()(std::string name, Text text) const {
        return with(checked(std::move(name)), std::move(text));
    }

private:
    static std::string checked(std::string name) {
        if (name.empty()) throw std::invalid_argument{"weir::meter(name): name is empty"};
        return name;
    }
};

/// meter(name): counts the items, ends and errors that pass, and measures how long the consumer waited for upstream and
/// how long it did not ask. `metered_stages(executor)` returns the numbers of all stages.
///
///     lines(path) | meter("read") | map_async(8, store) | meter("store") | drain()
///
/// Times are the executor's, and exact: its clock, which is read once a turn, matters when a poll has no item and when
/// the item has come. Stages of the same name on one executor add up, pipelines that have ended included.
///
/// meter(name, text): the same. A trace that records items shows text(item), a std::string, for each. Without a trace
/// it is not called. Where it throws, the item has no text.
///
///     | meter("orders", [](const order& o) { return o.id; })
///
/// Ends: with upstream. Errors: upstream's. Throws std::invalid_argument for an empty name.
/// Cost: one allocation for each name, none per item; no item held. Two reads of the clock for one poll in 256, and for
/// each item while a trace records items.
/// See: metered_stages, bottleneck, trace, inspect.
inline constexpr meter_fn meter{};

} // namespace weir
