// SPDX-License-Identifier: MIT
// Scopes in scopes at random: whatever is inside what, and wherever it is dropped, nothing is left behind.

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <source_location>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <weir/executor/sleep.hpp>
#include <weir/interop/with_stop.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/resilience/hedge.hpp>
#include <weir/resilience/retry.hpp>
#include <weir/scope/async_finally.hpp>
#include <weir/scope/deadline.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/when_all_settled.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;

namespace {

/// How much there is in a scope, and in all that are in it.
struct scope {
    std::shared_ptr<scope> outer;
    int running = 0;
    int guards = 0; // whose work is not done
};
using scope_ptr = std::shared_ptr<scope>;

template <int scope::* Count>
class counted {
public:
    explicit counted(scope_ptr in) : in_{std::move(in)} { add(1); }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { add(-1); }

private:
    void add(int n) const noexcept {
        for (scope* s = in_.get(); s != nullptr; s = s->outer.get()) (*s).*Count += n;
    }

    scope_ptr in_;
};

struct world {
    weir::executor& ex;
    std::mt19937 random;
    scope_ptr everything = std::make_shared<scope>();
    std::optional<weir::join_handle<weir::task<int>>> root{};
    int left = 60; // nodes
    int guards = 0;
    int cleanups_begun = 0;
    int cleanups_done = 0;
    std::string failure{};

    int below(int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }
    weir::duration some_time() { return below(8) * 1ms; }
    void expect(bool holds, const char* what) {
        if (!holds && failure.empty()) failure = what;
    }
};

weir::task<int> node(world& w, scope_ptr in, weir::time_point by, int depth);

weir::task<> cleanup(world& w, weir::duration d) {
    ++w.cleanups_begun;
    co_await weir::sleep_for(d);
    ++w.cleanups_done;
}

auto guard(world& w, scope_ptr in) {
    ++w.guards;
    return weir::async_finally{
        1s, [&w, d = w.some_time(), counts = std::make_unique<counted<&scope::guards>>(std::move(in))] {
            return cleanup(w, d);
        }};
}

weir::task<int> leaf(world& w, scope_ptr in) {
    const counted<&scope::running> here{in};
    switch (w.below(8)) {
    case 0:
        break;
    case 1:
        throw std::runtime_error{"at once"};
    case 2:
        co_await weir::sleep_for(w.some_time());
        throw std::runtime_error{"later"};
    case 3:
        co_await weir::sleep_for(1h);
        break;
    case 4: {
        const auto at_exit = guard(w, in);
        co_await weir::sleep_for(w.some_time());
        if (w.below(2) == 0) throw std::runtime_error{"guarded"};
        break;
    }
    case 5: {
        const auto at_exit = guard(w, in);
        co_await weir::sleep_for(1h);
        break;
    }
    case 6:
        if (w.below(8) == 0) {
            if (w.below(2) == 0) co_await weir::sleep_for(w.some_time());
            w.root.reset();
            co_await weir::yield();
        }
        break;
    default:
        co_await weir::sleep_for(w.some_time());
        break;
    }
    co_return 1;
}

std::vector<weir::task<int>> some_nodes(world& w, const scope_ptr& in, weir::time_point by, int depth) {
    std::vector<weir::task<int>> all;
    for (int n = 1 + w.below(3); n != 0; --n) all.push_back(node(w, in, by, depth));
    return all;
}

/// A node of a group that runs at most so many.
weir::task<int> member(world& w, std::shared_ptr<scope> group, std::size_t most, scope_ptr in, weir::time_point by,
                       int depth) {
    const counted<&scope::running> here{group};
    w.expect(static_cast<std::size_t>(group->running) <= most, "more than max_concurrent run");
    co_return co_await node(w, std::move(in), by, depth);
}

struct group_plan {
    weir::task_group_options options;
    std::shared_ptr<scope> members = std::make_shared<scope>();
};

group_plan some_group(world& w, weir::time_point by) {
    return {{.max_concurrent = static_cast<std::size_t>(1 + w.below(3)),
             .errors = w.below(2) == 0 ? weir::group_errors::collect : weir::group_errors::fail_fast,
             .deadline = by}};
}

weir::task<int> adds_later(world& w, weir::task_group& group, group_plan plan, scope_ptr in, int depth) {
    const counted<&scope::running> here{in};
    co_await weir::sleep_for(w.some_time());
    group.spawn(member(w, plan.members, plan.options.max_concurrent, in, plan.options.deadline, depth));
    if (w.below(4) == 0) {
        group.cancel();
        co_await weir::yield();
        w.expect(false, "what was cancelled goes on");
    }
    co_return 1;
}

/// Spawns some, and leaves them, waits for them, or drops them.
weir::task<int> use(world& w, weir::task_group& group, group_plan plan, scope_ptr in, int depth) {
    const std::size_t most = plan.options.max_concurrent;
    for (int n = w.below(5); n != 0; --n) {
        if (w.below(3) == 0) co_await group.wait_for_capacity();
        group.spawn(member(w, plan.members, most, in, plan.options.deadline, depth));
    }
    // It takes a place, but is no member.
    if (w.below(3) == 0 && most > 1) group.spawn(adds_later(w, group, plan, in, depth));
    co_await weir::sleep_for(w.some_time());
    if (w.below(4) == 0) group.cancel();
    if (w.below(4) == 0) throw std::runtime_error{"body"};
    co_return 1;
}

weir::task<> stops(world& w, std::stop_source source) {
    co_await weir::sleep_for(w.some_time());
    source.request_stop();
}

/// One thing with others in it. When it is over, so are they.
weir::task<int> inner_node(world& w, scope_ptr in, weir::time_point by, int depth) {
    switch (w.below(13)) {
    case 0: {
        int sum = 0;
        for (auto& one : some_nodes(w, in, by, depth)) sum += co_await one;
        co_return sum;
    }
    case 1: {
        auto operation = weir::when_all(some_nodes(w, in, by, depth));
        const auto results = co_await operation;
        co_return static_cast<int>(results.size());
    }
    case 2: {
        auto operation = weir::when_all(node(w, in, by, depth), leaf(w, in), node(w, in, by, depth));
        const auto [a, b, c] = co_await operation;
        co_return a + b + c;
    }
    case 3: {
        auto operation = weir::when_all_settled(some_nodes(w, in, by, depth));
        const auto outcomes = co_await operation;
        co_return static_cast<int>(outcomes.size());
    }
    case 4: {
        auto operation = weir::when_any(some_nodes(w, in, by, depth));
        const auto first = co_await operation;
        w.expect(in->running == 0, "when_any has left a loser");
        co_return first.value;
    }
    case 5: {
        auto operation = weir::when_any(node(w, in, by, depth), leaf(w, in));
        const auto first = co_await operation;
        w.expect(in->running == 0, "when_any has left a loser");
        co_return first.value;
    }
    case 6: {
        const weir::duration d = w.some_time();
        const weir::time_point until = w.ex.now() + d;
        auto operation = weir::with_timeout(d, node(w, in, std::min(by, until), depth));
        try {
            const int result = co_await operation;
            w.expect(w.ex.now() <= until, "a result after its time");
            co_return result;
        } catch (const weir::timed_out&) {
            w.expect(w.ex.now() <= until, "timed out too late");
            w.expect(in->running == 0, "what was timed out runs");
            throw;
        }
    }
    case 7: {
        const group_plan plan = some_group(w, w.below(2) == 0 ? weir::time_point::max() : w.ex.now() + w.some_time());
        group_plan inside = plan;
        inside.options.deadline = std::min(plan.options.deadline, by);
        auto body = [&](weir::task_group& group) { return use(w, group, inside, in, depth); };
        auto operation = weir::with_group(plan.options, body);
        std::exception_ptr error;
        try {
            co_await operation;
        } catch (...) {
            error = std::current_exception();
        }
        w.expect(in->running == 0, "a group has left one of its own");
        w.expect(in->guards == 0, "a group has left something undone");
        if (error != nullptr) std::rethrow_exception(error);
        co_return 1;
    }
    case 8: {
        const group_plan plan = some_group(w, by);
        weir::task_group group{plan.options};
        co_await use(w, group, plan, in, depth);
        if (w.below(2) == 0) co_return 1;
        co_await group.join();
        w.expect(in->running == 0, "a group that was joined has left one of its own");
        w.expect(in->guards == 0, "a group that was joined has left something undone");
        co_return 2;
    }
    case 9: {
        // What is spawned is in no group, and has no deadline.
        const auto apart = std::make_shared<scope>(scope{w.everything});
        int result = 1;
        {
            auto one = w.ex.spawn(node(w, apart, weir::time_point::max(), depth));
            auto other = w.ex.spawn(node(w, apart, weir::time_point::max(), depth));
            w.ex.spawn(node(w, w.everything, weir::time_point::max(), 0)).detach();
            co_await weir::sleep_for(w.some_time());
            if (w.below(2) == 0) result = co_await one;
        }
        w.expect(apart->running == 0, "what was spawned outlives its handle");
        co_return result;
    }
    case 10: {
        auto one = [&](int) { return node(w, in, by, depth); };
        auto operation = weir::iota(0, 3) | weir::map_async(2, one) | weir::drain();
        co_await operation;
        co_return 3;
    }
    case 11: {
        auto one = [&] { return node(w, in, by, depth); };
        if (w.below(2) == 0) {
            auto operation = weir::retry(one, {.attempts = 2, .delay = 1ms});
            co_return co_await operation;
        }
        auto operation = weir::hedge(one, w.some_time());
        co_return co_await operation;
    }
    default: {
        const std::stop_source source;
        auto stopper = w.ex.spawn(stops(w, source));
        auto operation = weir::with_stop(source.get_token(), node(w, in, by, depth));
        const auto result = co_await operation;
        w.expect(result || in->running == 0, "what was stopped runs");
        co_return result.value_or(0);
    }
    }
}

weir::task<int> node(world& w, scope_ptr in, weir::time_point by, int depth) {
    const counted<&scope::running> here{in};
    w.expect(co_await weir::deadline() == by, "the deadline is not the nearest around it");
    if (depth == 0 || --w.left < 0) co_return co_await leaf(w, in);
    const auto inside = std::make_shared<scope>(scope{in});
    int result = 0;
    std::exception_ptr error;
    try {
        result = co_await inner_node(w, inside, by, depth - 1);
    } catch (...) {
        error = std::current_exception();
    }
    w.expect(inside->running == 0, "something runs that nobody waits for");
    if (error != nullptr && w.below(3) != 0) std::rethrow_exception(error);
    co_return result;
}

enum class ending {
    by_itself,
    dropped,           // at some moment
    with_the_executor, // at some moment
};

std::string play(unsigned seed) {
    std::optional<weir::testing::virtual_executor> ex;
    ex.emplace();
    ex->on_error([](std::exception_ptr, std::source_location) {}); // of the detached
    world w{*ex, std::mt19937{seed}};
    const auto how = static_cast<ending>(w.below(3));
    w.root.emplace(ex->spawn(node(w, w.everything, weir::time_point::max(), 4)));
    if (how != ending::by_itself) {
        auto drops = [](world& all, weir::duration d) -> weir::task<> {
            co_await weir::sleep_for(d);
            all.root.reset();
        };
        ex->spawn(drops(w, w.some_time())).detach();
        if (how == ending::with_the_executor) {
            ex->advance(w.some_time());
            ex.reset();
            w.root.reset();
        }
    }
    if (ex) {
        ex->run_until_idle();
        w.expect(!w.root || w.root->finished(), "something waits for ever");
        w.root.reset();
        ex->run_until_idle();
        w.expect(ex->stats().timers_armed == 0, "a timer is left");
    }
    w.expect(w.everything->running == 0, "something runs on");
    w.expect(w.everything->guards == 0, "a guard is left");
    w.expect(w.everything.use_count() == 1, "a frame is left");
    w.expect(w.guards == w.cleanups_begun, "a cleanup was not begun, or twice");
    w.expect(w.guards == w.cleanups_done, "a cleanup was not done");
    return w.failure;
}

} // namespace

TEST_SUITE("scope/nests") {
    TEST_CASE("random nests of operations leave nothing behind wherever they are dropped") {
        for (unsigned seed = 0; seed != 3000; ++seed) {
            const std::string failure = play(seed);
            if (failure.empty()) continue;
            CAPTURE(seed);
            FAIL_CHECK(failure);
            break;
        }
    }
}
