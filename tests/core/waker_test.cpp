// SPDX-License-Identifier: MIT
#include <weir/core/waker.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <weir/core/detail/member_waker.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace {

struct counter {
    int runs = 0;
    void run() noexcept { ++runs; }
    weir::detail::member_waker<counter, &counter::run> waker;
};

} // namespace

TEST_SUITE("core/waker") {
    TEST_CASE("waker: a wake enqueues the waker once and runs nothing") {
        weir::testing::virtual_executor ex;
        counter c;
        c.waker.bind(c, weir::detail::executor_access::queue(ex));
        c.waker.wake();
        c.waker.wake();
        CHECK(c.runs == 0);
        ex.run_ready();
        CHECK(c.runs == 1);
    }

    TEST_CASE("wakers run in the order in which they were woken") {
        weir::testing::virtual_executor ex;
        static std::vector<int> order;
        order.clear();
        struct numbered {
            int number;
            void run() noexcept { order.push_back(number); }
            weir::detail::member_waker<numbered, &numbered::run> waker{};
        };
        numbered all[3]{{0}, {1}, {2}};
        for (auto& n : all) n.waker.bind(n, weir::detail::executor_access::queue(ex));
        for (const std::size_t i : {2u, 0u, 1u}) all[i].waker.wake();
        ex.run_ready();
        CHECK(order == std::vector<int>{2, 0, 1});
    }

    TEST_CASE("a destroyed waker leaves the run queue") {
        weir::testing::virtual_executor ex;
        {
            counter c;
            c.waker.bind(c, weir::detail::executor_access::queue(ex));
            c.waker.wake();
            CHECK_FALSE(ex.idle());
        }
        CHECK(ex.idle());
    }

    TEST_CASE("a deferred waker runs after the wakers that are woken in the same turn") {
        weir::testing::virtual_executor ex;
        counter late;
        counter early;
        late.waker.bind(late, weir::detail::executor_access::queue(ex));
        early.waker.bind(early, weir::detail::executor_access::queue(ex));
        late.waker.defer();
        early.waker.wake();
        ex.turn(ex.now());
        CHECK(early.runs == 1);
        CHECK(late.runs == 0);
        ex.turn(ex.now());
        CHECK(late.runs == 1);
    }

    TEST_CASE("waker_slot wakes once per arming") {
        weir::testing::virtual_executor ex;
        counter c;
        c.waker.bind(c, weir::detail::executor_access::queue(ex));
        weir::waker_slot slot;
        slot.arm(c.waker);
        CHECK(slot.armed());
        slot.wake();
        CHECK_FALSE(slot.armed());
        ex.run_ready();
        slot.wake();
        ex.run_ready();
        CHECK(c.runs == 1);
    }

    TEST_CASE("waker: a waiter may be destroyed before the slot that it is armed in") {
        weir::testing::virtual_executor ex;
        weir::waker_slot slot;
        {
            counter c;
            c.waker.bind(c, weir::detail::executor_access::queue(ex));
            slot.arm(c.waker);
        }
        CHECK_FALSE(slot.armed());
        slot.wake();
        CHECK(ex.idle());
    }

    TEST_CASE("waker: a slot may be destroyed before the waiter that is armed in it") {
        weir::testing::virtual_executor ex;
        counter c;
        c.waker.bind(c, weir::detail::executor_access::queue(ex));
        auto first = std::make_unique<weir::waker_slot>();
        auto second = std::make_unique<weir::waker_slot>();
        auto third = std::make_unique<weir::waker_slot>();
        for (auto* slot : {first.get(), second.get(), third.get()}) slot->arm(c.waker);
        second.reset();
        first->wake();
        third.reset();
        ex.run_ready();
        CHECK(c.runs == 1);
    }

    TEST_CASE("a waker_slot belongs to the waker that was armed last") {
        weir::testing::virtual_executor ex;
        counter a;
        counter b;
        a.waker.bind(a, weir::detail::executor_access::queue(ex));
        b.waker.bind(b, weir::detail::executor_access::queue(ex));
        weir::waker_slot slot;
        slot.arm(a.waker);
        slot.arm(b.waker);
        slot.arm(b.waker);
        slot.wake();
        ex.run_ready();
        CHECK(a.runs == 0);
        CHECK(b.runs == 1);
    }
}
