// SPDX-License-Identifier: MIT
#include <weir/observe/dump.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include <doctest/doctest.h>
#include <unistd.h>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/tcp.hpp>
#include <weir/observe/meter.hpp>
#include <weir/operators/also_to.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/expand.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_keyed.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/partition.hpp>
#include <weir/operators/window.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/never.hpp>
#include <weir/source/signals.hpp>
#include <weir/sync/broadcast.hpp>
#include <weir/sync/channel.hpp>
#include <weir/sync/condition.hpp>
#include <weir/sync/event.hpp>
#include <weir/sync/mutex.hpp>
#include <weir/sync/oneshot.hpp>
#include <weir/sync/semaphore.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace {

using namespace std::chrono_literals;
using source_t = weir::async_stream<int>;
using work_t = std::function<weir::task<int>(int)>;

source_t numbers(int count) {
    for (int i = 0; i != count; ++i) co_yield i;
}
weir::task<int> at_once(int i) { co_return i; }

/// Five stages between a source and its consumer.
weir::task<> pipeline(source_t source, work_t work) {
    co_await (std::move(source) | weir::map([](int i) { return i + 1; }) | weir::filter([](int i) { return i > 0; }) |
              weir::buffer(2) | weir::map_async(2, std::move(work)) | weir::for_each([](int) {}));
}

/// What a stuck program could wait for.
struct world {
    weir::event never;
    weir::mutex<int> lock;
    weir::semaphore permits{1};
    weir::condition changed;
    weir::channel_ends<int> ends = weir::channel<int>(4);

    weir::task<int> wait() {
        co_await never.wait();
        co_return 0;
    }
    weir::task<> hold_everything() {
        const auto held = co_await lock.lock();
        const auto permit = co_await permits.acquire();
        co_await never.wait();
    }
};

/// Plants a cause, and returns the dump of what then is stuck.
template <class Plant>
std::string stuck(Plant plant) {
    weir::testing::virtual_executor ex;
    world w;
    auto held = plant(ex, w);
    ex.advance(10ms);
    return weir::dump(ex);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void check_has(const std::string& text, std::initializer_list<const char*> parts) {
    for (const std::string part : parts) {
        CAPTURE(part);
        CHECK(has(text, part));
    }
}

} // namespace

TEST_SUITE("observe/dump") {
    TEST_CASE("dump names the cause of a pipeline of five stages that is stuck") {
        const auto spawned = [](auto& ex, source_t source, work_t work) {
            return ex.spawn(pipeline(std::move(source), std::move(work)));
        };

        SUBCASE("a consumer that never asks") {
            const std::string text = stuck([&](auto& ex, world& w) {
                const work_t send = [&](int i) -> weir::task<int> { co_return co_await w.ends.sender.send(i); };
                return spawned(ex, numbers(100), send);
            });
            INFO(text);
            CHECK(has(text, "map_async: 2 of at most 2 operations are in flight"));
            CHECK(has(text, "awaits send\n"));
            CHECK(has(text, "channel A: full: 4 of 4 items are held; the receiver does not ask for an item"));
        }
        SUBCASE("an empty channel") {
            const std::string text =
                stuck([&](auto& ex, world& w) { return spawned(ex, std::move(w.ends.receiver), at_once); });
            INFO(text);
            CHECK(has(text, "map_async: 0 of at most 2 operations are in flight"));
            CHECK(has(text, "buffer: has no item for its consumer, and has asked upstream"));
            CHECK(has(text, "channel A: 0 of 4 items are held; the receiver asks, and none of 1 senders sends"));
        }
        SUBCASE("a timer that is far away") {
            const std::string text = stuck([&](auto& ex, world&) {
                return spawned(ex, weir::interval(1h) | weir::map([](auto) { return 1; }), at_once);
            });
            INFO(text);
            CHECK(has(text, "a timer that is due in 60 min"));
        }
        SUBCASE("a child that never ends") {
            const std::string text = stuck([&](auto& ex, world& w) {
                auto child = std::make_shared<weir::join_handle<weir::task<int>>>(ex.spawn(w.wait()));
                return spawned(ex, numbers(1),
                               [child](int) -> weir::task<int> { co_return co_await std::move(*child); });
            });
            INFO(text);
            CHECK(has(text, "awaits join_handle\n"));
            CHECK(has(text, "the end of #1\n"));
            CHECK(has(text, "event A: not set"));
        }
        SUBCASE("a generator that waits") {
            const auto waits = [](world& w) -> source_t {
                co_yield 1;
                co_yield co_await w.wait();
            };
            const std::string text = stuck([&](auto& ex, world& w) { return spawned(ex, waits(w), at_once); });
            INFO(text);
            CHECK(has(text, "wait at "));
            CHECK(has(text, "dump_test.cpp:"));
            CHECK(has(text, "event A: not set"));
        }
        SUBCASE("a mutex that is held") {
            const std::string text = stuck([&](auto& ex, world& w) {
                auto holder = ex.spawn(w.hold_everything());
                const work_t work = [&](int) -> weir::task<int> { co_return *co_await w.lock.lock(); };
                return std::pair{std::move(holder), spawned(ex, numbers(1), work)};
            });
            INFO(text);
            CHECK(has(text, "awaits lock\n"));
            CHECK(has(text, "mutex B: taken"));
        }
        SUBCASE("a semaphore without permits") {
            const std::string text = stuck([&](auto& ex, world& w) {
                auto holder = ex.spawn(w.hold_everything());
                const work_t work = [&](int i) -> weir::task<int> {
                    const auto permit = co_await w.permits.acquire();
                    co_return i;
                };
                return std::pair{std::move(holder), spawned(ex, numbers(1), work)};
            });
            INFO(text);
            CHECK(has(text, "semaphore B: taken"));
        }
        SUBCASE("a condition that nobody notifies") {
            const std::string text = stuck([&](auto& ex, world& w) {
                return spawned(ex, numbers(1), [&](int i) -> weir::task<int> {
                    auto guard = co_await w.lock.lock();
                    co_await w.changed.wait(guard);
                    co_return i;
                });
            });
            INFO(text);
            CHECK(has(text, "condition A: not notified"));
        }
        SUBCASE("a subscriber that takes nothing") {
            const std::string text = stuck([&](auto& ex, world&) {
                auto topic = std::make_shared<weir::broadcast<int>>();
                auto idle = std::make_shared<std::optional<weir::subscription<int>>>();
                idle->emplace(topic->subscribe({.capacity = 1}));
                return spawned(ex, numbers(9), [topic, idle](int i) -> weir::task<int> {
                    co_await topic->send(i);
                    co_return i;
                });
            });
            INFO(text);
            CHECK(has(text, "broadcast A: full: 1 subscribers do not take what they hold"));
        }
        SUBCASE("a limit of time on operations of which one does not end") {
            const std::string text = stuck([&](auto& ex, world& w) {
                return spawned(ex, numbers(1), [&](int) -> weir::task<int> {
                    co_await weir::with_timeout(5s, weir::when_all(w.wait(), at_once(1)));
                    co_return 1;
                });
            });
            INFO(text);
            CHECK(has(text, "awaits with_timeout"));
            CHECK(has(text, "when_all or when_any: 1 of 2 operations have not ended"));
            CHECK(has(text, "a timer that is due in 4990 ms"));
            CHECK(has(text, "event A: not set"));
        }
        SUBCASE("streams of a merge") {
            const std::string text = stuck([&](auto& ex, world&) {
                return spawned(ex, weir::merge(numbers(1), source_t{weir::never<int>()}), at_once);
            });
            INFO(text);
            CHECK(has(text, "merge: waits for 1 of its 2 streams"));
        }
    }

    TEST_CASE("dump describes what the parts of divided, windowed and keyed streams wait for") {
        const auto text = stuck([](auto& ex, world& w) {
            const auto waits = [&w](auto) -> weir::task<int> { co_return co_await w.wait(); };
            auto [even, odd] = numbers(9) | weir::partition([](int i) { return i % 2 == 0; }, {.capacity = 1});
            auto asks = ex.spawn(std::move(even) | weir::drain());
            auto holds = std::make_shared<decltype(odd)>(std::move(odd));
            auto keyed = ex.spawn(numbers(2) | weir::map_async_keyed(4, [](int) { return 7; }, waits) | weir::drain());
            const auto counts = [](auto items) { return std::move(items) | weir::count(); };
            auto window = ex.spawn(weir::never<int>() | weir::window(2, counts) | weir::drain());
            const auto none = [](int) { return weir::never<int>(); };
            auto grown = ex.spawn(numbers(1) | weir::expand(2, none) | weir::drain());
            auto beside = ex.spawn(numbers(1) | weir::also_to(weir::for_each(waits)) | weir::drain());
            return std::tuple{std::move(asks),   std::move(holds), std::move(keyed),
                              std::move(window), std::move(grown), std::move(beside)};
        });
        INFO(text);
        check_has(text, {"1 of its branches are full; they do not ask for an item",
                         "an earlier operation with the same key 7", "expand", "streams run, of which none has an item",
                         "the sink beside the stream"});
        CHECK_FALSE(has(text, "does not describe itself"));
    }

    TEST_CASE("dump names the descriptor that has no data") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        auto source = weir::accept(listener) | weir::map([](auto&&) { return 1; });
        auto waits = ex.spawn(pipeline(std::move(source), at_once));
        ex.run(weir::sleep_for(1ms));
        const std::string text = weir::dump(ex);
        INFO(text);
        CHECK(has(text, "a connection to the listening socket " + std::to_string(listener.native_handle())));
        CHECK(has(text, "1 I/O requests in flight"));
    }

    TEST_CASE("dump lists the operation of run, spawned operations and members of groups") {
        weir::testing::virtual_executor ex;
        weir::event never;
        std::string text;
        ex.run([&]() -> weir::task<> {
            auto chain = ex.spawn(weir::interval(1min) | weir::meter("ticks") | weir::drain());
            weir::task_group group;
            group.spawn(never.wait());
            auto joins = ex.spawn(group.join());
            co_await weir::sleep_for(150s);
            text = weir::dump(ex);
        });
        INFO(text);
        check_has(text, {"4 operations, 1 timers, 0 I/O requests in flight",
                         "#1 run: a function\n  a coroutine that runs now",
                         "interval | meter | drain\n  a timer that is due in 30 s", "task_group A: 1 operations run\n",
                         "member of a task group at ", "ticks: 2 items; its consumer waited for 150s"});
    }

    TEST_CASE("dump shows a lost wake as such") {
        struct forgetful {
            using result_type = weir::unit;
            weir::poll<weir::unit> poll_result(weir::context&) { return weir::pending; }
        };
        weir::testing::virtual_executor ex;
        auto stuck = ex.spawn(forgetful{});
        ex.run_ready();
        CHECK(has(weir::dump(ex), "forgetful\n  nothing that this dump knows; if it stays so, its wake was lost"));
    }

    TEST_CASE("dump shows an operation that has ended while its handle exists") {
        weir::testing::virtual_executor ex;
        auto task = ex.spawn(at_once(1));
        auto operation = ex.spawn(numbers(1) | weir::drain());
        ex.run_ready();
        const std::string text = weir::dump(ex);
        INFO(text);
        CHECK(has(text, "\n  a coroutine that has ended"));
        CHECK(has(text, "| drain\n  an operation that has ended"));
    }

    TEST_CASE("dump ends with two operations that join each other") {
        weir::testing::virtual_executor ex;
        std::optional<weir::join_handle<weir::task<>>> a;
        std::optional<weir::join_handle<weir::task<>>> b;
        const auto join = [](auto& other) -> weir::task<> { co_await *other; };
        a.emplace(ex.spawn(join(b)));
        b.emplace(ex.spawn(join(a)));
        ex.run_ready();
        const std::string text = weir::dump(ex);
        INFO(text);
        CHECK(has(text, "the end of #2"));
        CHECK(has(text, "the end of #1"));
    }

    TEST_CASE("dump bounds a deep chain") {
        struct nested {
            static weir::task<> waits(weir::event& e, int depth) {
                if (depth == 0) {
                    co_await e.wait();
                } else {
                    co_await waits(e, depth - 1);
                }
            }
        };
        weir::testing::virtual_executor ex;
        weir::event never;
        auto deep = ex.spawn(nested::waits(never, 1000));
        ex.run_ready();
        const std::string text = weir::dump(ex);
        CHECK(has(text, "... and so on"));
        CHECK(text.size() < 20'000);
    }

    TEST_CASE("deadlock says what waits for what") {
        weir::testing::virtual_executor ex;
        weir::mutex<int> lock;
        const auto twice = [](weir::mutex<int>& m) -> weir::task<> {
            const auto once = co_await m.lock();
            const auto again = co_await m.lock();
        };
        try {
            ex.run(twice(lock));
            FAIL("no deadlock");
        } catch (const weir::deadlock& e) {
            INFO(e.what());
            CHECK(has(e.what(), "the operation waits for something that nothing will wake\n1 operations"));
            CHECK(has(e.what(), "mutex A: taken"));
        }
    }

    TEST_CASE("dump_on_signal writes the dump to stderr") {
        std::FILE* const file = std::tmpfile();
        REQUIRE(file != nullptr);
        std::fflush(stderr);
        const int before = ::dup(STDERR_FILENO);
        REQUIRE(::dup2(::fileno(file), STDERR_FILENO) != -1);
        weir::executor ex;
        auto dumps = ex.spawn(weir::dump_on_signal());
        ex.run([&]() -> weir::task<> {
            auto received = weir::signals(SIGUSR1, SIGUSR2);
            auto first = weir::next(received);
            auto waits = ex.spawn(std::move(first));
            for (int i = 0; i != 3; ++i) co_await weir::yield();
            ::raise(SIGUSR1);
            co_await waits;
            while (::lseek(STDERR_FILENO, 0, SEEK_CUR) == 0) co_await weir::yield();
        });
        ::dup2(before, STDERR_FILENO);
        ::close(before);
        std::rewind(file);
        std::string text(1000, ' ');
        text.resize(std::fread(text.data(), 1, text.size(), file));
        std::fclose(file);
        CHECK(has(text, "operations, "));
        CHECK(has(text, "#1 run"));
    }
}
