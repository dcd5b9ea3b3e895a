// SPDX-License-Identifier: MIT
#include <weir/sync/semaphore.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/once.hpp>
#include <weir/sync/closed.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"
#include "schedules.hpp"

using namespace std::chrono_literals;
using weir::semaphore;
using weir::testing::virtual_executor;

namespace {

/// What a semaphore does, in the fewest words.
struct semaphore_model {
    enum class fate { waiting, granted, refused };
    struct asked {
        std::size_t n;
        fate what;
    };

    std::size_t left;
    bool open = true;
    std::deque<asked*> line{};

    void ask(asked& a) {
        a.what = open ? fate::waiting : fate::refused;
        if (open) line.push_back(&a);
        admit();
    }
    void admit() {
        while (!line.empty() && line.front()->n <= left) {
            left -= line.front()->n;
            line.front()->what = fate::granted;
            line.pop_front();
        }
    }
    void give_back(std::size_t n) {
        left += n;
        admit();
    }
    void abandon(asked& a) {
        if (a.what == fate::granted) give_back(a.n);
        std::erase(line, &a);
        admit();
    }
    void close() {
        open = false;
        for (asked* a : line) a->what = fate::refused;
        line.clear();
    }
};

/// Three that want one, two and one of two permits.
class semaphore_world final : public support::world {
public:
    explicit semaphore_world(weir::executor& ex) : world{ex} {
        add("a asks", "a tries", "a polls", "a abandons", "a releases", a_);
        add("b asks for 2", "b tries", "b polls", "b abandons", "b releases", b_);
        add("c asks", "c tries", "c polls", "c abandons", "c releases", c_);
        can(
            "it closes", [this] { return model_.open; },
            [this] {
                permits_.close();
                model_.close();
            });
    }

private:
    using fate = semaphore_model::fate;

    struct actor {
        actor(semaphore_world& w, std::size_t n)
            : home{w}, asked{n, fate::refused}, asking{w.executor_, [this](semaphore::permit* p) { ended(p); }} {}

        void ended(semaphore::permit* p) {
            home.expect(asked.what == (p != nullptr ? fate::granted : fate::refused), "one was admitted out of turn");
            if (p != nullptr) has.emplace(std::move(*p));
        }

        semaphore_world& home;
        semaphore_model::asked asked;
        std::optional<semaphore::permit> has{};
        support::attempt<semaphore::acquire_operation> asking;
    };

    void add(const char* asks, const char* tries, const char* polls, const char* abandons, const char* releases,
             actor& a) {
        const auto idle = [&a] { return !a.has && !a.asking.running(); };
        can(asks, idle, [this, &a] {
            model_.ask(a.asked);
            a.asking.start([this, &a] { return permits_.acquire(a.asked.n); });
        });
        can(tries, idle, [this, &a] {
            const bool free = model_.open && model_.line.empty() && model_.left >= a.asked.n;
            if (free) model_.left -= a.asked.n;
            if (auto got = permits_.try_acquire(a.asked.n)) a.has.emplace(*std::move(got));
            expect(a.has.has_value() == free, "one that tried overtook, or was sent away for nothing");
        });
        can_poll_and_abandon(polls, abandons, a.asking, [this, &a] { model_.abandon(a.asked); });
        can(
            releases, [&a] { return a.has.has_value(); },
            [this, &a] {
                a.has.reset();
                model_.give_back(a.asked.n);
            });
    }

    void check() override { expect(permits_.available() == model_.left, "other permits are left than in the model"); }
    void at_rest() override {
        for (const actor* a : {&a_, &b_, &c_}) {
            expect(!a->asking.running() || a->asked.what == fate::waiting, "one waits for nothing");
        }
    }

    semaphore permits_{2};
    semaphore_model model_{2};
    actor a_{*this, 1};
    actor b_{*this, 2};
    actor c_{*this, 1};
};

} // namespace

TEST_SUITE("sync/semaphore") {
    TEST_CASE("semaphore conserves permits and keeps the order in every explored schedule") {
        const auto all = support::explore(6, [](weir::executor& ex) { return std::make_unique<semaphore_world>(ex); });
        CHECK(all.failure == "");
        CHECK(all.schedules > 8'000);
    }

    TEST_CASE("semaphore admits as many tasks as there are permits, in order of arrival") {
        virtual_executor ex;
        const semaphore s{2};
        std::vector<std::pair<int, weir::duration>> begun;
        auto work = [&](int i) -> weir::task<> {
            const auto permit = co_await s.acquire();
            begun.emplace_back(i, ex.elapsed());
            co_await weir::sleep_for(10ms);
        };
        std::vector<weir::join_handle<weir::task<>>> all;
        for (int i = 0; i != 5; ++i) all.push_back(ex.spawn(work(i)));
        ex.advance(1s);
        CHECK(begun ==
              std::vector<std::pair<int, weir::duration>>{{0, 0ms}, {1, 0ms}, {2, 10ms}, {3, 10ms}, {4, 20ms}});
        CHECK(s.available() == 2);
    }

    TEST_CASE("semaphore: small requests do not starve a large one") {
        virtual_executor ex;
        const semaphore s{3};
        auto one = s.try_acquire();
        REQUIRE(one);
        auto many = ex.spawn(s.acquire(3));
        ex.run_ready();
        CHECK_FALSE(s.try_acquire());
        CHECK_FALSE(many.finished());
        one.reset();
        CHECK(ex.run(std::move(many)).count() == 3);
        CHECK(s.available() == 3);
    }

    TEST_CASE("semaphore: smaller requests go on when the first waiter gives up") {
        virtual_executor ex;
        const semaphore s{2};
        const auto held = s.try_acquire();
        std::optional many{ex.spawn(s.acquire(2))};
        ex.run_ready();
        auto few = ex.spawn(s.acquire());
        ex.run_ready();
        CHECK_FALSE(few.finished());
        many.reset();
        ex.run_ready();
        CHECK(few.finished());
    }

    TEST_CASE("semaphore: a waiter that times out leaves the queue") {
        virtual_executor ex;
        const semaphore s{1};
        auto held = s.try_acquire();
        CHECK_THROWS_AS(static_cast<void>(ex.run(weir::with_timeout(1s, s.acquire()))), weir::timed_out);
        held.reset();
        CHECK(s.available() == 1);
    }

    TEST_CASE("semaphore: a permit moves, and is released once") {
        const semaphore s{4};
        auto a = *s.try_acquire(3);
        auto b = std::move(a);
        CHECK(b.count() == 3);
        CHECK(a.count() == 0);
        CHECK(s.available() == 1);
        b = *s.try_acquire(1);
        CHECK(b.count() == 1);
        CHECK(s.available() == 3);
        b.release();
        b.release();
        CHECK(s.available() == 4);
    }

    TEST_CASE("semaphore: closing refuses waiters and later requests, and leaves permits valid") {
        virtual_executor ex;
        const semaphore s{1};
        auto held = s.try_acquire();
        auto waiting = ex.spawn(s.acquire());
        ex.run_ready();
        s.close();
        CHECK(s.closed());
        CHECK_THROWS_WITH_AS(static_cast<void>(ex.run(std::move(waiting))), "weir::semaphore: closed", weir::closed);
        CHECK_THROWS_AS(static_cast<void>(ex.run(s.acquire())), weir::closed);
        held.reset();
        CHECK(s.available() == 1);
        CHECK_FALSE(s.try_acquire());
    }

    TEST_CASE("semaphore: permits and waiters may outlive the semaphore") {
        virtual_executor ex;
        std::optional<semaphore> s{std::in_place, 1};
        const auto held = s->try_acquire();
        auto waiting = ex.spawn(s->acquire());
        ex.run_ready();
        s.reset();
        CHECK_THROWS_AS(static_cast<void>(ex.run(std::move(waiting))), weir::closed);
        CHECK(held->count() == 1);
    }

    TEST_CASE("semaphore allocates nothing per wait") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  const semaphore s{1};
                  const auto work = [&]() -> weir::task<> {
                      for (int i = 0; i != n; ++i) {
                          const auto permit = co_await s.acquire();
                          co_await weir::yield();
                      }
                  };
                  auto other = ex.spawn(work());
                  ex.run(work());
                  ex.run(std::move(other));
              }) == 0);
    }

    TEST_CASE("semaphore rejects invalid numbers") {
        const semaphore s{2};
        CHECK_THROWS_WITH_AS(semaphore{0}, "weir::semaphore{n}: n must be at least 1", std::invalid_argument);
        CHECK_THROWS_WITH_AS(static_cast<void>(s.acquire(0)), "weir::semaphore::acquire(n): n must be at least 1",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(static_cast<void>(s.try_acquire(3)),
                             "weir::semaphore::acquire(n): n is more than there are permits", std::invalid_argument);
    }

    TEST_CASE("semaphore: operations in flight and their consumer may share one") {
        const auto shared_by = [](auto stage) {
            virtual_executor ex;
            const semaphore only{1};
            const auto work = [&](int i) -> weir::task<int> {
                const auto permit = co_await only.acquire();
                co_await weir::sleep_for(1s);
                co_return i;
            };
            int consumed = 0;
            const auto consume = [&](int) -> weir::task<> {
                const auto permit = co_await only.acquire();
                co_await weir::sleep_for(1s);
                ++consumed;
            };
            const auto running = ex.spawn(weir::iota(0, 20) | stage(work) | weir::for_each(consume));
            ex.run_until_idle(); // a deadlock is idle, too
            CHECK(consumed == 20);
        };
        shared_by([](auto work) { return weir::map_async(4, work); });
        shared_by([](auto work) { return weir::map_async_unordered(4, work); });
        shared_by([](auto work) { return weir::flat_map(4, [work](int i) { return weir::once(work(i)); }); });
    }
}
