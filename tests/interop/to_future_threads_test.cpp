// SPDX-License-Identifier: MIT
#include <weir/interop/to_future.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

#include <weir/executor/sleep.hpp>
#include <weir/task.hpp>

using namespace std::chrono_literals;
using weir::to_future;

namespace {

weir::task<int> add(int a, int b) {
    co_await weir::yield();
    if (a < 0) throw std::runtime_error{"negative"};
    co_return a + b;
}

} // namespace

TEST_SUITE("threads/to_future") {
    // An error is looked at when the loop has let go of it: the count of references to it is in libstdc++, where the
    // thread sanitizer does not see it.
    TEST_CASE("to_future: a thread waits for an operation of an executor on another thread") {
        weir::executor ex;
        std::thread loop{[&] { CHECK_THROWS_AS(ex.run(weir::sleep_for(1h)), weir::stopped); }};
        std::vector<std::thread> askers;
        std::vector<std::vector<std::future<int>>> failures(3);
        for (int t = 0; t != 3; ++t) {
            askers.emplace_back([&ex, &failed = failures[static_cast<std::size_t>(t)], t] {
                for (int i = 0; i != 100; ++i) {
                    CHECK(to_future(ex, add(t, i)).get() == t + i);
                    failed.push_back(to_future(ex, add(-1, i)));
                    failed.back().wait();
                }
            });
        }
        for (std::thread& t : askers) t.join();
        ex.stop();
        loop.join();
        for (auto& failed : failures) {
            for (auto& one : failed) CHECK_THROWS_WITH(one.get(), "negative");
        }
    }

    TEST_CASE("to_future: an executor that is destroyed releases the waiting threads") {
        for (int round = 0; round != 50; ++round) {
            std::promise<weir::executor*> made;
            std::promise<void> asked;
            std::thread loop{[&] {
                weir::executor ex;
                made.set_value(&ex);
                asked.get_future().wait();
                ex.run(weir::yield());
            }};
            weir::executor& ex = *made.get_future().get();
            auto never = []() -> weir::task<> { co_await weir::sleep_for(1h); };
            auto future = to_future(ex, never());
            asked.set_value();
            future.wait();
            loop.join();
            CHECK_THROWS_AS(future.get(), weir::stopped);
        }
    }
}
