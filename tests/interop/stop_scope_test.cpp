// SPDX-License-Identifier: MIT
#include <weir/interop/stop_scope.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <stop_token>

#include <weir/executor/sleep.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::stop_scope;
using weir::testing::virtual_executor;

TEST_SUITE("interop/stop_scope") {
    TEST_CASE("stop_scope requests a stop when it is destroyed by return, by an exception or by a drop") {
        enum class way { by_return, by_exception, dropped };
        for (const way how : {way::by_return, way::by_exception, way::dropped}) {
            virtual_executor ex;
            std::stop_token token;
            auto body = [&]() -> weir::task<> {
                const stop_scope scope;
                token = scope.token();
                co_await weir::sleep_for(1ms);
                CHECK_FALSE(token.stop_requested());
                if (how == way::by_exception) throw std::runtime_error{"body"};
                if (how == way::dropped) co_await weir::sleep_for(1h);
            };
            {
                auto handle = ex.spawn(body());
                ex.advance(2ms);
            }
            CHECK(token.stop_requested());
        }
    }

    TEST_CASE("stop_scope can be stopped by hand") {
        stop_scope scope;
        CHECK(scope.token().stop_possible());
        CHECK_FALSE(scope.stop_requested());
        CHECK(scope.request_stop());
        CHECK_FALSE(scope.request_stop());
        CHECK(scope.stop_requested());
    }

    TEST_CASE("stop_scope: a linked scope is stopped with each of its sources, and not the other way round") {
        std::stop_source a;
        std::stop_source b;
        {
            const stop_scope first{a.get_token(), b.get_token()};
            const stop_scope second{first.token()};
            CHECK_FALSE(second.stop_requested());
            b.request_stop();
            CHECK(first.stop_requested());
            CHECK(second.stop_requested());
            const stop_scope late{a.get_token(), b.get_token()};
            CHECK(late.stop_requested());
        }
        CHECK_FALSE(a.stop_requested());
        a.request_stop();
    }
}
