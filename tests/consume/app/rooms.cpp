// SPDX-License-Identifier: MIT
// Something of every room, to see what a user's compiler says of weir's headers.

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/simulation.hpp>
#include <weir/testing/virtual_executor.hpp>
#include <weir/weir.hpp>

using namespace std::chrono_literals;

namespace {

weir::async_stream<int> ticks(int n) {
    for (int i = 0; i != n; ++i) {
        co_await weir::sleep_for(1ms);
        co_yield i;
    }
}

weir::task<int> doubled(int x) {
    co_await weir::yield();
    co_return 2 * x;
}

weir::task<std::size_t> operators() {
    auto paced = ticks(3) | weir::pace(weir::rate{1000}) | weir::take(2) | weir::pace(weir::rate{1000});
    auto several = weir::merge(std::move(paced), weir::iota(0, 4)) | weir::buffer(4) | weir::map_async(2, doubled) |
                   weir::filter([](int x) { return x % 3 != 0; }) | weir::chunk(2) | weir::enumerate();
    auto flat = std::move(several) |
                weir::flat_map(2, [](const auto& part) { return weir::iota(0, static_cast<int>(part.first)); });
    auto timed = std::move(flat) | weir::throttle(1ms) | weir::debounce(1ms) | weir::timeout(10s);
    const std::vector<int> all = co_await (std::move(timed) | weir::to<std::vector>());
    co_return all.size();
}

weir::task<int> between_tasks() {
    auto [sender, receiver] = weir::channel<int>(2);
    weir::semaphore permits{2};
    weir::mutex<int> sum{0};
    weir::state<int> newest{0};
    auto send = [](auto to) -> weir::task<> { co_await to.send(1); };
    auto [sent, received] = co_await weir::when_all(send(std::move(sender)), weir::next(receiver));
    static_cast<void>(sent);
    const auto permit = co_await permits.acquire();
    auto guarded = co_await sum.lock();
    *guarded += received.value_or(0);
    newest.set(*guarded);
    co_return *guarded;
}

weir::task<int> failures() {
    weir::circuit_breaker breaker{{}};
    weir::bulkhead few{2, {}};
    weir::rate_limiter limiter{weir::rate{1000}};
    co_await limiter.acquire(1);
    const auto attempt = [] { return doubled(2); };
    const auto hedged = [&] { return weir::hedge(attempt, 10ms); };
    const int x = co_await breaker.run(weir::retry(hedged, weir::retry_policy{}));
    co_return x + co_await few.run(doubled(1));
}

weir::task<> echo(weir::tcp_stream client) { co_await (weir::read(client) | weir::write(client)); }

weir::task<int> threads(weir::runtime& rt, weir::thread_pool& pool) {
    const int x = co_await weir::offload(pool, [] { return 1; });
    auto squares = weir::iota(0, 4) | weir::parallel(rt, weir::map([](int n) { return n * n; })) | weir::count();
    const std::size_t n = co_await std::move(squares);
    co_return x + static_cast<int>(n);
}

weir::task<> group(weir::task_group& g) {
    g.spawn(doubled(1));
    co_return;
}

} // namespace

int main() {
    weir::executor ex;
    std::stop_source stop;
    weir::runtime rt{2};
    weir::thread_pool pool{1};
    ex.run(operators());
    ex.run(between_tasks());
    ex.run(failures());
    ex.run(threads(rt, pool));
    ex.run(weir::with_timeout(1s, weir::with_group(group)));
    ex.run(weir::with_stop(stop.get_token(), doubled(1)));
    for (const int x : weir::as_range(ex, ticks(2))) std::printf("%d ", x);
    weir::to_future(rt[0], doubled(1)).get();

    weir::testing::marbles m;
    std::puts(m.play(weir::merge(m.hot("a-c-|"), m.hot("-b-d|"))).c_str());
    std::puts(weir::testing::check_contract([] { return weir::take(2); }).c_str());
    weir::testing::simulation sim{1};
    auto serve = []() -> weir::task<> {
        const weir::endpoint anywhere{"127.0.0.1", 0};
        auto listener = co_await weir::listen(anywhere);
        co_await (weir::accept(listener) | weir::take(1) | weir::for_each(echo));
    };
    auto server = sim.spawn(serve());
    auto lines = []() -> weir::task<> {
        co_await (weir::lines("/no/file") | weir::for_each([](std::string_view line) {
                      std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
                  }));
    };
    sim.spawn(lines()).detach();
}
