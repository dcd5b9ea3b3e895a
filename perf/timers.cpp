// SPDX-License-Identifier: MIT
// What does a timer cost that is armed and, nine times in ten, cancelled, with a million timers alive?
//
// All timers are armed with durations between ten and seventy seconds. Then nine in ten are cancelled. Memory that the
// owner of a timer provides is allocated before. After the measurement, the remaining timers expire and must do so in
// order; with a real clock they are only counted.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <vector>

#include <weir/core/stream.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bench.hpp"

namespace {

using std::int64_t;
using std::chrono::nanoseconds;

/// The duration of timer i, in nanoseconds. All cases and peers use the same durations, of which no two are equal.
int64_t span(std::uint64_t i) { return 10'000'000'000 + static_cast<int64_t>(i * 2'654'435'761 & 0xffff'ffff) * 14; }

bool stays(std::uint64_t i) { return i % 10 == 0; }

/// Adds up the deadlines of the timers that expire.
class expiries {
public:
    void add(int64_t deadline) {
        if (deadline < last_) throw std::logic_error{"timers have expired out of order"};
        last_ = deadline;
        sum_ += deadline;
    }
    int64_t sum() const noexcept { return sum_; }

private:
    int64_t last_ = 0;
    int64_t sum_ = 0;
};

/// A minimal timer wheel: buckets of a millisecond, each with a list.
class bare_wheel {
public:
    struct timer {
        timer* next = nullptr;
        timer* previous = nullptr;
        int64_t deadline = 0;
    };

    bare_wheel() {
        for (timer& head : buckets_) head.next = head.previous = &head;
    }
    void arm(timer& t, int64_t deadline) noexcept {
        timer& head = buckets_[static_cast<std::size_t>(deadline >> tick)];
        t.deadline = deadline;
        t.next = &head;
        t.previous = head.previous;
        head.previous = head.previous->next = &t;
    }
    static void cancel(timer& t) noexcept {
        t.next->previous = t.previous;
        t.previous->next = t.next;
    }
    int64_t expire() {
        expiries all;
        for (timer& head : buckets_) {
            std::map<int64_t, timer*> due;
            for (timer* t = head.next; t != &head; t = t->next) due.emplace(t->deadline, t);
            for (const auto& [deadline, t] : due) all.add(deadline);
        }
        return all.sum();
    }

private:
    static constexpr int tick = 20; // 1.05 ms

    std::vector<timer> buckets_ = std::vector<timer>((71'000'000'000 >> tick) + 1);
};

bench::measurement wheel(std::uint64_t n) {
    bare_wheel wheel;
    std::vector<bare_wheel::timer> timers(n);
    auto result = bench::timed([&] {
        for (std::uint64_t i = 0; i != n; ++i) wheel.arm(timers[i], span(i));
        for (std::uint64_t i = 0; i != n; ++i) {
            if (!stays(i)) bare_wheel::cancel(timers[i]);
        }
        return 0;
    });
    result.checksum = wheel.expire();
    return result;
}

bench::measurement tree(std::uint64_t n) {
    using timers = std::multimap<int64_t, std::uint64_t>;
    timers all;
    std::vector<timers::iterator> places(n);
    auto result = bench::timed([&] {
        for (std::uint64_t i = 0; i != n; ++i) places[i] = all.emplace(span(i), i);
        for (std::uint64_t i = 0; i != n; ++i) {
            if (!stays(i)) all.erase(places[i]);
        }
        return 0;
    });
    expiries left;
    for (const auto& [deadline, i] : all) left.add(deadline);
    result.checksum = left.sum();
    return result;
}

/// Waits for a timer and records its deadline.
struct watch {
    using result_type = weir::unit;

    weir::poll<weir::unit> poll_result(weir::context& cx) {
        if (!timer->poll(cx)) return weir::pending;
        expired->add((timer->deadline() - start).count());
        return weir::unit{};
    }

    weir::deadline_timer* timer;
    weir::time_point start;
    expiries* expired;
};

bench::measurement weir_timers(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    std::vector<weir::deadline_timer> timers(n);
    const auto start = ex.now();
    auto result = bench::timed([&] {
        for (std::uint64_t i = 0; i != n; ++i) timers[i].arm(ex, start + nanoseconds{span(i)});
        for (std::uint64_t i = 0; i != n; ++i) {
            if (!stays(i)) timers[i].cancel();
        }
        return 0;
    });
    expiries expired;
    for (weir::deadline_timer& t : timers) {
        if (t.armed()) ex.spawn(watch{&t, start, &expired}).detach();
    }
    ex.run_until_idle();
    result.checksum = expired.sum();
    return result;
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{
        argc, argv,
        "What does a timer cost that is armed and, nine times in ten, cancelled, with a million timers alive?",
        "ns/timer", 1'000'000};
    q.floor("wheel, by hand", wheel);
    q.peer("std::multimap", tree);
    q.weir("deadline_timer", weir_timers);
    return q.run();
}
