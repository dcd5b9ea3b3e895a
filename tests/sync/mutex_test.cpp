// SPDX-License-Identifier: MIT
#include <weir/sync/mutex.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sync/closed.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"
#include "schedules.hpp"

using namespace std::chrono_literals;
using weir::mutex;
using weir::testing::virtual_executor;

namespace {

/// Three that lock, unlock, try and give up. The line says who has it: the first.
class mutex_world final : public support::world {
public:
    explicit mutex_world(weir::executor& ex) : world{ex} {
        add("a locks", "a tries", "a polls", "a abandons", "a unlocks", a_);
        add("b locks", "b tries", "b polls", "b abandons", "b unlocks", b_);
        add("c locks", "c tries", "c polls", "c abandons", "c unlocks", c_);
    }

private:
    struct actor {
        explicit actor(mutex_world& w)
            : home{w}, locking{w.executor_, [this](weir::mutex_guard<int>* g) { ended(g); }} {}

        void ended(weir::mutex_guard<int>* g) {
            home.expect(g != nullptr, "a lock failed");
            home.expect(home.line_.front() == this, "one has the lock out of turn");
            if (g != nullptr) has.emplace(std::move(*g));
        }

        mutex_world& home;
        std::optional<weir::mutex_guard<int>> has{};
        support::attempt<decltype(std::declval<mutex<int>&>().lock())> locking;
    };

    void add(const char* locks, const char* tries, const char* polls, const char* abandons, const char* unlocks,
             actor& a) {
        const auto idle = [&a] { return !a.has && !a.locking.running(); };
        can(locks, idle, [this, &a] {
            line_.push_back(&a);
            a.locking.start([this] { return mutex_.lock(); });
        });
        can(tries, idle, [this, &a] {
            const bool free = line_.empty();
            if (free) line_.push_back(&a);
            if (auto got = mutex_.try_lock()) a.has.emplace(*std::move(got));
            expect(a.has.has_value() == free, "one that tried overtook, or was sent away for nothing");
        });
        can_poll_and_abandon(polls, abandons, a.locking, [this, &a] { std::erase(line_, &a); });
        can(
            unlocks, [&a] { return a.has.has_value(); },
            [this, &a] {
                a.has.reset();
                std::erase(line_, &a);
            });
    }

    void check() override { expect(mutex_.locked() == !line_.empty(), "it is locked for nobody, or free for two"); }
    void at_rest() override {
        expect(line_.empty() || line_.front()->has.has_value(), "the lock is with one who does not go on");
    }

    mutex<int> mutex_{1};
    std::deque<actor*> line_{};
    actor a_{*this};
    actor b_{*this};
    actor c_{*this};
};

} // namespace

TEST_SUITE("sync/mutex") {
    TEST_CASE("mutex gives the lock to one task at a time, in turn, in every explored schedule") {
        const auto all = support::explore(7, [](weir::executor& ex) { return std::make_unique<mutex_world>(ex); });
        CHECK(all.failure == "");
        CHECK(all.schedules > 8'000);
    }

    TEST_CASE("mutex stays locked while its owner is suspended") {
        virtual_executor ex;
        const mutex<std::string> text;
        auto write = [&](char c) -> weir::task<> {
            auto locked = co_await text.lock();
            for (int i = 0; i != 3; ++i) {
                locked->push_back(c);
                co_await weir::sleep_for(1ms);
            }
        };
        auto a = ex.spawn(write('a'));
        auto b = ex.spawn(write('b'));
        ex.run(write('c'));
        CHECK(*ex.run(text.lock()) == "aaabbbccc");
        CHECK(ex.elapsed() == 9ms);
    }

    TEST_CASE("mutex: a task that fails or is dropped unlocks it") {
        virtual_executor ex;
        const mutex<> m;
        auto fail = [&]() -> weir::task<> {
            const auto locked = co_await m.lock();
            throw std::runtime_error{"out"};
        };
        CHECK_THROWS_WITH(ex.run(fail()), "out");
        CHECK_FALSE(m.locked());
        auto hold = [&]() -> weir::task<> {
            const auto locked = co_await m.lock();
            co_await weir::sleep_for(1h);
        };
        {
            const auto dropped = ex.spawn(hold());
            ex.run_ready();
            CHECK(m.locked());
            CHECK_THROWS_AS(static_cast<void>(ex.run(weir::with_timeout(1s, m.lock()))), weir::timed_out);
        }
        CHECK_FALSE(m.locked());
    }

    TEST_CASE("mutex: a guard moves, and unlocks once") {
        const mutex m{std::make_unique<int>(4)};
        auto a = *m.try_lock();
        CHECK(**a == 4);
        auto b = std::move(a);
        CHECK(b);
        CHECK_FALSE(a);
        b.unlock();
        CHECK_FALSE(b);
        auto c = m.try_lock();
        REQUIRE(c);
        b.unlock();
        CHECK(m.locked());
    }

    TEST_CASE("mutex: a guard may outlive the mutex, and waiters get an exception") {
        virtual_executor ex;
        std::optional<mutex<std::string>> m{std::in_place, "a text that is too long to be kept in place"};
        auto locked = *m->try_lock();
        auto waiting = ex.spawn(m->lock());
        ex.run_ready();
        m.reset();
        CHECK_THROWS_WITH_AS(static_cast<void>(ex.run(std::move(waiting))), "weir::mutex: closed", weir::closed);
        CHECK(locked->starts_with("a text"));
    }

    TEST_CASE("mutex allocates nothing per wait") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  const mutex<int> m{0};
                  const auto work = [&]() -> weir::task<> {
                      for (int i = 0; i != n; ++i) {
                          auto locked = co_await m.lock();
                          co_await weir::yield();
                          ++*locked;
                      }
                  };
                  auto other = ex.spawn(work());
                  ex.run(work());
                  ex.run(std::move(other));
              }) == 0);
    }
}
