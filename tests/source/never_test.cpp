// SPDX-License-Identifier: MIT
#include <weir/source/never.hpp>

#include <doctest/doctest.h>

#include <weir/sink/drain.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("source/never") {
    TEST_CASE("never emits nothing and does not end") {
        weir::testing::marbles m;
        CHECK(m.play(weir::never<int>()) == "...");
    }

    TEST_CASE("never is polled once and can be dropped") {
        virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::never<int>()};
        sink.request();
        ex.advance(std::chrono::hours{1});
        CHECK(sink.polls() == 1);
        CHECK_FALSE(sink.finished());
        sink.drop();
        ex.run_until_idle();
    }

    TEST_CASE("never leads to a deadlock report under virtual time") {
        virtual_executor ex;
        CHECK_THROWS_AS(ex.run(weir::never<int>() | weir::drain()), weir::deadlock);
    }
}
