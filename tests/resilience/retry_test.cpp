// SPDX-License-Identifier: MIT
#include <weir/resilience/retry.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <in_turn.hpp>
#include <manual.hpp>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using support::in_turn;
using weir::testing::virtual_executor;

namespace {

weir::async_stream<int> fails_for_ever() {
    throw std::runtime_error{"again"};
    co_return;
}

} // namespace

TEST_SUITE("resilience/retry") {
    TEST_CASE("retry starts the next stream after the delay when one fails") {
        weir::testing::marbles m;
        const weir::retry_policy policy{.delay = m.ticks(2), .jitter = weir::jitter::none};
        CHECK(m.play(weir::retry(in_turn(m, {"a-#", "b-c|"}), policy)) == "a---b-c|");
        CHECK(m.play(weir::retry(in_turn(m, {"#", "b|"}), policy)) == "--b|");
        CHECK(m.play(weir::retry(in_turn(m, {"a-b|", "c|"}), policy)) == "a-b|");
        CHECK(m.play(weir::retry(in_turn(m, {"|"}), policy)) == "|");
    }

    TEST_CASE("retry: delays grow by the factor up to the longest delay") {
        weir::testing::marbles m;
        const weir::retry_policy policy{
            .attempts = 6, .delay = m.ticks(1), .factor = 2, .max_delay = m.ticks(4), .jitter = weir::jitter::none};
        //                                                                       1 2   4     4     4
        CHECK(m.play(weir::retry(in_turn(m, {"#", "#", "#", "#", "#", "a|"}), policy)) == "---------------a|");
        virtual_executor ex;
        std::vector<weir::duration> when;
        const auto note = [&] {
            when.push_back(ex.elapsed());
            return weir::fail<int>(std::runtime_error{"no"});
        };
        CHECK_THROWS_WITH(ex.run(weir::retry(note, policy) | weir::drain()), "no");
        CHECK(when == std::vector<weir::duration>{0ms, 1ms, 3ms, 7ms, 11ms, 15ms});
    }

    TEST_CASE("retry passes on the error of the last attempt unchanged") {
        weir::testing::marbles m;
        m.error('X', std::runtime_error{"first"});
        m.error('Y', std::out_of_range{"second"});
        const weir::retry_policy policy{.attempts = 2, .delay = m.ticks(1), .jitter = weir::jitter::none};
        CHECK(m.play(weir::retry(in_turn(m, {"X", "Y"}), policy)) == "-Y");
        CHECK(m.play(weir::retry(in_turn(m, {"X"}), {.attempts = 1})) == "X");
    }

    TEST_CASE("retry: attempts and delays start again after an item was delivered") {
        weir::testing::marbles m;
        const weir::retry_policy policy{.attempts = 3, .delay = m.ticks(1), .jitter = weir::jitter::none};
        CHECK(m.play(weir::retry(in_turn(m, {"#", "#", "a#", "#", "b|"}), policy)) == "---a---b|");
        CHECK(m.play(weir::retry(in_turn(m, {"#", "#", "a#", "#", "#"}), policy)) == "---a---#");
    }

    TEST_CASE("retry: attempts may be unlimited") {
        virtual_executor ex;
        int calls = 0;
        const auto succeed_at_last = [&]() -> weir::async_stream<int> {
            if (++calls < 10'000) throw std::runtime_error{"again"};
            return weir::just(calls);
        };
        CHECK(ex.run(weir::retry(succeed_at_last,
                                 {.attempts = weir::retry_policy::unlimited, .delay = 0ms, .max_delay = 0ms}) |
                     weir::to<std::vector>()) == std::vector{10'000});
        CHECK(ex.elapsed() == 0ms);
        CHECK(ex.stats().turns >= 10'000);
    }

    TEST_CASE("retry: delays that grow forever stay at the longest") {
        virtual_executor ex;
        int calls = 0;
        const auto fail_a_lot = [&]() -> weir::async_stream<int> {
            if (++calls <= 1000) throw std::runtime_error{"again"};
            return weir::just(1);
        };
        ex.run(weir::retry(fail_a_lot, {.attempts = weir::retry_policy::unlimited,
                                        .delay = 1ns,
                                        .factor = 1e9,
                                        .max_delay = 1h,
                                        .jitter = weir::jitter::none}) |
               weir::drain());
        CHECK(ex.elapsed() == 1ns + 1s + 998 * 1h);
    }

    TEST_CASE("retry: full jitter draws each wait from nothing to the whole delay") {
        const auto waits = [](weir::random_numbers random) {
            virtual_executor ex;
            std::vector<weir::duration> when;
            const auto note = [&] {
                when.push_back(ex.elapsed());
                return weir::fail<int>(1);
            };
            CHECK_THROWS(ex.run(weir::retry(note, {.attempts = 4, .delay = 100ms, .random = random}) | weir::drain()));
            return when;
        };
        CHECK(waits([] { return 0.0; }) == std::vector<weir::duration>{0ms, 0ms, 0ms, 0ms});
        CHECK(waits([] { return 0.5; }) == std::vector<weir::duration>{0ms, 50ms, 150ms, 350ms});
        CHECK(waits([] { return 1.0; }) == std::vector<weir::duration>{0ms, 100ms, 300ms, 700ms});
        CHECK(waits([] { return 7.0; }) == std::vector<weir::duration>{0ms, 100ms, 300ms, 700ms});

        const auto drawn = waits(std::mt19937{1});
        CHECK(drawn == waits(std::mt19937{1}));
        CHECK(drawn != waits(std::mt19937{2}));
        weir::duration most = 100ms;
        for (std::size_t i = 1; i != drawn.size(); ++i, most *= 2) {
            CHECK(drawn[i] - drawn[i - 1] >= 0ms);
            CHECK(drawn[i] - drawn[i - 1] <= most);
        }
        const auto unseeded = waits({});
        CHECK(unseeded.back() > 0ms);
        CHECK(unseeded.back() <= 700ms);
    }

    TEST_CASE("retry: a random generator of 32 bits reaches the whole range of delays") {
        virtual_executor ex;
        weir::random_numbers random{std::mt19937{3}};
        double most = 0;
        for (int i = 0; i != 1000; ++i) most = std::max(most, random(ex));
        CHECK(most > 0.9);
        CHECK(most <= 1);
    }

    TEST_CASE("retry passes on an error that the predicate rejects at once") {
        virtual_executor ex;
        int calls = 0;
        const auto refused = [&] {
            ++calls;
            return weir::fail<int>(std::system_error{13, std::generic_category()});
        };
        const auto is_runtime_error_of_code = [](int code) {
            return [code](std::exception_ptr error) {
                try {
                    std::rethrow_exception(error);
                } catch (const std::system_error& e) {
                    return e.code().value() == code;
                }
            };
        };
        CHECK_THROWS_AS(ex.run(weir::retry(refused, {.when = is_runtime_error_of_code(12)}) | weir::drain()),
                        std::system_error);
        CHECK(calls == 1);
        CHECK_THROWS_AS(
            ex.run(weir::retry(refused, {.attempts = 4, .when = is_runtime_error_of_code(13)}) | weir::drain()),
            std::system_error);
        CHECK(calls == 5);
    }

    TEST_CASE("retry: an exception from the predicate ends the stream") {
        virtual_executor ex;
        CHECK_THROWS_WITH(
            ex.run(weir::retry([] { return weir::fail<int>(1); },
                               {.when = [](std::exception_ptr) -> bool { throw std::runtime_error{"when"}; }}) |
                   weir::drain()),
            "when");
    }

    TEST_CASE("retry: an exception from the factory is a failed attempt") {
        virtual_executor ex;
        int calls = 0;
        const auto make = [&] {
            if (++calls < 3) throw std::runtime_error{"not yet"};
            return weir::just(calls);
        };
        CHECK(ex.run(weir::retry(make, {.attempts = 3}) | weir::to<std::vector>()) == std::vector{3});
        calls = -10;
        CHECK_THROWS_WITH(ex.run(weir::retry(make, {.attempts = 3}) | weir::drain()), "not yet");
    }

    TEST_CASE("retry drops a failed stream before it waits, and a drop ends the wait") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        source.fail(std::make_exception_ptr(std::runtime_error{"no"}));
        int calls = 0;
        weir::testing::probe_sink sink{ex, weir::retry(
                                               [&] {
                                                   ++calls;
                                                   return source.stream();
                                               },
                                               {.delay = 1h, .max_delay = 1h, .jitter = weir::jitter::none})};
        sink.request();
        ex.run_ready();
        CHECK(calls == 1);
        CHECK(source.dropped());
        CHECK(ex.stats().timers_armed == 1);
        sink.drop();
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("retry: a drop destroys the running stream") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        weir::testing::probe_sink sink{ex, weir::retry([&] { return source.stream(); })};
        sink.request();
        ex.run_ready();
        CHECK(source.waiting());
        sink.drop();
        CHECK(source.dropped());
        CHECK_FALSE(source.waiting());
    }

    TEST_CASE("retry calls nothing before the first poll, and a spurious poll while it waits has no effect") {
        virtual_executor ex;
        int calls = 0;
        const auto make = [&] {
            ++calls;
            return weir::fail<int>(1);
        };
        weir::testing::probe_sink sink{ex,
                                       weir::retry(make, {.attempts = 2, .delay = 1s, .jitter = weir::jitter::none})};
        ex.run_ready();
        CHECK(calls == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(calls == 1);
        ex.advance(999ms);
        CHECK(calls == 1);
        ex.advance(1ms);
        CHECK(calls == 2);
        CHECK(sink.failed());
    }

    TEST_CASE(
        "retry above a failing downstream map does not make the source again: the exception belongs to downstream") {
        virtual_executor ex;
        int calls = 0;
        CHECK_THROWS_WITH(ex.run(weir::retry([&] {
                                     ++calls;
                                     return weir::iota(0, 3);
                                 }) |
                                 weir::map([](int) -> int { throw std::runtime_error{"downstream"}; }) | weir::drain()),
                          "downstream");
        CHECK(calls == 1);
    }

    TEST_CASE("retry does not call its predicate or pull a third item when take(2) ends inside the source") {
        virtual_executor ex;
        int emitted = 0;
        int asked = 0;
        const auto source = [](int& count) -> weir::async_stream<int> {
            for (;;) {
                ++count;
                co_yield int{count};
                if (count == 2) throw std::runtime_error{"beyond"};
            }
        };
        const auto items =
            ex.run(weir::retry([&] { return source(emitted) | weir::take(2); }, {.when =
                                                                                     [&](std::exception_ptr) {
                                                                                         ++asked;
                                                                                         return true;
                                                                                     }}) |
                   weir::to<std::vector>());
        CHECK(items == std::vector{1, 2});
        CHECK(emitted == 2);
        CHECK(asked == 0);
    }

    TEST_CASE("retry: the captures of a coroutine lambda live as long as its streams") {
        virtual_executor ex;
        const auto words = ex.run(weir::retry([text = std::string(40, 'x')]() -> weir::async_stream<std::string> {
                                      co_await weir::sleep_for(1ms);
                                      co_yield std::string(text);
                                  }) |
                                  weir::to<std::vector>());
        CHECK(words == std::vector{std::string(40, 'x')});
    }

    TEST_CASE("retry: a coroutine lambda that is dropped can still read its captures") {
        std::string said;
        const auto factory = [&said, text = std::string(40, 'x')]() -> weir::async_stream<int> {
            struct says_goodbye {
                const std::string& text;
                std::string& said;
                ~says_goodbye() { said = text; }
            } const local{text, said};
            co_await weir::sleep_for(1h);
        };
        virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::retry(factory)};
        sink.request();
        ex.run_ready();
        sink.drop();
        CHECK(said == std::string(40, 'x'));
    }

    TEST_CASE("retry rejects an invalid policy when the pipeline is built") {
        const auto build = [](weir::retry_policy policy) {
            return [policy] { static_cast<void>(weir::retry(&fails_for_ever, policy)); };
        };
        CHECK_THROWS_WITH_AS(build({.attempts = 0})(), "weir::retry: policy.attempts is 0", std::invalid_argument);
        CHECK_THROWS_WITH_AS(build({.delay = -1ms})(), "weir::retry: policy.delay is negative", std::invalid_argument);
        CHECK_THROWS_WITH_AS(build({.factor = 0.5})(), "weir::retry: policy.factor is less than 1",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(build({.delay = 1min})(), "weir::retry: policy.max_delay is less than policy.delay",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(build({.attempt_timeout = 0ms})(), "weir::retry: policy.attempt_timeout is not positive",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(build({.total_timeout = -1s})(), "weir::retry: policy.total_timeout is not positive",
                             std::invalid_argument);
        CHECK_NOTHROW(build({})());
    }

    TEST_CASE("retry creates a new operation after each wait until one returns a result") {
        virtual_executor ex;
        std::vector<weir::duration> when;
        const auto attempt = [&]() -> weir::task<std::unique_ptr<int>> {
            when.push_back(ex.elapsed());
            co_await weir::sleep_for(5ms);
            if (when.size() < 4) throw std::runtime_error{"not yet"};
            co_return std::make_unique<int>(7);
        };
        const auto seven = ex.run(weir::retry(
            attempt, {.attempts = 4, .delay = 10ms, .factor = 3, .max_delay = 50ms, .jitter = weir::jitter::none}));
        CHECK(*seven == 7);
        CHECK(when == std::vector<weir::duration>{0ms, 15ms, 50ms, 105ms});
        CHECK(ex.elapsed() == 110ms);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("retry passes on the last error of an operation, and an error that the predicate rejects") {
        virtual_executor ex;
        int calls = 0;
        const auto attempt = [&]() -> weir::task<> {
            co_await weir::yield();
            throw std::runtime_error{"attempt " + std::to_string(++calls)};
        };
        CHECK_THROWS_WITH(ex.run(weir::retry(attempt, {.attempts = 3})), "attempt 3");
        CHECK_THROWS_WITH(ex.run(weir::retry(attempt, {.attempts = 1})), "attempt 4");
        CHECK_THROWS_WITH(ex.run(weir::retry(attempt, {.when = [](std::exception_ptr) { return false; }})),
                          "attempt 5");
    }

    TEST_CASE("retry can be awaited by a coroutine, and its result may be a reference or void") {
        virtual_executor ex;
        int answer = 42;
        int left = 2;
        const auto attempt = [&]() -> weir::task<int&> {
            if (left-- != 0) throw std::runtime_error{"not yet"};
            co_return answer;
        };
        const auto wait = [&] { return weir::sleep_for(1ms); };
        const auto body = [&]() -> weir::task<int*> {
            int& result = co_await weir::retry(attempt);
            co_await weir::retry(wait);
            co_return &result;
        };
        CHECK(ex.run(body()) == &answer);
    }

    TEST_CASE("retry drops an attempt that takes too long and treats it as failed") {
        virtual_executor ex;
        std::vector<weir::duration> when;
        const auto attempt = [&]() -> weir::task<int> {
            when.push_back(ex.elapsed());
            const weir::duration time_taken = when.size() == 3 ? 20ms : 21ms;
            co_await weir::sleep_for(time_taken);
            co_return 1;
        };
        const weir::retry_policy policy{.delay = 10ms, .jitter = weir::jitter::none, .attempt_timeout = 20ms};
        // Ready in the turn in which the time runs out is in time.
        CHECK(ex.run(weir::retry(attempt, policy)) == 1);
        CHECK(when == std::vector<weir::duration>{0ms, 30ms, 70ms});
        CHECK(ex.elapsed() == 90ms);

        CHECK_THROWS_WITH_AS(ex.run(weir::retry(attempt, policy)), "weir::retry: an attempt was not done within 20ms",
                             weir::timed_out);
        CHECK(when.size() == 6);
    }

    TEST_CASE("retry calls the predicate for attempts that took too long, too") {
        virtual_executor ex;
        int calls = 0;
        const auto attempt = [&] {
            ++calls;
            return weir::sleep_for(1h);
        };
        const auto no_timeouts = [](std::exception_ptr error) {
            try {
                std::rethrow_exception(error);
            } catch (const weir::timed_out&) {
                return false;
            }
        };
        CHECK_THROWS_AS(ex.run(weir::retry(attempt, {.attempt_timeout = 1s, .when = no_timeouts})), weir::timed_out);
        CHECK(calls == 1);
        CHECK(ex.elapsed() == 1s);
    }

    TEST_CASE("retry: the total time limit ends a running attempt") {
        virtual_executor ex;
        int calls = 0;
        const auto attempt = [&]() -> weir::task<> {
            ++calls;
            co_await weir::sleep_for(40ms);
            throw std::runtime_error{"no"};
        };
        const weir::retry_policy policy{
            .attempts = 10, .delay = 10ms, .factor = 1, .jitter = weir::jitter::none, .total_timeout = 120ms};
        CHECK_THROWS_WITH_AS(ex.run(weir::retry(attempt, policy)), "weir::retry: no success within 120ms",
                             weir::timed_out);
        CHECK(calls == 3); // at 0, 50 and 100
        CHECK(ex.elapsed() == 120ms);
    }

    TEST_CASE("retry passes on the error at once if the wait would exceed the total time") {
        const auto elapsed = [](weir::duration total) {
            virtual_executor ex;
            const auto attempt = [] { return weir::sleep_for(5ms); };
            const auto fails = [&]() -> weir::task<> {
                co_await attempt();
                throw std::runtime_error{"no"};
            };
            CHECK_THROWS_WITH(ex.run(weir::retry(fails, {.attempts = weir::retry_policy::unlimited,
                                                         .delay = 10ms,
                                                         .factor = 1,
                                                         .jitter = weir::jitter::none,
                                                         .total_timeout = total})),
                              "no");
            return ex.elapsed();
        };
        CHECK(elapsed(15ms) == 5ms);
        CHECK(elapsed(21ms) == 20ms);
        CHECK(elapsed(30ms) == 20ms);
    }

    TEST_CASE("retry does not start a wait beyond the request's deadline, and attempts see the remaining time") {
        virtual_executor ex;
        std::vector<weir::duration> left;
        struct failing {
            using result_type = weir::unit;
            weir::poll<weir::unit> poll_result(weir::context& cx) {
                left.push_back(cx.deadline - cx.executor().now());
                throw std::runtime_error{"no"};
            }
            std::vector<weir::duration>& left;
        };
        auto retried = weir::retry(
            [&] { return failing{left}; },
            {.attempts = 10, .delay = 30ms, .factor = 1, .jitter = weir::jitter::none, .attempt_timeout = 50ms});
        struct within_100ms {
            using result_type = weir::unit;
            weir::poll<weir::unit> poll_result(weir::context& cx) {
                weir::nested_context own{cx, weir::time_point{100ms}};
                return operation.poll_result(own);
            }
            decltype(retried) operation;
        };
        CHECK_THROWS_WITH(ex.run(within_100ms{std::move(retried)}), "no");
        CHECK(left == std::vector<weir::duration>{50ms, 50ms, 40ms, 10ms});
        CHECK(ex.elapsed() == 90ms);
    }

    TEST_CASE("retry ends the time limit of a stream's attempt at its first item") {
        weir::testing::marbles m;
        const weir::retry_policy policy{.attempts = 2,
                                        .delay = m.ticks(1),
                                        .jitter = weir::jitter::none,
                                        .attempt_timeout = m.ticks(3),
                                        .total_timeout = m.ticks(20)};
        //                                                    too late, again
        CHECK(m.play(weir::retry(in_turn(m, {"--a------------------b|"}), policy)) == "--a------------------b|");
        CHECK(m.play(weir::retry(in_turn(m, {"----a|", "---b|"}), policy)) == "-------b|");
        m.error('X', weir::timed_out{"weir::retry: an attempt was not done", m.ticks(3)});
        CHECK(m.play(weir::retry(in_turn(m, {"----a|", "----b|"}), policy)) == "-------X");
    }

    TEST_CASE("retry starts the total time of failed streams at the first failure after an item") {
        weir::testing::marbles m;
        m.error('X', weir::timed_out{"weir::retry: no success", m.ticks(5)});
        const weir::retry_policy policy{.attempts = 10,
                                        .delay = m.ticks(2),
                                        .factor = 1,
                                        .jitter = weir::jitter::none,
                                        .total_timeout = m.ticks(5)};
        CHECK(m.play(weir::retry(in_turn(m, {"-a---------#", "#", "--"}), policy)) == "-a--------------X");
    }

    TEST_CASE("retry: an operation may be dropped while it runs and while it waits") {
        for (const auto after : {0ms, 5ms, 15ms}) {
            virtual_executor ex;
            support::manual<int> work;
            int calls = 0;
            const auto attempt = [&] {
                ++calls;
                return work.operation();
            };
            std::optional handle{ex.spawn(weir::retry(
                attempt, {.delay = 10ms, .jitter = weir::jitter::none, .attempt_timeout = 10ms, .total_timeout = 1s}))};
            ex.advance(after);
            handle.reset();
            CHECK(work.dropped() == (calls != 0));
            CHECK(ex.stats().timers_armed == 0);
            ex.advance(1h);
            CHECK(calls <= 1);
        }
    }

    TEST_CASE("retry may be dropped by its attempt or its factory while they run") {
        for (const bool by_factory : {false, true}) {
            virtual_executor ex;
            std::optional<weir::testing::probe_sink<weir::async_stream<int>>> sink;
            const auto drop = [&]() -> weir::task<int> {
                sink.reset();
                co_await weir::yield();
                co_return 1;
            };
            const auto factory = [&]() -> weir::task<int> {
                auto& make = drop; // the captures go with the pipeline
                if (by_factory) sink.reset();
                return make();
            };
            auto source =
                weir::just(1) | weir::map_async(1, [&](int) { return weir::retry(factory, {.attempt_timeout = 1s}); });
            sink.emplace(ex, weir::async_stream<int>{std::move(source)});
            sink->request();
            ex.run_ready();
            CHECK_FALSE(sink);
            CHECK(ex.stats().timers_armed == 0);
        }
    }

    TEST_CASE("retry lets others run when attempts fail at once, without a wait and without end") {
        virtual_executor ex;
        int attempts = 0;
        const auto fails = [&]() -> weir::task<int> {
            if (++attempts == 1'000'000) co_return 0; // an answer to who hogs
            throw std::runtime_error{"at once"};
        };
        const auto hot = ex.spawn(weir::retry(fails, {.attempts = weir::retry_policy::unlimited, .delay = 0s}));
        ex.run(weir::yield());
        CHECK(attempts > 0);
        CHECK(attempts < 10'000);
    }

    TEST_CASE("retry: attempts that are ready cost no allocation and no timer") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  const auto attempt = [](int x) { return support::one_turn{x}; };
                  ex.run(weir::iota(0, n) | weir::for_each([&](int x) {
                             return weir::retry([&attempt, x] { return attempt(x); }, {.attempt_timeout = 1s});
                         }));
              }) == 0);
    }

    TEST_CASE("retry allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::retry([n] { return weir::iota(0, n); }) | weir::drain());
              }) == 0);
    }
}
