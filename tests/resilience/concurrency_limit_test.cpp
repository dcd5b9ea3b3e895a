// SPDX-License-Identifier: MIT
#include <weir/resilience/concurrency_limit.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <manual.hpp>

#include <numbers.hpp>
#include <running_scopes.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::numbers;
using weir::concurrency_limit;

namespace {

/// Notes when it begins and ends.
weir::task<int> work(weir::duration d, int who, std::string& log) {
    const weir::executor& ex = *co_await weir::this_executor();
    const auto note = [&](char what) {
        const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(ex.now().time_since_epoch()).count();
        log += what + std::to_string(who) + '@' + std::to_string(now) + ' ';
    };
    note('+');
    co_await weir::sleep_for(d);
    note('-');
    co_return who;
}

/// Polls with a waker that is soon gone.
template <class A>
struct poll_once {
    using result_type = weir::unit;

    weir::poll<weir::unit> poll_result(weir::context& cx) {
        CHECK(operation.poll_result(cx).is_pending());
        return weir::unit{};
    }

    A& operation;
};

} // namespace

TEST_SUITE("resilience/concurrency_limit") {
    TEST_CASE("concurrency_limit runs a limited number at once and the others in order of arrival") {
        virtual_executor ex;
        concurrency_limit limit{2};
        std::string log;
        std::vector<weir::join_handle<weir::task<>>> handles;
        const auto one = [&](int who) -> weir::task<> { CHECK(co_await limit.run(work(10ms, who, log)) == who); };
        for (int i = 0; i != 5; ++i) handles.push_back(ex.spawn(one(i)));
        ex.run_ready();
        CHECK(limit.in_flight() == 2);
        CHECK(limit.queued() == 3);
        ex.run_until_idle();
        CHECK(log == "+0@0 +1@0 -0@10 -1@10 +2@10 +3@10 -2@20 -3@20 +4@20 -4@30 ");
        CHECK(limit.in_flight() == 0);
        CHECK(limit.queued() == 0);
    }

    TEST_CASE("concurrency_limit: a permit is returned when it is destroyed, released, or replaced") {
        virtual_executor ex;
        concurrency_limit limit{2};
        const auto body = [&]() -> weir::task<> {
            auto one = co_await limit.acquire();
            {
                auto two = co_await limit.acquire();
                CHECK(limit.in_flight() == 2);
                auto none = co_await limit.try_acquire();
                CHECK_FALSE(none);
            }
            CHECK(limit.in_flight() == 1);
            auto two = co_await limit.try_acquire();
            REQUIRE(two);
            CHECK(limit.in_flight() == 2);
            one = *std::move(two);
            CHECK(limit.in_flight() == 1);
            one.release(weir::verdict::success);
            CHECK(limit.in_flight() == 0);
            one.release(weir::verdict::success);
            CHECK(limit.in_flight() == 0);
        };
        ex.run(body());
        CHECK(limit.in_flight() == 0);
    }

    TEST_CASE("concurrency_limit: try_acquire does not overtake waiters") {
        virtual_executor ex;
        concurrency_limit limit{1};
        auto first = std::optional{ex.run(limit.acquire())};
        auto waiting = ex.spawn(limit.acquire());
        ex.run_ready();
        first.reset();
        CHECK_FALSE(ex.run(limit.try_acquire()));
        CHECK(waiting.finished());
    }

    TEST_CASE("concurrency_limit calls a function when there is a permit") {
        virtual_executor ex;
        concurrency_limit limit{1};
        auto held = std::optional{ex.run(limit.acquire())};
        int made = 0;
        auto waiting = ex.spawn(limit.run([&made, text = std::string(40, 'x')]() -> weir::task<std::string> {
            ++made;
            co_await weir::sleep_for(1ms);
            co_return text; // as long as the task runs
        }));
        ex.run_ready();
        CHECK(made == 0);
        held.reset();
        CHECK(ex.run(std::move(waiting)) == std::string(40, 'x'));
        CHECK(made == 1);
        CHECK(limit.in_flight() == 0);
    }

    TEST_CASE("concurrency_limit: a failed operation and a function that throws return their permit") {
        virtual_executor ex;
        concurrency_limit limit{1};
        const auto fails = [](bool at_once) -> weir::task<> {
            if (!at_once) co_await weir::yield();
            throw std::runtime_error{"failed"};
        };
        for (const bool at_once : {false, true}) {
            CHECK_THROWS_WITH(ex.run(limit.run(fails(at_once))), "failed");
            CHECK(limit.in_flight() == 0);
        }
        CHECK_THROWS_WITH(ex.run(limit.run([]() -> weir::task<> { throw std::logic_error{"not made"}; })), "not made");
        const auto throws = []() -> support::one_turn { throw std::logic_error{"not made"}; };
        CHECK_THROWS_WITH(ex.run(limit.run(throws)), "not made");
        CHECK(limit.in_flight() == 0);
    }

    TEST_CASE("concurrency_limit: a permit is returned with the result, after the operation was destroyed") {
        virtual_executor ex;
        concurrency_limit limit{1};
        support::manual<std::unique_ptr<int>> one;
        support::manual<std::unique_ptr<int>> two;
        auto first = ex.spawn(limit.run(one.operation()));
        auto second = ex.spawn(limit.run(two.operation()));
        ex.run_ready();
        CHECK(one.running());
        CHECK_FALSE(two.started());
        one.complete(std::make_unique<int>(1));
        ex.run_ready();
        CHECK(one.dropped());
        CHECK(two.running());
        CHECK(*ex.run(std::move(first)) == 1);
    }

    TEST_CASE("concurrency_limit: a dropped waiter leaves the queue, and a dropped operation passes its permit on") {
        for (const auto at : {0ms, 5ms, 15ms, 25ms}) {
            CAPTURE(at.count());
            virtual_executor ex;
            concurrency_limit limit{1};
            std::string log;
            auto a = ex.spawn(limit.run(work(10ms, 1, log)));
            std::optional b{ex.spawn(limit.run(work(10ms, 2, log)))};
            auto c = ex.spawn(limit.run(work(10ms, 3, log)));
            ex.advance(at);
            b.reset();
            CHECK(limit.in_flight() + limit.queued() == (at < 10ms ? 2 : 1));
            ex.run_until_idle();
            CHECK(c.finished());
            CHECK(ex.elapsed() == (at < 10ms ? 20ms : at < 20ms ? 25ms : 30ms));
            CHECK(limit.in_flight() == 0);
        }
    }

    TEST_CASE("concurrency_limit passes on a permit that was granted to a waiter that is then dropped") {
        virtual_executor ex;
        concurrency_limit limit{1};
        auto held = std::optional{ex.run(limit.acquire())};
        std::optional abandoned{limit.acquire()};
        ex.run(poll_once<concurrency_limit::acquire_operation>{*abandoned});
        auto behind = ex.spawn(limit.acquire());
        ex.run_ready();
        held.reset();
        ex.run_ready();
        CHECK(limit.in_flight() == 1);
        CHECK_FALSE(behind.finished());
        abandoned.reset();
        ex.run_ready();
        CHECK(limit.in_flight() == 1);
        CHECK(behind.finished());
    }

    TEST_CASE("concurrency_limit may be dropped by its operation or its function while they run") {
        for (const int how : {0, 1, 2}) {
            CAPTURE(how);
            virtual_executor ex;
            concurrency_limit limit{1};
            std::optional<probe_sink<weir::async_stream<int>>> sink;
            const auto drop = [&](bool fail) -> weir::task<int> {
                sink.reset();
                if (fail) throw std::runtime_error{"nobody is there to see it"};
                co_await weir::yield();
                co_return 1;
            };
            const auto factory = [&]() -> weir::task<int> {
                auto& make = drop; // the captures go with the pipeline
                const bool fail = how == 1;
                if (how == 0) sink.reset();
                return make(fail);
            };
            sink.emplace(ex, weir::async_stream<int>{weir::just(1) |
                                                     weir::map_async(1, [&](int) { return limit.run(factory); })});
            sink->request();
            ex.run_ready();
            CHECK_FALSE(sink);
            CHECK(limit.in_flight() == 0);
        }
    }

    TEST_CASE("concurrency_limit starts waiters when it grows, and lets running operations go on when it shrinks") {
        virtual_executor ex;
        concurrency_limit limit{1};
        std::string log;
        std::vector<weir::join_handle<weir::task<int>>> handles;
        std::vector<weir::join_handle<concurrency_limit::run_operation<weir::task<int>>>> all;
        for (int i = 0; i != 6; ++i) all.push_back(ex.spawn(limit.run(work(10ms, i, log))));
        ex.advance(5ms);
        limit.set_limit(4);
        CHECK(limit.in_flight() == 4);
        ex.advance(1ms);
        limit.set_limit(2);
        CHECK(limit.limit() == 2);
        CHECK(limit.in_flight() == 4);
        ex.run_until_idle();
        CHECK(log == "+0@0 +1@5 +2@5 +3@5 -0@10 -1@15 -2@15 -3@15 +4@15 +5@15 -4@25 -5@25 ");
    }

    TEST_CASE("concurrency_limit refuses a waiter when the queue is full or after max_wait") {
        virtual_executor ex;
        concurrency_limit limit{1, {.max_queued = 1, .max_wait = 10ms}};
        auto held = ex.run(limit.acquire());
        auto waiting = ex.spawn(limit.acquire());
        ex.run_ready();
        CHECK_THROWS_WITH_AS(static_cast<void>(ex.run(limit.acquire())),
                             "weir::concurrency_limit: 1 are waiting already", weir::overloaded);
        CHECK_THROWS_WITH_AS(static_cast<void>(ex.run(std::move(waiting))),
                             "weir::concurrency_limit: not admitted within 10ms", weir::overloaded);
        CHECK(ex.elapsed() == 10ms);
        CHECK(limit.queued() == 0);
    }

    TEST_CASE("concurrency_limit: a permit that arrives in the turn in which max_wait ends is in time") {
        virtual_executor ex;
        concurrency_limit limit{1, {.max_wait = 10ms}};
        std::string log;
        auto a = ex.spawn(limit.run(work(10ms, 1, log)));
        auto b = ex.spawn(limit.run(work(10ms, 2, log)));
        ex.run_until_idle();
        CHECK(log == "+1@0 -1@10 +2@10 -2@20 ");
    }

    TEST_CASE("concurrency_limit rejects arguments that make no sense") {
        CHECK_THROWS_WITH_AS(concurrency_limit{0}, "weir::concurrency_limit: the limit must be at least 1",
                             std::invalid_argument);
        CHECK_THROWS_AS(concurrency_limit(1, {.max_wait = -1ms}), std::invalid_argument);
        concurrency_limit limit{1u};
        CHECK_THROWS_WITH_AS(limit.set_limit(-1), "weir::concurrency_limit::set_limit: the limit must be at least 1",
                             std::invalid_argument);
    }

    TEST_CASE("concurrency_limit never runs more than the limit, and keeps nothing, for random drops and waits") {
        std::mt19937 random{11};
        const auto up_to = [&](int n) { return std::uniform_int_distribution{0, n}(random); };
        for (int round = 0; round != 300; ++round) {
            virtual_executor ex;
            concurrency_limit limit{3, {.max_queued = 4, .max_wait = 12ms}};
            support::running_scopes running;
            const auto body = [&](weir::duration d) -> weir::task<> {
                const auto scope = running.enter();
                co_await weir::sleep_for(d);
            };
            using handle = weir::join_handle<concurrency_limit::run_operation<weir::task<>>>;
            std::vector<std::optional<handle>> handles(12);
            for (int step = 0; step != 60; ++step) {
                auto& h = handles[static_cast<std::size_t>(up_to(11))];
                if (h) {
                    h.reset();
                } else {
                    h.emplace(ex.spawn(limit.run(body(up_to(10) * 1ms))));
                }
                if (up_to(1) == 0) ex.advance(up_to(8) * 1ms);
            }
            ex.run_until_idle();
            CHECK(running.most() <= 3);
            CHECK(running.now() == 0);
            CHECK(limit.in_flight() == 0);
            CHECK(limit.queued() == 0);
        }
    }

    TEST_CASE("concurrency_limit allocates nothing per run") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  concurrency_limit limit{2};
                  ex.run(weir::iota(0, n) | weir::map_async(4, [&](int x) { return limit.run(support::one_turn{x}); }) |
                         weir::drain());
              }) == 0);
    }
}

TEST_SUITE("resilience/concurrency_limit, in map_async") {
    TEST_CASE("map_async with a concurrency_limit works as with a number") {
        marbles m;
        concurrency_limit limit{2};
        const auto after = [&](weir::duration d) {
            return [d](char c) -> weir::task<char> {
                co_await weir::sleep_for(d);
                co_return c;
            };
        };
        CHECK(m.play(m.hot("--a-b-c-------|") | weir::map_async(limit, after(m.ticks(5)))) == "-------a-b--c-|");
        CHECK(m.play(m.hot("--a-b-c-------|") | weir::map_async_unordered(limit, after(m.ticks(5)))) ==
              "-------a-b--c-|");
        CHECK(limit.in_flight() == 0);
    }

    TEST_CASE("concurrency_limit widens at once when the limit grows, and narrows as operations end when it shrinks") {
        virtual_executor ex;
        concurrency_limit limit{1};
        probe<int> source;
        std::vector<support::manual<int>> works(10);
        int made = 0;
        probe_sink sink{ex, source.stream() | weir::map_async(limit, [&](int i) {
                                ++made;
                                return works[static_cast<std::size_t>(i)].operation();
                            })};
        sink.request();
        for (int i = 0; i != 10; ++i) source.push(i);
        ex.run_ready();
        CHECK(made == 1);
        limit.set_limit(4);
        ex.run_ready();
        CHECK(made == 4);
        CHECK(source.taken() == 4);
        limit.set_limit(2);
        works[0].complete(0);
        works[1].complete(1);
        ex.run_ready();
        CHECK(made == 4);
        works[2].complete(2);
        ex.run_ready();
        CHECK(made == 5);
        CHECK(sink.items() == numbers{0, 1, 2});
        limit.set_limit(3);
        ex.run_ready();
        CHECK(made == 6);
        limit.set_limit(5); // a second time
        ex.run_ready();
        CHECK(made == 8);
    }

    TEST_CASE("concurrency_limit: two pipelines that share a limit keep to it together and take turns") {
        virtual_executor ex;
        concurrency_limit limit{2, {.max_queued = 0}}; // those are not for pipelines
        std::string log;
        std::size_t most = 0;
        const auto pipeline = [&](char name) {
            return weir::iota(0, 4) |
                   weir::map_async(limit,
                                   [&, name](int) -> weir::task<> {
                                       most = std::max(most, limit.in_flight());
                                       log += name;
                                       co_await weir::sleep_for(10ms);
                                   }) |
                   weir::drain();
        };
        auto a = ex.spawn(pipeline('a'));
        auto b = ex.spawn(pipeline('b'));
        ex.run_until_idle();
        CHECK(a.finished());
        CHECK(b.finished());
        CHECK(most == 2);
        CHECK(log.substr(0, 4) == "aabb");
        CHECK(log.size() == 8);
        CHECK(ex.elapsed() == 40ms);
        CHECK(limit.in_flight() == 0);
    }

    TEST_CASE("concurrency_limit: an undelivered result holds no permit, but a place of its operator") {
        virtual_executor ex;
        concurrency_limit limit{3};
        probe<int> source;
        std::vector<support::manual<int>> works(10);
        int made = 0;
        probe_sink sink{ex, source.stream() | weir::map_async(limit, [&](int i) {
                                ++made;
                                return works[static_cast<std::size_t>(i)].operation();
                            })};
        sink.request();
        for (int i = 0; i != 10; ++i) source.push(i);
        ex.run_ready();
        works[1].complete(1);
        works[2].complete(2);
        ex.run_ready();
        CHECK(made == 3);
        CHECK(limit.in_flight() == 1);
        works[0].complete(0);
        ex.run_ready();
        CHECK(made == 6);
        CHECK(limit.in_flight() == 3);
    }

    TEST_CASE("concurrency_limit: a dropped pipeline returns all its permits, also those that it waits for") {
        virtual_executor ex;
        concurrency_limit limit{2};
        auto held = ex.run(limit.acquire());
        probe_sink sink{ex, weir::iota(0) | weir::map_async(limit, [](int) { return weir::sleep_for(1h); })};
        sink.request();
        ex.run_ready();
        CHECK(limit.in_flight() == 2);
        CHECK(limit.queued() == 1);
        sink.drop();
        CHECK(limit.in_flight() == 1);
        CHECK(limit.queued() == 0);
        limit.set_limit(5); // nobody follows it any more
        ex.run_ready();
    }

    TEST_CASE("concurrency_limit: an operation may destroy its pipeline, whose destructors may set the limit") {
        virtual_executor ex;
        concurrency_limit limit{2};
        std::optional<weir::join_handle<weir::task<>>> handle;
        struct changes_it {
            explicit changes_it(concurrency_limit& l) : changed{&l} {}
            changes_it(changes_it&& other) noexcept : changed{std::exchange(other.changed, nullptr)} {}
            ~changes_it() {
                if (changed != nullptr) changed->set_limit(changed->limit() + 1);
            }
            concurrency_limit* changed;
        };
        const auto work_on = [&](int x) -> weir::task<int> {
            const changes_it at_end{limit};
            co_await weir::yield();
            if (x == 3) handle.reset();
            co_await weir::yield();
            co_return x;
        };
        const auto body = [&]() -> weir::task<> {
            co_await (weir::iota(0) | weir::map_async(limit, work_on) | weir::drain());
        };
        handle.emplace(ex.spawn(body()));
        ex.advance(10ms);
        CHECK_FALSE(handle);
        CHECK(limit.in_flight() == 0);
    }

    TEST_CASE("concurrency_limit keeps the contract of a stream") {
        for (const int n : {1, 2, 5}) {
            concurrency_limit limit{n};
            const std::size_t ahead = static_cast<std::size_t>(n);
            CHECK(weir::testing::check_contract(
                      [&] { return weir::map_async(limit, [](tracked x) { return support::one_turn{x}; }); },
                      {.prefetch = ahead}) == "");
            CHECK(weir::testing::check_contract(
                      [&] { return weir::map_async_unordered(limit, [](tracked x) { return support::one_turn{x}; }); },
                      {.prefetch = ahead}) == "");
            CHECK(limit.in_flight() == 0);
        }
    }

    TEST_CASE("concurrency_limit allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  concurrency_limit limit{3};
                  ex.run(weir::iota(0, n) |
                         weir::map_async_unordered(limit, [](int x) { return support::one_turn{x}; }) | weir::drain());
              }) == 0);
    }
}
