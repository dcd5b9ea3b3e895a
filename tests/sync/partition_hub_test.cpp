// SPDX-License-Identifier: MIT
#include <weir/sync/partition_hub.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <allocations.hpp>
#include <numbers.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/send.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::numbers;
using weir::drop_reason;
using weir::partition_hub;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;
using sizes = std::span<const std::size_t>;

namespace {

std::size_t by_number(const int& item, sizes held) { return static_cast<std::size_t>(item) % held.size(); }
std::size_t always_first(const int&, sizes) { return 0; }
std::size_t shortest(const int&, sizes held) {
    return static_cast<std::size_t>(std::ranges::min_element(held) - held.begin());
}

} // namespace

TEST_SUITE("sync/partition_hub") {
    TEST_CASE("partition_hub sends each item to the subscriber that route chooses, in order") {
        virtual_executor ex;
        std::optional<partition_hub<int>> hub{by_number};
        probe_sink a{ex, hub->subscribe()};
        probe_sink b{ex, hub->subscribe()};
        CHECK(hub->subscribers() == 2);
        a.request();
        b.request();
        CHECK(ex.run(weir::iota(0, 6) | weir::send(*hub)) == 6);
        ex.run_ready();
        CHECK(a.items() == numbers{0, 2, 4});
        CHECK(b.items() == numbers{1, 3, 5});
        CHECK_FALSE(a.ended());
        hub.reset();
        ex.run_ready();
        CHECK(a.ended());
        CHECK(b.ended());
    }

    TEST_CASE("partition_hub: a full subscriber holds up the sends to it, and no others") {
        virtual_executor ex;
        partition_hub<int> hub{by_number};
        auto a = hub.subscribe({.capacity = 1});
        auto b = hub.subscribe({.capacity = 1});
        auto first = ex.spawn(hub.send(0));
        auto waits = ex.spawn(hub.send(2));
        auto waits_behind = ex.spawn(hub.send(4));
        auto other = ex.spawn(hub.send(1));
        ex.run_ready();
        CHECK(first.finished());
        CHECK_FALSE(waits.finished());
        CHECK(other.finished());
        CHECK(ex.run(weir::next(a)) == 0);
        CHECK(ex.run(weir::next(a)) == 2);
        CHECK(ex.run(weir::next(a)) == 4);
        CHECK(ex.run(weir::next(b)) == 1);
        ex.run_ready();
        CHECK(waits_behind.finished());
    }

    TEST_CASE("partition_hub: route receives the number of held items of each subscriber") {
        virtual_executor ex;
        partition_hub<int> hub{shortest};
        std::optional a{hub.subscribe()};
        auto b = hub.subscribe();
        ex.run(weir::iota(0, 3) | weir::send(hub));
        CHECK(a->size() == 2);
        CHECK(b.size() == 1);
        CHECK(ex.run(weir::next(*a)) == 0);
        CHECK(ex.run(weir::next(*a)) == 2);
        ex.run(hub.send(3));
        CHECK(a->size() == 1);
        a.reset(); // b is the first from now on
        auto c = hub.subscribe();
        ex.run(hub.send(4));
        CHECK(c.size() == 1);
        CHECK(ex.run(weir::next(b)) == 1);
    }

    TEST_CASE("partition_hub: a send waits for a subscriber, and is routed anew when its subscriber leaves") {
        virtual_executor ex;
        numbers dropped;
        std::vector<drop_reason> reasons;
        const auto on_drop = [&](int item, drop_reason why) {
            dropped.push_back(item);
            reasons.push_back(why);
        };
        partition_hub<int> hub{always_first, {.on_drop = on_drop}};
        auto sent = ex.spawn(weir::iota(0, 3) | weir::send(hub));
        ex.run_ready();
        CHECK_FALSE(sent.finished());
        std::optional a{hub.subscribe({.capacity = 1})};
        ex.run_ready();
        CHECK(a->size() == 1); // 0; 1 waits
        auto b = hub.subscribe({.capacity = 9});
        a.reset();
        ex.run_ready();
        CHECK(sent.finished());
        CHECK(dropped == numbers{0});
        CHECK(reasons == std::vector{drop_reason::consumer_gone});
        CHECK(ex.run(weir::next(b)) == 1);
        CHECK(ex.run(weir::next(b)) == 2);
    }

    TEST_CASE("partition_hub drops items that route sends to nobody, that are refused, and whose send is dropped") {
        virtual_executor ex;
        std::vector<std::pair<int, drop_reason>> dropped;
        const auto on_drop = [&](int item, drop_reason why) { dropped.emplace_back(item, why); };
        const auto route = [](int item, sizes held) { return item < 0 ? held.size() : 0; };
        partition_hub<int> hub{route, {.on_drop = on_drop}};
        auto a = hub.subscribe({.capacity = 1});
        CHECK(ex.run(hub.send(-1)));
        CHECK(ex.run(hub.send(1)));
        CHECK_THROWS_AS(ex.run(weir::with_timeout(1ms, hub.send(2))), weir::timed_out);
        auto waits = ex.spawn(hub.send(3));
        ex.run_ready();
        hub.close();
        ex.run_ready();
        CHECK_FALSE(ex.run(std::move(waits)));
        CHECK_FALSE(ex.run(hub.send(4)));
        CHECK(hub.closed());
        CHECK(ex.run(weir::next(a)) == 1);
        CHECK_FALSE(ex.run(weir::next(a)).has_value());
        using enum drop_reason;
        CHECK(dropped ==
              std::vector<std::pair<int, drop_reason>>{{-1, unmatched}, {2, cancelled}, {3, refused}, {4, refused}});
    }

    TEST_CASE("partition_hub: what route throws is the error of the send, and fail is that of the subscribers") {
        virtual_executor ex;
        const auto route = [](int item, sizes) -> std::size_t {
            if (item < 0) throw std::runtime_error{"route"};
            return 0;
        };
        partition_hub<int> hub{route};
        auto a = hub.subscribe();
        CHECK_THROWS_WITH(ex.run(hub.send(-1)), "route");
        CHECK(ex.run(hub.send(1)));
        hub.fail(std::make_exception_ptr(std::runtime_error{"failed"}));
        CHECK(ex.run(weir::next(a)) == 1);
        CHECK_THROWS_WITH(ex.run(weir::next(a)), "failed");
    }

    TEST_CASE("partition_hub: route may close the hub and subscribe, and a subscriber may leave while it is polled") {
        virtual_executor ex;
        std::optional<weir::partition_subscription<int>> late;
        std::optional<partition_hub<int>> hub;
        hub.emplace([&](int item, sizes) -> std::size_t {
            if (item == 1) late.emplace(hub->subscribe());
            if (item == 2) hub->close();
            return item == 1 ? 1u : 0u;
        });
        auto a = hub->subscribe();
        CHECK(ex.run(hub->send(1)));
        CHECK(late->size() == 1);
        CHECK_FALSE(ex.run(hub->send(2)));
        CHECK(a.size() == 0);
    }

    TEST_CASE("partition_hub refuses a capacity of 0") {
        const partition_hub<int> hub{always_first};
        CHECK_THROWS_WITH_AS(static_cast<void>(hub.subscribe({.capacity = 0})),
                             "weir::partition_hub::subscribe({.capacity}): capacity must be at least 1",
                             std::invalid_argument);
    }

    TEST_CASE("partition_hub moves its items") {
        virtual_executor ex;
        partition_hub<std::unique_ptr<int>> hub{[](const std::unique_ptr<int>&, sizes) { return 0; }};
        auto a = hub.subscribe({.capacity = 1});
        ex.run(hub.send(std::make_unique<int>(1)));
        auto waits = ex.spawn(hub.send(std::make_unique<int>(2)));
        ex.run_ready();
        CHECK(**ex.run(weir::next(a)) == 1);
        CHECK(**ex.run(weir::next(a)) == 2);
    }

    TEST_CASE("partition_hub: items are in order for each subscriber while subscribers come and go") {
        for (unsigned seed = 0; seed != 100; ++seed) {
            CAPTURE(seed);
            std::mt19937 random{seed};
            const auto below = [&](int n) { return std::uniform_int_distribution<int>{0, n - 1}(random); };
            virtual_executor ex;
            int dropped = 0;
            int received = 0;
            constexpr int count = 200;
            {
                partition_hub<int> hub{
                    [&](int, sizes held) { return static_cast<std::size_t>(below(99)) % held.size(); },
                    {.on_drop = [&](int) { ++dropped; }}};
                const auto work = [&](weir::partition_subscription<int> items, int left) -> weir::task<> {
                    int last = -1;
                    while (left-- != 0) {
                        const auto item = co_await weir::next(items);
                        if (!item) break;
                        CHECK(last < *item);
                        last = *item;
                        ++received;
                        if (below(2) == 0) co_await weir::sleep_for(below(4) * 1ms);
                    }
                };
                ex.run([&]() -> weir::task<> {
                    weir::task_group group;
                    auto sent = ex.spawn(weir::iota(0, count) | weir::send(hub));
                    for (int i = 0; i != 10; ++i) {
                        const auto capacity = static_cast<std::size_t>(1 + below(3));
                        auto items = hub.subscribe({.capacity = capacity});
                        group.spawn(work(std::move(items), below(40)));
                        co_await weir::sleep_for(below(20) * 1ms);
                    }
                    group.spawn(work(hub.subscribe(), count));
                    co_await std::move(sent);
                    hub.close();
                    co_await group.join();
                });
            }
            CHECK(received + dropped == count);
        }
    }

    TEST_CASE("partition_hub allocates nothing per item") {
        const auto run = [](int n) {
            virtual_executor ex;
            const partition_hub<int> hub{by_number};
            auto a = hub.subscribe({.capacity = 2});
            auto b = hub.subscribe({.capacity = 2});
            const auto drained = ex.spawn(std::move(a) | weir::drain());
            const auto drained_too = ex.spawn(std::move(b) | weir::drain());
            ex.run(weir::iota(0, n) | weir::send(hub));
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }
}
