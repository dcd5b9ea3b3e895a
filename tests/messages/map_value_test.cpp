// SPDX-License-Identifier: MIT
#include <weir/messages/map_value.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/messages/consumer.hpp>
#include <weir/messages/for_each_message.hpp>
#include <weir/messages/map_value_async.hpp>
#include <weir/messages/simulated_broker.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"
#include "manual.hpp"

using namespace std::chrono_literals;
namespace messages = weir::messages;
using messages::message;

namespace {

/// Messages of a broker: the values 0 to n-1 with the keys "even" and "odd".
struct numbered_messages {
    explicit numbered_messages(int n) {
        for (int i = 0; i != n; ++i) broker.publish(0, i % 2 == 0 ? "even" : "odd", std::to_string(i));
    }

    messages::simulated_broker broker{{.partitions = 1}};
    messages::consumer consumer{broker.join()};
};

} // namespace

TEST_SUITE("messages/map_value") {
    TEST_CASE("map_value changes the value and keeps the promise") {
        weir::testing::virtual_executor ex;
        ex.run([]() -> weir::task<> {
            numbered_messages world{2};
            auto all = world.consumer.messages() | messages::map_value([](std::string s) { return std::stoi(s) + 10; });
            auto m = co_await weir::next(all);
            CHECK(m->value() == 10);
            CHECK(m->key() == "even");
            CHECK(m->partition() == "p0");
            m->ack();
            CHECK(world.consumer.stats().acknowledged == 1);
        });
    }

    TEST_CASE("a message is delivered again when map_value's function throws") {
        weir::testing::virtual_executor ex;
        ex.run([]() -> weir::task<> {
            numbered_messages world{1};
            const auto fails = [](const std::string&) -> int { throw std::runtime_error{"no number"}; };
            auto all = world.consumer.messages() | messages::map_value(fails);
            CHECK_THROWS_WITH(static_cast<void>(co_await weir::next(all)), "no number");
            CHECK(world.consumer.stats().rejected == 1);
        });
    }

    TEST_CASE("map_value_async keeps the order, and runs n at a time") {
        weir::testing::virtual_executor ex;
        ex.run([]() -> weir::task<> {
            numbered_messages world{6};
            int running = 0;
            int most = 0;
            const auto slow_first = [&](std::string s) -> weir::task<int> {
                most = std::max(most, ++running);
                const int i = std::stoi(s);
                const auto time = i == 0 ? 10s : 1s;
                co_await weir::sleep_for(time);
                --running;
                co_return i;
            };
            auto all = world.consumer.messages() | messages::map_value_async(3, slow_first);
            for (int i = 0; i != 6; ++i) {
                auto m = co_await weir::next(all);
                CHECK(m->value() == i);
                m->ack();
            }
            CHECK(most == 3);
            CHECK(world.consumer.stats().acknowledged == 6);
        });
    }

    TEST_CASE("map_value_keyed keeps the order of each key alone") {
        weir::testing::virtual_executor ex;
        ex.run([]() -> weir::task<> {
            numbered_messages world{6};
            const auto slow_even = [](std::string s) -> weir::task<std::string> {
                const auto time = std::stoi(s) % 2 == 0 ? 10s : 1s;
                co_await weir::sleep_for(time);
                co_return s;
            };
            auto all = world.consumer.messages() | messages::map_value_keyed(6, slow_even);
            std::string order;
            for (int i = 0; i != 6; ++i) {
                auto m = co_await weir::next(all);
                order += m->value();
                m->ack();
            }
            CHECK(order == "135024");
        });
    }

    TEST_CASE("dropping map_value_async rejects the messages in flight") {
        weir::testing::virtual_executor ex;
        ex.run([]() -> weir::task<> {
            numbered_messages world{3};
            {
                auto all =
                    world.consumer.messages() | messages::map_value_async(2, [](std::string s) -> weir::task<int> {
                        co_await weir::sleep_for(1h);
                        co_return std::stoi(s);
                    });
                auto some = weir::next(all);
                auto handle = weir::executor::current()->spawn(std::move(some));
                co_await weir::sleep_for(1s);
                CHECK(world.consumer.stats().in_flight >= 2);
            }
            CHECK(world.consumer.stats().in_flight == 0);
        });
    }

    TEST_CASE("for_each_message acknowledges what succeeds and rejects what fails") {
        weir::testing::virtual_executor ex;
        ex.run([]() -> weir::task<> {
            numbered_messages world{4};
            std::vector<std::string> done;
            const auto handle = [&](message<std::string>& m) -> weir::task<> {
                co_await weir::sleep_for(1ms);
                if (m.value() == "2" && m.attempt() < 3) throw std::runtime_error{"not yet"};
                done.push_back(m.value());
            };
            auto working =
                weir::executor::current()->spawn(world.consumer.messages() | messages::for_each_message(8, handle));
            while (done.size() != 4) co_await weir::sleep_for(1ms);
            const auto left = co_await world.consumer.close();
            CHECK(left.unanswered == 0);
            CHECK(world.broker.committed(0) == 4);
            CHECK(world.consumer.stats().rejected == 2);
            CHECK(done.back() == "2");
            co_await working; // it ends with the consumer
        });
    }

    TEST_CASE("operators that change values allocate nothing per message") {
        const auto as_message = [](int i) { return message<int>{i}; };
        const auto twice = [](int i) { return 2 * i; };
        const auto later = [](int i) { return support::one_turn{i}; };
        const auto ignore = [](message<int>& m) { return support::one_turn{m.value()}; };
        const auto changed = [&](int n) {
            weir::testing::virtual_executor ex;
            ex.run(weir::iota(0, n) | weir::map(as_message) | messages::map_value(twice) |
                   messages::map_value_async(4, later) | messages::map_value_keyed(4, later) |
                   messages::for_each_message(4, ignore));
        };
        CHECK(support::allocations_for_more_items(changed) == 0);
    }

    TEST_CASE("values without an answer can be made into messages") {
        weir::testing::virtual_executor ex;
        const auto as_message = [](int i) { return message<int>{i}; };
        int sum = 0;
        const auto add = [&sum](message<int> m) { sum += m.value(); };
        ex.run(weir::from_range(std::vector<int>{1, 2, 3}) | weir::map(as_message) |
               messages::map_value([](int i) { return 2 * i; }) | weir::for_each(add));
        CHECK(sum == 12);
    }
}
