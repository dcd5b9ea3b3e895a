// SPDX-License-Identifier: MIT
#include <weir/messages/consumer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/messages/simulated_broker.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"

using namespace std::chrono_literals;
namespace messages = weir::messages;
using messages::message;

namespace {

/// Runs a test on virtual time, with a broker of one partition that has the records 0 to n-1.
template <class F>
void with_records(int n, F f) {
    weir::testing::virtual_executor ex;
    messages::simulated_broker broker{{.partitions = 1}};
    for (int i = 0; i != n; ++i) broker.publish(0, "key", std::to_string(i));
    ex.run([&]() -> weir::task<> { co_await f(broker); });
}

template <class S>
weir::task<message<std::string>> receive(S& stream) {
    auto m = co_await weir::next(stream);
    REQUIRE(m.has_value());
    co_return *std::move(m);
}

/// What a stream fails with.
template <class S>
weir::task<std::string> error_of(S& stream) {
    try {
        while (true) {
            auto m = co_await weir::next(stream);
            if (!m) co_return "the end";
            m->ack();
        }
    } catch (const std::exception& e) {
        co_return e.what();
    }
}

/// A member of a group of its own, with one partition and n records. It counts.
class counting_member {
public:
    struct counts {
        std::size_t fetches = 0;
        std::size_t largest_fetch = 0;
        std::size_t committed = 0;
        bool joined = false;
    };

    counting_member(std::size_t n, counts& c) : left_{n}, counts_{&c} {}

    weir::task<messages::group_change> next_change() {
        if (counts_->joined) co_await weir::sleep_for(std::chrono::hours{10000});
        counts_->joined = true;
        messages::group_change change;
        change.assignment.partition = "only";
        change.assignment.epoch = 7;
        co_return change;
    }
    weir::task<std::vector<messages::record>> fetch(const messages::assignment&, std::size_t n) {
        if (left_ == 0) co_await weir::sleep_for(std::chrono::hours{10000});
        ++counts_->fetches;
        counts_->largest_fetch = std::max(counts_->largest_fetch, n);
        std::vector<messages::record> got(std::min(n, left_));
        left_ -= got.size();
        for (auto& r : got) r.position.low = ++last_;
        co_return got;
    }
    weir::task<bool> commit(const messages::assignment&, const std::vector<messages::position>& done) {
        counts_->committed += done.size();
        co_return true;
    }
    weir::task<> release(const messages::assignment&) { co_return; }
    weir::task<> leave() { co_return; }
    weir::task<messages::partition_status> inspect(const messages::assignment&) { co_return {}; }

private:
    std::size_t left_;
    std::uint64_t last_ = 0;
    counts* counts_;
};

} // namespace

TEST_SUITE("messages/consumer") {
    TEST_CASE("a message has what the broker knows of it") {
        weir::testing::virtual_executor ex;
        messages::simulated_broker broker{{.partitions = 2}};
        broker.publish(1, "key", "value", {{"trace", "17"}, {"trace", "18"}});
        ex.run([&]() -> weir::task<> {
            messages::consumer c{broker.join()};
            auto all = c.messages();
            auto m = co_await receive(all);
            CHECK(m.value() == "value");
            CHECK(m.key() == "key");
            CHECK(m.header("trace") == "17");
            CHECK(m.header("other") == "");
            CHECK(m.headers().size() == 2);
            CHECK(m.position() == messages::position{0, 0});
            CHECK(m.attempt() == 1);
            CHECK(m.partition() == "p1");
            CHECK(m.epoch() == 1);
            auto changed = std::move(m).with_value(5);
            CHECK(changed.value() == 5);
            CHECK(changed.partition() == "p1");
            changed.ack();
            CHECK(changed.partition() == "");
            CHECK(c.stats().acknowledged == 1);
        });
    }

    TEST_CASE("a message without a broker can be answered") {
        message<int> m{5, "key"};
        m.nack();
        m.ack();
        CHECK(m.value() == 5);
        CHECK(m.key() == "key");
        CHECK(m.partition() == "");
    }

    TEST_CASE("acknowledged messages are committed in order") {
        with_records(4, [](messages::simulated_broker& broker) -> weir::task<> {
            messages::consumer c{broker.join()};
            auto all = c.messages();
            std::vector<message<std::string>> held;
            for (int i = 0; i != 4; ++i) held.push_back(co_await receive(all));
            held[2].ack();
            held[1].ack();
            co_await weir::sleep_for(1s);
            CHECK(broker.committed(0) == 0);
            CHECK(c.stats().uncommitted == 4);
            CHECK(c.stats().in_flight == 2);
            held[0].ack();
            co_await weir::sleep_for(1s);
            CHECK(broker.committed(0) == 3);
            CHECK(c.stats().uncommitted == 1);
            CHECK(c.stats().oldest_unacknowledged >= 2s);
            CHECK(c.stats().commit_latency.count() == 1);
            held[3].ack();
            const auto left = co_await c.close();
            CHECK(broker.committed(0) == 4);
            CHECK(left.unanswered == 0);
            CHECK(left.uncommitted == 0);
            CHECK(!co_await weir::next(all));
        });
    }

    TEST_CASE("a message that is dropped is treated as its policy says") {
        with_records(3, [](messages::simulated_broker& broker) -> weir::task<> {
            messages::consumer c{broker.join()};
            auto all = c.messages();
            { auto dropped = co_await receive(all); }
            {
                auto second = co_await receive(all);
                auto acknowledged = std::move(second).when_dropped<messages::ack_on_drop>();
                CHECK(acknowledged.value() == "1");
            }
            auto third = co_await receive(all);
            CHECK(third.value() == "2");
            auto again = co_await receive(all);
            CHECK(again.value() == "0");
            CHECK(again.attempt() == 2);
            again.ack();
            { auto fails = std::move(third).when_dropped<messages::fail_on_drop>(); }
            CHECK(co_await error_of(all) == "weir::messages: p0: 0-2 was dropped without an answer");
        });
    }

    TEST_CASE("assigning to a message answers the one that it was") {
        with_records(2, [](messages::simulated_broker& broker) -> weir::task<> {
            messages::consumer c{broker.join()};
            auto all = c.messages();
            auto m = co_await receive(all);
            m = co_await receive(all);
            CHECK(m.value() == "1");
            CHECK(c.stats().rejected == 1);
        });
    }

    TEST_CASE("a rejected message comes again after its wait, and before new ones") {
        with_records(2, [](messages::simulated_broker& broker) -> weir::task<> {
            messages::consumer_options o;
            o.redelivery = {.attempts = 10, .delay = 1s, .factor = 2, .max_delay = 3s, .jitter = weir::jitter::none};
            messages::consumer c{broker.join(), o};
            auto all = c.messages();
            const auto& ex = *weir::executor::current();
            std::vector<weir::duration> waits;
            auto other = co_await receive(all);
            REQUIRE(other.value() == "0");
            auto m = co_await receive(all);
            for (int i = 0; i != 4; ++i) {
                const auto before = ex.now();
                m.nack();
                m = co_await receive(all);
                waits.push_back(ex.now() - before);
                CHECK(m.attempt() == static_cast<std::uint32_t>(i + 2));
                CHECK(m.value() == "1");
            }
            CHECK(waits == std::vector<weir::duration>{1s, 2s, 3s, 3s});
            const auto before = ex.now();
            m.nack(100ms);
            m = co_await receive(all);
            CHECK(ex.now() - before == 100ms);
        });
    }

    TEST_CASE("a message that was rejected too often is a dead letter, or an error") {
        with_records(1, [](messages::simulated_broker& broker) -> weir::task<> {
            messages::consumer_options o;
            o.redelivery.attempts = 2;
            int failures = 2;
            std::vector<messages::dead_letter> buried;
            {
                messages::consumer c{broker.join(), o};
                auto all = c.messages();
                (co_await receive(all)).nack();
                (co_await receive(all)).nack();
                CHECK(co_await error_of(all) == "weir::messages: p0: 0-0 was rejected, at attempt 2");
            }
            o.dead_letter = [&](messages::dead_letter letter) -> weir::task<> {
                co_await weir::sleep_for(1s);
                if (failures-- > 0) throw std::runtime_error{"full"};
                buried.push_back(std::move(letter));
            };
            messages::consumer c{broker.join(), o};
            auto all = c.messages();
            (co_await receive(all)).nack();
            (co_await receive(all)).nack();
            static_cast<void>(weir::executor::current()->spawn(error_of(all)).detach());
            co_await weir::sleep_for(10s);
            REQUIRE(buried.size() == 1);
            CHECK(buried[0].partition == "p0");
            CHECK(buried[0].record.value == "0");
            CHECK(buried[0].record.key == "key");
            CHECK(buried[0].attempts == 2);
            CHECK(broker.committed(0) == 1);
            CHECK(c.stats().dead_letters == 1);
            CHECK(c.stats().faults == 2);
        });
    }

    TEST_CASE("a head without an answer is an error that names it") {
        with_records(3, [](messages::simulated_broker& broker) -> weir::task<> {
            messages::consumer_options o;
            o.stuck_after = 1min;
            std::vector<std::string> told;
            o.on_stuck = [&told](const messages::stuck_message& e) { told.emplace_back(e.what()); };
            messages::consumer c{broker.join(), o};
            auto all = c.messages();
            auto stuck = co_await receive(all);
            (co_await receive(all)).ack();
            CHECK(co_await error_of(all) == "weir::messages: p0: 0-0 has no answer for 60s");
            CHECK(told == std::vector<std::string>{"weir::messages: p0: 0-0 has no answer for 60s"});
            CHECK(c.stats().stuck == 1);
            CHECK(broker.committed(0) == 0);
        });
    }

    TEST_CASE("on_stuck is called while the program asks for no messages") {
        with_records(3, [](messages::simulated_broker& broker) -> weir::task<> {
            messages::consumer_options o;
            o.stuck_after = 1min;
            int told = 0;
            o.on_stuck = [&told](const messages::stuck_message&) { ++told; };
            messages::consumer c{broker.join(), o};
            auto all = c.messages();
            auto stuck = co_await receive(all);
            co_await weir::sleep_for(59s);
            CHECK(told == 0);
            co_await weir::sleep_for(1h);
            CHECK(told == 1);
            stuck.ack();
        });
    }

    TEST_CASE("a partition is read as far as it is asked for, and messages are answered") {
        weir::testing::virtual_executor ex;
        counting_member::counts counts;
        ex.run([&]() -> weir::task<> {
            messages::consumer_options o;
            o.max_in_flight = 10;
            o.max_fetch = 4;
            o.stuck_after = weir::duration::max();
            o.revoke_limit = weir::duration::max();
            messages::consumer c{counting_member{1000, counts}, o};
            auto all = c.messages();
            co_await weir::sleep_for(1h);
            CHECK(!counts.joined);
            std::vector<message<std::string>> held;
            for (int i = 0; i != 10; ++i) held.push_back(co_await receive(all));
            CHECK(counts.fetches == 3);
            CHECK(counts.largest_fetch == 4);
            static_cast<void>(weir::executor::current()->spawn(error_of(all)).detach());
            co_await weir::sleep_for(1h);
            CHECK(counts.fetches == 3);
            CHECK(c.stats().in_flight == 10);
            held[0].ack();
            co_await weir::sleep_for(1s);
            CHECK(counts.committed >= 1);
            CHECK(counts.fetches == 4);
        });
    }

    TEST_CASE("messages may outlive their consumer and their executor") {
        std::vector<message<std::string>> held;
        {
            weir::testing::virtual_executor ex;
            messages::simulated_broker broker{{.partitions = 1}};
            broker.publish(0, "", "value");
            std::optional<messages::consumer> c;
            c.emplace(broker.join());
            ex.run([&]() -> weir::task<> {
                auto all = c->messages();
                held.push_back(co_await receive(all));
            });
            c.reset();
            held[0].ack();
        }
        CHECK(held[0].value() == "value");
        held.clear();
    }

    TEST_CASE("a partition whose stream is dropped is assigned again") {
        with_records(3, [](messages::simulated_broker& broker) -> weir::task<> {
            messages::consumer c{broker.join()};
            auto all = c.partitions();
            {
                auto first = co_await weir::next(all);
                CHECK(first->name() == "p0");
                CHECK(first->epoch() == 1);
                (co_await receive(*first)).ack();
            }
            auto second = co_await weir::next(all);
            CHECK(second->epoch() == 2);
            CHECK((co_await receive(*second)).value() == "1");
        });
    }

    TEST_CASE("records that were trimmed are counted, and so is the lag") {
        with_records(10, [](messages::simulated_broker& broker) -> weir::task<> {
            messages::consumer_options o;
            o.max_fetch = 2;
            messages::consumer c{broker.join(), o};
            auto all = c.partitions();
            auto p = co_await weir::next(all);
            (co_await receive(*p)).ack();
            co_await weir::sleep_for(2s);
            CHECK(c.stats().lag == 8);
            broker.trim(0, 5);
            (co_await receive(*p)).ack();
            auto m = co_await receive(*p);
            CHECK(m.value() == "5");
            m.ack();
            co_await weir::sleep_for(2s);
            CHECK(c.stats().trimmed == 3);
            CHECK(c.stats().lag == 3);
            const auto left = co_await c.close();
            CHECK(left.unanswered == 0);
            CHECK(c.stats().partitions == 0);
        });
    }

    TEST_CASE("a broker that fails is asked again, and at last its error is that of the stream") {
        with_records(1, [](messages::simulated_broker& broker) -> weir::task<> {
            messages::consumer_options o;
            o.faults.attempts = 3;
            messages::consumer c{broker.join(), o};
            auto all = c.messages();
            (co_await receive(all)).ack();
            broker.disconnect(50ms);
            broker.publish(0, "", "1");
            (co_await receive(all)).ack();
            CHECK(c.stats().faults > 0);
            broker.disconnect(1h);
            const std::string what = co_await error_of(all);
            CHECK(what.starts_with("weir::messages::simulated_broker: "));
            CHECK(what.ends_with(": no connection"));
            const auto before = weir::executor::current()->now();
            static_cast<void>(co_await c.close());
            CHECK(weir::executor::current()->now() - before <= 10s);
        });
    }

    TEST_CASE("a consumer allocates per fetch, and not per message") {
        const auto run = [](int n) {
            weir::testing::virtual_executor ex;
            counting_member::counts counts;
            ex.run([&]() -> weir::task<> {
                messages::consumer c{counting_member{static_cast<std::size_t>(n), counts}, {.max_fetch = 50}};
                auto all = c.messages();
                auto ack = weir::for_each([](message<std::string> m) { m.ack(); });
                auto some = std::move(all) | weir::take(n) | std::move(ack);
                co_await std::move(some);
            });
        };
        constexpr std::size_t more_items = 2000;
        CHECK(support::allocations_for_more_items(run) <= 5 * more_items / 50);
    }

    TEST_CASE("options that make no sense are refused") {
        counting_member::counts counts;
        const auto refused = [&](messages::consumer_options o) {
            try {
                messages::consumer c{counting_member{0, counts}, o};
            } catch (const std::invalid_argument& e) {
                return std::string{e.what()};
            }
            return std::string{};
        };
        CHECK(refused({.max_in_flight = 0}) == "weir::messages::consumer: options.max_in_flight is 0");
        CHECK(refused({.max_fetch = 0}) == "weir::messages::consumer: options.max_fetch is 0");
        CHECK(refused({.max_partitions = 0}) == "weir::messages::consumer: options.max_partitions is 0");
        CHECK(refused({.commit_every = 0}) == "weir::messages::consumer: options.commit_every is 0");
        CHECK(refused({.commit_interval = 0s}) == "weir::messages::consumer: options.commit_interval is not positive");
        CHECK(refused({.redelivery = {.attempts = 0}}) == "weir::retry: policy.attempts is 0");
        CHECK(refused({.stuck_after = 0s}) == "weir::messages::consumer: options.stuck_after is not positive");
        CHECK(refused({.revoke_limit = -1s}) == "weir::messages::consumer: options.revoke_limit is negative");
        CHECK(refused({.shutdown_limit = 0s}) == "weir::messages::consumer: options.shutdown_limit is not positive");
        CHECK(refused({.inspect_interval = 0s}) ==
              "weir::messages::consumer: options.inspect_interval is not positive");
        messages::consumer c{counting_member{0, counts}};
        { auto once = c.partitions(); }
        CHECK_THROWS_AS(c.partitions(), std::logic_error);
        CHECK_THROWS_AS(messages::simulated_broker{{.partitions = 0}}, std::invalid_argument);
        messages::simulated_broker broker{{.partitions = 1, .max_records = 1}};
        CHECK_THROWS_AS(broker.publish(1, "", ""), std::invalid_argument);
        broker.publish(0, "", "");
        CHECK_THROWS_WITH(broker.publish(0, "", ""),
                          "weir::messages::simulated_broker: publish: a partition has max_records");
    }
}
