// SPDX-License-Identifier: MIT
// How late do timers fire when ten thousand are due within a second?

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <vector>

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <weir/core/stream.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/executor.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/task.hpp>

#include "support/bench.hpp"
#include "support/echo_servers.hpp"

namespace {

using std::int64_t;
using std::chrono::nanoseconds;
using clock = std::chrono::steady_clock;

constexpr int64_t second = 1'000'000'000;

/// The time of timer i. One timer per 0.1 ms is due on average. The timers are armed in another order than that of
/// their deadlines, no two deadlines are equal, and none is due before all have been armed.
nanoseconds span(std::uint64_t i, std::uint64_t n) {
    const auto part = static_cast<double>(i * 2'654'435'761 & 0xffff'ffff) / 4'294'967'296.0;
    return nanoseconds{20'000'000 + static_cast<int64_t>(part * static_cast<double>(n) * 100'000)};
}

/// The lateness of each timer, in the order of firing.
class firings {
public:
    void add(clock::time_point deadline) {
        if (deadline < last_) throw std::logic_error{"timers have fired out of order"};
        last_ = deadline;
        late_.push_back(std::chrono::duration<double, std::micro>{clock::now() - deadline}.count());
        if (late_.back() < 0) throw std::logic_error{"a timer has fired too early"};
    }

    /// Returns the 99th percentile of the lateness as the cost of each timer.
    bench::measurement result() {
        std::ranges::sort(late_);
        const auto count = static_cast<double>(late_.size());
        return {late_[static_cast<std::size_t>(0.99 * (count - 1))] * count, static_cast<int64_t>(late_.size())};
    }

private:
    clock::time_point last_{};
    std::vector<double> late_;
};

/// A sorted list of deadlines, and a timerfd that wakes the loop for the first one.
bench::measurement by_hand(std::uint64_t n) {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    epoll_event e{};
    e.events = EPOLLIN;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &e);
    std::multimap<clock::time_point, std::uint64_t> due;
    const auto start = clock::now();
    for (std::uint64_t i = 0; i != n; ++i) due.emplace(start + span(i, n), i);
    firings fired;
    while (!due.empty()) {
        while (!due.empty() && due.begin()->first <= clock::now()) {
            fired.add(due.begin()->first);
            due.erase(due.begin());
        }
        if (due.empty()) break;
        const int64_t next = due.begin()->first.time_since_epoch().count();
        itimerspec at{};
        at.it_value = {next / second, next % second};
        ::timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, nullptr);
        ::epoll_wait(epoll, &e, 1, -1);
    }
    ::close(timer);
    ::close(epoll);
    return fired.result();
}

struct firing {
    using result_type = weir::unit;

    weir::poll<weir::unit> poll_result(weir::context& cx) {
        if (!timer.armed() && !timer.expired()) timer.arm(cx.executor(), deadline);
        if (!timer.poll(cx)) return weir::pending;
        fired->add(deadline);
        return weir::unit{};
    }

    weir::time_point deadline;
    firings* fired;
    weir::deadline_timer timer{};
};

weir::task<> all(std::uint64_t n, firings& fired) {
    weir::task_group group;
    const auto start = clock::now();
    for (std::uint64_t i = 0; i != n; ++i) group.spawn(firing{start + span(i, n), &fired});
    co_await group.join();
}

bench::measurement by_weir(std::uint64_t n, weir::backend_kind backend) {
    firings fired;
    weir::executor{backend}.run(all(n, fired));
    return fired.result();
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "How late do timers fire when ten thousand are due within a second?",
                      "us, 99th percentile", 10'000};
    q.floor("timerfd and std::multimap", by_hand);
    if (bench::have_uring()) {
        q.weir("uring: deadline_timer", [](std::uint64_t n) { return by_weir(n, weir::backend_kind::uring); });
    } else {
        q.missing("uring: deadline_timer");
    }
    q.weir("epoll: deadline_timer", [](std::uint64_t n) { return by_weir(n, weir::backend_kind::epoll); });
    return q.run();
}
