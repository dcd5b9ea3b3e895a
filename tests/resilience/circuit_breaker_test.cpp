// SPDX-License-Identifier: MIT
#include <weir/resilience/circuit_breaker.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
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
using weir::circuit;
using weir::circuit_breaker;
using weir::circuit_change;
using weir::circuit_open;
using weir::last_calls;
using weir::last_period;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

namespace {

weir::task<> succeed(weir::duration d = 0ms) {
    if (d > 0ms) co_await weir::sleep_for(d);
}

weir::task<> fail(weir::duration d = 0ms) {
    if (d > 0ms) co_await weir::sleep_for(d);
    throw std::runtime_error{"failed"};
}

/// Calls it in turn: `.` a success, `x` a failure. What becomes of each: `.` and `x` as it is, `!` not let through.
std::string calls(virtual_executor& ex, circuit_breaker& breaker, std::string_view how, weir::duration each = 0ms) {
    std::string what;
    for (const char c : how) {
        try {
            ex.run(breaker.run(c == 'x' ? fail(each) : succeed(each)));
            what += '.';
        } catch (const circuit_open&) {
            what += '!';
        } catch (const std::runtime_error&) {
            what += 'x';
        }
    }
    return what;
}

weir::duration until_half_open(virtual_executor& ex, circuit_breaker& breaker) {
    try {
        ex.run(breaker.run(succeed()));
    } catch (const circuit_open& e) {
        return e.until_half_open();
    }
    return -1ns;
}

} // namespace

TEST_SUITE("resilience/circuit_breaker") {
    TEST_CASE("circuit_breaker: results and errors pass through as they are") {
        virtual_executor ex;
        circuit_breaker breaker;
        const auto boxed = [](int x) -> weir::task<std::unique_ptr<int>> { co_return std::make_unique<int>(x); };
        CHECK(*ex.run(breaker.run(boxed(7))) == 7);
        CHECK_THROWS_WITH(ex.run(breaker.run(fail())), "failed");
        int x = 3;
        const auto refer = [&]() -> weir::task<int&> { co_return x; };
        CHECK(&ex.run(breaker.run(refer)) == &x);
        CHECK(breaker.state() == circuit::closed);
    }

    TEST_CASE("circuit_breaker opens at a failure rate of the last calls, after a minimum of calls") {
        virtual_executor ex;
        circuit_breaker breaker{{.window = last_calls{6}, .min_calls = 4}};
        CHECK(calls(ex, breaker, "xxx.") == "xxx.");
        CHECK(breaker.state() == circuit::open);
        CHECK(calls(ex, breaker, "..x") == "!!!");

        circuit_breaker windowed{{.window = last_calls{6}, .min_calls = 4}};
        // Two of six at the most, then three.
        CHECK(calls(ex, windowed, "....xx....xx....") == "....xx....xx....");
        CHECK(windowed.state() == circuit::closed);
        CHECK(calls(ex, windowed, "xxx.") == "xxx!");
    }

    TEST_CASE("circuit_breaker opens when the rate is reached exactly") {
        virtual_executor ex;
        circuit_breaker breaker{{.window = last_calls{10}, .min_calls = 10, .failure_rate = 0.3}};
        CHECK(calls(ex, breaker, "xx.........x") == "xx.........x"); // at most two of ten
        CHECK(breaker.state() == circuit::closed);
        CHECK(calls(ex, breaker, "xx.") == "xx!");
    }

    TEST_CASE("circuit_breaker forgets the calls of a period in steps of a tenth of it") {
        virtual_executor ex;
        circuit_breaker breaker{{.window = last_period{10s}, .min_calls = 4}};
        ex.advance(500ms);
        CHECK(calls(ex, breaker, "xxx") == "xxx");
        ex.advance(9499ms);
        CHECK(calls(ex, breaker, "") == "");
        SUBCASE("just in time") { CHECK(calls(ex, breaker, "x.") == "x!"); }
        SUBCASE("just too late") {
            ex.advance(1ms);
            CHECK(calls(ex, breaker, "xxx") == "xxx");
            CHECK(breaker.state() == circuit::closed);
            ex.advance(1h);
            CHECK(calls(ex, breaker, "xxx") == "xxx");
            CHECK(breaker.state() == circuit::closed);
            ex.advance(5s);
            CHECK(calls(ex, breaker, "x.") == "x!");
        }
    }

    TEST_CASE(
        "circuit_breaker: the open state reports its rest, then lets one call through, which closes or reopens it") {
        virtual_executor ex;
        circuit_breaker breaker{{.window = last_calls{2}, .min_calls = 2, .open_for = 30s}};
        CHECK(calls(ex, breaker, "xx") == "xx");
        CHECK(until_half_open(ex, breaker) == 30s);
        ex.advance(29s);
        CHECK(until_half_open(ex, breaker) == 1s);
        CHECK_THROWS_WITH_AS(ex.run(breaker.run(succeed())), "weir::circuit_breaker: open for another 1s",
                             circuit_open);
        CHECK(breaker.state() == circuit::open);
        ex.advance(1s);
        CHECK(calls(ex, breaker, "x.") == "x!");
        CHECK(until_half_open(ex, breaker) == 30s);
        ex.advance(30s);
        CHECK(calls(ex, breaker, ".xx.") == ".xx!"); // a new window
        CHECK(breaker.state() == circuit::open);
        ex.advance(30s);
        CHECK(calls(ex, breaker, "....") == "....");
        CHECK(breaker.state() == circuit::closed);
    }

    TEST_CASE("circuit_breaker neither creates nor starts a rejected operation") {
        virtual_executor ex;
        circuit_breaker breaker{{.window = last_calls{1}, .min_calls = 1}};
        calls(ex, breaker, "x");
        int made = 0;
        CHECK_THROWS_AS(ex.run(breaker.run([&] {
            ++made;
            return weir::yield();
        })),
                        circuit_open);
        CHECK(made == 0);
        support::manual<int> work;
        CHECK_THROWS_AS(ex.run(breaker.run(work.operation())), circuit_open);
        CHECK_FALSE(work.started());
    }

    TEST_CASE("circuit_breaker: the half-open state lets a limited number through and decides when they have ended") {
        virtual_executor ex;
        circuit_breaker breaker{
            {.window = last_calls{1}, .min_calls = 1, .failure_rate = 0.5, .open_for = 1s, .probes = 3}};
        for (const bool well : {true, false}) {
            CAPTURE(well);
            calls(ex, breaker, "x");
            ex.advance(1s);
            std::vector<support::manual<int>> probes(4);
            std::vector<weir::join_handle<circuit_breaker::run_operation<support::manual<int>::operation_type>>>
                handles;
            for (auto& p : probes) handles.push_back(ex.spawn(breaker.run(p.operation())));
            ex.run_ready();
            CHECK(breaker.state() == circuit::half_open);
            CHECK(probes[2].running());
            CHECK_FALSE(probes[3].started());
            CHECK_THROWS_WITH_AS(ex.run(std::move(handles[3])),
                                 "weir::circuit_breaker: half open, and its probes are under way", circuit_open);
            CHECK(until_half_open(ex, breaker) == 0s);
            probes[0].fail(std::make_exception_ptr(1));
            probes[1].complete(1);
            ex.run_ready();
            CHECK(breaker.state() == circuit::half_open);
            CHECK(until_half_open(ex, breaker) == 0s); // an ended probe makes no room for more
            if (well) {
                probes[2].complete(1);
            } else {
                probes[2].fail(std::make_exception_ptr(1));
            }
            ex.run_ready();
            CHECK(breaker.state() == (well ? circuit::closed : circuit::open));
        }
    }

    TEST_CASE("circuit_breaker: a probe that is dropped makes room for another, wherever it stands") {
        virtual_executor ex;
        circuit_breaker breaker{{.window = last_calls{1}, .min_calls = 1, .open_for = 1s}};
        calls(ex, breaker, "x");
        ex.advance(1s);
        for (const auto after : {0ms, 5ms}) {
            std::optional probe{ex.spawn(breaker.run(succeed(1h)))};
            ex.advance(after);
            CHECK(until_half_open(ex, breaker) == 0s);
            probe.reset();
        }
        CHECK(breaker.state() == circuit::half_open);
        CHECK(calls(ex, breaker, ".") == ".");
        CHECK(breaker.state() == circuit::closed);
    }

    TEST_CASE("circuit_breaker does not count a dropped call") {
        virtual_executor ex;
        circuit_breaker breaker{{.window = last_calls{2}, .min_calls = 2}};
        calls(ex, breaker, "x");
        for (int i = 0; i != 5; ++i) {
            auto dropped = ex.spawn(breaker.run(fail(1h)));
            ex.run_ready();
        }
        CHECK(breaker.state() == circuit::closed);
        CHECK(calls(ex, breaker, "x!") == "x!");
    }

    TEST_CASE("circuit_breaker does not count a call that ends in another state than it started in") {
        virtual_executor ex;
        circuit_breaker breaker{{.window = last_calls{2}, .min_calls = 2, .open_for = 1s}};
        auto late = ex.spawn(breaker.run(fail(1500ms)));
        auto later = ex.spawn(breaker.run(fail(3s)));
        ex.run_ready();
        calls(ex, breaker, "xx");
        CHECK(breaker.state() == circuit::open);
        ex.advance(1s);
        auto probe = ex.spawn(breaker.run(succeed(1s)));
        ex.advance(500ms);
        CHECK(late.finished());
        CHECK(breaker.state() == circuit::half_open);
        ex.advance(500ms);
        CHECK(breaker.state() == circuit::closed);
        calls(ex, breaker, "x");
        ex.advance(1s);
        CHECK(later.finished());
        CHECK(breaker.state() == circuit::closed);
    }

    TEST_CASE("circuit_breaker counts slow calls, whether they fail or not") {
        virtual_executor ex;
        circuit_breaker breaker{{.window = last_calls{4}, .min_calls = 4, .slow_after = 100ms, .slow_rate = 0.5}};
        CHECK(calls(ex, breaker, "....", 100ms) == "....");
        CHECK(breaker.state() == circuit::closed);
        CHECK(calls(ex, breaker, "..", 101ms) == "..");
        CHECK(breaker.state() == circuit::open);
        ex.advance(30s);
        CHECK(calls(ex, breaker, ".", 101ms) == "."); // a slow probe
        CHECK(breaker.state() == circuit::open);

        circuit_breaker both{{.window = last_calls{4}, .min_calls = 4, .slow_after = 1ms, .slow_rate = 0.5}};
        CHECK(calls(ex, both, "...") == "...");
        CHECK(calls(ex, both, "xx", 2ms) == "xx");
        CHECK(both.state() == circuit::open);
    }

    TEST_CASE("circuit_breaker counts an error that is not a failure as a success") {
        virtual_executor ex;
        const auto is_no_int = [](std::exception_ptr error) {
            try {
                std::rethrow_exception(error);
            } catch (int) {
                return false;
            } catch (...) {
                return true;
            }
        };
        circuit_breaker breaker{
            {.window = last_calls{2}, .min_calls = 2, .failure_rate = 1, .open_for = 1s, .is_failure = is_no_int}};
        const auto not_found = []() -> weir::task<> {
            throw 404;
            co_return;
        };
        CHECK_THROWS_AS(ex.run(breaker.run(not_found)), int);
        calls(ex, breaker, "x");
        CHECK(breaker.state() == circuit::closed); // one of two
        calls(ex, breaker, "x");
        CHECK(breaker.state() == circuit::open);
        ex.advance(1s);
        CHECK_THROWS_AS(ex.run(breaker.run(not_found)), int);
        CHECK(breaker.state() == circuit::closed);
    }

    TEST_CASE("circuit_breaker passes on an exception from the predicate and does not count the call") {
        virtual_executor ex;
        circuit_breaker breaker{{.window = last_calls{1}, .min_calls = 1, .is_failure = [](std::exception_ptr) -> bool {
                                     throw std::logic_error{"which?"};
                                 }}};
        CHECK_THROWS_WITH(ex.run(breaker.run(fail())), "which?");
        CHECK(breaker.state() == circuit::closed);
    }

    TEST_CASE("circuit_breaker counts an exception from the function as a failure") {
        virtual_executor ex;
        circuit_breaker breaker{{.window = last_calls{1}, .min_calls = 1}};
        CHECK_THROWS_WITH(ex.run(breaker.run([]() -> support::one_turn { throw std::runtime_error{"not made"}; })),
                          "not made");
        CHECK(breaker.state() == circuit::open);
    }

    TEST_CASE("circuit_breaker calls its listener after every change") {
        virtual_executor ex;
        std::vector<circuit_change> heard;
        std::vector<circuit> states;
        const circuit_breaker* seen = nullptr;
        circuit_breaker breaker{
            {.window = last_calls{1}, .min_calls = 1, .open_for = 1s, .on_change = [&](const circuit_change& c) {
                 heard.push_back(c);
                 states.push_back(seen->state());
             }}};
        seen = &breaker;
        calls(ex, breaker, ".x!");
        ex.advance(2s);
        calls(ex, breaker, "x");
        ex.advance(1s);
        calls(ex, breaker, "..");
        const auto at = [](weir::duration d) { return weir::time_point{d}; };
        CHECK(heard == std::vector<circuit_change>{{circuit::closed, circuit::open, at(0s)},
                                                   {circuit::open, circuit::half_open, at(2s)},
                                                   {circuit::half_open, circuit::open, at(2s)},
                                                   {circuit::open, circuit::half_open, at(3s)},
                                                   {circuit::half_open, circuit::closed, at(3s)}});
        CHECK(states ==
              std::vector{circuit::open, circuit::half_open, circuit::open, circuit::half_open, circuit::closed});
    }

    TEST_CASE("circuit_breaker reports an exception from its listener and does not change the call") {
        virtual_executor ex;
        std::string reported;
        unsigned line = 0;
        ex.on_error([&](std::exception_ptr error, std::source_location place) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                reported = e.what();
            }
            line = place.line();
        });
        const auto here = std::source_location::current();
        circuit_breaker breaker{{.window = last_calls{1},
                                 .min_calls = 1,
                                 .on_change = [](const circuit_change&) { throw std::runtime_error{"listener"}; }},
                                here};
        CHECK(calls(ex, breaker, "x") == "x");
        CHECK(reported == "listener");
        CHECK(line == here.line());
    }

    TEST_CASE("circuit_breaker: a call may be dropped by the listener or by its own operation") {
        for (const int how : {0, 1, 2, 3}) {
            CAPTURE(how);
            virtual_executor ex;
            std::optional<probe_sink<weir::async_stream<int>>> sink;
            bool armed = how < 2;
            circuit_breaker breaker{
                {.window = last_calls{1}, .min_calls = 1, .open_for = 1s, .on_change = [&](const circuit_change&) {
                     if (armed) sink.reset();
                 }}};
            const auto work = [&](int mode) -> weir::task<int> {
                if (mode == 2) sink.reset(); // and fails
                if (mode == 0 || mode == 2) throw std::runtime_error{"failed"};
                if (mode == 3) sink.reset(); // and goes on
                co_await weir::yield();
                co_return 1;
            };
            if (how == 1) {
                armed = false;
                calls(ex, breaker, "x");
                ex.advance(1s);
                armed = true;
            }
            sink.emplace(ex, weir::async_stream<int>{weir::just(1) |
                                                     weir::map_async(1, [&](int) { return breaker.run(work(how)); })});
            sink->request();
            ex.run_ready();
            CHECK_FALSE(sink);
            if (how == 1) CHECK(calls(ex, breaker, ".") == "."); // its place was given back
        }
    }

    TEST_CASE("circuit_breaker rejects arguments that make no sense") {
        const auto build = [](weir::circuit_breaker_options options) { circuit_breaker{std::move(options)}; };
        CHECK_THROWS_WITH_AS(build({.window = last_calls{0}, .min_calls = 0}), "weir::circuit_breaker: min_calls is 0",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(build({.window = last_calls{5}}),
                             "weir::circuit_breaker: min_calls is more than the window holds", std::invalid_argument);
        CHECK_THROWS_WITH_AS(build({.window = last_period{0s}}),
                             "weir::circuit_breaker: window: last_period is not positive", std::invalid_argument);
        CHECK_THROWS_WITH_AS(build({.failure_rate = 0}), "weir::circuit_breaker: needs 0 < failure_rate <= 1",
                             std::invalid_argument);
        CHECK_THROWS_AS(build({.failure_rate = 1.1}), std::invalid_argument);
        CHECK_THROWS_AS(build({.slow_after = -1s}), std::invalid_argument);
        CHECK_THROWS_AS(build({.slow_rate = 2}), std::invalid_argument);
        CHECK_THROWS_AS(build({.open_for = 0s}), std::invalid_argument);
        CHECK_THROWS_AS(build({.probes = 0}), std::invalid_argument);
        CHECK_NOTHROW(build({}));
    }

    TEST_CASE("circuit_breaker allocates nothing per call") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  circuit_breaker breaker{{.window = last_period{1s}}};
                  ex.run(weir::iota(0, n) | weir::for_each([&](int x) { return breaker.run(support::one_turn{x}); }));
              }) == 0);
    }
}
