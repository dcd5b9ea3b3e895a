// SPDX-License-Identifier: MIT
// Channels, locks and the like between tasks that come, give up and leave in every order that a seed can think of.

#include <weir/testing/simulation.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/core/timed_out.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/next.hpp>
#include <weir/sync/broadcast.hpp>
#include <weir/sync/channel.hpp>
#include <weir/sync/condition.hpp>
#include <weir/sync/event.hpp>
#include <weir/sync/mutex.hpp>
#include <weir/sync/semaphore.hpp>
#include <weir/sync/state.hpp>

#include "seeds.hpp"

using namespace std::chrono_literals;
using weir::testing::simulation;

namespace {

constexpr std::uint64_t seeds_each = 10'000;

void demand(bool holds, const std::string& what) {
    if (!holds) throw std::logic_error{what};
}

/// Few different lengths, so that much falls together.
weir::duration some_time(simulation& sim) { return 100us * (sim.random()() % 4); }

/// An operation that is given up when its time is over, even if it could answer: what it was given then is nobody's.
template <class A>
class impatient {
public:
    using result_type = std::optional<typename A::result_type>;

    impatient(A operation, weir::duration patience) : operation_{std::move(operation)}, patience_{patience} {}

    weir::poll<result_type> poll_result(weir::context& cx) {
        if (!std::exchange(started_, true)) timer_.arm(cx.executor(), cx.executor().time_after(patience_));
        if (timer_.poll(cx)) {
            operation_.reset();
            return result_type{};
        }
        auto answer = operation_->poll_result(cx);
        if (answer.is_pending()) return weir::pending;
        timer_.cancel();
        return result_type{*std::move(answer)};
    }

private:
    std::optional<A> operation_;
    weir::duration patience_;
    weir::deadline_timer timer_;
    bool started_ = false;
};

template <class A>
impatient<A> maybe(simulation& sim, A operation) {
    return {std::move(operation), some_time(sim)};
}

/// The same, that now and then has all the time in the world.
template <class A>
impatient<A> mostly(simulation& sim, A operation) {
    return {std::move(operation), sim.random()() % 4 == 0 ? weir::duration{24h} : some_time(sim)};
}

template <class F>
void over_all_seeds(F f) {
    weir::testing::for_each_seed(support::seeds(seeds_each), [&](simulation& sim) {
        f(sim);
        demand(sim.stats().timers_armed == 0, "timers are armed");
        demand(sim.elapsed() < 1h, "somebody waited for what had come long before");
    });
}

// Channels.

using item = std::unique_ptr<int>; // null when it was moved from

/// Gives up often, and sends again what is still here.
weir::task<> send_numbers(simulation& sim, weir::sender<item> to, int first, int count, std::map<int, int>& refused) {
    for (int i = first; i != first + count; ++i) {
        item one = std::make_unique<int>(i);
        while (one != nullptr) {
            const auto taken = co_await maybe(sim, to.send_from(one));
            if (taken) demand(*taken == (one == nullptr), "the answer of a send is not what became of the item");
            if (!taken.value_or(true)) {
                ++refused[*one];
                break;
            }
        }
        co_await weir::sleep_for(some_time(sim));
    }
}

/// Lets go of what it sends.
weir::task<> give_numbers(simulation& sim, weir::sender<item> to, int first, int count) {
    for (int i = first; i != first + count; ++i) {
        co_await mostly(sim, to.send(std::make_unique<int>(i)));
        co_await weir::sleep_for(some_time(sim));
    }
}

/// Until the end, or `most` of them.
weir::task<> receive_numbers(simulation& sim, weir::receiver<item> from, std::size_t most, std::vector<int>& got) {
    while (got.size() != most) {
        auto one = co_await mostly(sim, weir::next(from));
        if (!one) continue;
        if (!*one) co_return;
        demand(**one != nullptr, "an empty item");
        got.push_back(***one);
        co_await weir::sleep_for(some_time(sim));
    }
}

// Locks.

/// Who waits, and since when: those who do not give up have their turn in that order.
class queue_of_waiters {
public:
    std::uint64_t come() {
        waiting_.push_back(++last_);
        return last_;
    }
    void leave(std::uint64_t who) { std::erase(waiting_, who); }
    void enter(std::uint64_t who) {
        demand(!waiting_.empty() && waiting_.front() == who, "somebody else was there before");
        waiting_.pop_front();
    }

private:
    std::uint64_t last_ = 0;
    std::deque<std::uint64_t> waiting_;
};

weir::task<> lock_often(simulation& sim, weir::mutex<int>& m, queue_of_waiters& waiting, bool& inside, int& done) {
    for (int i = 0; i != 8; ++i) {
        const std::uint64_t me = waiting.come();
        auto guard = co_await maybe(sim, m.lock());
        if (!guard) {
            waiting.leave(me);
            continue;
        }
        waiting.enter(me);
        demand(!std::exchange(inside, true), "two have the lock");
        const int before = **guard;
        co_await weir::sleep_for(some_time(sim));
        **guard = before + 1;
        ++done;
        inside = false;
    }
}

weir::task<> acquire_often(simulation& sim, weir::semaphore& s, std::size_t all, std::size_t& used) {
    for (int i = 0; i != 8; ++i) {
        const std::size_t n = 1 + sim.random()() % all;
        // Now and then it waits for as long as it takes: nobody who asks for less may keep it from that.
        auto permit = co_await mostly(sim, s.acquire(n));
        if (!permit) continue;
        used += n;
        demand(used <= all, "more permits than there are");
        demand(permit->count() == n, "not what was asked for");
        co_await weir::sleep_for(some_time(sim));
        used -= n;
    }
}

// A queue of numbers, made of a mutex and a condition.

struct guarded_queue {
    weir::mutex<std::deque<int>> numbers;
    weir::condition changed;
};

weir::task<> put_numbers(simulation& sim, guarded_queue& q, int first, int count) {
    for (int i = first; i != first + count; ++i) {
        {
            auto numbers = co_await q.numbers.lock();
            numbers->push_back(i);
        }
        q.changed.notify_one();
        co_await weir::sleep_for(some_time(sim));
    }
}

enum class tired { tries_again, leaves };

weir::task<> take_until(simulation& sim, guarded_queue& q, std::size_t total, std::vector<int>& taken, tired what) {
    const auto take_one = [&]() -> weir::task<> {
        auto numbers = co_await q.numbers.lock();
        while (numbers->empty() && taken.size() != total) co_await q.changed.wait(numbers);
        if (numbers->empty()) co_return;
        taken.push_back(numbers->front());
        numbers->pop_front();
        if (taken.size() == total) q.changed.notify_all();
    };
    while (taken.size() != total) {
        const auto took = co_await mostly(sim, take_one());
        if (!took && what == tired::leaves) co_return;
        co_await weir::sleep_for(some_time(sim));
    }
}

// Events.

weir::task<> ring(simulation& sim, weir::event& bell, int& calls) {
    for (int i = 0; i != 10; ++i) {
        ++calls;
        bell.set();
        co_await weir::sleep_for(some_time(sim));
    }
}

/// Takes all calls that there are: one that comes while it does so sets the event again.
weir::task<> answer(simulation& sim, weir::event& bell, int& calls, int& answered) {
    while (answered != 20) {
        const auto called = co_await maybe(sim, bell.wait());
        if (!called) continue;
        answered += std::exchange(calls, 0);
        co_await weir::sleep_for(some_time(sim));
    }
}

// Broadcasts.

weir::task<> send_to_all(simulation& sim, weir::broadcast<int> to, int first, int count) {
    for (int i = first; i != first + count; ++i) {
        for (bool sent = false; !sent;) {
            try {
                sent = co_await weir::with_timeout(some_time(sim), to.send(i));
            } catch (const weir::timed_out&) {} // then nobody has it
        }
        co_await weir::sleep_for(some_time(sim));
    }
}

weir::task<> hear_all(simulation& sim, weir::subscription<int> from, std::size_t most, std::vector<int>& heard) {
    while (heard.size() != most) {
        const auto one = co_await mostly(sim, weir::next(from));
        if (!one) continue;
        if (!*one) co_return;
        heard.push_back(**one);
        co_await weir::sleep_for(some_time(sim));
    }
}

/// Receives some items, and learns how many were lost.
weir::task<> hear_some(simulation& sim, weir::subscription<int> from, std::vector<int>& heard, std::uint64_t& missed) {
    for (;;) {
        const auto one = co_await maybe(sim, weir::next(from));
        if (!one) continue;
        if (!*one) break;
        missed += from.missed();
        heard.push_back(**one);
        co_await weir::sleep_for(some_time(sim));
    }
}

/// Of each sender the items in their order, none missing, none twice.
void demand_in_order(const std::vector<int>& got, const std::string& where) {
    std::map<int, int> next;
    for (const int n : got) {
        demand(n % 100 == next[n / 100], where + ": " + std::to_string(n) + " is out of order, or there twice");
        ++next[n / 100];
    }
}

} // namespace

TEST_SUITE("simulation/sync") {
    TEST_CASE("a simulated channel delivers each item once, although senders and receivers give up") {
        over_all_seeds([](simulation& sim) {
            std::map<int, int> refused;
            std::vector<int> got;
            auto ends = weir::channel<item>(sim.random()() % 4);
            auto a = send_numbers(sim, ends.sender, 0, 10, refused);
            auto b = send_numbers(sim, ends.sender, 100, 10, refused);
            auto c = send_numbers(sim, std::move(ends.sender), 200, 10, refused);
            auto all = weir::when_all(std::move(a), std::move(b), std::move(c),
                                      receive_numbers(sim, std::move(ends.receiver), 1000, got));
            sim.run(std::move(all));
            demand(got.size() == 30 && refused.empty(), "an item is missing");
            demand_in_order(got, "channel");
        });
    }

    TEST_CASE("a simulated channel whose receiver leaves has received, dropped or returned each item") {
        over_all_seeds([](simulation& sim) {
            std::map<int, int> seen;
            std::vector<int> got;
            auto ends = weir::channel<item>(sim.random()() % 4, weir::channel_options<item>{.on_drop = [&](item one) {
                                                demand(one != nullptr, "an empty item is dropped");
                                                ++seen[*one];
                                            }});
            auto a = send_numbers(sim, ends.sender, 0, 10, seen);
            auto b = give_numbers(sim, std::move(ends.sender), 100, 10);
            auto all = weir::when_all(std::move(a), std::move(b),
                                      receive_numbers(sim, std::move(ends.receiver), sim.random()() % 20, got));
            sim.run(std::move(all));
            for (const int n : got) ++seen[n];
            demand(seen.size() == 20, "an item is missing");
            demand(std::ranges::all_of(seen, [](const auto& s) { return s.second == 1; }), "an item is there twice");
        });
    }

    TEST_CASE("a simulated mutex has one owner at a time, in order of arrival, although waiters give up") {
        over_all_seeds([](simulation& sim) {
            weir::mutex<int> m{0};
            queue_of_waiters waiting;
            bool inside = false;
            int done = 0;
            const auto one = [&] { return lock_often(sim, m, waiting, inside, done); };
            auto all = weir::when_all(one(), one(), one(), one());
            sim.run(std::move(all));
            demand(!m.locked(), "the lock is held by nobody");
            demand(**m.try_lock() == done, "a change was lost");
        });
    }

    TEST_CASE("a simulated semaphore conserves permits and serves large requests") {
        over_all_seeds([](simulation& sim) {
            const std::size_t n = 1 + sim.random()() % 4;
            weir::semaphore s{n};
            std::size_t used = 0;
            const auto one = [&] { return acquire_often(sim, s, n, used); };
            auto all = weir::when_all(one(), one(), one(), one());
            sim.run(std::move(all)); // weir::deadlock when one waits for ever
            demand(s.available() == n, "permits are lost");
        });
    }

    TEST_CASE("a simulated condition wakes a waiter that can continue, although other woken waiters gave up") {
        over_all_seeds([](simulation& sim) {
            guarded_queue q;
            std::vector<int> taken;
            const auto take = [&](tired what) { return take_until(sim, q, 20, taken, what); };
            auto all = weir::when_all(put_numbers(sim, q, 0, 10), put_numbers(sim, q, 100, 10),
                                      take(tired::tries_again), take(tired::leaves), take(tired::leaves));
            sim.run(std::move(all));
            demand(taken.size() == 20, "a number is missing");
            demand_in_order(taken, "queue");
        });
    }

    TEST_CASE("a simulated event stays set when the waiter that it released gave up") {
        over_all_seeds([](simulation& sim) {
            weir::event bell{weir::event_reset::automatic};
            int calls = 0;
            int answered = 0;
            auto all = weir::when_all(ring(sim, bell, calls), ring(sim, bell, calls),
                                      answer(sim, bell, calls, answered), answer(sim, bell, calls, answered));
            sim.run(std::move(all));
            demand(answered == 20 && calls == 0, "a call was not answered");
        });
    }

    TEST_CASE("simulated subscribers receive the same items once each, although senders give up and others leave") {
        over_all_seeds([](simulation& sim) {
            std::vector<int> a;
            std::vector<int> b;
            std::vector<int> left;
            std::vector<int> some;
            std::uint64_t missed = 0;
            auto all = [&] {
                const weir::broadcast<int> to;
                const auto room = [&] { return 1 + sim.random()() % 3; };
                return weir::when_all(
                    hear_all(sim, to.subscribe({.capacity = room()}), 1000, a),
                    hear_all(sim, to.subscribe({.capacity = room()}), 1000, b),
                    hear_all(sim, to.subscribe({.capacity = room()}), sim.random()() % 20, left),
                    hear_some(sim, to.subscribe({.capacity = room(), .overflow = weir::overflow::drop_oldest}), some,
                              missed),
                    send_to_all(sim, to, 0, 10), send_to_all(sim, to, 100, 10));
            }();
            sim.run(std::move(all));
            demand(a.size() == 20, "an item is missing");
            demand_in_order(a, "broadcast");
            demand(a == b, "two heard different things");
            demand(left.size() <= 20 && std::equal(left.begin(), left.end(), a.begin()), "one heard something else");
            demand(some.size() + missed == 20, "what is missing is not counted");
            demand(some.back() == a.back(), "the newest was dropped, and not the oldest");
        });
    }

    TEST_CASE("a simulated watcher of a state sees its last value and no value twice") {
        over_all_seeds([](simulation& sim) {
            const auto watch = [](simulation& s, weir::state_stream<int> values) -> weir::task<> {
                int last = -1;
                while (last != 20) {
                    const auto one = co_await maybe(s, weir::next(values));
                    if (!one) continue;
                    demand(one->has_value() && **one > last, "an old value");
                    last = **one;
                    co_await weir::sleep_for(some_time(s));
                }
            };
            weir::state<int> value{0};
            const auto change = [](simulation& s, weir::state<int>& v) -> weir::task<> {
                for (int i = 1; i <= 20; ++i) {
                    v.set(i);
                    co_await weir::sleep_for(some_time(s));
                }
            };
            auto all = weir::when_all(watch(sim, value.watch()), watch(sim, value.watch()), change(sim, value));
            sim.run(std::move(all));
        });
    }
}
