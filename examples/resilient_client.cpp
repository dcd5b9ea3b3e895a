// SPDX-License-Identifier: MIT
// Shows a client of a service that is sometimes slow, sometimes fails, and is down for a while. Its policies compose by
// wrapping one another. Runs on a virtual clock: it takes no time, and its output is always the same.

#include <chrono>
#include <iomanip>
#include <iostream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>

#include <weir/testing/virtual_executor.hpp>
#include <weir/weir.hpp>

using namespace std::chrono_literals;

namespace {

std::mt19937 dice{2024};

int calls = 0;

/// A service that answers in 20 ms or in a second. It fails one time in ten, and always from second 3 to second 5.
weir::task<std::string> service(const weir::executor& ex) {
    ++calls;
    const auto time = ex.now().time_since_epoch();
    const auto chance = dice() % 100;
    const weir::duration time_taken = chance < 15 ? 1s : 20ms;
    co_await weir::sleep_for(time_taken);
    if (time >= 3s && time < 5s) throw std::runtime_error{"down"};
    if (chance >= 90) throw std::runtime_error{"failed"};
    co_return chance < 15 ? "slow answer" : "answer";
}

} // namespace

int main() {
    weir::testing::virtual_executor ex;

    weir::bulkhead connections{20, {.max_queued = 10}};
    weir::circuit_breaker breaker{
        {.window = weir::last_period{1s},
         .open_for = 500ms,
         .probes = 3,
         .on_change = [](const weir::circuit_change& c) {
             const char* names[] = {"closed", "open", "half open"};
             const auto at = std::chrono::duration_cast<std::chrono::milliseconds>(c.when.time_since_epoch());
             std::cout << std::setw(6) << at.count() << " ms  " << names[static_cast<int>(c.to)] << '\n';
         }}};

    // From the innermost policy: a limit of connections; a circuit breaker; a hedged call if the first one is slow; and
    // a retry if it fails.
    const auto connect = [&] { return connections.run(service(ex)); };
    const auto call = [&] { return breaker.run(connect); };
    const auto fast = [&] { return weir::hedge(call, 60ms); };
    const weir::retry_policy policy{.attempts = 4, .delay = 50ms, .random = std::mt19937{7}, .total_timeout = 800ms};

    std::map<std::string, int> outcomes;
    const auto request = [&](int) -> weir::task<std::string> {
        try {
            co_return co_await weir::retry(fast, policy);
        } catch (const std::exception& e) {
            co_return e.what();
        }
    };

    // A hundred requests a second, for ten seconds.
    ex.run(weir::iota(0, 1000) | weir::pace(weir::rate{100}) | weir::map_async_unordered(100, request) |
           weir::for_each([&](const std::string& outcome) { ++outcomes[outcome.substr(0, outcome.find(" for"))]; }));

    std::cout << "1000 requests made " << calls << " calls:\n";
    for (const auto& [what, how_many] : outcomes) std::cout << std::setw(6) << how_many << "  " << what << '\n';
    if (std::cout.flush()) return 0;
    std::cerr << "resilient_client: cannot write to standard output\n";
    return 1;
}
