// SPDX-License-Identifier: MIT
#include <weir/core/detail/coroutine.hpp>

#include <doctest/doctest.h>

#include <allocations.hpp>

#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/scope/deadline.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

namespace {

/// Counts the locals that are alive.
struct alive {
    explicit alive(int& c) : count{c} { ++count; }
    alive(const alive&) = delete;
    alive& operator=(const alive&) = delete;
    ~alive() { --count; }
    int& count;
};

weir::async_stream<int> counting(int n) {
    for (int i = 0; i != n; ++i) co_yield i;
}

weir::async_stream<int> slowly(int n, int& locals) {
    const alive outer{locals};
    for (int i = 0; i != n; ++i) {
        const alive before{locals};
        co_await weir::sleep_for(1s);
        const alive after{locals};
        co_yield i;
    }
}

weir::task<int> sleeper(int result, int& locals) {
    const alive local{locals};
    co_await weir::sleep_for(1s);
    co_return result;
}

weir::task<int> nested(int& locals) {
    const alive local{locals};
    const int first = co_await sleeper(1, locals);
    const int second = co_await sleeper(2, locals);
    co_return first + second;
}

[[maybe_unused]] weir::task<int> ready(int x) { co_return x; }

weir::task<> fails() {
    co_await weir::sleep_for(1s);
    throw std::runtime_error{"task failed"};
}

/// Runs f in a child process and says whether it aborted.
template <class F>
bool aborts(F f) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(2); // the message is expected
        std::signal(SIGABRT, SIG_DFL);
        f();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

} // namespace

TEST_SUITE("core/coroutine") {
    TEST_CASE("a generator starts at the first poll and runs to its next co_yield") {
        virtual_executor ex;
        std::vector<std::string> log;
        auto make = [&]() -> weir::async_stream<int> {
            log.emplace_back("start");
            co_yield 1;
            log.emplace_back("between");
            co_yield 2;
            log.emplace_back("end");
        };
        probe_sink sink{ex, make()};
        ex.run_ready();
        CHECK(log.empty());
        sink.request(1);
        ex.run_ready();
        CHECK(log == std::vector<std::string>{"start"});
        sink.request(1);
        ex.run_ready();
        CHECK(log == std::vector<std::string>{"start", "between"});
        sink.request();
        ex.run_ready();
        CHECK(log.size() == 3);
        CHECK(sink.ended());
        CHECK(sink.items() == std::vector{1, 2});
    }

    TEST_CASE("a generator runs on to its next co_yield while its consumer is busy, and no further") {
        virtual_executor ex;
        int locals = 0;
        probe_sink sink{ex, slowly(3, locals)};
        sink.request(1);
        ex.advance(1s);
        CHECK(sink.items() == std::vector{0});
        ex.advance(10s);
        CHECK(ex.stats().timers_armed == 0); // nobody asked for the second item
        sink.request(1);
        ex.advance(1s);
        CHECK(sink.items() == std::vector{0, 1});
    }

    TEST_CASE("a next that is abandoned loses no item") {
        virtual_executor ex;
        int locals = 0;
        auto source = slowly(2, locals);
        // The waiter gives up before the item is there: twice.
        for (int i = 0; i != 2; ++i) {
            auto waiter = ex.spawn(weir::next(source));
            ex.advance(400ms);
        }
        ex.advance(10s);
        CHECK(*ex.run(weir::next(source)) == 0);
        CHECK(*ex.run(weir::next(source)) == 1);
        CHECK_FALSE(ex.run(weir::next(source)).has_value());
        CHECK(ex.elapsed() == 10800ms + 1s);
    }

    TEST_CASE("dropping a generator cancels it at every suspension point") {
        // Before the first poll, at each co_await, at each co_yield.
        for (int point = 0; point != 8; ++point) {
            virtual_executor ex;
            int locals = 0;
            {
                probe_sink sink{ex, slowly(3, locals)};
                for (int i = 0; i != point; ++i) {
                    if (i % 2 == 0) {
                        sink.request(1);
                        ex.run_ready();
                    } else {
                        ex.advance(1s);
                    }
                }
                sink.drop();
                CHECK(locals == 0);
                CHECK(ex.stats().timers_armed == 0);
                CHECK(ex.idle());
            }
        }
    }

    TEST_CASE("dropping a task cancels everything below it at every suspension point") {
        for (int point = 0; point != 4; ++point) {
            virtual_executor ex;
            int locals = 0;
            {
                auto handle = ex.spawn(nested(locals));
                ex.advance(point * 700ms);
                CHECK(locals == (point < 3 ? 2 : 0));
            }
            CHECK(locals == 0);
            CHECK(ex.stats().timers_armed == 0);
            CHECK(ex.idle());
        }
    }

    TEST_CASE("a task that drops itself is destroyed after it has suspended") {
        virtual_executor ex;
        int locals = 0;
        bool went_on = false;
        std::optional<weir::join_handle<weir::task<>>> handle;
        auto suicidal = [&]() -> weir::task<> {
            const alive local{locals};
            co_await weir::sleep_for(1s);
            handle.reset();
            CHECK(locals == 1); // still running
            co_await weir::sleep_for(1s);
            went_on = true;
        };
        handle.emplace(ex.spawn(suicidal()));
        ex.run_until_idle();
        CHECK(locals == 0);
        CHECK_FALSE(went_on);
        CHECK(ex.elapsed() == 1s);
    }

    TEST_CASE("a task that drops itself and then ends is destroyed with its result or its error") {
        virtual_executor ex;
        const auto token = std::make_shared<int>();
        std::optional<weir::join_handle<weir::task<std::shared_ptr<int>>>> handle;
        auto returns = [&]() -> weir::task<std::shared_ptr<int>> {
            handle.reset();
            co_return token;
        };
        auto throws = [&]() -> weir::task<std::shared_ptr<int>> {
            const auto held = token;
            handle.reset();
            if (held != nullptr) throw held;
            co_return held;
        };
        for (const bool fails : {false, true}) {
            CAPTURE(fails);
            handle.emplace(ex.spawn(fails ? throws() : returns()));
            ex.run_until_idle();
            CHECK_FALSE(handle.has_value());
            CHECK(token.use_count() == 1);
        }
    }

    TEST_CASE("an error after co_return is the result of the task") {
        struct throws_at_exit {
            ~throws_at_exit() noexcept(false) { throw std::runtime_error{"late"}; }
        };
        virtual_executor ex;
        const auto token = std::make_shared<int>();
        auto body = [&]() -> weir::task<std::shared_ptr<int>> {
            const throws_at_exit guard{};
            co_return token;
        };
        CHECK_THROWS_WITH_AS(ex.run(body()), "late", std::runtime_error);
        CHECK(token.use_count() == 1);
    }

    TEST_CASE("a coroutine may catch an error of its co_await, at once or after a wait, and go on") {
        struct failing {
            using result_type = int;

            weir::poll<int> poll_result(weir::context& cx) {
                if (times-- == 0) throw std::runtime_error{"polled"};
                cx.waker().wake();
                return weir::pending;
            }

            int times;
        };
        for (const int times : {0, 1, 2}) {
            CAPTURE(times);
            virtual_executor ex;
            auto body = [&]() -> weir::task<std::string> {
                std::string caught;
                failing one{times};
                try {
                    co_await one;
                } catch (const std::runtime_error& e) {
                    caught = e.what();
                }
                co_await weir::yield();
                co_return caught;
            };
            CHECK(ex.run(body()) == "polled");
        }
    }

    TEST_CASE("a generator that drops itself is destroyed after it has suspended") {
        virtual_executor ex;
        int locals = 0;
        std::optional<weir::async_stream<int>> held;
        auto suicidal = [&]() -> weir::async_stream<int> {
            const alive local{locals};
            held.reset();
            CHECK(locals == 1);
            co_yield 1;
        };
        held.emplace(suicidal());
        weir::waker idle{[](weir::waker&) noexcept {}};
        idle.bind(weir::detail::executor_access::queue(ex));
        weir::context cx{idle};
        CHECK(held->poll_next(cx).is_pending());
        CHECK(locals == 0);
    }

    TEST_CASE("a task that drops itself goes no further than its next yield") {
        virtual_executor ex;
        int locals = 0;
        bool went_on = false;
        std::optional<weir::join_handle<weir::task<>>> handle;
        auto suicidal = [&]() -> weir::task<> {
            const alive local{locals};
            handle.reset();
            co_await weir::yield();
            went_on = true;
        };
        handle.emplace(ex.spawn(suicidal()));
        ex.run_until_idle();
        CHECK(locals == 0);
        CHECK_FALSE(went_on);
    }

    TEST_CASE("a task that has yielded may be dropped") {
        virtual_executor ex;
        int locals = 0;
        auto yielding = [&]() -> weir::task<> {
            const alive local{locals};
            for (;;) co_await weir::yield();
        };
        {
            auto handle = ex.spawn(yielding());
            weir::detail::executor_access::queue(ex).run(1);
            CHECK(locals == 1);
        }
        CHECK(locals == 0);
        CHECK(ex.idle());
    }

    TEST_CASE("a generator that awaits yield before its first item wakes its consumer once") {
        virtual_executor ex;
        auto source = []() -> weir::async_stream<int> {
            for (int i = 0; i != 3; ++i) co_await weir::yield();
            co_yield 1;
        };
        auto numbers = source();
        auto first = ex.spawn(weir::next(numbers));
        const auto before = ex.stats().wakers_run;
        ex.run_until_idle();
        CHECK(first.finished());
        CHECK(ex.stats().wakers_run - before == 5); // who asks, three turns of the generator, who asks
    }

    TEST_CASE("a coroutine has its awaiter's deadline after a yield") {
        virtual_executor ex;
        const weir::time_point soon = ex.time_after(1s);
        auto yields_first = [&]() -> weir::task<> {
            co_await weir::yield();
            CHECK(co_await weir::deadline() == soon);
        };
        ex.run(weir::with_deadline(soon, yields_first()));
    }

    TEST_CASE("a stream may be destroyed while a coroutine waits for it") {
        virtual_executor ex;
        int locals = 0;
        std::optional<weir::async_stream<int>> source{slowly(2, locals)};
        auto waiter = ex.spawn(weir::next(*source));
        ex.advance(500ms);
        source.reset();
        CHECK(locals == 0);
        ex.run_until_idle();
        CHECK_FALSE(waiter.finished());
    }

    TEST_CASE("values and exceptions pass through tasks") {
        virtual_executor ex;
        int locals = 0;
        CHECK(ex.run(nested(locals)) == 3);
        CHECK(ex.elapsed() == 2s);
        CHECK_THROWS_WITH(ex.run(fails()), "task failed");
        auto catches = []() -> weir::task<std::string> {
            try {
                co_await fails();
            } catch (const std::exception& e) {
                co_return e.what();
            }
            co_return "nothing was thrown";
        };
        CHECK(ex.run(catches()) == "task failed");
        auto move_only = []() -> weir::task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
        CHECK(*ex.run(move_only()) == 5);
    }

    TEST_CASE("references pass through tasks") {
        std::vector<int> numbers{1, 2, 3};
        const auto second = [&]() -> weir::task<int&> { co_return numbers[1]; };
        const auto later = [&]() -> weir::task<const int&> {
            co_await weir::sleep_for(1s);
            int& n = co_await second();
            n = 20;
            co_return n;
        };
        virtual_executor ex;
        const auto all = [&]() -> weir::task<int> {
            auto handle = ex.spawn(second());
            int& n = co_await handle;
            ++n;
            co_return co_await later();
        };
        static_assert(std::is_same_v<decltype(ex.run(second())), int&>);
        static_assert(std::is_same_v<decltype(ex.run(later())), const int&>);
        CHECK(&ex.run(second()) == &numbers[1]);
        CHECK(ex.run(all()) == 20);
        CHECK(numbers == std::vector{1, 20, 3});
    }

    TEST_CASE("an exception ends a generator after the items before it") {
        virtual_executor ex;
        auto make = []() -> weir::async_stream<int> {
            co_yield 1;
            throw std::runtime_error{"generator failed"};
        };
        probe_sink sink{ex, make()};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == std::vector{1});
        CHECK(sink.error_message() == "generator failed");
    }

    TEST_CASE("co_yield accepts rvalues, lvalues and convertible values") {
        virtual_executor ex;
        auto make = []() -> weir::async_stream<std::string> {
            const std::string constant = "constant";
            std::string variable = "variable";
            co_yield "literal";
            co_yield constant;
            co_yield variable;
            CHECK(variable == "variable");
            co_yield std::move(variable);
        };
        probe_sink sink{ex, make()};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == std::vector<std::string>{"literal", "constant", "variable", "variable"});
    }

    TEST_CASE("any pipeline converts to an async_stream of its item type") {
        virtual_executor ex;
        weir::async_stream<int> boxed = weir::iota(0, 3) | weir::map([](int x) { return x * 2; });
        weir::async_stream<int> twice = std::move(boxed) | weir::map([](int x) { return x + 1; });
        probe_sink sink{ex, std::move(twice)};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == std::vector{1, 3, 5});
    }

    TEST_CASE("a late wake does not resume a coroutine") {
        // The coroutine polls a source, is woken by something else, and goes on: the source's wake must not resume it.
        virtual_executor ex;
        probe<int> source;
        auto stream = source.stream();
        auto waits = [&]() -> weir::task<int> {
            auto waiter = weir::next(stream);
            static_cast<void>(waiter);
            co_await weir::sleep_for(1s);
            co_return 1;
        };
        auto handle = ex.spawn(waits());
        ex.run_ready();
        source.push(1);
        ex.run_ready();
        CHECK_FALSE(handle.finished());
        ex.advance(1s);
        CHECK(handle.finished());
    }

    TEST_CASE("a coroutine allocates its frame and nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(counting(n) | weir::for_each([](int) {}));
              }) == 0);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  auto loop = [](int count) -> weir::task<> {
                      auto source = counting(count);
                      while (auto item = co_await weir::next(source)) co_await weir::yield();
                  };
                  ex.run(loop(n));
              }) == 0);
    }

#if WEIR_POOL_FRAMES
    TEST_CASE("task frames come from a pool") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  auto loop = [](int count) -> weir::task<> {
                      for (int i = 0; i != count; ++i) static_cast<void>(co_await ready(i));
                  };
                  ex.run(loop(n));
              }) == 0);
    }
#endif

#ifndef NDEBUG
    TEST_CASE("moving a stream after its first poll is caught in debug builds") {
        CHECK(aborts([] {
            virtual_executor ex;
            weir::waker idle{[](weir::waker&) noexcept {}};
            idle.bind(weir::detail::executor_access::queue(ex));
            weir::context cx{idle};
            auto source = weir::iota(0, 3) | weir::map([](int x) { return x; });
            static_cast<void>(source.poll_next(cx));
            [[maybe_unused]] auto moved = std::move(source);
        }));
        CHECK(aborts([] {
            virtual_executor ex;
            weir::waker idle{[](weir::waker&) noexcept {}};
            idle.bind(weir::detail::executor_access::queue(ex));
            weir::context cx{idle};
            auto source = counting(3);
            static_cast<void>(source.poll_next(cx));
            [[maybe_unused]] auto moved = std::move(source);
        }));
    }

    TEST_CASE("polling a stream after its end is caught in debug builds") {
        CHECK(aborts([] {
            virtual_executor ex;
            weir::waker idle{[](weir::waker&) noexcept {}};
            idle.bind(weir::detail::executor_access::queue(ex));
            weir::context cx{idle};
            auto source = counting(0);
            static_cast<void>(source.poll_next(cx));
            static_cast<void>(source.poll_next(cx));
        }));
    }
#endif

    TEST_CASE("an async_stream that was polled may be assigned a new stream") {
        virtual_executor ex;
        auto source = counting(3);
        CHECK(ex.run(weir::next(source)) == 0);
        source = counting(3);
        auto moved = std::move(source);
        CHECK(ex.run(weir::next(moved)) == 0);
        CHECK(ex.run(weir::next(moved)) == 1);
        moved = weir::async_stream<int>{weir::iota(5, 6)};
        CHECK(ex.run(weir::next(moved)) == 5);
        CHECK_FALSE(ex.run(weir::next(moved)).has_value());
        moved = counting(1);
        CHECK(ex.run(weir::next(moved)) == 0);
    }
}
