// SPDX-License-Identifier: MIT
#include <weir/sync/latch.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sync/closed.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "schedules.hpp"

using namespace std::chrono_literals;
using weir::latch;
using weir::testing::virtual_executor;

namespace {

/// Two that wait for a latch, arrive at it and give up, and somebody who counts it down.
class latch_world final : public support::world {
public:
    explicit latch_world(weir::executor& ex) : world{ex} {
        add("a waits", "a arrives", "a polls", "a abandons", a_);
        add("b waits", "b arrives", "b polls", "b abandons", b_);
        can("count down", [this] { return latch_.left() != 0; }, [this] { latch_.count_down(); });
    }

private:
    using waiting = support::attempt<decltype(std::declval<latch&>().wait())>;

    void add(const char* waits, const char* arrives, const char* polls, const char* abandons, waiting& a) {
        can(waits, [&a] { return !a.running(); }, [this, &a] { a.start([this] { return latch_.wait(); }); });
        can(
            arrives, [this, &a] { return !a.running() && latch_.left() != 0; },
            [this, &a] { a.start([this] { return latch_.arrive_and_wait(); }); });
        can_poll_and_abandon(polls, abandons, a);
    }
    void ended(const weir::unit* u) { expect(u != nullptr && latch_.left() == 0, "one passed too early"); }

    void check() override { expect(latch_.try_wait() == (latch_.left() == 0), "it is open too early, or too late"); }
    void at_rest() override { expect(latch_.left() != 0 || (!a_.running() && !b_.running()), "one waits for nothing"); }

    latch latch_{3};
    waiting a_{executor_, [this](const weir::unit* u) { ended(u); }};
    waiting b_{executor_, [this](const weir::unit* u) { ended(u); }};
};

} // namespace

TEST_SUITE("sync/latch") {
    TEST_CASE("latch releases all waiters at zero and none before in every explored schedule") {
        const auto all = support::explore(8, [](weir::executor& ex) { return std::make_unique<latch_world>(ex); });
        CHECK(all.failure == "");
        CHECK(all.schedules > 8'000);
    }

    TEST_CASE("latch releases arriving tasks together") {
        virtual_executor ex;
        latch l{3};
        std::vector<weir::duration> passed;
        auto work = [&](weir::duration d) -> weir::task<> {
            co_await weir::sleep_for(d);
            co_await l.arrive_and_wait();
            passed.push_back(ex.elapsed());
        };
        auto a = ex.spawn(work(1s));
        auto b = ex.spawn(work(5s));
        ex.run(work(3s));
        CHECK(passed == std::vector<weir::duration>{5s, 5s, 5s});
    }

    TEST_CASE("latch counts by more than one, and to zero once") {
        latch l{3};
        l.count_down(2);
        CHECK(l.left() == 1);
        CHECK_FALSE(l.try_wait());
        CHECK_THROWS_WITH_AS(l.count_down(2), "weir::latch::count_down(n): n is more than there is left",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(l.count_down(-1), "weir::latch::count_down(n): n must not be negative",
                             std::invalid_argument);
        l.count_down();
        CHECK(l.try_wait());
        CHECK_THROWS_AS(static_cast<void>(l.arrive_and_wait()), std::invalid_argument);
    }

    TEST_CASE("latch of 0 releases at once, and a negative count is rejected") {
        virtual_executor ex;
        const latch l{0};
        ex.run(l.wait());
        CHECK_THROWS_WITH_AS(latch{-1}, "weir::latch{n}: n must not be negative", std::invalid_argument);
    }

    TEST_CASE("latch: waiters may give up, and get an exception when the latch is destroyed") {
        virtual_executor ex;
        std::optional<latch> l{std::in_place, 1};
        CHECK_THROWS_AS(ex.run(weir::with_timeout(1s, l->wait())), weir::timed_out);
        auto waiting = ex.spawn(l->wait());
        ex.run_ready();
        l.reset();
        CHECK_THROWS_WITH_AS(ex.run(std::move(waiting)), "weir::latch: closed", weir::closed);
    }
}
