// SPDX-License-Identifier: MIT
#include <weir/sync/broadcast.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/send.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"
#include "schedules.hpp"

using namespace std::chrono_literals;
using weir::broadcast;
using weir::overflow;
using weir::testing::virtual_executor;

namespace {

/// Two senders, and two subscribers of which one lets the others wait and one loses what it has no room for.
class broadcast_world final : public support::world {
public:
    explicit broadcast_world(weir::executor& ex, overflow lossy) : world{ex}, lossy_{lossy} {
        add("a sends", "a polls", "a abandons", a_);
        add("b sends", "b polls", "b abandons", b_);
        strict_.stream.emplace(hub_->subscribe({.capacity = 1}));
        loose_.stream.emplace(hub_->subscribe({.capacity = 1, .overflow = lossy}));
        add("s receives", "s polls", "s abandons", "s goes", strict_);
        add("l receives", "l polls", "l abandons", "l goes", loose_);
        can(
            "close", [this] { return open_; },
            [this] {
                hub_->close();
                open_ = false;
                for (sending* s : line_) s->what = fate::refused;
                line_.clear();
            });
    }

private:
    enum class fate { waiting, delivered, refused };

    struct sending {
        sending(broadcast_world& w, int first)
            : value{first}, attempt{w.executor_, [this, &w](const bool* sent) {
                                        w.expect(sent != nullptr && what == (*sent ? fate::delivered : fate::refused),
                                                 "a send ended too early, or otherwise");
                                    }} {}

        int value;
        fate what = fate::refused;
        support::attempt<decltype(std::declval<broadcast<int>&>().send(1))> attempt;
    };
    struct receiving {
        explicit receiving(broadcast_world& w)
            : home{w}, attempt{w.executor_, [this](const std::optional<int>* item) { came(item); }} {}

        void came(const std::optional<int>* item) {
            home.expect(item != nullptr, "a receive failed");
            if (item == nullptr) return;
            ended = !*item;
            const bool right = ended ? held.empty() && !home.open_ : !held.empty() && held.front() == **item;
            home.expect(right, "something else was received than in the model");
            if (!right || ended) return;
            held.pop_front();
            home.expect(stream->missed() == missed, "an item was missed that was not, or the other way round");
            missed = 0;
            home.admit();
        }

        broadcast_world& home;
        std::optional<weir::subscription<int>> stream{};
        std::deque<int> held{};
        std::uint64_t missed = 0;
        std::uint64_t dropped = 0;
        bool ended = false;
        support::attempt<decltype(weir::next(*stream))> attempt;
    };

    void deliver(sending& s) {
        s.what = fate::delivered;
        if (strict_.stream) strict_.held.push_back(s.value);
        if (!loose_.stream) return;
        if (!loose_.held.empty()) {
            ++loose_.dropped;
            if (lossy_ == overflow::drop_newest) {
                late_ += 1;
                return;
            }
            loose_.held.pop_front();
            ++loose_.missed;
        }
        loose_.held.push_back(s.value);
        if (lossy_ == overflow::drop_newest) loose_.missed = std::exchange(late_, 0);
    }
    void admit() {
        while (!line_.empty() && !(strict_.stream && !strict_.held.empty())) {
            sending* first = line_.front();
            line_.pop_front();
            deliver(*first);
        }
    }

    void add(const char* sends, const char* polls, const char* abandons, sending& s) {
        can(
            sends, [&s] { return !s.attempt.running(); },
            [this, &s] {
                ++s.value;
                s.what = open_ ? fate::waiting : fate::refused;
                if (open_) line_.push_back(&s);
                admit();
                s.attempt.start([this, &s] { return hub_->send(s.value); });
            });
        can_poll_and_abandon(polls, abandons, s.attempt, [this, &s] { std::erase(line_, &s); });
    }
    void add(const char* receives, const char* polls, const char* abandons, const char* goes, receiving& r) {
        const auto idle = [&r] { return r.stream && !r.attempt.running(); };
        can(
            receives, [&r, idle] { return idle() && !r.ended; },
            [&r] { r.attempt.start([&r] { return weir::next(*r.stream); }); });
        can_poll_and_abandon(polls, abandons, r.attempt);
        can(goes, idle, [this, &r] {
            expect(r.stream->dropped() == r.dropped, "other items were dropped than in the model");
            r.stream.reset();
            r.held.clear();
            admit();
        });
    }

    void check() override {
        for (const receiving* r : {&strict_, &loose_}) {
            if (r->stream) expect(r->stream->size() == r->held.size(), "other items are held than in the model");
        }
    }
    void at_rest() override {
        for (const sending* s : {&a_, &b_}) {
            expect(!s->attempt.running() || s->what == fate::waiting, "a sender waits for nothing");
        }
        for (const receiving* r : {&strict_, &loose_}) {
            expect(!r->attempt.running() || (open_ && r->held.empty()), "a subscriber waits for nothing");
        }
    }

    overflow lossy_;
    bool open_ = true;
    std::uint64_t late_ = 0; // dropped after what is held
    std::optional<broadcast<int>> hub_{std::in_place};
    std::deque<sending*> line_{};
    receiving strict_{*this};
    receiving loose_{*this};
    sending a_{*this, 10};
    sending b_{*this, 20};
};

} // namespace

TEST_SUITE("sync/broadcast") {
    TEST_CASE("broadcast delivers to each subscriber according to its policy in every explored schedule") {
        for (const auto lossy : {overflow::latest, overflow::drop_oldest, overflow::drop_newest}) {
            CAPTURE(static_cast<int>(lossy));
            const auto all =
                support::explore(6, [=](weir::executor& ex) { return std::make_unique<broadcast_world>(ex, lossy); });
            CHECK(all.failure == "");
            CHECK(all.schedules > 6'000);
        }
    }

    TEST_CASE("broadcast delivers to a subscriber every item from its subscription on") {
        virtual_executor ex;
        std::optional<broadcast<std::string>> hub{std::in_place};
        CHECK(hub->try_send("to nobody"));
        auto a = hub->subscribe();
        CHECK(hub->try_send("one"));
        auto b = hub->subscribe();
        CHECK(hub->try_send("two"));
        hub.reset();
        CHECK(ex.run(std::move(a) | weir::to<std::vector>()) == std::vector<std::string>{"one", "two"});
        CHECK(ex.run(std::move(b) | weir::to<std::vector>()) == std::vector<std::string>{"two"});
    }

    TEST_CASE("broadcast: the slowest suspending subscriber sets the pace until it leaves") {
        virtual_executor ex;
        const broadcast<int> hub;
        auto fast = hub.subscribe({.capacity = 10});
        std::optional slow{hub.subscribe({.capacity = 2})};
        auto sending = ex.spawn(weir::iota(0, 5) | weir::send(hub));
        ex.run_ready();
        CHECK(fast.size() == 2);
        CHECK_FALSE(hub.try_send(9)); // not before the one that waits
        CHECK(ex.run(weir::next(*slow)) == 0);
        ex.run_ready();
        CHECK(fast.size() == 3);
        slow.reset();
        ex.run_ready();
        CHECK(sending.finished());
        CHECK(fast.size() == 5);
    }

    TEST_CASE("broadcast: an item that had to wait is the item that arrives") {
        virtual_executor ex;
        const std::vector<std::string> texts(3, "a text that is too long to be kept in place");
        broadcast<std::string> hub;
        auto all = hub.subscribe({.capacity = 1});
        auto send = [&](broadcast<std::string> to) -> weir::task<> {
            weir::testing::probe<std::string> source;
            for (const auto& t : texts) source.push(t);
            source.end();
            CHECK(co_await (source.stream() | weir::send(std::move(to))) == 3);
        };
        auto sending = ex.spawn(send(std::move(hub)));
        CHECK(ex.run(std::move(all) | weir::to<std::vector>()) == texts);
    }

    TEST_CASE("a broadcast subscriber that loses items reports how many and where") {
        virtual_executor ex;
        const broadcast<int> hub;
        std::vector<int> lost;
        auto oldest = hub.subscribe(
            {.capacity = 2, .overflow = overflow::drop_oldest, .on_drop = [&](int i) { lost.push_back(i); }});
        auto newest = hub.subscribe({.capacity = 2, .overflow = overflow::drop_newest});
        auto latest = hub.subscribe({.overflow = overflow::latest});
        for (int i = 0; i != 5; ++i) CHECK(hub.try_send(i));
        CHECK(lost == std::vector{0, 1, 2});
        CHECK(ex.run(weir::next(oldest)) == 3);
        CHECK(oldest.missed() == 3);
        CHECK(ex.run(weir::next(oldest)) == 4);
        CHECK(oldest.missed() == 0);
        CHECK(oldest.dropped() == 3);
        CHECK(ex.run(weir::next(newest)) == 0);
        CHECK(ex.run(weir::next(newest)) == 1);
        CHECK(hub.try_send(5));
        CHECK(ex.run(weir::next(newest)) == 5);
        CHECK(newest.missed() == 3);
        CHECK(ex.run(weir::next(latest)) == 5);
        CHECK(latest.missed() == 5);
    }

    TEST_CASE("broadcast disconnects only the subscriber with overflow::error that falls behind") {
        virtual_executor ex;
        const broadcast<int> hub;
        auto strict = hub.subscribe({.capacity = 1, .overflow = overflow::error});
        auto other = hub.subscribe();
        for (int i = 0; i != 3; ++i) CHECK(hub.try_send(i));
        CHECK(ex.run(weir::next(strict)) == 0);
        CHECK_THROWS_WITH_AS(ex.run(weir::next(strict)),
                             "weir::broadcast: overflow: a subscriber is behind, and 1 items are held",
                             weir::buffer_overflow);
        CHECK(strict.dropped() == 1);
        CHECK(other.size() == 3);
    }

    TEST_CASE("broadcast: overflowed completes when the subscriber falls behind, whatever its consumer does") {
        virtual_executor ex;
        const broadcast<int> hub;
        auto strict = hub.subscribe({.capacity = 2, .overflow = overflow::error});
        auto handle = ex.spawn(weir::when_any(weir::never<int>() | weir::drain(), strict.overflowed()));
        for (int i = 0; i != 2; ++i) {
            CHECK(hub.try_send(i));
            ex.run_ready();
            CHECK_FALSE(handle.finished());
        }
        auto moved = std::move(strict);
        CHECK(hub.try_send(2));
        ex.run_ready();
        CHECK(handle.finished());
        ex.run(moved.overflowed()); // again
        CHECK(moved.size() == 2);
        // The end of the broadcast is no overflow, and a dropped wait is forgotten.
        auto other = hub.subscribe({.overflow = overflow::error});
        auto waiting = ex.spawn(other.overflowed());
        hub.close();
        ex.run_ready();
        CHECK_FALSE(waiting.finished());
    }

    TEST_CASE("broadcast: room waits until every suspending subscriber has room") {
        virtual_executor ex;
        const broadcast<int> hub;
        CHECK(hub.has_room());
        auto one = hub.subscribe({.capacity = 1});
        auto two = hub.subscribe({.capacity = 1});
        auto other = hub.subscribe({.capacity = 1, .overflow = overflow::drop_newest});
        CHECK(ex.run(hub.room()));
        CHECK(hub.try_send(0));
        CHECK_FALSE(hub.has_room());
        auto waiting = ex.spawn(hub.room());
        ex.run_ready();
        CHECK(ex.run(weir::next(one)) == 0);
        ex.run_ready();
        CHECK_FALSE(waiting.finished());
        CHECK(ex.run(weir::next(two)) == 0);
        ex.run_ready();
        CHECK(waiting.finished());
        CHECK(ex.run(std::move(waiting)));
        CHECK(hub.has_room());
        CHECK(hub.try_send(1));
        auto refused = ex.spawn(hub.room());
        {
            const auto dropped = ex.spawn(hub.room());
            ex.run_ready();
        }
        hub.close();
        CHECK_FALSE(ex.run(std::move(refused)));
        CHECK_FALSE(hub.has_room());
        CHECK_FALSE(ex.run(hub.room()));
    }

    TEST_CASE("broadcast delivers the end and an error after the held items") {
        for (const bool fails : {false, true}) {
            CAPTURE(fails);
            virtual_executor ex;
            const broadcast<int> hub;
            weir::testing::probe_sink sink{ex, hub.subscribe()};
            auto late = hub.subscribe({.capacity = 1});
            CHECK(hub.try_send(1));
            sink.request();
            ex.run_ready();
            auto waiting = ex.spawn(hub.send(2));
            ex.run_ready();
            if (fails) {
                hub.fail(std::make_exception_ptr(std::runtime_error{"lost the feed"}));
            } else {
                hub.close();
            }
            CHECK(hub.closed());
            CHECK_FALSE(ex.run(std::move(waiting)));
            CHECK_FALSE(hub.try_send(3));
            CHECK_FALSE(ex.run(hub.send(4)));
            CHECK(sink.items() == std::vector{1});
            CHECK(sink.ended() == !fails);
            CHECK(sink.failed() == fails);
            CHECK(ex.run(weir::next(late)) == 1);
            if (fails) {
                CHECK_THROWS_WITH(ex.run(weir::next(late)), "lost the feed");
            } else {
                CHECK(ex.run(weir::next(late)) == std::nullopt);
            }
        }
    }

    TEST_CASE("broadcast: a copy that throws fails only the subscriber that it was made for") {
        struct moody {
            explicit moody(int& left) : copies{&left} {}
            moody(const moody& other) : copies{other.copies} {
                if ((*copies)-- == 0) throw std::runtime_error{"cannot be copied"};
            }
            moody(moody&&) = default;
            int* copies;
        };
        virtual_executor ex;
        const broadcast<moody> hub;
        auto a = hub.subscribe();
        auto b = hub.subscribe();
        auto c = hub.subscribe();
        int left = 1;
        CHECK(hub.try_send(moody{left}));
        CHECK(ex.run(weir::next(a)).has_value());
        CHECK_THROWS_WITH(static_cast<void>(ex.run(weir::next(b))), "cannot be copied");
        CHECK(ex.run(weir::next(c)).has_value());
    }

    TEST_CASE("broadcast: on_drop may subscribe, unsubscribe and send") {
        virtual_executor ex;
        broadcast<int> hub;
        std::optional<weir::subscription<int>> other{hub.subscribe()};
        std::optional<weir::subscription<int>> fresh;
        auto lossy = hub.subscribe({.overflow = overflow::latest, .on_drop = [&](int) {
                                        other.reset();
                                        fresh.emplace(hub.subscribe());
                                        CHECK_FALSE(hub.try_send(7)); // in the middle of another
                                    }});
        auto last = hub.subscribe();
        CHECK(hub.try_send(1));
        CHECK(hub.try_send(2));
        CHECK_FALSE(other);
        CHECK(fresh->size() == 0);
        CHECK(last.size() == 2);
        CHECK(ex.run(weir::next(lossy)) == 2);
    }

    TEST_CASE("broadcast passes a leaving subscriber's items to on_drop and lets waiting senders go on") {
        virtual_executor ex;
        broadcast<int> hub;
        std::vector<int> lost;
        std::optional s{hub.subscribe({.capacity = 2, .on_drop = [&](int i) { lost.push_back(i); }})};
        auto sending = ex.spawn(weir::iota(0, 4) | weir::send(hub));
        ex.run_ready();
        s.reset();
        ex.run_ready();
        CHECK(lost == std::vector{0, 1});
        CHECK(sending.finished());
    }

    TEST_CASE("broadcast allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  broadcast<int> hub;
                  auto a = hub.subscribe({.capacity = 4});
                  auto b = hub.subscribe({.overflow = overflow::latest});
                  ex.run(weir::when_all(weir::iota(0, n) | weir::send(std::move(hub)), std::move(a) | weir::drain(),
                                        std::move(b) | weir::drain()));
              }) == 0);
    }

    TEST_CASE("broadcast rejects a subscription with a capacity of 0") {
        const broadcast<int> hub;
        CHECK_THROWS_WITH_AS(static_cast<void>(hub.subscribe({.capacity = 0})),
                             "weir::broadcast::subscribe({.capacity}): capacity must be at least 1",
                             std::invalid_argument);
    }
}
