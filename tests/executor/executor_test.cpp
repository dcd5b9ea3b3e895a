// SPDX-License-Identifier: MIT
#include <weir/executor/executor.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <tasks.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/remote_event.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/delay.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/sample.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/once.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::value_after;
using weir::testing::virtual_executor;

namespace {

weir::task<> failure_after(weir::duration d) {
    co_await weir::sleep_for(d);
    throw std::runtime_error{"failed in the background"};
}

/// Always ready; counts how often it is polled.
struct counted_source {
    using value_type = std::uint64_t;
    weir::poll<std::uint64_t> poll_next(weir::context&) { return ++*polls; }
    std::uint64_t* polls;
};

/// The first line that a child process prints to stderr before it aborts, when its executor runs what f starts.
template <class F>
std::string last_words(F f) {
    std::fflush(nullptr);
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], 2);
        std::signal(SIGABRT, SIG_DFL);
        virtual_executor ex;
        f(ex);
        ex.run_until_idle();
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string said;
    for (char c; ::read(ends[0], &c, 1) == 1;) said += c;
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
    return said.substr(0, said.find('\n'));
}

} // namespace

TEST_SUITE("executor/executor") {
    TEST_CASE("executor: run returns the result or throws the error") {
        weir::executor ex;
        CHECK(ex.run(value_after(1ms, 7)) == 7);
        CHECK_THROWS_WITH(ex.run(failure_after(1ms)), "failed in the background");
        CHECK(ex.run(value_after(0ms, 8)) == 8);
    }

    TEST_CASE("weir::run creates its own executor") {
        CHECK(weir::run(value_after(1ms, 7)) == 7);
        int sum = 0;
        weir::run(weir::iota(0, 5) | weir::for_each([&](int x) { sum += x; }));
        CHECK(sum == 10);
    }

    TEST_CASE("executor: run inside a running executor throws an error that says so") {
        weir::executor ex;
        auto nested = [&]() -> weir::task<> {
            ex.run(weir::yield());
            co_return;
        };
        CHECK_THROWS_WITH_AS(ex.run(nested()),
                             "weir::run: an executor is already running on this thread; co_await the operation or "
                             "spawn it there instead",
                             std::logic_error);
        ex.run(weir::yield()); // and it has recovered
    }

    TEST_CASE("executor: a spawned operation starts in the next turn and can be joined") {
        virtual_executor ex;
        bool started = false;
        auto body = [&]() -> weir::task<int> {
            started = true;
            co_return co_await value_after(1s, 5);
        };
        auto handle = ex.spawn(body());
        CHECK_FALSE(started);
        ex.run_ready();
        CHECK(started);
        CHECK(ex.run(std::move(handle)) == 5);
        CHECK(ex.elapsed() == 1s);
    }

    TEST_CASE("executor: run accepts a function that returns an operation, and keeps its captures") {
        const auto doubled = [](std::unique_ptr<int> n) {
            return [n = std::move(n)]() -> weir::task<int> {
                co_await weir::sleep_for(1s);
                co_return 2 * *n;
            };
        };
        virtual_executor ex;
        CHECK(ex.run(doubled(std::make_unique<int>(4))) == 8);
        CHECK(weir::run([] { return weir::iota(0, 5) | weir::fold(0, std::plus{}); }) == 10);
        CHECK_THROWS_WITH(ex.run([]() -> weir::task<> { throw std::runtime_error{"not made"}; }), "not made");
    }

    TEST_CASE("executor: spawn calls a function in the next turn, and keeps it until its operation has ended") {
        virtual_executor ex;
        const auto alive = std::make_shared<int>(3);
        int calls = 0;
        const auto make = [&calls](std::shared_ptr<int> n) {
            return [&calls, n = std::move(n)]() -> weir::task<int> {
                ++calls;
                co_await weir::sleep_for(1s);
                co_return *n;
            };
        };
        auto handle = ex.spawn(make(alive));
        CHECK(calls == 0);
        ex.run_ready();
        CHECK(calls == 1);
        CHECK(alive.use_count() == 2);
        ex.advance(1s);
        CHECK(alive.use_count() == 1); // although the handle lives
        CHECK(ex.run(std::move(handle)) == 3);
    }

    TEST_CASE("executor: an exception of a spawned function is the error of its operation") {
        virtual_executor ex;
        auto handle = ex.spawn([](bool fails = true) -> weir::task<int> {
            if (fails) throw std::runtime_error{"not made"};
            return value_after(1s, 1);
        });
        ex.run_ready();
        CHECK(handle.finished());
        CHECK_THROWS_WITH(ex.run(std::move(handle)), "not made");
    }

    TEST_CASE("executor: a spawned function is destroyed uncalled with its handle") {
        virtual_executor ex;
        const auto alive = std::make_shared<int>(3);
        int calls = 0;
        {
            auto handle = ex.spawn([&calls, alive] { return ++calls, value_after(1s, *alive); });
            CHECK(alive.use_count() == 2);
        }
        CHECK(alive.use_count() == 1);
        ex.run_ready();
        CHECK(calls == 0);
    }

    TEST_CASE("executor: join throws the operation's error, and a second join throws") {
        virtual_executor ex;
        auto handle = ex.spawn(failure_after(1s));
        auto joins = [&]() -> weir::task<> { co_await handle; };
        CHECK_THROWS_WITH(ex.run(joins()), "failed in the background");
        CHECK_THROWS_AS(ex.run(joins()), std::logic_error);
    }

    TEST_CASE("executor: dropping the handle drops the operation") {
        virtual_executor ex;
        auto token = std::make_shared<int>();
        auto body = [](std::shared_ptr<int>) -> weir::task<> { co_await weir::sleep_for(1h); };
        {
            auto handle = ex.spawn(body(token));
            ex.run_ready();
            CHECK(token.use_count() == 2);
        }
        CHECK(token.use_count() == 1);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("executor: assigning a handle drops its former operation") {
        virtual_executor ex;
        auto handle = ex.spawn(value_after(1h, 1));
        handle = ex.spawn(value_after(1s, 2));
        CHECK(ex.run(std::move(handle)) == 2);
        CHECK(ex.elapsed() == 1s);
    }

    TEST_CASE("executor: a handle may be moved while its operation runs, and may outlive the executor") {
        auto token = std::make_shared<int>();
        auto body = [](std::shared_ptr<int>) -> weir::task<> { co_await weir::sleep_for(1h); };
        std::vector<weir::join_handle<weir::task<>>> handles;
        {
            virtual_executor ex;
            for (int i = 0; i != 100; ++i) { // the vector grows
                handles.push_back(ex.spawn(body(token)));
                ex.run_ready();
            }
            CHECK(token.use_count() == 101);
            handles.erase(handles.begin() + 10, handles.begin() + 30);
            CHECK(token.use_count() == 81);
            std::move(handles.back()).detach();
            CHECK(token.use_count() == 81);
        }
        CHECK(token.use_count() == 1);
        for (const auto& handle : handles) CHECK_FALSE(handle.finished());
    }

    TEST_CASE("executor: a detached operation runs to its end") {
        virtual_executor ex;
        int result = 0;
        auto body = [&]() -> weir::task<> { result = co_await value_after(1s, 3); };
        ex.spawn(body()).detach();
        ex.run_until_idle();
        CHECK(result == 3);
    }

    TEST_CASE("executor: the error of a detached operation reaches the handler with its place") {
        virtual_executor ex;
        std::vector<std::string> reports;
        ex.on_error([&](std::exception_ptr error, std::source_location place) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                reports.push_back(std::string{e.what()} + " at line " + std::to_string(place.line()));
            }
        });
        ex.spawn(failure_after(1s)).detach();
        const auto line = std::source_location::current().line() - 1;
        ex.run_until_idle();
        CHECK(reports == std::vector<std::string>{"failed in the background at line " + std::to_string(line)});
        // Detached after it has failed.
        auto handle = ex.spawn(failure_after(0s));
        ex.run_until_idle();
        std::move(handle).detach();
        CHECK(reports.size() == 2);
    }

    TEST_CASE(
        "executor: by default the error of a detached operation is printed with its place, and ends the program") {
        const auto line = std::source_location::current().line() + 1;
        const std::string said = last_words([](virtual_executor& ex) { ex.spawn(failure_after(1s)).detach(); });
        CHECK(said == "weir: an operation spawned at " + std::string{std::source_location::current().file_name()} +
                          ':' + std::to_string(line) + " failed and is not awaited: failed in the background");
    }

    TEST_CASE("executor: by default the error of an on_drop or of a posted function is printed as such") {
        CHECK(last_words([](virtual_executor& ex) {
                  const auto throws = [](int) { throw std::runtime_error{"dropped badly"}; };
                  ex.spawn(weir::iota(0, 5) | weir::sample(1s, throws) | weir::drain()).detach();
              }) == "weir: an on_drop failed: dropped badly");
        CHECK(last_words([](virtual_executor& ex) { ex.post([] { throw 1; }); }) ==
              "weir: a function given to post failed");
    }

    TEST_CASE("executor: dropping the handle of a failed operation reports nothing") {
        virtual_executor ex;
        bool reported = false;
        ex.on_error([&](std::exception_ptr, std::source_location) { reported = true; });
        {
            auto handle = ex.spawn(failure_after(1s));
            auto other = ex.spawn(weir::once(failure_after(1s)) | weir::drain());
            ex.run_until_idle();
            CHECK(handle.finished());
            CHECK(other.finished());
        }
        CHECK_FALSE(reported);
    }

    TEST_CASE("executor: spawning and joining costs no allocation, in the steady state") {
        if (WEIR_POOL_FRAMES == 0) return;
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  auto loop = [](weir::executor& on, int count) -> weir::task<> {
                      for (int i = 0; i != count; ++i) {
                          auto one = on.spawn(value_after(0ms, i));
                          auto other = on.spawn(weir::sleep_for(1ms));
                          on.spawn(value_after(0ms, i)).detach();
                          static_cast<void>(co_await one);
                          co_await other;
                      }
                  };
                  ex.run(loop(ex, n));
              }) == 0);
    }

    TEST_CASE("an executor that is destroyed drops spawned operations, also those with handles") {
        auto token = std::make_shared<int>();
        auto body = [](std::shared_ptr<int>) -> weir::task<> { co_await weir::sleep_for(1h); };
        std::optional<weir::join_handle<weir::task<>>> handle;
        {
            virtual_executor ex;
            handle.emplace(ex.spawn(body(token)));
            ex.spawn(body(token)).detach();
            ex.run_ready();
            CHECK(token.use_count() == 3);
        }
        CHECK(token.use_count() == 1);
        CHECK_FALSE(handle->finished());
        handle.reset();
    }

    TEST_CASE("executor: a task may drop another one that is ready to run") {
        virtual_executor ex;
        bool ran = false;
        auto other_body = [&]() -> weir::task<> {
            ran = true;
            co_return;
        };
        std::optional<weir::join_handle<weir::task<>>> other;
        auto dropper = [&]() -> weir::task<> {
            other.reset();
            co_return;
        };
        auto first = ex.spawn(dropper());
        other.emplace(ex.spawn(other_body()));
        ex.run_until_idle();
        CHECK_FALSE(ran);
    }

    TEST_CASE("executor: post runs functions in order and passes their exceptions to the handler") {
        weir::executor ex;
        std::string order;
        int reports = 0;
        ex.on_error([&](std::exception_ptr, std::source_location) { ++reports; });
        auto posts = [&]() -> weir::task<> {
            ex.post([&] { order += 'a'; });
            ex.post([&] { throw std::runtime_error{"posted"}; });
            ex.post([&] {
                order += 'b';
                ex.post([&] { order += 'c'; });
            });
            while (order.size() != 3) co_await weir::yield();
        };
        ex.run(posts());
        CHECK(order == "abc");
        CHECK(reports == 1);
    }

    TEST_CASE("executor: a remote event may outlive its executor") {
        std::optional<weir::remote_event> event;
        {
            virtual_executor ex;
            event.emplace(ex);
            event->notify();
        }
        event->notify();
    }

    TEST_CASE("executor: a posted function that never ran is destroyed with the executor") {
        auto token = std::make_shared<int>();
        {
            weir::executor ex;
            ex.post([token] {});
            CHECK(token.use_count() == 2);
        }
        CHECK(token.use_count() == 1);
    }

    TEST_CASE("executor: stop ends run and drops its operation") {
        weir::executor ex;
        auto token = std::make_shared<int>();
        auto body = [&](std::shared_ptr<int>) -> weir::task<> {
            ex.post([&] { ex.stop(); });
            co_await weir::sleep_for(1h);
        };
        CHECK_THROWS_AS(ex.run(body(token)), weir::stopped);
        CHECK(token.use_count() == 1);
        CHECK(ex.run(value_after(1ms, 1)) == 1);
    }

    TEST_CASE("executor: virtual time reports a deadlock") {
        virtual_executor ex;
        struct silent {
            using value_type = int;
            weir::poll<int> poll_next(weir::context&) { return weir::pending; }
        };
        CHECK_THROWS_AS(ex.run(silent{} | weir::for_each([](int) {})), weir::deadlock);
    }

    TEST_CASE("executor: a pipeline that is always ready yields within its budget") {
        virtual_executor ex;
        std::uint64_t polls = 0;
        auto busy = ex.spawn(counted_source{&polls} | weir::for_each([](std::uint64_t) {}));
        for (int turn = 0; turn != 10; ++turn) {
            const std::uint64_t before = polls;
            ex.turn(ex.now());
            CHECK(polls > before);
            CHECK(polls - before <= weir::context::polls_per_run);
        }
    }

    TEST_CASE("executor: pipelines that reject all items and coroutines that never wait yield within their budget") {
        virtual_executor ex;
        std::uint64_t polls = 0;
        auto rejected = ex.spawn(counted_source{&polls} | weir::filter([](std::uint64_t) { return false; }) |
                                 weir::for_each([](int) {}));
        std::uint64_t awaits = 0;
        auto loops = [&]() -> weir::task<> {
            std::uint64_t other = 0;
            counted_source source{&other};
            while (co_await weir::next(source)) ++awaits;
        };
        auto looping = ex.spawn(loops());
        for (int turn = 0; turn != 10; ++turn) {
            const std::uint64_t polls_before = polls;
            const std::uint64_t awaits_before = awaits;
            ex.turn(ex.now());
            CHECK(polls - polls_before <= weir::context::polls_per_run);
            CHECK(awaits - awaits_before <= weir::context::polls_per_run);
            CHECK(awaits > awaits_before);
        }
    }

    TEST_CASE("executor: a hot pipeline does not keep a timer from firing") {
        weir::executor ex;
        std::uint64_t polls = 0;
        auto busy = ex.spawn(counted_source{&polls} | weir::for_each([](int) {}));
        ex.run(weir::sleep_for(1ms));
        CHECK(polls > 0);
    }

    TEST_CASE("executor: a pipeline that was built earlier uses the clock of the executor that runs it") {
        auto ticks = weir::interval(1h) | weir::delay(1h, 4) | weir::timeout(3h) | weir::take(3) | weir::drain();
        virtual_executor ex;
        ex.run(std::move(ticks));
        CHECK(ex.elapsed() == 4h);
    }

    TEST_CASE("executor: statistics count turns, wakers and timers") {
        virtual_executor ex;
        auto handle = ex.spawn(value_after(1h, 1));
        ex.run_ready();
        CHECK(ex.stats().timers_armed == 1);
        CHECK(ex.stats().wakers_run == 1);
        CHECK(ex.stats().turns > 0);
        CHECK(ex.stats().io_in_flight == 0);
    }
}
