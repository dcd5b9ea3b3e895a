// SPDX-License-Identifier: MIT
#include <weir/sync/state.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/operators/take.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"
#include "schedules.hpp"

using namespace std::chrono_literals;
using weir::state;
using weir::testing::virtual_executor;

namespace {

template <class S>
concept watchable = requires(const S& s) { s.watch(); };

/// Two that watch a state, and give up and come again, and somebody who sets it and lets it die.
class state_world final : public support::world {
public:
    explicit state_world(weir::executor& ex) : world{ex} {
        add("a asks", "a polls", "a abandons", a_);
        add("b asks", "b polls", "b abandons", b_);
        const auto alive = [this] { return state_.has_value(); };
        can("set", alive, [this] { state_->set(++value_); });
        can("die", alive, [this] { state_.reset(); });
    }

private:
    struct actor {
        explicit actor(state_world& w)
            : home{w}, stream{w.state_->watch()}, asking{w.executor_, [this](std::optional<int>* v) { came(v); }} {}

        void came(const std::optional<int>* v) {
            home.expect(v != nullptr, "a watcher failed");
            if (v == nullptr) return;
            ended = !*v;
            home.expect(ended ? !home.state_ && seen == home.value_ : **v == home.value_ && seen != home.value_,
                        "something else than the newest value came, or it came twice");
            if (*v) seen = **v;
        }

        state_world& home;
        int seen = -1;
        bool ended = false;
        weir::state_stream<int> stream;
        support::attempt<decltype(weir::next(stream))> asking;
    };

    void add(const char* asks, const char* polls, const char* abandons, actor& a) {
        can(
            asks, [&a] { return !a.ended && !a.asking.running(); },
            [&a] { a.asking.start([&a] { return weir::next(a.stream); }); });
        can_poll_and_abandon(polls, abandons, a.asking);
    }
    void at_rest() override {
        for (actor* a : {&a_, &b_}) {
            expect(!a->asking.running() || (state_ && a->seen == value_), "one waits for nothing");
        }
    }

    int value_ = 0;
    std::optional<state<int>> state_{0};
    actor a_{*this};
    actor b_{*this};
};

} // namespace

TEST_SUITE("sync/state") {
    TEST_CASE("state delivers the newest value to every watcher once in every explored schedule") {
        const auto all = support::explore(8, [](weir::executor& ex) { return std::make_unique<state_world>(ex); });
        CHECK(all.failure == "");
        CHECK(all.schedules > 8'000);
    }

    TEST_CASE("state: a watcher receives the current value, then the newest one at each poll") {
        virtual_executor ex;
        const state<std::string> s{"one"};
        auto watching = s.watch();
        CHECK(ex.run(weir::next(watching)) == "one");
        CHECK_FALSE(watching.changed());
        s.set("two");
        s.set("three");
        CHECK(watching.changed());
        CHECK(ex.run(weir::next(watching)) == "three");
        CHECK(watching.version() == 3); // two was left out
        CHECK(s.version() == 3);
    }

    TEST_CASE("state: a slow watcher delays no other and sees the newest value when it polls") {
        virtual_executor ex;
        std::vector<std::pair<weir::duration, int>> seen;
        std::optional<state<int>> s{0};
        auto watch = [&](weir::state_stream<int> from) -> weir::task<> {
            while (const auto value = co_await weir::next(from)) {
                seen.emplace_back(ex.elapsed(), *value);
                co_await weir::sleep_for(25ms);
            }
        };
        auto watching = ex.spawn(watch(s->watch()));
        for (int i = 1; i != 6; ++i) {
            ex.advance(10ms);
            s->set(i);
        }
        s.reset();
        ex.advance(1s);
        CHECK(watching.finished());
        CHECK(seen == std::vector<std::pair<weir::duration, int>>{{0ms, 0}, {25ms, 2}, {50ms, 4}, {75ms, 5}});
    }

    TEST_CASE("state delivers the last value before the end, and copies share one state") {
        virtual_executor ex;
        std::optional<state<int>> s{1};
        std::optional<state<int>> same{*s};
        weir::testing::probe_sink sink{ex, s->watch()};
        sink.request();
        ex.run_ready();
        s.reset();
        ex.run_ready();
        CHECK_FALSE(sink.ended());
        same->set(2);
        same.reset();
        ex.run_ready();
        CHECK(sink.items() == std::vector{1, 2});
        CHECK(sink.ended());
    }

    TEST_CASE("state is changed in place, and a change that throws changes nothing") {
        virtual_executor ex;
        const state<std::vector<int>> s{{1}};
        s.update([](std::vector<int>& v) { v.push_back(2); });
        CHECK(s.get() == std::vector{1, 2});
        CHECK(s.version() == 2);
        CHECK_THROWS_WITH(s.update([](std::vector<int>&) { throw std::runtime_error{"no"}; }), "no");
        CHECK(s.version() == 2);
    }

    TEST_CASE("state: a move-only value can be read and not watched") {
        const state<std::unique_ptr<int>> s{std::make_unique<int>(1)};
        s.set(std::make_unique<int>(2));
        CHECK(*s.get() == 2);
        static_assert(!watchable<state<std::unique_ptr<int>>>);
        static_assert(watchable<state<int>>);
    }

    TEST_CASE("state: an abandoned watch loses no value") {
        virtual_executor ex;
        const state<int> s{1};
        auto watching = s.watch();
        CHECK(ex.run(weir::next(watching)) == 1);
        CHECK_THROWS_AS(ex.run(weir::with_timeout(1s, weir::next(watching))), weir::timed_out);
        s.set(2);
        CHECK(ex.run(weir::next(watching)) == 2);
    }

    TEST_CASE("state allocates nothing per value") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  const state<int> s{0};
                  auto watching = ex.spawn(s.watch() | weir::drain());
                  for (int i = 0; i != n; ++i) {
                      s.set(i);
                      ex.run_ready();
                  }
              }) == 0);
    }
}
