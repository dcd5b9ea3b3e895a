// SPDX-License-Identifier: MIT
#include <weir/source/once.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <type_traits>

#include <weir/executor/sleep.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/first.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using weir::testing::virtual_executor;

namespace {

weir::task<char> letter_after(weir::duration d) {
    co_await weir::sleep_for(d);
    co_return 'a';
}

weir::task<char> failure_after(weir::duration d) {
    co_await weir::sleep_for(d);
    throw std::runtime_error{"no"};
}

weir::task<std::unique_ptr<int>> keep(std::shared_ptr<int> held) { co_return std::make_unique<int>(*held); }

} // namespace

TEST_SUITE("source/once") {
    TEST_CASE("once emits the operation's result, then ends") {
        weir::testing::marbles m;
        CHECK(m.play(weir::once(letter_after(3ms))) == "---[a|]");
        CHECK(m.play(weir::once(letter_after(0ms))) == "[a|]");
    }

    TEST_CASE("once fails with the operation's error") {
        weir::testing::marbles m;
        CHECK(m.play(weir::once(failure_after(2ms))) == "--#");
    }

    TEST_CASE("once accepts a pipeline that ends in a sink") {
        weir::testing::marbles m;
        CHECK(m.play(weir::once(weir::iota(0, 5) | weir::count())) == "[5|]");
    }

    TEST_CASE("once emits a unit for an operation without a result") {
        static_assert(std::is_same_v<decltype(weir::once(weir::sleep_for(1ms)))::value_type, weir::unit>);
        virtual_executor ex;
        CHECK(ex.run(weir::once(weir::sleep_for(1ms)) | weir::count()) == 1);
        CHECK(ex.elapsed() == 1ms);
    }

    TEST_CASE("once starts its operation at the first poll and drops it when it has its result") {
        auto held = std::make_shared<int>(4);
        virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::once(keep(held))};
        ex.run_ready();
        CHECK(held.use_count() == 2);
        sink.request(1);
        ex.run_ready();
        CHECK(*sink.items().front() == 4);
        CHECK(held.use_count() == 1);
        CHECK_FALSE(sink.ended());
    }

    TEST_CASE("once: a drop cancels the operation") {
        virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::once(letter_after(1h))};
        sink.request();
        ex.run_ready();
        CHECK(ex.stats().timers_armed == 1);
        sink.drop();
        CHECK(ex.stats().timers_armed == 0);
    }
}
