// SPDX-License-Identifier: MIT
#include <weir/resilience/hedge.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <failure.hpp>
#include <item_types.hpp>
#include <manual.hpp>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::failure;
using weir::hedge;
using weir::testing::virtual_executor;
using durations = std::vector<weir::duration>;

namespace {

/// Attempts in the hands of the test.
struct attempts {
    auto factory() {
        return [this] {
            when.push_back(ex.elapsed());
            return work.at(when.size() - 1).operation();
        };
    }
    std::size_t running() const {
        std::size_t n = 0;
        for (const auto& w : work) n += w.running() ? 1 : 0;
        return n;
    }

    virtual_executor& ex;
    std::vector<support::manual<int>> work{8};
    durations when{};
};

/// Takes so long, and fails if it says so; one after the other of a list.
struct plan {
    weir::duration takes;
    bool fails = false;
};

auto in_turn(virtual_executor& ex, std::vector<plan> plans, durations& began) {
    return [&ex, &began, plans = std::move(plans), next = std::size_t{0}]() mutable -> weir::task<std::size_t> {
        const std::size_t which = next++;
        const plan p = plans.at(which);
        began.push_back(ex.elapsed());
        co_await weir::sleep_for(p.takes);
        if (p.fails) throw std::runtime_error{"attempt " + std::to_string(which)};
        co_return which;
    };
}

} // namespace

TEST_SUITE("resilience/hedge") {
    TEST_CASE("hedge makes no second attempt after an answer within the delay, and leaves no timer") {
        virtual_executor ex;
        durations began;
        CHECK(ex.run(hedge(in_turn(ex, {{9ms}}, began), 10ms)) == 0);
        CHECK(ex.elapsed() == 9ms);
        CHECK(began == durations{0ms});
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("hedge makes a second attempt after the delay and returns the first answer") {
        for (const auto second : {3ms, 30ms}) {
            virtual_executor ex;
            durations began;
            const std::size_t winner = ex.run(hedge(in_turn(ex, {{20ms}, {second}}, began), 10ms));
            CHECK(began == durations{0ms, 10ms});
            CHECK(winner == (second == 3ms ? 1 : 0));
            CHECK(ex.elapsed() == (second == 3ms ? 13ms : 20ms));
            CHECK(ex.stats().timers_armed == 0); // the other was dropped
        }
    }

    TEST_CASE("hedge makes no second attempt after an answer in the turn in which the delay ends") {
        virtual_executor ex;
        durations began;
        const auto exact = in_turn(ex, {{10ms}}, began);
        CHECK(ex.run(hedge(exact, 10ms)) == 0);
        CHECK(began.size() == 1);
    }

    TEST_CASE("hedge makes at most max attempts, a delay apart") {
        virtual_executor ex;
        durations began;
        CHECK(ex.run(hedge(in_turn(ex, {{100ms}, {100ms}, {100ms}, {100ms}}, began), 10ms, {.max = 4})) == 0);
        CHECK(began == durations{0ms, 10ms, 20ms, 30ms});
        CHECK(ex.elapsed() == 100ms);
        began.clear();
        CHECK(ex.run(hedge(in_turn(ex, {{100ms}}, began), 10ms, {.max = 1})) == 0);
        CHECK(began.size() == 1);
    }

    TEST_CASE("hedge drops the losers before it returns the answer") {
        virtual_executor ex;
        attempts all{ex};
        bool dropped_before = false;
        const auto body = [&]() -> weir::task<int> {
            const weir::hedge_options three{.max = 3};
            const int x = co_await hedge(all.factory(), 10ms, three);
            dropped_before = all.running() == 0;
            co_return x;
        };
        auto handle = ex.spawn(body());
        ex.advance(25ms);
        CHECK(all.running() == 3);
        all.work[1].complete(7);
        CHECK(ex.run(std::move(handle)) == 7);
        CHECK(dropped_before);
    }

    TEST_CASE("hedge follows a failed attempt at once by the next and counts the delay from there") {
        virtual_executor ex;
        durations began;
        CHECK(ex.run(hedge(in_turn(ex, {{4ms, true}, {30ms}, {5ms}}, began), 10ms, {.max = 3})) == 2);
        CHECK(began == durations{0ms, 4ms, 14ms});
        CHECK(ex.elapsed() == 19ms);
    }

    TEST_CASE("hedge starts another attempt at once when one fails while another runs") {
        virtual_executor ex;
        durations began;
        CHECK(ex.run(hedge(in_turn(ex, {{12ms, true}, {100ms}, {5ms}}, began), 10ms, {.max = 3})) == 2);
        CHECK(began == durations{0ms, 10ms, 12ms});
        CHECK(ex.elapsed() == 17ms);
    }

    TEST_CASE("hedge returns the answer of a running attempt after the last one has failed") {
        virtual_executor ex;
        durations began;
        CHECK(ex.run(hedge(in_turn(ex, {{50ms}, {1ms, true}}, began), 10ms)) == 0);
        CHECK(ex.elapsed() == 50ms);
    }

    TEST_CASE("hedge throws the error of the last attempt to fail") {
        virtual_executor ex;
        durations began;
        CHECK_THROWS_WITH(ex.run(hedge(in_turn(ex, {{50ms, true}, {1ms, true}}, began), 10ms)), "attempt 0");
        CHECK(ex.elapsed() == 50ms);
        CHECK_THROWS_WITH(ex.run(hedge(in_turn(ex, {{0ms, true}, {0ms, true}, {0ms, true}}, began), 10ms, {.max = 3})),
                          "attempt 2");
        CHECK(ex.elapsed() == 50ms);
    }

    TEST_CASE("hedge throws an error that its predicate rejects at once and drops the other attempts") {
        virtual_executor ex;
        attempts all{ex};
        const auto retryable = [](std::exception_ptr error) {
            try {
                std::rethrow_exception(error);
            } catch (const std::runtime_error& e) {
                return std::string{e.what()} == "again";
            }
        };
        auto handle = ex.spawn(hedge(all.factory(), 10ms, {.max = 4, .when = retryable}));
        ex.advance(10ms);
        all.work[0].fail(failure("again"));
        ex.run_ready();
        CHECK(all.running() == 2);
        all.work[2].fail(failure("never"));
        CHECK_THROWS_WITH(ex.run(std::move(handle)), "never");
        CHECK(all.running() == 0);
        CHECK(all.when.size() == 3);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("hedge treats an exception from the factory as a failed attempt") {
        virtual_executor ex;
        int calls = 0;
        const auto make = [&]() -> support::one_turn {
            if (++calls != 3) throw std::runtime_error{"call " + std::to_string(calls)};
            return support::one_turn{5};
        };
        CHECK(ex.run(hedge(make, 10ms, {.max = 3})) == 5);
        calls = 3;
        CHECK_THROWS_WITH(ex.run(hedge(make, 10ms)), "call 5");
        CHECK(ex.elapsed() == 0ms);
    }

    TEST_CASE("hedge starts all attempts at once without a delay, and only after failures with an endless one") {
        virtual_executor ex;
        durations began;
        CHECK(ex.run(hedge(in_turn(ex, {{5ms}, {3ms}, {4ms}}, began), 0ms, {.max = 3})) == 1);
        CHECK(began == durations{0ms, 0ms, 0ms});
        began.clear();
        CHECK(ex.run(hedge(in_turn(ex, {{1h, true}, {1h}}, began), weir::duration::max())) == 1);
        CHECK(began == durations{3ms, 1h + 3ms});
    }

    TEST_CASE("hedge polls only the attempts that woke it") {
        virtual_executor ex;
        attempts all{ex};
        auto handle = ex.spawn(hedge(all.factory(), 10ms, {.max = 5}));
        ex.advance(1s);
        CHECK(all.when.size() == 5);
        for (std::size_t i = 0; i != 5; ++i) CHECK(all.work[i].polls() == 1);
    }

    TEST_CASE("hedge drops all attempts and the timer when it is dropped at any moment") {
        for (const auto at : {0ms, 5ms, 15ms, 100ms}) {
            virtual_executor ex;
            attempts all{ex};
            std::optional handle{ex.spawn(hedge(all.factory(), 10ms, {.max = 3}))};
            ex.advance(at);
            handle.reset();
            CHECK(all.running() == 0);
            CHECK(ex.stats().timers_armed == 0);
            const auto begun = all.when.size();
            ex.advance(1s);
            CHECK(all.when.size() == begun);
        }
    }

    TEST_CASE("hedge may be dropped by one of its attempts or by its factory while they run") {
        for (const int how : {0, 1, 2, 3}) {
            CAPTURE(how);
            virtual_executor ex;
            std::optional<weir::testing::probe_sink<weir::async_stream<int>>> sink;
            int calls = 0;
            const auto work = [&](int which, int mode) -> weir::task<int> {
                const weir::duration before = which == 1 ? 20ms : 11ms;
                if (mode == 3) co_await weir::sleep_for(before);
                if (mode == 0 || (mode == 3 && which == 2)) sink.reset();
                if (mode == 1) {
                    sink.reset();
                    throw std::runtime_error{"nobody is there to see it"};
                }
                co_await weir::sleep_for(1h);
                co_return 1;
            };
            const auto factory = [&]() -> weir::task<int> {
                auto& make = work; // the captures go with the pipeline
                const int which = ++calls;
                const int mode = how;
                if (mode == 2) sink.reset();
                return make(which, mode);
            };
            sink.emplace(ex, weir::async_stream<int>{weir::just(1) |
                                                     weir::map_async(1, [&](int) { return hedge(factory, 10ms); })});
            sink->request();
            ex.advance(1min);
            CHECK_FALSE(sink);
            CHECK(ex.stats().timers_armed == 0);
        }
    }

    TEST_CASE("hedge: a result may be a reference, move-only or void") {
        virtual_executor ex;
        int x = 1;
        const auto refer = [&]() -> weir::task<int&> { co_return x; };
        const auto boxed = []() -> weir::task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
        const auto body = [&]() -> weir::task<int*> {
            co_await hedge([] { return weir::sleep_for(1ms); }, 5ms);
            auto three = co_await hedge(boxed, 1ms);
            CHECK(*three == 3);
            int& result = co_await hedge(refer, 1ms);
            co_return &result;
        };
        CHECK(ex.run(body()) == &x);
    }

    TEST_CASE("hedge: the captures of a coroutine lambda live as long as the attempts") {
        virtual_executor ex;
        auto operation = hedge(
            [text = std::string(40, 'x')]() -> weir::task<std::string> {
                co_await weir::sleep_for(15ms);
                co_return text;
            },
            10ms);
        CHECK(ex.run(std::move(operation)) == std::string(40, 'x'));
    }

    TEST_CASE("hedge: a result whose move throws is an error of its attempt or of hedge") {
        using reply = support::items::throwing_move;
        const auto make = []() -> weir::task<reply> { co_return reply(1); };
        for (int n = 1; n != 12; ++n) {
            CAPTURE(n);
            {
                virtual_executor ex;
                reply::throw_at(n);
                try {
                    const reply answer = ex.run(hedge(make, 1s, {.max = 1}));
                    CHECK(answer.value() == 1);
                } catch (const reply::thrown&) {}
                reply::throw_at(0);
                CHECK(ex.stats().timers_armed == 0);
            }
            CHECK(reply::alive() == 0);
        }
    }

    TEST_CASE("hedge rejects arguments that make no sense") {
        const auto make = [] { return weir::yield(); };
        CHECK_THROWS_WITH_AS(static_cast<void>(hedge(make, -1ms)), "weir::hedge(factory, delay): delay is negative",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(static_cast<void>(hedge(make, 1ms, {.max = 0})),
                             "weir::hedge(factory, delay, options): max is 0", std::invalid_argument);
    }

    TEST_CASE("hedge allocates nothing per call in a steady state") {
#if WEIR_POOL_FRAMES
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::for_each([&](int x) {
                             return hedge([x] { return support::one_turn{x}; }, 0ms, {.max = 2});
                         }));
              }) == 0);
#endif
    }
}
