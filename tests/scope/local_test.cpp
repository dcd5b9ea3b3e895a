// SPDX-License-Identifier: MIT
#include <weir/scope/local.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <self_drop.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/observe/dump.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_blocking.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/publish_on.hpp>
#include <weir/operators/subscribe_on.hpp>
#include <weir/scope/async_finally.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/iota.hpp>
#include <weir/sync/event.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>
#include <weir/threads/offload.hpp>
#include <weir/threads/runtime.hpp>
#include <weir/threads/spawn_on.hpp>
#include <weir/threads/thread_pool.hpp>

namespace {

using namespace std::chrono_literals;
using weir::with_local;
using weir::testing::virtual_executor;

constinit weir::local<std::string> request{"request"};
constinit weir::local<int> attempt{"attempt"};
constinit weir::local<std::shared_ptr<int>> resource{"resource"};

/// Counts its objects.
class counted {
public:
    counted() noexcept { begin(); }
    counted(const counted&) noexcept { begin(); }
    ~counted() { --alive; }

    static inline int alive = 0;
    static inline int most = 0;

private:
    static void begin() noexcept { most = std::max(most, ++alive); }
};

constinit weir::local<counted> counts{"counts"};

std::string here() { return request.value_or("none"); }

/// Reads the local at once, and after each of two suspensions.
weir::task<std::string> reads() {
    const std::string first = here();
    co_await weir::yield();
    const std::string second = here();
    co_await weir::sleep_for(1ms);
    co_return first == second&& second == here() ? second : "not the same";
}

weir::async_stream<std::string> ticks(int count) {
    for (int i = 0; i != count; ++i) {
        co_await weir::sleep_for(1ms);
        co_yield here();
    }
}

} // namespace

TEST_SUITE("scope/local") {
    TEST_CASE("a local has a value inside of with_local and none outside") {
        virtual_executor ex;
        CHECK(here() == "none");
        const auto program = []() -> weir::task<> {
            CHECK(co_await reads() == "none");
            CHECK(co_await with_local(request, "a", reads()) == "a");
            CHECK(here() == "none");
            CHECK(co_await with_local(request, "a", with_local(request, "b", reads())) == "b");
            CHECK(co_await with_local(request, "a", [] { return reads(); }) == "a");
            auto nested = with_local(attempt, 2, []() -> weir::task<int> {
                auto inner = with_local(attempt, 3, reads());
                const std::string r = co_await inner;
                co_return r == "a" ? attempt.value_or(0) : -1;
            });
            auto outer = with_local(request, "a", std::move(nested));
            CHECK(co_await outer == 2);
            CHECK_FALSE(attempt.get().has_value());
        };
        ex.run(program());
        CHECK(ex.run(with_local(request, "run", reads())) == "run");
    }

    TEST_CASE("requests that run concurrently have their own values") {
        virtual_executor ex;
        const auto handles = [](int i) -> weir::task<> {
            const std::string name = std::to_string(i);
            for (int n = 0; n != 3; ++n) {
                CHECK(here() == name);
                co_await weir::sleep_for((i % 3 + 1) * 1ms);
            }
            CHECK(here() == name);
        };
        // Far more scopes, one after the other, than there are records.
        const auto serves = [&](int i) { return with_local(request, std::to_string(i), handles(i)); };
        ex.run(weir::iota(0, 3000) | weir::map_async(7, serves) |
               weir::for_each([](weir::unit) { CHECK(here() == "none"); }));
    }

    TEST_CASE("a value that another one hides from all code is destroyed") {
        virtual_executor ex;
        // Each task spawns the next under new values of two locals, the third keeps its value.
        int lost = 0;
        const auto spawns_next = [&](const auto& self, int left) -> weir::task<> {
            if (here() != "kept") ++lost;
            if (left == 0) co_return;
            auto next = with_local(attempt, left, [&self, left] { return self(self, left - 1); });
            ex.spawn(with_local(counts, counted{}, std::move(next))).detach();
        };
        ex.run(with_local(request, "kept", with_local(counts, counted{}, spawns_next(spawns_next, 200'000))));
        while (!ex.idle()) ex.turn(ex.now());
        CHECK(lost == 0);
        CHECK(counted::most < 20);
        CHECK(counted::alive == 0);
    }

    TEST_CASE("a hidden value lives as long as code that sees it") {
        virtual_executor ex;
        const auto reads_after = [](int seen) -> weir::task<std::string> {
            co_await weir::sleep_for(1ms);
            co_return here() + std::to_string(attempt.value_or(0)) + (seen == attempt.value_or(0) ? "" : "?");
        };
        const auto program = [&]() -> weir::task<std::string> {
            auto inner = ex.spawn(with_local(request, "in", with_local(attempt, 2, reads_after(2))));
            const std::string mine = co_await reads_after(1);
            co_return mine + co_await std::move(inner);
        };
        CHECK(ex.run(with_local(attempt, 1, with_local(request, "out", program()))) == "out1in2");
        const auto shows = []() -> weir::task<std::string> {
            co_return weir::detail::text_of(weir::detail::locals_here());
        };
        auto hides = with_local(request, "d", with_local(attempt, 5, shows()));
        CHECK(ex.run(with_local(attempt, 3, with_local(request, "c", std::move(hides)))) == "attempt = 5, request = d");
        CHECK(ex.run(with_local(request, "a\n#9 run\x1b[2J", shows())) == "request = a\\n#9 run\\x1b[2J");
        auto hides_first = with_local(attempt, 4, shows());
        CHECK(ex.run(with_local(attempt, 3, with_local(request, "c", std::move(hides_first)))) ==
              "attempt = 4, request = c");
    }

    TEST_CASE("stages of a pipeline have the value of the code that runs it") {
        virtual_executor ex;
        std::vector<std::string> seen;
        const auto body = [&]() -> weir::task<> {
            const auto asks = [](std::string before) -> weir::task<std::string> {
                co_await weir::sleep_for(1ms);
                co_return before + here();
            };
            auto pipeline = weir::merge(ticks(3), ticks(3)) | weir::buffer(2) |
                            weir::map([](std::string s) { return s + here(); }) | weir::map_async(2, asks) |
                            weir::for_each([&](std::string s) { seen.push_back(s + here()); });
            co_await pipeline;
        };
        ex.run(with_local(request, "p", body()));
        CHECK(seen == std::vector<std::string>(6, "pppp"));
    }

    TEST_CASE("spawned operations, groups, cleanups, time limits and branches inherit the value") {
        virtual_executor ex;
        std::vector<std::string> seen;
        const auto notes = [&]() -> weir::task<> { seen.push_back(co_await reads()); };
        std::optional<weir::join_handle<weir::task<>>> outlives;
        const auto child = [&]() -> weir::task<> {
            ex.spawn(notes()).detach();
            co_return;
        };
        const auto body = [&]() -> weir::task<> {
            outlives.emplace(ex.spawn(notes()));
            ex.spawn(weir::iota(0, 1) | weir::map_async(1, [&](int) { return reads(); }) |
                     weir::for_each([&](std::string s) { seen.push_back(std::move(s)); }))
                .detach();
            weir::task_group group;
            group.spawn(notes());
            co_await group.join();
            CHECK(seen.size() == 3);
            co_await weir::with_group([&](weir::task_group& inner) -> weir::task<> {
                inner.spawn([&] { return notes(); });
                co_await notes();
            });
            auto both = weir::when_all(notes(), weir::with_timeout(1s, notes()));
            co_await both;
            {
                const weir::async_finally cleanup{1s, [&] { return notes(); }};
            }
            // A grandchild, which starts when the child has ended.
            ex.spawn(child()).detach();
        };
        ex.run(with_local(request, "s", body()));
        ex.advance(10ms);
        CHECK(seen == std::vector<std::string>(9, "s"));
        ex.run(notes());
        CHECK(seen.back() == "none");
    }

    TEST_CASE("a member of a group has the value of the place where the group was created") {
        virtual_executor ex;
        weir::task_group group{ex};
        const auto checks = []() -> weir::task<> { CHECK(co_await reads() == "none"); };
        const auto body = [&]() -> weir::task<> {
            group.spawn(checks());
            co_return;
        };
        ex.run(with_local(request, "inner", body()));
        ex.run(group.join());
    }

    TEST_CASE("a stream that is kept outside does not find the value of another request") {
        virtual_executor ex;
        auto outside = ticks(100) | weir::buffer(4);
        const auto body = [&]() -> weir::task<> {
            static_cast<void>(co_await weir::next(outside));
            co_return;
        };
        ex.run(with_local(request, "first", body()));
        const auto other = []() -> weir::task<> { co_await weir::sleep_for(1ms); };
        for (int i = 0; i != 20; ++i) ex.run(with_local(request, "other", other()));
        const auto drains = [&]() -> weir::task<> {
            for (int i = 0; i != 4; ++i) CHECK((co_await weir::next(outside)).value() != "other");
        };
        ex.run(drains());
    }

    TEST_CASE("a stream may drop its owner after the with_local in which it was polled") {
        virtual_executor ex;
        std::optional<weir::join_handle<weir::task<>>> owner;
        int calls = 0;
        const auto drops = [&](std::string item) {
            if (++calls == 2) owner.reset();
            return item;
        };
        const auto owns = [&]() -> weir::task<> {
            auto stream = ticks(10) | weir::map(drops) | weir::buffer(4);
            co_await with_local(request, "first", [&] { return weir::next(stream); });
            co_await weir::sleep_for(1s);
        };
        owner.emplace(ex.spawn(owns()));
        ex.advance(100ms);
        CHECK(calls == 2);
    }

    TEST_CASE("an error leaves with_local, and values are destroyed at the end of the last code that has them") {
        virtual_executor ex;
        const auto value = std::make_shared<int>(1);
        const auto fails = []() -> weir::task<> {
            co_await weir::sleep_for(1ms);
            throw std::runtime_error{"failed"};
        };
        CHECK_THROWS_AS(ex.run(with_local(resource, value, fails())), std::runtime_error);
        CHECK(value.use_count() == 1);
        const auto waits = []() -> weir::task<> { co_await weir::sleep_for(5ms); };
        const auto starts = [&]() -> weir::task<> {
            ex.spawn(waits()).detach();
            co_return;
        };
        ex.run(with_local(resource, value, starts()));
        CHECK(value.use_count() == 2);
        ex.advance(5ms);
        CHECK(value.use_count() == 1);
        // dropped while it waits, and before it has started
        std::optional handle{ex.spawn(with_local(resource, value, waits()))};
        ex.run_ready();
        CHECK(value.use_count() == 2);
        handle.reset();
        CHECK(value.use_count() == 1);
        static_cast<void>(ex.spawn(with_local(resource, value, waits())));
        CHECK(value.use_count() == 1);
    }

    TEST_CASE("an operation in with_local may drop the operation around it") {
        support::operation_drops_itself([](weir::task<> t) { return with_local(request, "x", std::move(t)); });
        support::operation_drops_itself(
            [](weir::task<> t) { return with_local(request, "x", with_local(request, "y", std::move(t))); });
        support::operation_drops_itself([](weir::task<> t) {
            const auto within = [](weir::task<> inner) -> weir::task<> {
                auto scope = with_local(request, "x", std::move(inner));
                co_await scope;
                FAIL("the operation went on after it was dropped");
            };
            return within(std::move(t));
        });
    }

    TEST_CASE("an operation that another root polls belongs to that root") {
        virtual_executor ex;
        weir::event go;
        const auto waits = [&]() -> weir::task<std::string> {
            co_await go.wait();
            co_return here();
        };
        auto operation = with_local(request, "moved", waits());
        const auto polls = [&]() -> weir::task<std::string> { co_return co_await operation; };
        std::optional first{ex.spawn(polls())};
        ex.run_ready();
        first.reset();
        std::optional<weir::join_handle<weir::task<>>> second;
        bool dropped = false;
        const auto drops = [&]() -> weir::task<> {
            const std::string got = co_await operation;
            CHECK(got == "moved");
            second.reset();
            dropped = true;
        };
        second.emplace(ex.spawn(drops()));
        ex.run_ready();
        go.set();
        ex.run_ready();
        CHECK(dropped);
    }

    TEST_CASE("other threads inherit the value") {
        weir::executor ex;
        weir::runtime rt{2};
        weir::thread_pool pool{2};
        const auto body = [&]() -> weir::task<> {
            CHECK(co_await rt.spawn_on(0, [] { return reads(); }) == "t");
            const auto twice = [&] { return weir::spawn_on(rt.at(1), [] { return reads(); }); };
            CHECK(co_await rt.spawn_on(0, twice) == "t");
            CHECK(co_await weir::offload(pool, &here) == "t");
            const auto in_pool = [](int) { return here(); };
            const auto checks = [](std::string s) { CHECK(s == "t"); };
            auto blocking = weir::iota(0, 10) | weir::map_blocking(2, pool, in_pool) | weir::for_each(checks);
            co_await blocking;
            auto hops = weir::iota(0, 10) | weir::map(in_pool) | weir::subscribe_on(rt.at(0)) | weir::for_each(checks);
            co_await hops;
            std::optional<std::string> called;
            std::thread other{[f = weir::with_current_locals([&] { called = here(); })]() mutable { f(); }};
            other.join();
            CHECK(called == "t");
        };
        ex.run(with_local(request, "t", body()));
        CHECK(ex.run(weir::offload(pool, &here)) == "none");
        CHECK(rt.spawn_on(0, [] { return reads(); }).get() == "none");
    }

    TEST_CASE("a callback has the values of the place where it was wrapped, and so has what it spawns") {
        virtual_executor ex;
        std::vector<std::string> seen;
        const auto notes = [&]() -> weir::task<> { seen.push_back(co_await reads()); };
        const auto wraps = [&]() -> weir::task<> {
            ex.post(weir::with_current_locals([&] {
                seen.push_back(here());
                ex.spawn(notes()).detach();
            }));
            co_return;
        };
        ex.run(with_local(request, "c", wraps()));
        ex.advance(5ms);
        CHECK(seen == std::vector<std::string>{"c", "c"});
        CHECK(here() == "none");
    }

    TEST_CASE("a callback that was wrapped outside of with_local hides the values of its caller") {
        virtual_executor ex;
        const auto notes = []() -> weir::task<> { CHECK(co_await reads() == "none"); };
        auto callback = weir::with_current_locals([&] {
            CHECK(here() == "none");
            ex.spawn(notes()).detach();
        });
        const auto calls = [&]() -> weir::task<> {
            callback();
            CHECK(here() == "caller");
            co_return;
        };
        ex.run(with_local(request, "caller", calls()));
        ex.advance(5ms);
    }

    TEST_CASE("a wrapped callback takes the arguments of its function and no others") {
        using wrapped = decltype(weir::with_current_locals([count = 0](int& n) mutable { n = ++count; }));
        CHECK(std::is_invocable_v<wrapped&, int&>);
        CHECK_FALSE(std::is_invocable_v<wrapped&, std::string>);
        CHECK_FALSE(std::is_invocable_v<const wrapped&, int&>);
    }

    TEST_CASE("an executor that a function runs inherits the function's values, and with_local sets others") {
        weir::thread_pool pool{1};
        const auto runs = [] {
            weir::executor inner;
            CHECK(inner.run(reads()) == "outer");
            const auto nested = []() -> weir::task<> {
                CHECK(attempt.value_or(0) == 2);
                CHECK(co_await reads() == "outer");
                CHECK(co_await with_local(request, "inner", reads()) == "inner");
            };
            inner.run(with_local(attempt, 2, nested()));
        };
        weir::executor outer;
        outer.run(with_local(request, "outer", weir::offload(pool, runs)));
    }

    TEST_CASE("a dump shows the values of operations and of their parts") {
        virtual_executor ex;
        const auto waits = []() -> weir::task<> { co_await weir::sleep_for(1h); };
        const auto starts = [&]() -> weir::task<> {
            ex.spawn(waits()).detach();
            auto inner = with_local(attempt, 3, waits());
            co_await inner;
        };
        const auto handle = ex.spawn(with_local(request, "r-17", with_local(attempt, 2, starts())));
        ex.run_ready();
        const std::string text = weir::dump(ex);
        CAPTURE(text);
        CHECK(text.find("with_local: attempt = 3, request = r-17") != std::string::npos);
        CHECK(text.find(", with attempt = 2, request = r-17\n") != std::string::npos);
    }
}
