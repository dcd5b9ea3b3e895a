// SPDX-License-Identifier: MIT
// A tour of the event loop: several things become ready while the loop is busy, and each says when it runs. A turn
//   1. runs the tasks that are ready, in the order in which they were woken,
//   2. looks which timers are due, and 3. which I/O has finished: their tasks become ready for the next turn,
//   4. runs posted functions.

#include <array>
#include <chrono>
#include <iostream>
#include <string>

#include <unistd.h>

#include <weir/weir.hpp>

using namespace std::chrono_literals;

namespace {

void say(const std::string& what) { std::cout << what << '\n'; }

weir::task<> reader(weir::file& pipe) {
    std::array<char, 16> buffer;
    co_await pipe.read(buffer);
    say("next turn, I/O: the pipe has data");
}

weir::task<> sleeper() {
    co_await weir::sleep_for(50ms);
    say("next turn, timer: it was due while the loop was busy");
}

weir::task<> ready(weir::event& work) {
    co_await work.wait();
    say("ready: a task that another task has woken");
    co_await weir::yield();
    say("ready: the same task, which went to the back of the queue");
}

/// Keeps the loop busy until everything else can run.
weir::task<> tour() {
    weir::executor& ex = *co_await weir::this_executor();
    weir::event work;
    auto pipe = co_await weir::open_pipe();
    auto reading = ex.spawn(reader(pipe.read_end));
    auto sleeping = ex.spawn(sleeper());
    auto waiting = ex.spawn(ready(work));
    co_await weir::sleep_for(0ms); // a turn, in which all three begin to wait

    say("busy: nothing else runs, whatever is ready");
    ex.post([] { say("posted: at the end of the turn"); });
    work.set();
    if (::write(pipe.write_end.native_handle(), "x", 1) != 1) co_return; // as another process does
    const auto until = std::chrono::steady_clock::now() + 60ms;
    while (std::chrono::steady_clock::now() < until) {}
    co_await reading;
    co_await sleeping;
    co_await waiting;
}

} // namespace

int main() { weir::run(tour()); }
