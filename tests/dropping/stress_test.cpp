// SPDX-License-Identifier: MIT
// Random trees under virtual time, in which callables and destructors drop whatever there is. Runs a few;
// WEIR_DROPPING_SEEDS=n runs n, WEIR_DROPPING_SEED=s one.

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <map>
#include <optional>
#include <random>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <seeds.hpp>
#include <weir/async_stream.hpp>
#include <weir/core/overflow.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/delay.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/finally.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/on_error_resume.hpp>
#include <weir/operators/scan.hpp>
#include <weir/operators/switch_map.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/take_until.hpp>
#include <weir/operators/throttle.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/resilience/hedge.hpp>
#include <weir/resilience/retry.hpp>
#include <weir/scope/async_finally.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/when_all_settled.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/send.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/once.hpp>
#include <weir/sync/channel.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace {

using namespace std::chrono_literals;

class world;

/// A root, and who owns it: what belongs to a root must not run after that was dropped.
struct root {
    explicit root(root* owned_by) noexcept : owner{owned_by} {}

    root* owner;
    std::optional<weir::join_handle<weir::task<>>> task{};
    std::optional<weir::join_handle<weir::task<int>>> task_of_int{};
    std::optional<weir::task_group> group{}; // its members are roots, too
    weir::task_group* local_group = nullptr; // of a coroutine, as long as it lives
    bool dropped = false;
    bool cancelling = false;

    bool gone() const noexcept { return dropped || (owner != nullptr && owner->gone()); }
};

class world {
public:
    explicit world(std::uint64_t seed) : random_{seed} {}

    int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
    bool one_in(int n) { return below(n) == 0; }
    weir::duration some_time() { return below(6) * 1ms; }

    root& add_root(root* owner) { return roots_.emplace_back(owner); }

    /// User code runs.
    void runs(root&) { acts(); }
    /// A destructor of something runs.
    void dies() noexcept { acts(); }

    void expect(bool holds, const char* what) {
        if (!holds && failure_.empty()) failure_ = what;
    }
    const std::string& failure() const noexcept { return failure_; }

    void stop_dropping() noexcept { drops_ = false; }
    void drop_all() {
        for (root& one : roots_) drop(one);
    }

    weir::testing::virtual_executor ex{};
    int live = 0;
    int left = 60; // what may still be made

private:
    void acts() {
        if (!drops_ || !one_in(40) || roots_.empty()) return;
        drop(roots_[static_cast<std::size_t>(below(static_cast<int>(roots_.size())))]);
    }
    /// Drops a root, or what is in a group of it, whichever way there is.
    void drop(root& one) {
        if (one.local_group != nullptr) {
            one.dropped = true;
            one.local_group->cancel();
        } else if (one.group) {
            one.dropped = true;
            if (!one.cancelling && one_in(4)) { // a group must not be destroyed by what its own cancel destroys
                one.group.reset();
            } else {
                const bool outer = std::exchange(one.cancelling, true);
                one.group->cancel();
                one.cancelling = outer;
            }
        } else if (one.task || one.task_of_int) {
            one.dropped = true;
            one.task.reset();
            one.task_of_int.reset();
        }
    }

    std::mt19937_64 random_;
    std::deque<root> roots_;
    std::string failure_;
    bool drops_ = true;
};

/// An item, or a local variable: its death may drop something.
class thing {
public:
    thing(world& w, int value) noexcept : world_{&w}, value_{value} { ++w.live; }
    thing(const thing& other) noexcept : world_{other.world_}, value_{other.value_} { ++world_->live; }
    thing(thing&& other) noexcept
        : world_{other.world_}, value_{other.value_}, moved_{std::exchange(other.moved_, true)} {
        ++world_->live;
    }
    thing& operator=(thing other) noexcept {
        std::swap(world_, other.world_);
        std::swap(value_, other.value_);
        std::swap(moved_, other.moved_);
        return *this;
    }
    ~thing() {
        --world_->live;
        if (!moved_) world_->dies();
    }

    int value() const noexcept { return value_; }

private:
    world* world_;
    int value_;
    bool moved_ = false;
};

using things = weir::async_stream<thing>;

weir::task<> node(world& w, root& r, int depth);
things source(world& w, root& r, int depth);

weir::task<thing> makes_thing(world& w, root& r, int depth) {
    const thing here{w, 0};
    w.runs(r);
    if (depth > 0 && w.one_in(3)) {
        co_await node(w, r, depth - 1);
        w.runs(r);
    } else if (w.one_in(2)) {
        co_await weir::sleep_for(w.some_time());
        w.runs(r);
    }
    if (w.one_in(20)) throw std::runtime_error{"thing"};
    co_return thing{w, w.below(10)};
}

things generator(world& w, root& r, int depth) {
    const thing here{w, 0};
    for (int n = w.below(6); n != 0; --n) {
        w.runs(r);
        thing next = co_await makes_thing(w, r, depth);
        w.runs(r);
        if (w.one_in(2)) {
            co_yield std::move(next);
        } else {
            co_yield next;
        }
    }
    w.runs(r);
    if (w.one_in(8)) throw std::runtime_error{"generator"};
}

things relay(world& w, root& r, things upstream) {
    const thing here{w, 0};
    while (auto next = co_await weir::next(upstream)) {
        w.runs(r);
        thing out = *std::move(next);
        co_yield std::move(out);
    }
    w.runs(r);
}

/// One stage more.
things stage(world& w, root& r, things in, int depth) {
    const auto passes = [&w, &r](thing x) {
        w.runs(r);
        return x;
    };
    const auto makes_stream = [&w, &r, depth](const thing&) {
        w.runs(r);
        return source(w, r, depth - 1);
    };
    const auto makes_task = [&w, &r, depth](const thing& x) -> weir::task<thing> {
        const thing here{w, 0};
        thing result = co_await makes_thing(w, r, depth - 1);
        w.runs(r);
        co_return thing{w, result.value() + x.value()};
    };
    switch (w.below(22)) {
    case 0:
        return std::move(in) | weir::map(passes);
    case 1:
        return std::move(in) | weir::filter([&w, &r](const thing& x) {
                   w.runs(r);
                   return x.value() % 3 != 0;
               });
    case 2:
        return std::move(in) | weir::buffer(1 + w.below(3));
    case 3:
        return std::move(in) | weir::buffer(1, weir::overflow::drop_oldest, [&w](thing) { w.dies(); });
    case 4:
        return std::move(in) | weir::map_async(1 + w.below(3), makes_task);
    case 5:
        return std::move(in) | weir::map_async_unordered(1 + w.below(3), makes_task);
    case 6:
        return std::move(in) | weir::flat_map(1 + w.below(3), makes_stream);
    case 7:
        return std::move(in) | weir::switch_map(makes_stream);
    case 8:
        return std::move(in) | weir::concat_map(makes_stream);
    case 9:
        return weir::merge(std::move(in), source(w, r, depth - 1));
    case 10:
        return std::move(in) | weir::timeout(w.some_time() + 1ms);
    case 11:
        return std::move(in) | weir::timeout(w.some_time() + 1ms, [&w, &r, depth] {
                   w.runs(r);
                   return source(w, r, depth - 1);
               });
    case 12:
        return std::move(in) | weir::take_until(node(w, r, depth - 1));
    case 13:
        return std::move(in) | weir::take_until(source(w, r, depth - 1));
    case 14:
        return std::move(in) | weir::take(1 + w.below(3));
    case 15:
        return std::move(in) | weir::on_error_resume([&w, &r, depth](std::exception_ptr) {
                   w.runs(r);
                   return source(w, r, depth - 1);
               });
    case 16:
        return std::move(in) | weir::chunk(1 + w.below(3), w.some_time()) |
               weir::map_concat([&w, &r](std::vector<thing> all) {
                   w.runs(r);
                   return all;
               });
    case 17:
        return std::move(in) | weir::finally([&w] { w.dies(); });
    case 18:
        return std::move(in) | weir::throttle(1ms, weir::edge::both, [&w](thing) { w.dies(); });
    case 19:
        return std::move(in) | weir::delay(w.some_time(), 2);
    case 20: {
        auto [tx, rx] =
            weir::channel<thing>(static_cast<std::size_t>(w.below(2)), {.on_drop = [&w](thing) { w.dies(); }});
        auto sends = weir::once(std::move(in) | weir::send(std::move(tx))) |
                     weir::map([&w](std::uint64_t) { return thing{w, 1}; });
        return weir::merge(std::move(sends), std::move(rx));
    }
    default:
        return relay(w, r, std::move(in));
    }
}

things source(world& w, root& r, int depth) {
    things s = generator(w, r, std::max(depth, 0));
    if (depth > 0 && --w.left > 0) s = stage(w, r, std::move(s), depth);
    if (depth > 1 && --w.left > 0) s = stage(w, r, std::move(s), depth - 1);
    return s;
}

weir::task<> consumes(world& w, root& r, int depth) {
    const thing here{w, 0};
    auto upstream = source(w, r, depth);
    switch (w.below(4)) {
    case 0: {
        auto all = std::move(upstream) | weir::for_each([&w, &r](const thing&) { w.runs(r); });
        co_await all;
        break;
    }
    case 1: {
        auto one = [&w, &r, depth](thing) -> weir::task<> { return node(w, r, depth - 1); };
        auto all = std::move(upstream) | weir::for_each(one);
        co_await all;
        break;
    }
    case 2: {
        auto all = std::move(upstream) | weir::drain();
        co_await all;
        break;
    }
    default:
        while (auto next = co_await weir::next(upstream)) {
            w.runs(r);
            if (w.one_in(6)) break;
        }
    }
    w.runs(r);
}

/// A task that may be spawned: what it awaits belongs to the same root.
weir::task<> member(world& w, root& r, int depth) {
    const thing here{w, 0};
    w.runs(r);
    if (w.one_in(4)) co_await weir::sleep_for(w.some_time());
    w.runs(r);
    co_await node(w, r, depth);
    w.runs(r);
}

weir::task<int> member_of_int(world& w, root& r, int depth) {
    const thing here{w, 0};
    w.runs(r);
    co_await node(w, r, depth);
    w.runs(r);
    co_return 1;
}

weir::task<> group_of_its_own(world& w, root& r, int depth) {
    const thing older{w, 0};
    root& members = w.add_root(&r);
    weir::task_group group{{.errors = w.one_in(2) ? weir::group_errors::collect : weir::group_errors::fail_fast}};
    // It is not to be cancelled once it has died.
    class registration {
    public:
        registration(root& members, weir::task_group& group) : members_{members} { members_.local_group = &group; }
        registration(const registration&) = delete;
        registration& operator=(const registration&) = delete;
        ~registration() { members_.local_group = nullptr; }

    private:
        root& members_;
    };
    const registration known{members, group};
    for (int n = 1 + w.below(3); n != 0; --n) {
        if (w.one_in(2)) {
            group.spawn(member(w, members, depth - 1));
        } else {
            group.spawn(source(w, members, depth - 1) |
                        weir::for_each([&w, &members](const thing&) { w.runs(members); }));
        }
    }
    co_await weir::sleep_for(w.some_time());
    w.runs(r);
    co_await group.join();
    w.runs(r);
}

weir::task<> with_group_of_its_own(world& w, root& r, int depth) {
    const thing older{w, 0};
    auto body = [&](weir::task_group& group) -> weir::task<> {
        const thing here{w, 0};
        for (int n = 1 + w.below(3); n != 0; --n) group.spawn(member(w, r, depth - 1));
        co_await weir::sleep_for(w.some_time());
        w.runs(r);
    };
    auto scope = weir::with_group(body);
    co_await scope;
    w.runs(r);
}

weir::task<> guarded(world& w, root& r, int depth) {
    const weir::async_finally at_exit{10ms, [&w, d = w.some_time()] {
                                          w.dies();
                                          return weir::sleep_for(d);
                                      }};
    const thing here{w, 0};
    co_await node(w, r, depth - 1);
    w.runs(r);
}

/// Spawns another root, and keeps its handle where anyone may drop it.
weir::task<> spawns(world& w, root& r, int depth) {
    const thing here{w, 0};
    root& other = w.add_root(nullptr);
    if (w.one_in(3)) {
        other.group.emplace(w.ex);
        for (int n = 1 + w.below(3); n != 0; --n) other.group->spawn(member(w, other, depth - 1));
    } else if (w.one_in(2)) {
        other.task.emplace(w.ex.spawn(member(w, other, depth - 1)));
    } else {
        other.task_of_int.emplace(w.ex.spawn(member_of_int(w, other, depth - 1)));
    }
    w.runs(r);
    if (w.one_in(2)) {
        co_await weir::sleep_for(w.some_time());
        w.runs(r);
    }
    if (other.task && w.one_in(2)) {
        auto joined = *std::move(other.task);
        other.task.reset();
        other.owner = &r; // from now on
        co_await joined;
        w.runs(r);
    }
}

weir::task<> node(world& w, root& r, int depth) {
    const thing here{w, 0};
    w.runs(r);
    if (depth <= 0 || --w.left < 0) {
        co_await weir::sleep_for(w.some_time());
        w.runs(r);
        if (w.one_in(12)) throw std::runtime_error{"leaf"};
        co_return;
    }
    try {
        switch (w.below(14)) {
        case 0: {
            auto all = weir::when_all(node(w, r, depth - 1), consumes(w, r, depth - 1));
            co_await all;
            break;
        }
        case 1: {
            auto race = weir::when_any(node(w, r, depth - 1), consumes(w, r, depth - 1), node(w, r, depth - 1));
            co_await race;
            break;
        }
        case 2: {
            auto race = weir::when_any(source(w, r, depth - 1) | weir::drain(), weir::sleep_for(w.some_time()));
            co_await race;
            break;
        }
        case 3: {
            auto all = weir::when_all_settled(node(w, r, depth - 1), node(w, r, depth - 1));
            co_await all;
            break;
        }
        case 4: {
            auto timed = weir::with_timeout(w.some_time(), node(w, r, depth - 1));
            co_await timed;
            break;
        }
        case 5: {
            auto timed = weir::with_timeout(w.some_time(), source(w, r, depth - 1) | weir::drain());
            co_await timed;
            break;
        }
        case 6: {
            auto again = [&w, &r, depth] {
                w.runs(r);
                return node(w, r, depth - 1);
            };
            auto operation = weir::retry(again, {.attempts = 2, .delay = 1ms});
            co_await operation;
            break;
        }
        case 7: {
            auto again = [&w, &r, depth] {
                w.runs(r);
                return node(w, r, depth - 1);
            };
            auto operation = weir::hedge(again, w.some_time());
            co_await operation;
            break;
        }
        case 8:
            co_await group_of_its_own(w, r, depth);
            break;
        case 9:
            co_await with_group_of_its_own(w, r, depth);
            break;
        case 10:
            co_await guarded(w, r, depth);
            break;
        case 11:
            co_await spawns(w, r, depth);
            break;
        default:
            co_await consumes(w, r, depth);
            break;
        }
    } catch (const std::exception&) {
        if (w.one_in(3)) throw;
    }
    w.runs(r);
}

std::string play(std::uint64_t seed) {
    world w{seed};
    w.ex.on_error([](std::exception_ptr, std::source_location) {}); // of groups that nobody joins
    root& first = w.add_root(nullptr);
    first.task.emplace(w.ex.spawn(member(w, first, 5)));
    root& second = w.add_root(nullptr);
    second.group.emplace(w.ex);
    second.group->spawn(member(w, second, 4));
    second.group->spawn(member_of_int(w, second, 4));
    for (int i = 0; i != 60; ++i) w.ex.advance(1ms);
    w.stop_dropping();
    w.drop_all();
    w.ex.advance(100ms);
    w.expect(w.live == 0, "something is left");
    w.expect(w.ex.stats().timers_armed == 0, "a timer is left");
    return w.failure();
}

} // namespace

TEST_SUITE("dropping/stress") {
    TEST_CASE("random trees whose parts drop each other leave nothing behind") {
        if (const char* one = std::getenv("WEIR_DROPPING_SEED")) {
            CHECK(play(std::strtoull(one, nullptr, 10)) == "");
            return;
        }
        const char* asked = std::getenv("WEIR_DROPPING_SEEDS");
        const std::uint64_t n = asked != nullptr ? std::strtoull(asked, nullptr, 10) : support::seeds(50'000);
        std::map<std::string, std::uint64_t> failures; // what, and the first seed
        for (std::uint64_t seed = 0; seed != n; ++seed) {
            if (const std::string failure = play(seed); !failure.empty()) failures.try_emplace(failure, seed);
        }
        for (const auto& [failure, seed] : failures) {
            CAPTURE(seed);
            CHECK(failure == "");
        }
    }
}
