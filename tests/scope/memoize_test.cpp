// SPDX-License-Identifier: MIT
#include <weir/scope/memoize.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/executor/sleep.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::memoize;
using weir::testing::virtual_executor;

namespace {

weir::task<std::string> slow(int& runs) {
    ++runs;
    co_await weir::sleep_for(10ms);
    co_return "result";
}

/// Counts the objects that are there.
struct counted {
    explicit counted(int& n) : alive{&n} { ++*alive; }
    counted(counted&& other) noexcept : alive{std::exchange(other.alive, nullptr)} {}
    ~counted() {
        if (alive != nullptr) --*alive;
    }
    int* alive;
};

} // namespace

TEST_SUITE("scope/memoize") {
    TEST_CASE("memoize runs an operation once for all that await it, and later ones get the result at once") {
        virtual_executor ex;
        int runs = 0;
        const auto once = memoize([&] { return slow(runs); });
        const auto copy = once;
        CHECK_FALSE(once.ended());
        const auto [a, b] = ex.run(weir::when_all(once.get(), copy.get()));
        CHECK(a == "result");
        CHECK(b == "result");
        CHECK(ex.elapsed() == 10ms);
        CHECK(once.ended());
        CHECK(ex.run(copy.get()) == "result");
        CHECK(ex.elapsed() == 10ms);
        CHECK(runs == 1);
    }

    TEST_CASE("memoize starts nothing before the first awaits it") {
        virtual_executor ex;
        int runs = 0;
        const auto once = memoize(slow(runs));
        const auto unused = once.get();
        ex.run_ready();
        CHECK(runs == 0);
        CHECK(ex.run(memoize(weir::iota(0, 3) | weir::to<std::vector>()).get()).size() == 3);
    }

    TEST_CASE("memoize keeps an error for all that await it") {
        virtual_executor ex;
        int runs = 0;
        const auto fails = memoize([&]() -> weir::task<int> {
            ++runs;
            co_await weir::sleep_for(1ms);
            throw std::runtime_error{"failed"};
        });
        CHECK_THROWS_WITH(ex.run(fails.get()), "failed");
        CHECK_THROWS_WITH(ex.run(fails.get()), "failed");
        CHECK(runs == 1);
        const auto throws = memoize([&] { return runs != 0 ? throw std::runtime_error{"f"} : slow(runs); });
        CHECK_THROWS_WITH(ex.run(throws.get()), "f");
    }

    TEST_CASE("memoize goes on when the one that started it is dropped, and ends with the last handle") {
        virtual_executor ex;
        int alive = 0;
        const auto once = memoize([held = std::make_shared<counted>(alive)]() -> weir::task<int> {
            co_await weir::sleep_for(10ms);
            co_return 7;
        });
        CHECK_THROWS_AS(ex.run(weir::with_timeout(5ms, once.get())), weir::timed_out);
        CHECK(ex.run(once.get()) == 7);
        CHECK(ex.elapsed() == 10ms);
        CHECK(alive == 0); // the function has been destroyed with its operation
    }

    TEST_CASE("memoize destroys an operation that nobody can await any more") {
        virtual_executor ex;
        int alive = 0;
        const auto waits = [](counted) -> weir::task<> { co_await weir::sleep_for(1h); };
        std::optional once{memoize(waits(counted{alive}))};
        CHECK_THROWS_AS(ex.run(weir::with_timeout(5ms, once->get())), weir::timed_out);
        CHECK(alive == 1);
        CHECK(ex.stats().timers_armed == 1);
        once.reset();
        CHECK(alive == 0);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("memoize: an operation may drop the last handle to itself") {
        virtual_executor ex;
        struct owner {
            std::optional<weir::join_handle<weir::task<>>> waiting;
        } all;
        bool went_on = false;
        const auto drops = [](owner& o, bool& on) -> weir::task<int> {
            co_await weir::sleep_for(1ms);
            o.waiting.reset();
            co_await weir::yield();
            on = true;
            co_return 1;
        };
        all.waiting.emplace(ex.spawn(
            [](owner& o, bool& on, auto f) -> weir::task<> { co_await memoize(f(o, on)).get(); }(all, went_on, drops)));
        ex.run_until_idle();
        CHECK_FALSE(went_on);
    }
}
