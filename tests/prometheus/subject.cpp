// SPDX-License-Identifier: MIT
// Serves the metrics of an executor on a port that the kernel chooses, and prints the port. SIGTERM ends it.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <utility>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/tcp.hpp>
#include <weir/observe/meter.hpp>
#include <weir/observe/run_watch.hpp>
#include <weir/observe/serve_prometheus.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/signals.hpp>
#include <weir/task.hpp>

namespace {

weir::task<> serves() {
    weir::executor& ex = *co_await weir::this_executor();
    const weir::run_watch watch{ex};
    co_await (weir::iota(0, 7) | weir::meter("a \"b\" \\ c\nd") | weir::drain());
    weir::task_group group{{.max_concurrent = 1, .name = "jobs"}};
    group.spawn(weir::sleep_for(std::chrono::hours{1}));
    group.spawn(weir::yield());
    const weir::endpoint any{"127.0.0.1", 0};
    auto listener = co_await weir::listen(any);
    std::printf("%u\n", static_cast<unsigned>(listener.local_endpoint().port()));
    auto stop = weir::signals(SIGTERM);
    const auto server = ex.spawn(weir::serve_prometheus(std::move(listener)));
    co_await weir::yield();
    std::fflush(stdout);
    co_await weir::next(stop);
}

} // namespace

int main() { weir::run(serves()); }
