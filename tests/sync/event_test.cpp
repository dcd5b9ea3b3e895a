// SPDX-License-Identifier: MIT
#include <weir/sync/event.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sync/closed.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"
#include "schedules.hpp"

using namespace std::chrono_literals;
using weir::event;
using weir::event_reset;
using weir::testing::virtual_executor;

namespace {

/// Two that wait for an event, try, and give up, and somebody who sets and resets it, and lets it die.
class event_world final : public support::world {
public:
    event_world(weir::executor& ex, event_reset how) : world{ex}, how_{how}, event_{std::in_place, how} {
        add("a waits", "a tries", "a polls", "a abandons", a_);
        add("b waits", "b tries", "b polls", "b abandons", b_);
        const auto alive = [this] { return event_.has_value(); };
        can("set", alive, [this] {
            event_->set();
            set();
        });
        can("reset", alive, [this] {
            event_->reset();
            set_ = false;
        });
        can("die", alive, [this] {
            for (actor* a : line_) a->what = fate::refused;
            line_.clear();
            event_.reset();
        });
    }

private:
    enum class fate { waiting, passed, refused };

    struct actor {
        explicit actor(event_world& w)
            : waiting{w.executor_, [this, &w](weir::unit* u) {
                          w.expect(what == (u != nullptr ? fate::passed : fate::refused),
                                   "one passed, or was refused, out of turn");
                      }} {}

        fate what = fate::refused;
        support::attempt<decltype(std::declval<event&>().wait())> waiting;
    };

    bool is_automatic() const { return how_ == event_reset::automatic; }

    void set() {
        if (!is_automatic() || line_.empty()) set_ = true;
        while (!line_.empty()) {
            line_.front()->what = fate::passed;
            line_.pop_front();
            if (is_automatic()) return;
        }
    }
    bool pass() {
        const bool passes = set_;
        if (is_automatic()) set_ = false;
        return passes;
    }

    void add(const char* waits, const char* tries, const char* polls, const char* abandons, actor& a) {
        const auto idle = [this, &a] { return event_ && !a.waiting.running(); };
        can(waits, idle, [this, &a] {
            a.what = pass() ? fate::passed : fate::waiting;
            if (a.what == fate::waiting) line_.push_back(&a);
            a.waiting.start([this] { return event_->wait(); });
        });
        can(tries, idle, [this] { expect(event_->try_wait() == pass(), "one that tried passed, or did not"); });
        can_poll_and_abandon(polls, abandons, a.waiting, [this, &a] {
            std::erase(line_, &a);
            if (a.what == fate::passed && is_automatic() && event_) set();
        });
    }

    void check() override { expect(!event_ || event_->is_set() == set_, "it is set, and should not be, or not"); }
    void at_rest() override {
        for (const actor* a : {&a_, &b_}) {
            expect(!a->waiting.running() || a->what == fate::waiting, "one waits for nothing");
        }
    }

    event_reset how_;
    bool set_ = false;
    std::deque<actor*> line_{};
    std::optional<event> event_;
    actor a_{*this};
    actor b_{*this};
};

} // namespace

TEST_SUITE("sync/event") {
    TEST_CASE("event: every set releases the right waiters in every explored schedule") {
        for (const auto how : {event_reset::manual, event_reset::automatic}) {
            CAPTURE(static_cast<int>(how));
            const auto all =
                support::explore(6, [how](weir::executor& ex) { return std::make_unique<event_world>(ex, how); });
            CHECK(all.failure == "");
            CHECK(all.schedules > 6'000);
        }
    }

    TEST_CASE("event: a manual event releases all present and later waiters until it is reset") {
        virtual_executor ex;
        const event e;
        auto a = ex.spawn(e.wait());
        auto b = ex.spawn(e.wait());
        ex.run_ready();
        CHECK_FALSE(a.finished());
        e.set();
        e.reset(); // those who were let pass go on
        ex.run_ready();
        CHECK(a.finished());
        CHECK(b.finished());
        CHECK_FALSE(e.try_wait());
        e.set();
        CHECK(e.try_wait());
        ex.run(e.wait());
        CHECK(e.is_set());
    }

    TEST_CASE("event: an automatic event releases one waiter per set, in order of arrival") {
        virtual_executor ex;
        const event e{event_reset::automatic};
        auto a = ex.spawn(e.wait());
        auto b = ex.spawn(e.wait());
        ex.run_ready();
        e.set();
        ex.run_ready();
        CHECK(a.finished());
        CHECK_FALSE(b.finished());
        e.set();
        ex.run_ready();
        CHECK(b.finished());
        CHECK_FALSE(e.is_set());
        e.set();
        e.set();
        CHECK(e.try_wait());
        CHECK_FALSE(e.try_wait());
    }

    TEST_CASE("event passes an unused release to the next waiter") {
        virtual_executor ex;
        const event e{event_reset::automatic};
        std::optional a{ex.spawn(e.wait())};
        auto b = ex.spawn(e.wait());
        ex.run_ready();
        e.set();
        a.reset();
        ex.run_ready();
        CHECK(b.finished());
    }

    TEST_CASE("event: a waiter that times out leaves the queue") {
        virtual_executor ex;
        const event e{event_reset::automatic};
        CHECK_THROWS_AS(ex.run(weir::with_timeout(1s, e.wait())), weir::timed_out);
        CHECK(ex.elapsed() == 1s);
        e.set();
        CHECK(e.is_set());
    }

    TEST_CASE("event: waiters get an exception when the event is destroyed") {
        virtual_executor ex;
        std::optional<event> e{std::in_place};
        auto waiting = ex.spawn(e->wait());
        auto unpolled = e->wait();
        ex.run_ready();
        e.reset();
        CHECK_THROWS_WITH_AS(ex.run(std::move(waiting)), "weir::event: closed", weir::closed);
        CHECK_THROWS_AS(ex.run(std::move(unpolled)), weir::closed);
    }

    TEST_CASE("event allocates nothing per wait") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  const event ping{event_reset::automatic};
                  const event pong{event_reset::automatic};
                  const auto play = [n](const event& hears, const event& says) -> weir::task<> {
                      for (int i = 0; i != n; ++i) {
                          co_await hears.wait();
                          says.set();
                      }
                  };
                  auto other = ex.spawn(play(ping, pong));
                  ping.set();
                  ex.run(play(pong, ping));
              }) == 0);
    }
}
