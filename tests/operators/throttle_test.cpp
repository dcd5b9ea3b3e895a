// SPDX-License-Identifier: MIT
#include <weir/operators/throttle.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <manual_clock.hpp>
#include <numbers.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::numbers;
using weir::edge;

namespace {

std::string play(const char* diagram, weir::duration d, edge which, std::string* dropped = nullptr) {
    marbles m;
    return m.play(m.hot(diagram) | weir::throttle(d, which, [&](char c) {
                      if (dropped != nullptr) *dropped += c;
                  }));
}

} // namespace

TEST_SUITE("operators/throttle") {
    TEST_CASE("throttle emits the first item of a window at once and the last at its end") {
        marbles m;
        CHECK(m.play(m.hot("abcd--------|") | weir::throttle(3ms)) == "a--c--d-----|");
    }

    TEST_CASE("throttle: leading emits only the first item of a window") {
        CHECK(play("abcd--------|", 3ms, edge::leading) == "a--d--------|");
        CHECK(play("a-b-c-d-e-f-|", 3ms, edge::leading) == "a---c---e---|");
    }

    TEST_CASE("throttle: trailing emits only the last item of a window") {
        CHECK(play("abcd--------|", 3ms, edge::trailing) == "---c--d-----|");
        CHECK(play("a-------b-----|", 3ms, edge::trailing) == "---a-------b--|");
    }

    TEST_CASE("throttle: both edges emit a lone item once") {
        CHECK(play("a-----b-----|", 3ms, edge::both) == "a-----b-----|");
    }

    TEST_CASE("throttle: the timer emits the last item without a following item") {
        CHECK(play("ab...", 3ms, edge::both) == "a--b...");
        CHECK(play("ab...", 3ms, edge::trailing) == "---b...");
    }

    TEST_CASE("throttle emits the last item at the end and before an error") {
        CHECK(play("ab|", 9ms, edge::both) == "a-[b|]");
        CHECK(play("ab#", 9ms, edge::both) == "a-[b#]");
        CHECK(play("ab|", 9ms, edge::trailing) == "--[b|]");
        CHECK(play("a#", 9ms, edge::trailing) == "-[a#]");
        CHECK(play("ab|", 9ms, edge::leading) == "a-|");
        CHECK(play("ab#", 9ms, edge::leading) == "a-#");
        for (const auto which : {edge::leading, edge::trailing, edge::both}) {
            for (const char* empty : {"|", "#", "--|", "--#"}) CHECK(play(empty, 3ms, which) == empty);
        }
    }

    TEST_CASE("throttle: an item emitted at the end of a window opens the next window") {
        CHECK(play("ab--c-------|", 3ms, edge::both) == "a--b--c-----|");
        CHECK(play("ab----c-----|", 3ms, edge::both) == "a--b--c-----|");
    }

    TEST_CASE("throttle does not drift in a million seconds") {
        virtual_executor ex;
        std::vector<weir::duration> at;
        ex.run(weir::interval(300s) | weir::throttle(1000s) | weir::take(1001) |
               weir::for_each([&](auto) { at.push_back(ex.elapsed()); }));
        REQUIRE(at.size() == 1001);
        bool on_time = true;
        for (std::size_t i = 0; i != at.size(); ++i) on_time = on_time && at[i] == 300s + 1000s * i;
        CHECK(on_time);
    }

    TEST_CASE("throttle: a consumer that sleeps for 100 windows gets the item held and one new item, and no burst") {
        virtual_executor ex;
        std::vector<weir::duration> at;
        const auto sleeper = [&]() -> weir::task<> {
            auto throttled = weir::interval(3ms) | weir::throttle(10ms);
            for (int i = 0; i != 6; ++i) {
                co_await weir::next(throttled);
                at.push_back(ex.elapsed());
                if (i == 1) co_await weir::sleep_for(1005ms);
            }
        };
        ex.run(sleeper());
        CHECK(at == std::vector<weir::duration>{3ms, 13ms, 1018ms, 1018ms, 1028ms, 1038ms});
    }

    TEST_CASE("throttle does not drift with late turns and does not make up for long stalls") {
        support::manual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::throttle(10ms)};
        sink.request();
        source.push(0);
        source.push(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{0});
        ex.run_after(13ms); // 1 was due at 10
        CHECK(sink.items() == numbers{0, 1});
        source.push(2);
        ex.run_after(6ms); // 19
        CHECK(sink.items() == numbers{0, 1});
        ex.run_after(1ms);
        CHECK(sink.items() == numbers{0, 1, 2});
        source.push(3);
        ex.run_ready();
        ex.run_after(105ms); // 125: 3 was due at 30
        CHECK(sink.items() == numbers{0, 1, 2, 3});
        source.push(4);
        ex.run_after(9ms);
        CHECK(sink.items() == numbers{0, 1, 2, 3});
        ex.run_after(1ms);
        CHECK(sink.items() == numbers{0, 1, 2, 3, 4});
    }

    TEST_CASE("throttle: a window of 0 lets every item through") {
        for (const auto which : {edge::leading, edge::trailing, edge::both}) {
            CHECK(play("[abc]-d-[ef|]", 0ms, which) == "[abc]-d-[ef|]");
        }
    }

    TEST_CASE("throttle by a function: the item that opens a window decides how long it is") {
        const auto letter = [](char c) { return (c - 'a') * 1ms; };
        marbles m;
        CHECK(m.play(m.hot("dzzabzz---|") | weir::throttle(letter, weir::edge::leading)) == "d--abz----|");
        CHECK(m.play(m.hot("dzb-----|") | weir::throttle(letter)) == "d--b----|");
        CHECK(m.play(m.hot("dzbz-----|") | weir::throttle(letter, weir::edge::trailing)) == "---bz----|");
        std::string asked;
        const auto note = [&](char c) {
            asked += c;
            return 2ms;
        };
        CHECK(m.play(m.hot("abcd-----|") | weir::throttle(note)) == "a-b-d----|");
        CHECK(asked == "abd");
        const auto fails = [](char c) { return c == 'c' ? throw std::runtime_error{"no"} : 2ms; };
        CHECK(m.play(m.hot("abc...") | weir::throttle(fails)) == "a-b-[c#]");
        CHECK(m.play(m.hot("a--c...") | weir::throttle(fails)) == "a--#");
        CHECK(m.play(m.hot("a...") | weir::throttle([](char) { return -1ms; })) == "#");
        CHECK(check_contract([] { return weir::throttle([](int) { return 0ms; }); }, {.prefetch = 1}) == "");
        for (const int at : {1, 2}) {
            virtual_executor ex;
            std::function<void()> drop_all;
            probe<int> source;
            int calls = 0;
            probe_sink sink{ex, source.stream() | weir::throttle([&](int) {
                                    if (++calls == at) drop_all();
                                    return 1ms;
                                })};
            drop_all = [&] { sink.drop(); };
            sink.request();
            for (int i = 0; i != 4; ++i) source.push(i);
            ex.advance(1s);
            CHECK(calls == at);
        }
    }

    TEST_CASE("throttle passes discarded items to on_drop") {
        std::string dropped;
        play("abcd--------|", 3ms, edge::both, &dropped);
        CHECK(dropped == "b");
        dropped.clear();
        play("abcd--------|", 3ms, edge::leading, &dropped);
        CHECK(dropped == "bc");
        dropped.clear();
        play("abcd--------|", 3ms, edge::trailing, &dropped);
        CHECK(dropped == "ab");
    }

    TEST_CASE("throttle does not catch up after a long stall") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::throttle(10ms)};
        sink.request(1);
        for (int i = 0; i != 3; ++i) source.push(i);
        ex.advance(1h); // 2 has come through and waits
        for (int i = 3; i != 6; ++i) source.push(i);
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 2, 3});
        ex.advance(9ms);
        CHECK(sink.items() == numbers{0, 2, 3});
        ex.advance(1ms);
        CHECK(sink.items() == numbers{0, 2, 3, 5});
    }

    TEST_CASE("throttle: an accepted item waits for a busy consumer, and upstream is not polled meanwhile") {
        virtual_executor ex;
        probe<int> source;
        numbers dropped;
        probe_sink sink{ex, source.stream() | weir::throttle(10ms, edge::both, [&](int i) { dropped.push_back(i); })};
        sink.request(1);
        for (int i = 0; i != 3; ++i) source.push(i);
        ex.advance(10ms);
        for (int i = 3; i != 6; ++i) source.push(i);
        ex.advance(1h);
        CHECK(source.taken() == 3);
        CHECK(dropped == numbers{1});
        CHECK(sink.items() == numbers{0});
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 2});
    }

    TEST_CASE("throttle: upstream is not polled before the first poll") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::throttle(10ms)};
        ex.advance(1s);
        CHECK(source.polls() == 0);
    }

    TEST_CASE("throttle allocates nothing per item") {
        for (const auto d : {0ms, 1ms}) {
            CHECK(support::allocations_for_more_items([&](int n) {
                      virtual_executor ex;
                      ex.run(weir::iota(0, n) | weir::throttle(d) | weir::for_each([](int) {}));
                  }) == 0);
        }
    }

    TEST_CASE("throttle accepts move-only items") {
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(1, 6) | weir::map([](int i) { return std::make_unique<int>(i); }) | weir::throttle(1ms) |
               weir::for_each([&](auto item) { sum += *item; }));
        CHECK(sum == 1 + 5);
    }

    TEST_CASE("throttle rejects negative times") {
        CHECK_THROWS_WITH_AS(weir::throttle(-1ms), "weir::throttle(d): d is negative", std::invalid_argument);
    }

    TEST_CASE("throttle keeps the contract of a stream") {
        const contract_options eager{.prefetch = contract_options::any_number};
        for (const auto which : {edge::leading, edge::trailing, edge::both}) {
            CHECK(check_contract([&] { return weir::throttle(1s, which); }, eager) == "");
            CHECK(check_contract([&] { return weir::throttle(0s, which); }, eager) == "");
        }
    }
}
