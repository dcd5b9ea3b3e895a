// SPDX-License-Identifier: MIT
#include <weir/sync/condition.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sync/closed.hpp>
#include <weir/sync/mutex.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"
#include "schedules.hpp"

using namespace std::chrono_literals;
using weir::condition;
using weir::mutex;
using weir::testing::virtual_executor;

namespace {

/// Two that hold a mutex, wait for a condition, and give up, and somebody who notifies.
///
/// Two lines say everything: those who are to be notified, and those who have the mutex in turn.
class condition_world final : public support::world {
public:
    explicit condition_world(weir::executor& ex) : world{ex} {
        add("a locks", "a unlocks", "a waits", "a polls", "a abandons", a_);
        add("b locks", "b unlocks", "b waits", "b polls", "b abandons", b_);
        add("c locks", "c unlocks", "c waits", "c polls", "c abandons", c_);
        can(
            "notify one", [] { return true; },
            [this] {
                condition_.notify_one();
                notify_one();
            });
        can(
            "notify all", [] { return true; },
            [this] {
                condition_.notify_all();
                for (actor* a : waiting_) {
                    locking_.push_back(a);
                    a->passes_on = false;
                }
                waiting_.clear();
            });
    }

private:
    struct actor {
        explicit actor(condition_world& w)
            : waiting{w.executor_, [this, &w](weir::unit* u) {
                          w.expect(u != nullptr, "a wait failed");
                          w.expect(has && *has, "one goes on without the mutex");
                          w.expect(!w.locking_.empty() && w.locking_.front() == this, "one goes on out of turn");
                      }} {}

        std::optional<weir::mutex_guard<int>> has{};
        bool passes_on = false; // its notification, if it gives up
        support::attempt<decltype(std::declval<condition&>().wait(*has))> waiting;
    };

    void notify_one() {
        if (waiting_.empty()) return;
        waiting_.front()->passes_on = true;
        locking_.push_back(waiting_.front());
        waiting_.pop_front();
    }

    void add(const char* locks, const char* unlocks, const char* waits, const char* polls, const char* abandons,
             actor& a) {
        const auto idle = [&a] { return !a.has && !a.waiting.running(); };
        const auto holds = [&a] { return a.has && *a.has && !a.waiting.running(); };
        can(
            locks, [this, idle] { return idle() && locking_.empty(); },
            [this, &a] {
                auto got = mutex_.try_lock();
                expect(got.has_value(), "the mutex is locked for nobody");
                if (!got) return;
                a.has.emplace(*std::move(got));
                locking_.push_back(&a);
            });
        can(unlocks, holds, [this, &a] {
            a.has.reset();
            std::erase(locking_, &a);
        });
        can(waits, holds, [this, &a] {
            std::erase(locking_, &a);
            waiting_.push_back(&a);
            a.waiting.start([this, &a] { return condition_.wait(*a.has); });
        });
        can_poll_and_abandon(polls, abandons, a.waiting, [this, &a] {
            expect(!*a.has, "one that gave up has the mutex");
            a.has.reset();
            std::erase(waiting_, &a);
            if (std::erase(locking_, &a) != 0 && a.passes_on) notify_one();
        });
    }

    void check() override { expect(mutex_.locked() == !locking_.empty(), "the mutex is locked for nobody, or free"); }
    void at_rest() override {
        for (actor* a : {&a_, &b_, &c_}) {
            expect(!a->waiting.running() || locking_.empty() || locking_.front() != a, "one waits for nothing");
        }
    }

    mutex<int> mutex_{1};
    condition condition_;
    std::deque<actor*> waiting_{};
    std::deque<actor*> locking_{};
    actor a_{*this};
    actor b_{*this};
    actor c_{*this};
};

} // namespace

TEST_SUITE("sync/condition") {
    TEST_CASE(
        "condition loses no notification, and no waiter continues without the mutex, in every explored schedule") {
        const auto all = support::explore(8, [](weir::executor& ex) { return std::make_unique<condition_world>(ex); });
        CHECK(all.failure == "");
        CHECK(all.schedules > 8'000);
    }

    TEST_CASE("condition: consumers wait for an item in order of arrival") {
        virtual_executor ex;
        const mutex<std::deque<int>> queue;
        const condition changed;
        std::vector<std::pair<int, int>> taken;
        auto consume = [&](int who) -> weir::task<> {
            auto items = co_await queue.lock();
            while (items->empty()) co_await changed.wait(items);
            taken.emplace_back(who, items->front());
            items->pop_front();
        };
        auto a = ex.spawn(consume(1));
        auto b = ex.spawn(consume(2));
        ex.run_ready();
        auto produce = [&]() -> weir::task<> {
            for (const int i : {10, 20}) {
                co_await weir::sleep_for(1s);
                auto items = co_await queue.lock();
                items->push_back(i);
                changed.notify_one();
            }
        };
        ex.run(produce());
        ex.run_ready();
        CHECK(taken == std::vector<std::pair<int, int>>{{1, 10}, {2, 20}});
        CHECK_FALSE(queue.locked());
    }

    TEST_CASE("condition: a notification reaches no waiter that arrives later") {
        virtual_executor ex;
        const mutex<> m;
        const condition c;
        c.notify_one();
        c.notify_all();
        auto guard = ex.run(m.lock());
        CHECK_THROWS_AS(ex.run(weir::with_timeout(1s, c.wait(guard))), weir::timed_out);
        CHECK_FALSE(guard);
        CHECK_FALSE(m.locked());
    }

    TEST_CASE("condition passes an unused notification to the next waiter") {
        virtual_executor ex;
        const mutex<> m;
        const condition c;
        auto first = *m.try_lock();
        std::optional a{ex.spawn(c.wait(first))};
        ex.run_ready();
        auto second = *m.try_lock();
        auto b = ex.spawn(c.wait(second));
        ex.run_ready();
        c.notify_one();
        a.reset();
        ex.run_ready();
        CHECK(b.finished());
        CHECK(second);
        CHECK_FALSE(first);
    }

    TEST_CASE("condition: waiters get an exception when the condition or their mutex is destroyed") {
        virtual_executor ex;
        std::optional<mutex<>> m{std::in_place};
        std::optional<condition> c{std::in_place};
        auto guard = *m->try_lock();
        auto waiting = ex.spawn(c->wait(guard));
        ex.run_ready();
        c.reset();
        CHECK_THROWS_WITH_AS(ex.run(std::move(waiting)), "weir::condition: closed", weir::closed);
        CHECK_FALSE(guard);

        c.emplace();
        auto other = *m->try_lock();
        auto again = ex.spawn(c->wait(other));
        ex.run_ready();
        m.reset();
        CHECK_FALSE(again.finished());
        c->notify_one();
        CHECK_THROWS_WITH_AS(ex.run(std::move(again)), "weir::mutex: closed", weir::closed);
    }

    TEST_CASE("condition: a wait after the condition was destroyed unlocks the mutex, too") {
        virtual_executor ex;
        const mutex<> m;
        std::optional<condition> c{std::in_place};
        auto guard = *m.try_lock();
        auto late = c->wait(guard);
        c.reset();
        CHECK_THROWS_AS(ex.run(std::move(late)), weir::closed);
        CHECK_FALSE(guard);
        CHECK_FALSE(m.locked());
    }

    TEST_CASE("condition rejects a guard that holds no lock") {
        virtual_executor ex;
        const mutex<> m;
        const condition c;
        auto guard = *m.try_lock();
        guard.unlock();
        CHECK_THROWS_WITH_AS(ex.run(c.wait(guard)), "weir::condition::wait(guard): the guard does not hold its mutex",
                             std::logic_error);
    }

    TEST_CASE("condition allocates nothing per wait") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  const mutex<int> turn{0};
                  const condition changed;
                  const auto play = [&, n](int mine) -> weir::task<> {
                      auto whose = co_await turn.lock();
                      for (int i = 0; i != n; ++i) {
                          while (*whose != mine) co_await changed.wait(whose);
                          *whose = 1 - mine;
                          changed.notify_one();
                      }
                  };
                  auto other = ex.spawn(play(1));
                  ex.run(play(0));
              }) == 0);
    }
}
