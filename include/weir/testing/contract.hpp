// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <limits>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <weir/async_stream.hpp>
#include <weir/core/closure.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace weir::testing {

/// An int that counts its copies.
class tracked {
public:
    tracked(int value = 0) noexcept : value_{value} {}
    tracked(const tracked& other) noexcept : value_{other.value_} { ++copies; }
    tracked(tracked&& other) noexcept : value_{other.value_} {}
    tracked& operator=(const tracked& other) noexcept {
        value_ = other.value_;
        ++copies;
        return *this;
    }
    tracked& operator=(tracked&& other) noexcept {
        value_ = other.value_;
        return *this;
    }

    operator int() const noexcept { return value_; }

    static inline thread_local std::size_t copies = 0;

private:
    int value_;
};

/// What an operator is allowed beyond the common contract.
struct contract_options {
    static constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

    /// The number of items that it may take from upstream beyond the demand.
    std::size_t prefetch = 0;
    /// The number of copies that it makes of an item.
    std::size_t copies = 0;
    /// Whether an error of upstream reaches the consumer unchanged.
    bool passes_errors = true;
    /// Whether the end of upstream ends it.
    bool ends_with_upstream = true;
    /// The time on the virtual clock until its timers have come to rest.
    duration settle = std::chrono::seconds{10};
};

namespace detail {

/// The checks of an operator whose items are of type T. The operator stands behind an async_stream, so that all
/// operators with the same items share one class.
template <class T>
class contract_check {
public:
    using apply = std::function<async_stream<T>(probe_stream<tracked>)>;

    contract_check(apply op, const contract_options& options) : op_{std::move(op)}, options_{options} {}

    std::string run() {
        for (const asking by : {asking::one_by_one, asking::in_a_loop}) {
            asking_ = by;
            check_demand();
            check_release(last::end);
            check_release(last::error);
            for (const arrival when : {arrival::ready, arrival::late}) {
                for (const last how : {last::end, last::error}) {
                    const std::size_t steps = check_delivery(when, how, never);
                    for (std::size_t stop = 0; stop != steps; ++stop) check_delivery(when, how, stop);
                }
            }
        }
        for (const arrival when : {arrival::ready, arrival::late}) {
            for (const last how : {last::end, last::error}) check_that_both_ways_agree(when, how);
        }
        return std::move(report_);
    }

private:
    enum class last { end, error };
    enum class arrival { ready, late };

    static constexpr int item_count = 6;
    static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

    void expect(bool holds, std::string_view rule) {
        if (holds || report_.find(rule) != std::string::npos) return;
        report_ += rule;
        report_ += '\n';
    }

    /// Lets the operator come to rest.
    void settle(virtual_executor& ex) {
        const time_point target = ex.time_after(options_.settle);
        for (int turns = 0; !ex.idle() || ex.now() < target; ++turns) {
            if (turns == turns_to_rest_) {
                expect(false, "busy: it keeps waking its consumer or itself");
                turns_to_rest_ = 100; // the same operator need not be waited for as long again
                return;
            }
            ex.turn(target);
        }
    }

    void check_demand() {
        std::size_t needed = 0; // the number of items for the first emitted one
        {
            virtual_executor ex;
            probe<tracked> source;
            probe_sink sink{ex, op_(source.stream()), asking_};
            settle(ex);
            expect(source.polls() == 0, "early pull: upstream is polled before the first poll");
            sink.request(1);
            settle(ex);
            for (int i = 0; i != item_count && sink.items().empty() && !sink.finished(); ++i) {
                source.push(i);
                settle(ex);
            }
            if (sink.items().empty()) return;
            needed = source.taken();
            expect(options_.prefetch != 0 || !source.waiting(), "early pull: upstream is polled without demand");
        }
        virtual_executor ex;
        probe<tracked> source;
        for (int i = 0; i != item_count; ++i) source.push(i);
        probe_sink sink{ex, op_(source.stream()), asking_};
        sink.request(1);
        settle(ex);
        expect(options_.prefetch == contract_options::any_number || source.taken() <= needed + options_.prefetch,
               "early pull: more is taken from upstream than was asked for");
    }

    /// Records whether upstream exists when the consumer sees the end or an error. The sink is kept, as a user may keep
    /// it.
    void check_release(last how) {
        virtual_executor ex;
        probe<tracked> source;
        for (int i = 0; i != item_count; ++i) source.push(i);
        finish(source, how);
        const auto watch = [&](auto pipeline) {
            auto consumer = ex.spawn(look_at_the_end(pipeline, source));
            settle(ex);
        };
        if (asking_ == asking::in_a_loop) {
            watch(op_(source.stream()) | drain());
        } else {
            watch(op_(source.stream()) | for_each([](T) -> task<> { co_return; }));
        }
    }
    template <class Pipeline>
    task<> look_at_the_end(Pipeline& pipeline, const probe<tracked>& source) {
        try {
            co_await pipeline;
        } catch (...) { // the error does not matter here
        }
        expect(source.dropped(), "the end or an error is seen while upstream is still there");
    }

    static void finish(probe<tracked>& source, last how) {
        if (how == last::end) {
            source.end();
        } else {
            source.fail(std::make_exception_ptr(std::runtime_error{"upstream failed"}));
        }
    }

    /// Runs a script and drops the operator after a number of steps. Returns the number of steps.
    std::size_t check_delivery(arrival when, last how, std::size_t steps_until_drop) {
        virtual_executor ex;
        probe<tracked> source;
        tracked::copies = 0;
        probe_sink sink{ex, op_(source.stream()), asking_};

        std::size_t steps = 0;
        const auto at_rest = [&] {
            // A drop at a step happens once before and once after the executor has run.
            if (steps++ == steps_until_drop) return false;
            settle(ex);
            return steps++ != steps_until_drop;
        };
        const auto script = [&] {
            if (when == arrival::ready) {
                for (int i = 0; i != item_count; ++i) source.push(i);
                finish(source, how);
                sink.request(1);
                if (!at_rest()) return false;
                sink.request();
                return at_rest();
            }
            sink.request();
            if (!at_rest()) return false;
            for (int i = 0; i != item_count && !sink.finished(); ++i) {
                source.push(i);
                if (!at_rest()) return false;
                expect(source.waiting() || source.dropped() || sink.finished(),
                       "lost wake: an item was not followed by a poll for the next");
            }
            finish(source, how);
            return at_rest();
        };

        if (script()) {
            if (how == last::end && options_.ends_with_upstream) {
                expect(sink.ended(), "lost wake: upstream ended and the consumer was not told");
            }
            if (how == last::error && options_.passes_errors) {
                expect(sink.ended() || sink.error_message() == "upstream failed",
                       "upstream failed and the consumer was not told");
            }
        }
        sink.drop();
        expect(!source.polled_after_end(), "upstream was polled after its end");
        expect(tracked::copies <= options_.copies * item_count, "an item was copied");
        expect(source.dropped(), "dropped, it keeps its upstream");
        expect(!source.waiting(), "leaked waker: dropped, it still waits for upstream");
        expect(ex.stats().timers_armed == 0, "dropped, it keeps a timer armed");
        const std::uint64_t before = ex.stats().wakers_run;
        source.push(0);
        settle(ex);
        expect(ex.stats().wakers_run == before, "leaked waker: dropped, a part of it still runs");
        return steps;
    }

    /// What a consumer of `wanted` items sees and what was pulled for it, step by step.
    std::string play(asking by, arrival when, last how, std::size_t wanted, std::size_t failing = 0) {
        virtual_executor ex;
        probe<tracked> source;
        probe_sink sink{ex, op_(source.stream()), by};
        sink.fail_at(failing);
        std::string seen;
        std::size_t shown = 0;
        const auto look = [&] {
            settle(ex);
            for (; shown != sink.items().size(); ++shown) seen += describe(sink.items()[shown]) + ' ';
            seen += "of " + std::to_string(source.taken());
            seen += sink.ended() ? ", ended" : sink.failed() ? ", " + sink.error_message() : "";
            seen += source.dropped() ? ", dropped; " : source.waiting() ? ", waiting; " : "; ";
        };
        if (when == arrival::late) {
            sink.request(wanted);
            look();
        }
        for (int i = 0; i != item_count; ++i) {
            source.push(i);
            if (when == arrival::late) look();
        }
        finish(source, how);
        if (when == arrival::ready) sink.request(wanted);
        look();
        if (sink.finished()) return seen;
        sink.request(1); // the next item, or the end
        look();
        return seen;
    }

    void check_that_both_ways_agree(arrival when, last how) {
        for (std::size_t wanted = 1; wanted <= 2 * item_count; ++wanted) {
            const std::string seen = play(asking::one_by_one, when, how, wanted);
            expect(seen == play(asking::in_a_loop, when, how, wanted), "poll_each does not do what poll_next does");
            // An error of the consumer passes by the operator: nothing is seen or pulled behind it.
            const std::string failed = play(asking::in_a_loop, when, how, wanted, wanted);
            if (failed.find("consumer failed") == std::string::npos) {
                expect(failed == seen, "poll_each: an error of the consumer does not come out of it");
                continue;
            }
            expect(play(asking::one_by_one, when, how, wanted, wanted) == failed,
                   "poll_each: the operator takes an error of its consumer for one of upstream");
        }
    }

    template <class Item>
    static std::string describe(const Item& item) {
        if constexpr (std::convertible_to<const Item&, int>) {
            return std::to_string(static_cast<int>(item));
        } else if constexpr (std::ranges::range<const Item>) {
            std::string all = "(";
            for (const auto& part : item) all += describe(part) + ',';
            return all + ')';
        } else {
            return "item";
        }
    }

    apply op_;
    const contract_options& options_;
    asking asking_ = asking::one_by_one;
    std::string report_;
    int turns_to_rest_ = 100'000;
};

} // namespace detail

/// Checks an operator against the rules of all operators. Returns one line per broken rule, and an empty string when it
/// keeps them all.
///
///     CHECK(weir::testing::check_contract([] { return weir::map(twice); }) == "");
///
/// - It does not poll upstream before its first poll, and then takes no more than the demand and the prefetch.
/// - `poll_each` does what as many calls of `poll_next` do, wherever the consumer stops or throws.
/// - No wake is lost: items, end and error reach a consumer that polls only when it was woken.
/// - Upstream is not polled after its end or its error.
/// - Upstream is destroyed before a sink's consumer sees the end or an error.
/// - It does not wake its consumer without a reason.
/// - Dropped at any point, it drops its upstream and leaves neither a timer nor a waker behind.
/// - Items are moved, not copied.
///
/// @param make  called for each run; returns the operator, a closure over a stream of `tracked` (convertible to int)
template <class Make>
std::string check_contract(Make make, contract_options options = {}) {
    using item = item_t<decltype(std::declval<probe_stream<tracked>>() | make())>;
    const auto apply = [&](probe_stream<tracked> source) { return async_stream<item>{std::move(source) | make()}; };
    return detail::contract_check<item>{apply, options}.run();
}

} // namespace weir::testing
