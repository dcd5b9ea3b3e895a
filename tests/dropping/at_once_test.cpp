// SPDX-License-Identifier: MIT
// What is dropped and is not on the stack is destroyed before the drop returns, also when the drop comes from within.

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <counted.hpp>
#include <weir/async_stream.hpp>
#include <weir/backend/endpoint.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/interop/with_stop.hpp>
#include <weir/io/tcp.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/inspect.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/on_error_resume.hpp>
#include <weir/operators/switch_map.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/take_until.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/resilience/hedge.hpp>
#include <weir/resilience/retry.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/first.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/once.hpp>
#include <weir/sync/event.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::counted;

namespace {

weir::task<> sleeps(weir::duration d, int& live) {
    const counted here{live};
    co_await weir::sleep_for(d);
}

weir::async_stream<int> ticks(int& live) {
    const counted here{live};
    for (int i = 0;; ++i) {
        co_yield i;
        co_await weir::sleep_for(1ms);
    }
}

weir::async_stream<int> ticks_and_fails(int& live) {
    const counted here{live};
    co_yield 0;
    co_await weir::sleep_for(1ms);
    throw std::runtime_error{"upstream"};
}

/// On any port, or on the same again; fails where another listens there.
weir::task<weir::tcp_listener> listens(weir::endpoint where = {"127.0.0.1", 0}) {
    co_return co_await weir::listen(where);
}

/// A pipeline that listens, as an operation of its own.
weir::task<> serves(weir::tcp_listener listener) {
    auto operation = weir::accept(std::move(listener)) | weir::for_each([](const weir::tcp_stream&) {});
    co_await operation;
}

} // namespace

TEST_SUITE("dropping/at_once") {
    TEST_CASE("a coroutine that drops a listening stream binds its port on the next line") {
        weir::executor ex;
        const auto program = []() -> weir::task<int> {
            auto listener = co_await listens();
            const weir::endpoint where = listener.local_endpoint();
            std::optional connections{weir::accept(std::move(listener))};
            auto race = weir::when_any(weir::next(*connections), weir::sleep_for(1ms));
            const auto first = co_await race;
            CHECK(first.index == 1);
            connections.reset();
            const auto again = co_await listens(where);
            co_return again.local_endpoint().port() == where.port() ? 1 : 0;
        };
        CHECK(ex.run(program()) == 1);
    }

    TEST_CASE("a coroutine that drops a spawned server binds its port on the next line") {
        weir::executor ex;
        const auto program = [&]() -> weir::task<int> {
            auto listener = co_await listens();
            const weir::endpoint where = listener.local_endpoint();
            {
                const auto server = ex.spawn(serves(std::move(listener)));
                co_await weir::sleep_for(1ms);
            }
            const auto again = co_await listens(where);
            co_return again.local_endpoint().port() == where.port() ? 1 : 0;
        };
        CHECK(ex.run(program()) == 1);
    }

    TEST_CASE("a coroutine below a driver that drops a server binds its port on the next line") {
        weir::executor ex;
        int bound = 0;
        const auto program = [&]() -> weir::task<> {
            auto listener = co_await listens();
            const weir::endpoint where = listener.local_endpoint();
            weir::task_group servers;
            servers.spawn(serves(std::move(listener)));
            co_await weir::sleep_for(1ms);
            const auto restarts = [&](int) -> weir::task<int> {
                servers.cancel();
                const auto again = co_await listens(where);
                ++bound;
                co_return 1;
            };
            auto pipeline = weir::iota(0, 1) | weir::map_async(2, restarts) | weir::buffer(2) | weir::drain();
            auto timed = weir::with_timeout(10s, std::move(pipeline));
            co_await timed;
        };
        ex.run(program());
        CHECK(bound == 1);
    }

    TEST_CASE("the port of a loser of when_any or of a timed-out operation can be bound on the next line") {
        weir::executor ex;
        const auto program = []() -> weir::task<int> {
            auto listener = co_await listens();
            const weir::endpoint where = listener.local_endpoint();
            auto race = weir::when_any(serves(std::move(listener)), weir::sleep_for(1ms));
            co_await race;
            auto second = co_await listens(where);
            auto timed = weir::with_timeout(1ms, serves(std::move(second)));
            try {
                co_await timed;
            } catch (const weir::timed_out&) {}
            const auto third = co_await listens(where);
            co_return third.local_endpoint().port() == where.port() ? 1 : 0;
        };
        CHECK(ex.run(program()) == 1);
    }

    TEST_CASE("switch_map drops the old stream before it calls its function") {
        weir::testing::virtual_executor ex;
        int live = 0;
        int made = 0;
        const auto make = [&](int) {
            CHECK(live == 0);
            ++made;
            return ticks(live);
        };
        SUBCASE("while it waits") {
            ex.run(weir::interval(10ms) | weir::map([](auto n) { return static_cast<int>(n); }) | weir::take(5) |
                   weir::switch_map(make) | weir::take(40) | weir::drain());
        }
        SUBCASE("before it was asked") {
            ex.run(weir::iota(0, 5) | weir::switch_map(make) | weir::take(3) | weir::drain());
        }
        SUBCASE("in the turn in which it has an item") {
            ex.run(weir::interval(1ms) | weir::map([](auto n) { return static_cast<int>(n); }) | weir::take(5) |
                   weir::switch_map(make) | weir::take(9) | weir::drain());
        }
        CHECK(made > 2);
        CHECK(live == 0);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("the losers of when_any are destroyed before its result is delivered") {
        weir::testing::virtual_executor ex;
        int live = 0;
        const auto program = [&]() -> weir::task<> {
            auto race = weir::when_any(sleeps(1h, live), weir::sleep_for(1ms), ticks(live) | weir::drain(),
                                       weir::with_timeout(1h, sleeps(1h, live)));
            const auto first = co_await race;
            CHECK(first.index == 1);
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
        };
        ex.run(program());
    }

    TEST_CASE("the other operations of when_all are destroyed before its error is delivered") {
        weir::testing::virtual_executor ex;
        int live = 0;
        const auto program = [&]() -> weir::task<> {
            auto all = weir::when_all(sleeps(1h, live), ticks_and_fails(live) | weir::drain());
            try {
                co_await all;
                FAIL("it has failed");
            } catch (const std::runtime_error&) {}
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
        };
        ex.run(program());
    }

    TEST_CASE("a full buffer that is dropped destroys its items and its upstream") {
        weir::testing::virtual_executor ex;
        int live = 0;
        int items = 0;
        const auto program = [&]() -> weir::task<> {
            auto one = [&](int) { return std::make_unique<counted>(items); };
            std::optional buffered{ticks(live) | weir::map(one) | weir::buffer(4)};
            static_cast<void>(co_await weir::next(*buffered));
            co_await weir::sleep_for(100ms);
            CHECK(items == 4);
            buffered.reset();
            CHECK(items == 0);
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
        };
        ex.run(program());
    }

    TEST_CASE("a drained buffer drops its upstream before the consumer sees the end") {
        weir::testing::virtual_executor ex;
        int live = 0;
        const auto program = [&]() -> weir::task<> {
            weir::async_stream<int> buffered = ticks(live) | weir::take(6) | weir::buffer(4);
            int n = 0;
            while (co_await weir::next(buffered)) {
                ++n;
                co_await weir::sleep_for(3ms);
            }
            CHECK(n == 6);
            CHECK(live == 0);
        };
        ex.run(program());
    }

    TEST_CASE("a task that cancels its group has destroyed the others when cancel returns") {
        weir::testing::virtual_executor ex;
        int live = 0;
        bool cancelled = false;
        weir::task_group group{ex};
        const auto cancels = [&]() -> weir::task<> {
            co_await weir::sleep_for(1ms);
            CHECK(live == 3);
            group.cancel();
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
            cancelled = true;
            co_await weir::yield();
            FAIL("it goes on");
        };
        group.spawn(sleeps(1h, live));
        group.spawn(cancels());
        group.spawn(ticks(live) | weir::drain());
        group.spawn(weir::with_timeout(1h, sleeps(1h, live)));
        ex.run(group.join());
        CHECK(cancelled);
    }

    TEST_CASE("a callable that drops a sibling pipeline has destroyed it when the drop returns") {
        weir::testing::virtual_executor ex;
        int live = 0;
        int dropped = 0;
        std::optional sibling{ex.spawn(sleeps(1h, live))};
        const auto drops = [&](int) {
            if (!sibling) return;
            CHECK(live == 1);
            sibling.reset();
            CHECK(live == 0);
            ++dropped;
        };
        ex.run(
            weir::when_any(ticks(dropped) | weir::take(3) | weir::inspect(drops) | weir::drain(), weir::sleep_for(1h)));
        CHECK_FALSE(sibling);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("a destructor that drops another operation has destroyed it when the drop returns") {
        // Of a local, below a group that is cancelled from within.
        weir::testing::virtual_executor ex;
        int live = 0;
        std::optional other{ex.spawn(sleeps(1h, live))};
        class drops_at_exit {
        public:
            drops_at_exit(std::optional<weir::join_handle<weir::task<>>>& other, int& live)
                : other_{other}, live_{live} {}
            drops_at_exit(const drops_at_exit&) = delete;
            drops_at_exit& operator=(const drops_at_exit&) = delete;
            ~drops_at_exit() {
                other_.reset();
                CHECK(live_ == 0);
            }

        private:
            std::optional<weir::join_handle<weir::task<>>>& other_;
            int& live_;
        };
        weir::task_group group{ex};
        const auto waits = [&]() -> weir::task<> {
            const drops_at_exit guard{other, live};
            co_await weir::sleep_for(1h);
        };
        const auto cancels = [&]() -> weir::task<> {
            co_await weir::sleep_for(1ms);
            group.cancel();
            CHECK_FALSE(other);
        };
        group.spawn(waits());
        group.spawn(cancels());
        ex.advance(2ms);
        CHECK_FALSE(other);
        CHECK(live == 0);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("the destructor of a group's task may use objects of the scope around the group") {
        // The member is dropped from within by its sibling, with the scope that owns the group, and all of it.
        weir::testing::virtual_executor ex;
        std::string seen;
        std::optional<weir::join_handle<weir::task<>>> owner;
        class notes_at_exit {
        public:
            explicit notes_at_exit(std::string& older) : older_{older} {}
            notes_at_exit(const notes_at_exit&) = delete;
            notes_at_exit& operator=(const notes_at_exit&) = delete;
            ~notes_at_exit() { older_ += 'm'; }

        private:
            std::string& older_;
        };
        class tells_at_exit {
        public:
            explicit tells_at_exit(std::string& seen) : seen_{seen} {}
            tells_at_exit(const tells_at_exit&) = delete;
            tells_at_exit& operator=(const tells_at_exit&) = delete;
            ~tells_at_exit() { seen_ = text; }

            std::string text = std::string(40, '-');

        private:
            std::string& seen_;
        };
        const auto member = [](std::string& older) -> weir::task<> {
            const notes_at_exit guard{older};
            co_await weir::sleep_for(1h);
        };
        const auto drops_owner = [&]() -> weir::task<> {
            co_await weir::sleep_for(1ms);
            owner.reset();
            co_await weir::yield();
            FAIL("it goes on");
        };
        const auto owns = [&]() -> weir::task<> {
            tells_at_exit older{seen};
            weir::task_group group;
            group.spawn(member(older.text));
            group.spawn(drops_owner());
            group.spawn(member(older.text));
            co_await group.join();
        };
        owner.emplace(ex.spawn(owns()));
        ex.advance(2ms);
        CHECK(seen == std::string(40, '-') + "mm");
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("a pipeline that was dropped from within is not woken any more") {
        weir::testing::virtual_executor ex;
        int ran = 0;
        weir::event happened;
        std::optional<weir::join_handle<weir::task<>>> root;
        const auto waits = [&]() -> weir::task<> {
            co_await happened.wait();
            ++ran;
        };
        const auto sleeps_as_long = [&]() -> weir::task<> {
            co_await weir::sleep_for(1ms);
            ++ran;
        };
        const auto is_ready = [&]() -> weir::task<> {
            co_await weir::sleep_for(500us);
            co_await weir::sleep_for(500us);
            co_await weir::yield();
            ++ran;
        };
        const auto program = [&](bool in_group) -> weir::task<> {
            const auto drops = [&](int) {
                root.reset();
                happened.set();
            };
            const auto culprit = [&]() -> weir::task<> {
                co_await weir::sleep_for(1ms);
                co_await (weir::iota(0, 10) | weir::for_each(drops));
                ++ran;
            };
            if (in_group) {
                weir::task_group group;
                group.spawn(waits());
                group.spawn(culprit());
                group.spawn(sleeps_as_long());
                group.spawn(is_ready());
                co_await group.join();
            } else {
                auto all = weir::when_all(waits(), culprit(), sleeps_as_long(), is_ready());
                co_await all;
            }
            ++ran;
        };
        SUBCASE("in when_all") { root.emplace(ex.spawn(program(false))); }
        SUBCASE("in a group") { root.emplace(ex.spawn(program(true))); }
        ex.advance(1ms);
        CHECK_FALSE(root);
        CHECK(ex.stats().timers_armed == 0);
        ex.advance(10ms);
        CHECK(ran == 0);
    }

    TEST_CASE("the I/O of a pipeline that was dropped from within is over when it has left the stack") {
        weir::executor ex;
        std::optional<weir::join_handle<weir::task<>>> root;
        auto listener = ex.run(listens());
        const weir::endpoint where = listener.local_endpoint();
        const auto program = [&](weir::tcp_listener here) -> weir::task<> {
            const auto drops = [&, calls = 0](auto) mutable {
                if (++calls == 3) root.reset();
            };
            auto all = weir::when_all(serves(std::move(here)), weir::interval(1ms) | weir::for_each(drops));
            co_await all;
        };
        root.emplace(ex.spawn(program(std::move(listener))));
        for (int turns = 0; root && turns != 10'000; ++turns) ex.turn(ex.now() + 1ms);
        CHECK_FALSE(root);
        CHECK(ex.io().in_flight() == 0);
        CHECK(ex.stats().timers_armed == 0);
        CHECK(ex.run(listens(where)).local_endpoint().port() == where.port());
    }

    TEST_CASE("a callable that requests a stop of its pipeline's token ends the pipeline") {
        int calls = 0;
        int live = 0;
        std::stop_source source;
        const auto stops = [&](auto) {
            if (++calls == 3) source.request_stop();
        };
        CHECK_THROWS_AS(weir::run(weir::when_all(weir::interval(1ms) | weir::for_each(stops), sleeps(1h, live)),
                                  source.get_token()),
                        weir::stopped);
        CHECK(calls == 3);
        CHECK(live == 0);
    }

    TEST_CASE("take_until drops its upstream before the consumer sees the end, with any signal") {
        weir::testing::virtual_executor ex;
        int live = 0;
        const auto program = [&](weir::async_stream<int> stream) -> weir::task<> {
            while (co_await weir::next(stream)) {}
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
        };
        ex.run(program(ticks(live) | weir::take_until(weir::sleep_for(3ms))));
        ex.run(program(ticks(live) | weir::take_until(sleeps(3ms, live))));
        ex.run(program(ticks(live) | weir::take_until(ticks(live))));
        ex.run(program(ticks(live) | weir::take(3) | weir::take_until(sleeps(1h, live))));
    }

    TEST_CASE("timeout drops its upstream before it starts the fallback or delivers its error") {
        weir::testing::virtual_executor ex;
        int live = 0;
        const auto waits = [&] { return weir::once(sleeps(1h, live)) | weir::map([](weir::unit) { return 0; }); };
        const auto other = [&] {
            CHECK(live == 0);
            return weir::just(1);
        };
        CHECK(ex.run(waits() | weir::timeout(1ms, other) | weir::first()) == 1);
        const auto program = [&]() -> weir::task<> {
            weir::async_stream<int> stream = waits() | weir::timeout(1ms);
            try {
                static_cast<void>(co_await weir::next(stream));
                FAIL("it has timed out");
            } catch (const weir::timed_out&) {}
            CHECK(live == 0);
        };
        ex.run(program());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("a failed stream or operation is destroyed before its replacement is created") {
        weir::testing::virtual_executor ex;
        int live = 0;
        SUBCASE("by on_error_resume") {
            const auto other = [&](std::exception_ptr) {
                CHECK(live == 0);
                return weir::just(7);
            };
            ex.run(ticks_and_fails(live) | weir::on_error_resume(other) | weir::drain());
        }
        SUBCASE("by retry of a stream") {
            int attempts = 0;
            const auto another = [&] {
                CHECK(live == 0);
                ++attempts;
                return ticks_and_fails(live);
            };
            CHECK_THROWS_AS(ex.run(weir::retry(another, {.attempts = 1, .delay = 1ms}) | weir::drain()),
                            std::runtime_error);
            CHECK(attempts == 1);
        }
        SUBCASE("by retry of an operation") {
            int attempts = 0;
            const auto another = [&] {
                CHECK(live == 0);
                ++attempts;
                return ticks_and_fails(live) | weir::drain();
            };
            CHECK_THROWS_AS(ex.run(weir::retry(another, {.attempts = 3, .delay = 1ms})), std::runtime_error);
            CHECK(attempts == 3);
        }
        CHECK(live == 0);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("the losers of hedge are destroyed before its result is delivered") {
        weir::testing::virtual_executor ex;
        int live = 0;
        int attempts = 0;
        const auto program = [&]() -> weir::task<> {
            const auto attempt = [&]() -> weir::task<> { return sleeps(++attempts == 2 ? 1ms : 1h, live); };
            auto operation = weir::hedge(attempt, 1ms, {.max = 3});
            co_await operation;
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
        };
        ex.run(program());
    }

    TEST_CASE("concat destroys a stream before it polls the next one") {
        weir::testing::virtual_executor ex;
        int live = 0;
        const auto checks = [&]() -> weir::async_stream<int> {
            CHECK(live == 0);
            co_yield 1;
        };
        ex.run(weir::concat(ticks(live) | weir::take(2), checks()) | weir::drain());
    }

    TEST_CASE("flat_map drops all streams before it delivers the error of one") {
        weir::testing::virtual_executor ex;
        int live = 0;
        const auto program = [&]() -> weir::task<> {
            const auto inner = [&](int n) { return n == 2 ? ticks_and_fails(live) : ticks(live); };
            weir::async_stream<int> stream = ticks(live) | weir::flat_map(4, inner);
            try {
                while (co_await weir::next(stream)) {}
            } catch (const std::runtime_error&) {}
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
        };
        ex.run(program());
    }
}
