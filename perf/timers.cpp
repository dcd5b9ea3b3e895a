// What does a timer cost that is armed and, nine times in ten, cancelled, with a million alive?

#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include <weir/executor/timer.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bench.hpp"

namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t alive = 1'000'000;

/// Deadlines from a millisecond to a minute, the same for every case.
std::vector<std::int64_t> deadlines(std::uint64_t n) {
    std::mt19937_64 random{7};
    std::uniform_int_distribution<std::int64_t> span{1'000'000, 60'000'000'000};
    std::vector<std::int64_t> result(n);
    for (auto& d : result) d = span(random);
    return result;
}

const std::vector<std::int64_t>& spans() {
    static const std::vector<std::int64_t> all = deadlines(alive);
    return all;
}

/// Every timer is armed; of ten, nine are cancelled by arming them anew.
std::int64_t tree(std::uint64_t n) {
    std::multimap<std::int64_t, std::uint64_t> timers;
    std::vector<std::multimap<std::int64_t, std::uint64_t>::iterator> places(alive, timers.end());
    for (std::uint64_t i = 0; i != n; ++i) {
        auto& place = places[i % alive];
        if (place != timers.end()) timers.erase(place);
        place = timers.emplace(spans()[(i * 7) % alive], i);
    }
    std::int64_t fired = 0;
    for (const auto& [when, which] : timers) fired += when;
    return fired;
}

std::int64_t wheel(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    std::vector<weir::deadline_timer> timers(alive);
    const auto start = ex.now();
    for (std::uint64_t i = 0; i != n; ++i) timers[i % alive].arm(ex, start + nanoseconds{spans()[(i * 7) % alive]});
    ex.run_until_idle();
    std::int64_t fired = 0;
    for (const auto& t : timers) {
        if (t.expired()) fired += (t.deadline() - start).count();
    }
    return fired;
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv,
                      "What does a timer cost that is armed and, nine times in ten, cancelled, with a million alive?",
                      "ns/timer", 3 * alive};
    spans();
    q.floor("std::multimap", tree);
    q.weir("deadline_timer", wheel, bench::bar::at_most(25));
    return q.run();
}
