// SPDX-License-Identifier: MIT
#include <weir/interop/to_future.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <concepts>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>

#include <item_types.hpp>
#include <tasks.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::value_after;
using weir::to_future;
using weir::testing::virtual_executor;

TEST_SUITE("interop/to_future") {
    TEST_CASE("to_future: the future receives the operation's result") {
        virtual_executor ex;
        auto number = to_future(ex, value_after(1s, 5));
        auto pointer = to_future(ex, value_after(1s, std::make_unique<int>(6)));
        auto nothing = to_future(ex, weir::sleep_for(1s));
        int x = 0;
        auto reference_to_x = [&]() -> weir::task<int&> { co_return x; };
        std::future<int&> reference = to_future(ex, reference_to_x());
        CHECK(number.wait_for(0s) == std::future_status::timeout);
        ex.advance(1s);
        CHECK(number.get() == 5);
        CHECK(*pointer.get() == 6);
        nothing.get();
        CHECK(&reference.get() == &x);
    }

    TEST_CASE("to_future: the future receives the operation's error") {
        virtual_executor ex;
        auto fails = []() -> weir::task<> {
            co_await weir::sleep_for(1ms);
            throw std::runtime_error{"operation"};
        };
        auto future = to_future(ex, fails());
        ex.advance(1s);
        CHECK_THROWS_WITH(future.get(), "operation");
    }

    TEST_CASE("to_future: a move that throws is an error of the future or of the call") {
        using item = support::items::throwing_move;
        // A result, and an operation that cannot be moved safely.
        struct gives {
            using result_type = item;

            weir::poll<item> poll_result(weir::context&) { return item(made.value()); }

            item made;
        };
        for (int n = 1; n != 12; ++n) {
            CAPTURE(n);
            {
                virtual_executor ex;
                item::throw_at(n);
                try {
                    auto future = to_future(ex, gives{item(7)});
                    ex.run_ready();
                    CHECK(future.wait_for(0s) == std::future_status::ready);
                    const item result = future.get();
                    CHECK(result.value() == 7);
                } catch (const item::thrown&) {}
                item::throw_at(0);
            }
            CHECK(item::alive() == 0);
        }
    }

    TEST_CASE("to_future: a destroyed executor fails the future, whether or not the operation has started") {
        for (const bool begun : {false, true}) {
            std::future<int> future;
            auto token = std::make_shared<int>();
            auto body = [](std::shared_ptr<int>) -> weir::task<int> { co_return co_await value_after(1h, 1); };
            {
                virtual_executor ex;
                future = to_future(ex, body(token));
                if (begun) ex.run_ready();
                CHECK(token.use_count() == 2);
            }
            CHECK(token.use_count() == 1);
            CHECK_THROWS_AS(future.get(), weir::stopped);
        }
    }

    TEST_CASE("to_future rejects the use on the thread that runs the executor") {
        virtual_executor ex;
        auto body = [&]() -> weir::task<> {
            to_future(ex, value_after(1s, 1)).get();
            co_return;
        };
        CHECK_THROWS_WITH_AS(
            ex.run(body()),
            "weir::to_future: the executor runs on this thread, which must not wait for it; co_await the "
            "operation or spawn it instead",
            std::logic_error);
    }
}
