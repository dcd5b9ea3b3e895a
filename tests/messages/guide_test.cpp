// SPDX-License-Identifier: MIT
// The code of docs/guide/messages.md.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/messages/conformance.hpp>
#include <weir/messages/consumer.hpp>
#include <weir/messages/for_each_message.hpp>
#include <weir/messages/map_value.hpp>
#include <weir/messages/map_value_async.hpp>
#include <weir/messages/simulated_broker.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;

namespace {

namespace guide {

std::map<std::string, int> stored;

weir::task<> store(const std::string& key, int amount) {
    stored[key] += amount;
    co_return;
}

// [handle]
weir::task<> bill(weir::messages::message<std::string>& order) {
    co_await store(order.key(), std::stoi(order.value()));
}

weir::task<> run(weir::messages::consumer& orders) {
    co_await (orders.messages() | weir::messages::for_each_message(64, bill));
}
// [/handle]

// [by hand]
weir::task<int> price(int order) { co_return order * 2; }

weir::task<> run_by_hand(weir::messages::consumer& orders) {
    const auto parse = [](const std::string& text) { return std::stoi(text); };
    auto keep = weir::for_each([](weir::messages::message<int> m) {
        stored[m.key()] += m.value();
        m.ack();
    });
    co_await (orders.messages() | weir::messages::map_value(parse) | weir::messages::map_value_async(16, price) |
              std::move(keep));
}
// [/by hand]

// [partitions]
weir::task<> run_partitions(weir::messages::consumer& orders, std::vector<std::string>& log) {
    const auto one = [&log](weir::messages::partition p) {
        log.push_back(p.name());
        return p;
    };
    auto acknowledge = weir::for_each([](weir::messages::message<std::string> m) { m.ack(); });
    co_await (orders.partitions() | weir::flat_map(64, one) | std::move(acknowledge));
}
// [/partitions]

// [options]
weir::messages::consumer_options limits(std::vector<std::string>& unreadable) {
    weir::messages::consumer_options o;
    o.max_in_flight = 1000;
    o.redelivery = {.attempts = 5, .delay = 1s, .max_delay = 1min};
    o.dead_letter = [&unreadable](weir::messages::dead_letter letter) -> weir::task<> {
        unreadable.push_back(letter.record.value);
        co_return;
    };
    return o;
}
// [/options]

} // namespace guide

} // namespace

TEST_SUITE("messages/guide") {
    TEST_CASE("the code of the guide runs") {
        // [simulated]
        weir::testing::virtual_executor ex;
        weir::messages::simulated_broker broker{{.partitions = 2}};
        broker.publish(0, "anna", "20");
        broker.publish(0, "anna", "one");
        broker.publish(1, "bert", "30");
        std::vector<std::string> unreadable;
        ex.run([&]() -> weir::task<> {
            weir::messages::consumer orders{broker.join(), guide::limits(unreadable)};
            auto running = weir::executor::current()->spawn(guide::run(orders));
            co_await weir::sleep_for(1min); // takes no time
            const auto left = co_await orders.close();
            CHECK(left.unanswered == 0);
        });
        CHECK(unreadable == std::vector<std::string>{"one"});
        // [/simulated]
        CHECK(guide::stored == std::map<std::string, int>{{"anna", 20}, {"bert", 30}});
    }

    TEST_CASE("the pipelines of the guide run") {
        weir::testing::virtual_executor ex;
        weir::messages::simulated_broker broker{{.partitions = 2}};
        guide::stored.clear();
        broker.publish(0, "carl", "20");
        ex.run([&]() -> weir::task<> {
            weir::messages::consumer orders{broker.join()};
            auto running = weir::executor::current()->spawn(guide::run_by_hand(orders));
            co_await weir::sleep_for(5s);
            static_cast<void>(co_await orders.close());
        });
        CHECK(guide::stored == std::map<std::string, int>{{"carl", 40}});
        std::vector<std::string> log;
        ex.run([&]() -> weir::task<> {
            weir::messages::consumer orders{broker.join()};
            auto running = weir::executor::current()->spawn(guide::run_partitions(orders, log));
            co_await weir::sleep_for(5s);
            static_cast<void>(co_await orders.close());
        });
        CHECK(log == std::vector<std::string>{"p0", "p1"});
    }
}
