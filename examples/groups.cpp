// SPDX-License-Identifier: MIT
// Shows operations that belong together: a race, a time limit, a group that grows while it runs, a group that fails,
// and cleanup that runs however its scope ends. Runs on a virtual clock: it takes no time, and its output is always the
// same.

#include <chrono>
#include <exception>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>

#include <weir/testing/virtual_executor.hpp>
#include <weir/weir.hpp>

using namespace std::chrono_literals;

namespace {

void say(const std::string& what) {
    const auto now = weir::executor::current()->now().time_since_epoch();
    std::cout << std::setw(4) << now / 1ms << " ms  " << what << '\n';
}

weir::task<> goodbye(std::string server) {
    co_await weir::sleep_for(5ms);
    say("    goodbye, " + server);
}

/// Asks a server. The server receives a goodbye however the conversation ends.
weir::task<std::string> ask(std::string server, weir::duration time) {
    const weir::async_finally guard{1s, [server] { return goodbye(server); }};
    co_await weir::sleep_for(time);
    if (server == "broken") throw std::runtime_error{"no answer from broken"};
    co_return "answer from " + server;
}

weir::task<> race() {
    const auto first = co_await weir::when_any(ask("near", 20ms), ask("far", 90ms));
    say(first.value);
}

weir::task<> patience() {
    try {
        co_await weir::with_timeout(50ms, ask("slow", 1h));
    } catch (const weir::timed_out& e) {
        say(e.what());
    }
}

weir::task<> visit(weir::task_group& group, std::string page) {
    co_await weir::sleep_for(10ms);
    say("visited " + page);
    if (page.size() > 7) co_return;
    for (const char* link : {"left/", "right/"}) group.spawn(visit(group, page + link));
}

/// Fetches two pages at a time until no link is left.
weir::task<> crawl() {
    const weir::task_group_options two_at_once{.max_concurrent = 2};
    co_await weir::with_group(two_at_once, [](weir::task_group& group) -> weir::task<> {
        group.spawn(visit(group, "/"));
        co_return;
    });
    say("visited all");
}

/// Runs a group whose first failure ends the other operations. None outlives the group.
weir::task<> together() {
    try {
        co_await weir::with_group([](weir::task_group& group) -> weir::task<> {
            for (const char* server : {"one", "two"}) group.spawn(ask(server, 1h));
            co_await ask("broken", 30ms);
        });
    } catch (const std::exception& e) {
        say(e.what());
    }
}

weir::task<> all() {
    co_await race();
    co_await patience();
    co_await crawl();
    co_await together();
}

} // namespace

int main() {
    weir::testing::virtual_executor ex;
    ex.run(all());
    if (std::cout.flush()) return 0;
    std::cerr << "groups: cannot write to standard output\n";
    return 1;
}
