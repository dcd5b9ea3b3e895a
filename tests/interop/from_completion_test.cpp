// SPDX-License-Identifier: MIT
#include <weir/interop/from_completion.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <item_types.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sync/closed.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::completion;
using weir::from_completion;
using weir::testing::virtual_executor;

namespace {

/// A library with callbacks, as in C++98.
struct client {
    std::function<void(int)> callback;
    int cancelled = 0;

    auto ask() {
        return from_completion<int>([this](completion<int> done) {
            callback = [done](int x) { done.set(x); };
            return [this] { ++cancelled; };
        });
    }
};

} // namespace

TEST_SUITE("threads/from_completion") {
    TEST_CASE("from_completion: the first call of the callback delivers the result, and nothing is cancelled") {
        virtual_executor ex;
        client c;
        auto asked = ex.spawn(c.ask());
        ex.run_ready();
        CHECK(!asked.finished());
        c.callback(7);
        c.callback(8);
        CHECK(ex.run(std::move(asked)) == 7);
        CHECK(c.cancelled == 0);
    }

    TEST_CASE("from_completion: a callback inside start, void, and a value that cannot be copied") {
        virtual_executor ex;
        ex.run(from_completion([](completion<> done) { CHECK(done.set()); }));
        const auto p = ex.run(from_completion<std::unique_ptr<int>>([](completion<std::unique_ptr<int>> done) {
            CHECK(done.open());
            CHECK(done.set(std::make_unique<int>(3)));
            CHECK(!done.open());
            CHECK(!done.set(nullptr));
            CHECK(!done.fail(std::make_exception_ptr(std::runtime_error{"late"})));
        }));
        CHECK(*p == 3);
    }

    TEST_CASE("from_completion: errors of start and of the completion, and a completion that is destroyed unused") {
        virtual_executor ex;
        CHECK_THROWS_WITH(ex.run(from_completion<int>([](completion<int>) { throw std::runtime_error{"start"}; })),
                          "start");
        CHECK_THROWS_WITH(ex.run(from_completion<int>([](const completion<int>& done) {
            done.fail(std::make_exception_ptr(std::runtime_error{"failed"}));
        })),
                          "failed");
        CHECK_THROWS_WITH(ex.run(from_completion<int>([](const completion<int>& done) { done.fail(nullptr); })),
                          "weir::completion::fail: the error is null");
        CHECK_THROWS_WITH_AS(ex.run(from_completion<int>([](completion<int>) {})), "weir::completion: closed",
                             weir::closed);
        using item = support::items::throwing_move;
        item::throw_at(2);
        CHECK_THROWS_AS(ex.run(from_completion<item>([](completion<item> done) { done.set(item(1)); })), item::thrown);
        item::throw_at(0);
        CHECK(item::alive() == 0);
    }

    TEST_CASE("from_completion: dropping it cancels once, and later calls of the callback have no effect") {
        virtual_executor ex;
        client c;
        CHECK_THROWS_AS(ex.run(weir::with_timeout(1s, c.ask())), weir::timed_out);
        CHECK(c.cancelled == 1);
        c.callback(7);
        { auto never_started = c.ask(); }
        CHECK(c.cancelled == 1);
    }

    TEST_CASE("from_completion: what start returns is kept until the end, and is destroyed before the result is seen") {
        virtual_executor ex;
        auto held = std::make_shared<int>();
        std::optional<completion<int>> later;
        auto body = [&]() -> weir::task<> {
            auto asked = from_completion<int>([&](completion<int> done) {
                later = std::move(done);
                return held;
            });
            CHECK(co_await asked == 4);
            CHECK(held.use_count() == 1);
        };
        auto running = ex.spawn(body());
        ex.run_ready();
        CHECK(held.use_count() == 2);
        later->set(4);
        ex.run(std::move(running));
    }

    TEST_CASE("from_completion: start may drop the task that runs it") {
        virtual_executor ex;
        std::optional<weir::join_handle<weir::task<>>> running;
        int cancelled = 0;
        auto body = [&]() -> weir::task<> {
            auto asked = from_completion([&](const completion<>& done) {
                running.reset();
                CHECK(done.set());
                return [&] { ++cancelled; };
            });
            co_await asked;
            FAIL("it was dropped");
        };
        running.emplace(ex.spawn(body()));
        ex.run_ready();
        CHECK(cancelled == 0); // it had its result
    }

    TEST_CASE("from_completion: the completion may outlive the executor") {
        std::optional<completion<int>> later;
        {
            weir::executor ex;
            auto asked = ex.spawn(from_completion<int>([&](completion<int> done) { later = std::move(done); }));
            ex.run(weir::yield());
            std::move(asked).detach();
        }
        CHECK(!later->open());
        CHECK(!later->set(1));
    }

    TEST_CASE("from_completion: of several threads that complete it one succeeds, and a drop beside them is exact") {
        weir::executor ex;
        for (int round = 0; round != 200; ++round) {
            std::vector<std::jthread> threads;
            std::atomic<int> accepted = 0;
            int cancelled = 0;
            auto asked = from_completion<std::string>([&](completion<std::string> done) {
                for (int t = 0; t != 3; ++t) {
                    threads.emplace_back([&, done, t] {
                        if (done.set(std::string(40, static_cast<char>('a' + t)))) ++accepted;
                    });
                }
                return [&] { ++cancelled; };
            });
            if (round % 2 == 0) {
                CHECK(ex.run(std::move(asked)).size() == 40);
                threads.clear();
                CHECK(accepted == 1);
            } else {
                auto one_poll = ex.spawn(std::move(asked));
                ex.run(weir::yield());
                { auto dropped = std::move(one_poll); }
                threads.clear();
                CHECK(accepted + cancelled == 1);
            }
        }
    }
}
