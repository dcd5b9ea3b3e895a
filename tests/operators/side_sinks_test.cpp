// SPDX-License-Identifier: MIT
// also_to and wire_tap: a sink beside the stream.
#include <weir/operators/also_to.hpp>
#include <weir/operators/wire_tap.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>
#include <slow_consumer.hpp>

#include <weir/core/closure.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/finally.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using support::numbers;
using weir::overflow;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

namespace {

/// A sink that notes items, and is busy for some time with each.
auto notes(std::string& seen, weir::duration busy = {}) {
    return weir::for_each([&seen, busy](char c) -> weir::task<> {
        seen += c;
        if (busy != weir::duration{}) co_await weir::sleep_for(busy);
    });
}
auto notes(numbers& seen) {
    return weir::for_each([&seen](int x) { seen.push_back(x); });
}
auto fails_at(int n) {
    return weir::for_each([n](int x) {
        if (x == n) throw std::runtime_error{"sink"};
    });
}

weir::task<> note_error(auto items, std::string& seen) {
    try {
        co_await (std::move(items) | weir::drain());
    } catch (const std::runtime_error& e) {
        seen = e.what();
    }
}

/// What executor::report is called with.
class reports {
public:
    explicit reports(virtual_executor& ex) {
        ex.on_error([this](std::exception_ptr error, std::source_location) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                text_ += e.what();
            }
        });
    }
    const std::string& text() const { return text_; }

private:
    std::string text_;
};

/// An item of which the second copy fails.
struct copied_once {
    explicit copied_once(int& copies) : copies_{&copies} {}
    copied_once(const copied_once& other) : copies_{other.copies_} {
        if (++*copies_ == 2) throw std::runtime_error{"copy"};
    }
    copied_once(copied_once&&) noexcept = default;

    int* copies_;
};

/// Calls f with each of the operators.
template <class F>
void with_both(F f) {
    SUBCASE("also_to") { f(weir::also_to); }
    SUBCASE("wire_tap") { f(weir::wire_tap); }
}

} // namespace

TEST_SUITE("operators/side_sinks") {
    TEST_CASE("items, the end and errors go to the consumer and to the sink") {
        with_both([](auto beside) {
            for (const std::string diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
                marbles m;
                std::string seen;
                CHECK(m.play(m.hot(diagram) | beside(notes(seen))) == diagram);
                std::string expected;
                for (const char c : diagram) {
                    if (c >= 'a' && c <= 'z') expected += c;
                }
                CHECK(seen == expected);
            }
        });
    }

    TEST_CASE("the stream goes on without a sink that has ended") {
        with_both([](auto beside) {
            virtual_executor ex;
            numbers seen;
            numbers passed;
            ex.run(weir::iota(0, 5) | beside(weir::take(2) | notes(seen)) | notes(passed));
            CHECK(seen == numbers{0, 1});
            CHECK(passed == numbers{0, 1, 2, 3, 4});
        });
    }

    TEST_CASE("a sink that is ready takes an item before upstream is asked for the next") {
        with_both([](auto beside) {
            virtual_executor ex;
            std::string order;
            const auto note = [&](char who) {
                return weir::for_each([&order, who](int x) { order += who + std::to_string(x); });
            };
            ex.run(weir::iota(0, 3) | beside(note('s')) | note('c'));
            CHECK(order == "c0s0c1s1c2s2");
        });
    }

    TEST_CASE("what the consumer throws reaches neither the sink nor upstream") {
        with_both([](auto beside) {
            virtual_executor ex;
            const reports reported{ex};
            numbers seen;
            CHECK_THROWS_WITH(ex.run(weir::iota(0, 9) | beside(notes(seen)) | fails_at(3)), "sink");
            CHECK(seen == numbers{0, 1, 2});
            CHECK(reported.text().empty());
        });
    }

    TEST_CASE("an item that cannot be copied is a failure of the sink") {
        const auto run = [](auto beside) {
            virtual_executor ex;
            const reports reported{ex};
            int copies = 0;
            std::size_t seen = 0;
            probe<copied_once> source;
            probe_sink sink{ex, source.stream() | beside(weir::for_each([&](const copied_once&) { ++seen; }))};
            sink.request();
            for (int i = 0; i != 3; ++i) source.push(copied_once{copies});
            ex.run_ready();
            CHECK(seen == 1);
            return std::to_string(sink.items().size()) + (sink.failed() ? " failed " : " ") + reported.text();
        };
        CHECK(run(weir::also_to) == "2 failed ");
        CHECK(run(weir::wire_tap) == "3 copy");
    }

    TEST_CASE("a sink may hand its items to a task that lives longer than the pipeline") {
        with_both([](auto beside) {
            virtual_executor ex;
            probe<char> source;
            std::string seen;
            std::string ended;
            std::optional<weir::join_handle<weir::task<>>> reader;
            const auto read = [&](auto items) -> weir::task<> {
                co_await weir::sleep_for(1s);
                co_await (std::move(items) | notes(seen));
                ended = "ended";
            };
            const auto hands_on = weir::closure{[&](auto items) {
                reader.emplace(ex.spawn(read(std::move(items))));
                return weir::sleep_for(1h);
            }};
            {
                probe_sink sink{ex, source.stream() | beside(hands_on)};
                sink.request();
                source.push('a');
                ex.run_ready();
                CHECK(sink.items() == std::vector{'a'});
            }
            ex.run(std::move(*reader));
            CHECK(seen == "a");
            CHECK(ended == "ended");
        });
    }

    TEST_CASE("all items pass, whenever they arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            numbers seen;
            CHECK(support::arrive_at_random(random, items, weir::also_to(notes(seen))) == items);
            CHECK(seen == items);
        }
    }

    TEST_CASE("an item allocates nothing") {
        with_both([](auto beside) {
            CHECK(support::allocations_for_more_items([&](int n) {
                      virtual_executor ex;
                      ex.run(weir::iota(0, n) | beside(weir::drain()) | weir::drain());
                  }) == 0);
        });
    }

    TEST_CASE("the contract of a stream is kept") {
        with_both(
            [](auto beside) { CHECK(check_contract([&] { return beside(weir::drain()); }, {.copies = 1}) == ""); });
    }

    TEST_CASE("also_to goes at the pace of the sink, one item ahead, and ends after it") {
        marbles m;
        std::string seen;
        CHECK(m.play(m.cold("[abc|]") | weir::also_to(notes(seen, m.ticks(3)))) == "[ab]--c-----|");
        CHECK(seen == "abc");
        CHECK(m.play(m.cold("a#") | weir::also_to(notes(seen, m.ticks(3)))) == "a--#");
        CHECK(support::seen_when_busy(m, 3, m.cold("[ab]|") | weir::also_to(notes(seen))) == "ab|");
    }

    TEST_CASE("also_to: the sink sees an error of upstream, which the consumer gets") {
        virtual_executor ex;
        probe<int> source;
        std::string seen;
        const auto sink = weir::closure{[&](auto items) { return note_error(std::move(items), seen); }};
        source.fail(std::make_exception_ptr(std::runtime_error{"up"}));
        CHECK_THROWS_WITH(ex.run(source.stream() | weir::also_to(sink) | weir::drain()), "up");
        CHECK(seen == "up");
    }

    TEST_CASE("also_to: an error of the sink ends the stream at once") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::also_to(fails_at(2))};
        sink.request();
        source.push(1);
        source.push(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{1, 2});
        CHECK(sink.failed());
        CHECK(source.dropped());

        numbers passed;
        CHECK_THROWS_WITH(ex.run(weir::iota(0, 9) | weir::also_to(fails_at(2)) | notes(passed)), "sink");
        CHECK(passed == numbers{0, 1, 2});
    }

    TEST_CASE("also_to pulls nothing early and nothing while the sink is busy, and drops all with the consumer") {
        virtual_executor ex;
        probe<char> source;
        for (const char c : {'a', 'b', 'c', 'd'}) source.push(c);
        std::string seen;
        probe_sink sink{ex, source.stream() | weir::also_to(notes(seen, 1h))};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 1);
        sink.request();
        ex.run_ready();
        CHECK(source.taken() == 2);
        CHECK(seen == "a");
        sink.drop();
        CHECK(source.dropped());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("also_to: a busy sink stops a loop over items that are ready") {
        marbles m;
        std::string seen;
        std::string passed;
        auto running = m.executor().spawn(m.cold("[abcd|]") | weir::also_to(notes(seen, m.ticks(3))) |
                                          weir::for_each([&](char c) { passed += c; }));
        m.executor().run_ready();
        CHECK(passed == "ab");
        CHECK(seen == "a");
        m.executor().run(std::move(running));
        CHECK(passed == "abcd");
        CHECK(seen == "abcd");
    }

    TEST_CASE("wire_tap drops items for a sink that is behind, and never slows the stream") {
        const auto seen_and_dropped = [](overflow policy) {
            marbles m;
            std::string seen;
            std::string dropped;
            const weir::wire_tap_options two{.capacity = 2, .overflow = policy};
            const auto drop = [&](char c) { dropped += c; };
            CHECK(m.play(m.hot("a-b-c-d-e-----|") | weir::wire_tap(notes(seen, m.ticks(6)), two, drop)) ==
                  "a-b-c-d-e-----|");
            return seen + " " + dropped;
        };
        CHECK(seen_and_dropped(overflow::drop_newest) == "abc ed");
        CHECK(seen_and_dropped(overflow::drop_oldest) == "abd ce");
        CHECK(seen_and_dropped(overflow::latest) == "ace bd");
    }

    TEST_CASE("wire_tap: a sink that waits at the end is dropped, with the items held for it") {
        marbles m;
        std::string seen;
        std::string dropped;
        const auto drop = [&](char c) { dropped += c; };
        CHECK(m.play(m.hot("[abc]-|") | weir::wire_tap(notes(seen, m.ticks(9)), {}, drop)) == "[abc]-|");
        CHECK(seen == "a");
        CHECK(dropped == "bc");
        CHECK(m.executor().stats().timers_armed == 0);
    }

    TEST_CASE("wire_tap reports an error of the sink to the executor, and goes on") {
        virtual_executor ex;
        const reports reported{ex};
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::wire_tap(fails_at(0))};
        sink.request();
        for (int i = 0; i != 3; ++i) source.push(i);
        ex.run_ready();
        CHECK(reported.text() == "sink");
        source.fail(std::make_exception_ptr(std::runtime_error{"up"}));
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2});
        CHECK(sink.failed());
        CHECK(reported.text() == "sink");
    }

    TEST_CASE("wire_tap reports an error of the sink that comes with the end") {
        const auto fails = [] { throw std::runtime_error{"end"}; };
        virtual_executor ex;
        const reports reported{ex};
        numbers passed;
        ex.run(weir::iota(0, 3) | weir::wire_tap(fails_at(2)) | weir::wire_tap(weir::finally(fails) | weir::drain()) |
               notes(passed));
        CHECK(passed == numbers{0, 1, 2});
        CHECK(reported.text() == "sinkend");
    }

    TEST_CASE("wire_tap pulls nothing early, holds no more than its capacity, and drops all with the consumer") {
        virtual_executor ex;
        const auto alive = std::make_shared<int>(0);
        probe<std::shared_ptr<int>> source;
        for (int i = 0; i != 1000; ++i) source.push(alive);
        const auto stuck = weir::for_each([](auto) -> weir::task<> { co_await weir::sleep_for(1h); });
        std::size_t dropped = 0;
        auto pipeline = source.stream() | weir::wire_tap(stuck, {.capacity = 3}, [&](auto) { ++dropped; });
        auto running = std::make_unique<weir::join_handle<decltype(std::move(pipeline) | weir::drain())>>(
            ex.spawn(std::move(pipeline) | weir::drain()));
        CHECK(source.polls() == 0);
        ex.run_ready();
        CHECK(source.taken() == 1000);
        CHECK(alive.use_count() == 5); // here, in the sink, and held
        CHECK(dropped == 996);
        running.reset();
        CHECK(dropped == 999);
        CHECK(source.dropped());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("wire_tap passes all items, whenever they arrive, and drops or delivers each to the sink") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            std::size_t seen = 0;
            std::size_t dropped = 0;
            const auto note = weir::for_each([&](int) -> weir::task<> {
                ++seen;
                co_await weir::yield();
            });
            CHECK(support::arrive_at_random(random, items,
                                            weir::wire_tap(note, {.capacity = 1}, [&](int) { ++dropped; })) == items);
            CHECK(seen + dropped == items.size());
        }
    }

    TEST_CASE("wire_tap rejects options that make no sense") {
        CHECK_THROWS_WITH_AS(weir::wire_tap(weir::drain(), {.capacity = 0}),
                             "weir::wire_tap({.capacity}): capacity must be at least 1", std::invalid_argument);
        CHECK_THROWS_AS(weir::wire_tap(weir::drain(), {.overflow = overflow::suspend}), std::invalid_argument);
        CHECK_THROWS_AS(weir::wire_tap(weir::drain(), {.overflow = overflow::error}), std::invalid_argument);
    }
}
