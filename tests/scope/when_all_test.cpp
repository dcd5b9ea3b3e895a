// SPDX-License-Identifier: MIT
#include <weir/scope/when_all.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <manual.hpp>
#include <self_drop.hpp>
#include <tasks.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/sink/count.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::failure_after;
using support::manual;
using support::value_after;
using weir::when_all;
using weir::testing::virtual_executor;

namespace {

weir::task<> nothing_after(weir::duration d) { co_await weir::sleep_for(d); }
weir::task<int&> reference_to(int& x) {
    co_await weir::yield();
    co_return x;
}

} // namespace

TEST_SUITE("scope/when_all") {
    TEST_CASE("when_all runs its operations concurrently and returns a tuple of the results") {
        virtual_executor ex;
        auto body = [&]() -> weir::task<> {
            auto [a, b, c] = co_await when_all(value_after(20ms, 1), value_after(30ms, std::string("two")),
                                               weir::iota(0, 5) | weir::count());
            CHECK(a == 1);
            CHECK(b == "two");
            CHECK(c == 5);
        };
        ex.run(body());
        CHECK(ex.elapsed() == 30ms);
    }

    TEST_CASE("when_all returns weir::unit for void among other results, and void if all are void") {
        virtual_executor ex;
        static_assert(std::same_as<decltype(ex.run(when_all(nothing_after(1ms), value_after(2ms, 5)))),
                                   std::tuple<weir::unit, int>>);
        static_assert(std::same_as<decltype(ex.run(when_all(nothing_after(1ms), weir::sleep_for(2ms)))), void>);
        CHECK(std::get<1>(ex.run(when_all(nothing_after(1ms), value_after(2ms, 5)))) == 5);
        ex.run(when_all(nothing_after(1ms), weir::sleep_for(2ms)));
        CHECK(ex.elapsed() == 4ms);
    }

    TEST_CASE("when_all keeps references") {
        virtual_executor ex;
        int x = 1;
        int y = 2;
        auto [a, b] = ex.run(when_all(reference_to(x), value_after(1ms, 3)));
        static_assert(std::same_as<decltype(a), int&>);
        CHECK(&a == &x);
        CHECK(b == 3);
        std::vector<weir::task<int&>> range;
        range.push_back(reference_to(x));
        range.push_back(reference_to(y));
        const std::vector<std::reference_wrapper<int>> all = ex.run(when_all(std::move(range)));
        CHECK(&all[0].get() == &x);
        CHECK(&all[1].get() == &y);
    }

    TEST_CASE("when_all returns a vector for a range, in the order of the operations") {
        virtual_executor ex;
        std::vector<weir::task<std::unique_ptr<int>>> range;
        for (int i = 0; i != 4; ++i) range.push_back(value_after(10ms * (4 - i), std::make_unique<int>(i)));
        const auto all = ex.run(when_all(std::move(range)));
        REQUIRE(all.size() == 4);
        for (int i = 0; i != 4; ++i) CHECK(*all[static_cast<std::size_t>(i)] == i);
        CHECK(ex.elapsed() == 40ms);
    }

    TEST_CASE(
        "when_all: an empty range gives an empty vector at once; one of operations without result gives nothing") {
        virtual_executor ex;
        CHECK(ex.run(when_all(std::vector<weir::task<int>>{})).empty());
        std::vector<weir::task<>> range;
        range.push_back(nothing_after(5ms));
        range.push_back(nothing_after(3ms));
        static_assert(std::same_as<decltype(ex.run(when_all(std::move(range)))), void>);
        ex.run(when_all(std::move(range)));
        CHECK(ex.elapsed() == 5ms);
    }

    TEST_CASE("when_all does not suspend if all operations are ready at once") {
        virtual_executor ex;
        std::uint64_t before = 0;
        auto body = [&]() -> weir::task<> {
            before = ex.stats().wakers_run;
            co_await when_all(weir::iota(0, 5) | weir::count(), weir::iota(0, 6) | weir::count());
            CHECK(ex.stats().wakers_run == before);
        };
        ex.run(body());
    }

    TEST_CASE("when_all: the first failure drops the others before it is thrown") {
        virtual_executor ex;
        manual<int> first;
        manual<int> third;
        auto body = [&]() -> weir::task<> {
            try {
                co_await when_all(first.operation(), failure_after(10ms, "second"), third.operation());
                FAIL("it did not throw");
            } catch (const std::runtime_error& e) {
                CHECK(std::string{e.what()} == "second");
                CHECK(first.dropped());
                CHECK(third.dropped());
            }
        };
        ex.run(body());
        CHECK(ex.elapsed() == 10ms);
    }

    TEST_CASE("when_all does not start the operations behind one that fails at once") {
        virtual_executor ex;
        manual<int> first;
        manual<int> behind;
        auto fails = []() -> weir::task<int> {
            throw std::runtime_error{"at once"};
            co_return 0;
        };
        CHECK_THROWS_WITH(ex.run(when_all(first.operation(), fails(), behind.operation())), "at once");
        CHECK(first.started());
        CHECK_FALSE(behind.started());
        CHECK(behind.dropped());
    }

    TEST_CASE("when_all drops an operation when it ends, not with the last one") {
        virtual_executor ex;
        manual<int> a;
        manual<int> b;
        auto handle = ex.spawn(when_all(a.operation(), b.operation()));
        ex.run_ready();
        a.complete(1);
        ex.run_ready();
        CHECK(a.dropped());
        CHECK(b.running());
        CHECK(b.polls() == 1); // it is not asked when another one wakes
        b.complete(2);
        CHECK(ex.run(std::move(handle)) == std::tuple{1, 2});
    }

    TEST_CASE("when_all drops its operations when it is dropped at any suspension point") {
        for (int point = 0; point != 4; ++point) {
            virtual_executor ex;
            manual<int> a;
            manual<int> b;
            {
                auto handle = ex.spawn(when_all(a.operation(), b.operation()));
                if (point >= 1) ex.run_ready();
                if (point >= 2) a.complete(1);
                if (point >= 3) ex.run_ready();
            }
            CHECK(a.dropped());
            CHECK(b.dropped());
            const auto ran = ex.stats().wakers_run;
            b.complete(2);
            ex.run_ready();
            CHECK(ex.stats().wakers_run == ran);
        }
    }

    TEST_CASE("when_all may be dropped by one of its operations, at once or later") {
        support::operation_drops_itself(
            [](weir::task<> culprit) { return when_all(nothing_after(1h), std::move(culprit), nothing_after(1h)); });
    }

    TEST_CASE("when_all lets others run while it starts a long range") {
        virtual_executor ex;
        std::vector<weir::task<int>> range;
        constexpr int count = 5000;
        for (int i = 0; i != count; ++i) range.push_back(value_after(1ms, i));
        auto handle = ex.spawn(when_all(std::move(range)));
        ex.turn(ex.now());
        CHECK(ex.stats().timers_armed <= weir::context::polls_per_run);
        const auto all = ex.run(std::move(handle));
        REQUIRE(all.size() == count);
        CHECK(all.back() == count - 1);
    }

    TEST_CASE("when_all allocates nothing itself") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  struct loop {
                      using result_type = int;
                      int left;
                      std::optional<decltype(when_all(support::one_turn{1}, support::one_turn{2}))> both{};
                      weir::poll<int> poll_result(weir::context& cx) {
                          for (; left != 0; --left) {
                              if (!both) both.emplace(when_all(support::one_turn{1}, support::one_turn{2}));
                              if (both->poll_result(cx).is_pending()) return weir::pending;
                              both.reset();
                          }
                          return 0;
                      }
                  };
                  ex.run(loop{n});
              }) == 0);
    }
}
