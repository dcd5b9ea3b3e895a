// SPDX-License-Identifier: MIT
#include <weir/threads/concurrent_channel.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <numbers.hpp>
#include <weir/executor/executor.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take_until.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/send.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>
#include <weir/threads/runtime.hpp>

#include "allocations.hpp"

using support::first_numbers;
using weir::concurrent_channel;
using weir::concurrent_receiver;
using weir::concurrent_sender;
using weir::task;
using weir::testing::virtual_executor;

namespace {

/// Two executors on one thread, in turn, so that what happens between them is the same each time.
struct two_executors {
    weir::executor a;
    weir::executor b;

    /// More turns than anybody looks before it sleeps.
    void settle() {
        for (int i = 0; i != 400; ++i) {
            a.turn(a.now());
            b.turn(b.now());
        }
    }
};

task<bool> send_one(concurrent_sender<int> to, int item) { co_return co_await to.send(item); }
task<bool> lend_one(concurrent_sender<int> to, int& item) { co_return co_await to.send_from(item); }
task<std::optional<int>> receive_one(concurrent_receiver<int>& from) { co_return co_await weir::next(from); }
template <class T>
task<> store(T operation, std::optional<typename T::result_type>& to) {
    to.emplace(co_await std::move(operation));
}

std::vector<int> rest_of(concurrent_receiver<int>& from) {
    std::vector<int> all;
    while (auto item = from.try_receive()) all.push_back(*item);
    return all;
}

} // namespace

TEST_SUITE("threads/concurrent_channel") {
    TEST_CASE("concurrent_channel rejects a capacity of 0") {
        CHECK_THROWS_WITH_AS(concurrent_channel<int>(0),
                             "weir::concurrent_channel<T>(n): there must be room for at least 1 item",
                             std::invalid_argument);
        CHECK_THROWS_AS(concurrent_channel<int>(-1), std::invalid_argument);
    }

    TEST_CASE("concurrent_channel holds items up to its capacity and delivers them in order") {
        for (const int n : {1, 2, 3, 5, 64}) {
            CAPTURE(n);
            auto [tx, rx] = concurrent_channel<int>(n);
            CHECK(tx.capacity() == static_cast<std::size_t>(n));
            for (int round = 0; round != 7; ++round) {
                for (int i = 0; i != n; ++i) REQUIRE(tx.try_send(i));
                CHECK_FALSE(tx.try_send(n));
                CHECK(tx.size() == static_cast<std::size_t>(n));
                CHECK(rest_of(rx) == first_numbers(n));
                CHECK(rx.try_receive() == std::nullopt);
            }
        }
    }

    TEST_CASE("concurrent_channel: a send that waits for room is woken by a receive on another executor") {
        two_executors ex;
        auto [tx, rx] = concurrent_channel<int>(1);
        REQUIRE(tx.try_send(1));
        std::optional<bool> sent;
        auto sending = ex.a.spawn(store(send_one(tx, 2), sent));
        ex.settle();
        CHECK(!sent);
        CHECK(ex.a.idle());
        CHECK(rx.try_receive() == 1);
        ex.settle();
        CHECK(sent == true);
        CHECK(rx.try_receive() == 2);
    }

    TEST_CASE("concurrent_channel: a receive that waits is woken by a send on another executor") {
        two_executors ex;
        auto [tx, rx] = concurrent_channel<int>(4);
        std::optional<std::optional<int>> got;
        auto receiving = ex.b.spawn(store(receive_one(rx), got));
        ex.settle();
        CHECK(!got);
        CHECK(ex.b.idle());
        std::optional<bool> sent;
        auto sending = ex.a.spawn(store(send_one(tx, 7), sent));
        ex.settle();
        CHECK(sent == true);
        REQUIRE(got);
        CHECK(*got == 7);
    }

    TEST_CASE("concurrent_channel admits waiting sends one by one in order of arrival") {
        two_executors ex;
        auto [tx, rx] = concurrent_channel<int>(1);
        REQUIRE(tx.try_send(0));
        std::vector<weir::join_handle<task<bool>>> sending;
        for (int i = 1; i != 5; ++i) {
            sending.push_back(ex.a.spawn(send_one(tx, i)));
            ex.settle();
        }
        for (int i = 0; i != 5; ++i) {
            CHECK(rx.try_receive() == i);
            ex.settle();
        }
    }

    TEST_CASE("concurrent_channel: a woken send that is dropped leaves its room to the next") {
        two_executors ex;
        auto [tx, rx] = concurrent_channel<int>(1);
        REQUIRE(tx.try_send(0));
        int lent = 1;
        std::optional<weir::join_handle<task<bool>>> first{ex.a.spawn(lend_one(tx, lent))};
        ex.settle();
        std::optional<bool> sent;
        auto second = ex.b.spawn(store(send_one(tx, 2), sent));
        ex.settle();
        CHECK(rx.try_receive() == 0); // wakes the first
        first.reset();
        ex.settle();
        CHECK(sent == true);
        CHECK(lent == 1);
        CHECK(rest_of(rx) == std::vector{2});
    }

    TEST_CASE(
        "concurrent_channel: a receive that was woken and is dropped with its receiver leaves the item to the next") {
        two_executors ex;
        auto ends = concurrent_channel<int>(4);
        auto& rx = ends.receiver;
        std::optional<concurrent_receiver<int>> other{rx.clone()};
        std::optional<std::optional<int>> got;
        std::optional first{ex.a.spawn(receive_one(*other))};
        ex.settle();
        auto second = ex.b.spawn(store(receive_one(rx), got));
        ex.settle();
        REQUIRE(ends.sender.try_send(3)); // wakes the first
        first.reset();
        other.reset();
        ex.settle();
        REQUIRE(got);
        CHECK(*got == 3);
    }

    TEST_CASE("concurrent_channel: a dropped receive loses no item") {
        two_executors ex;
        auto [tx, rx] = concurrent_channel<int>(4);
        std::optional receiving{ex.a.spawn(receive_one(rx))};
        ex.settle();
        REQUIRE(tx.try_send(3));
        receiving.reset();
        CHECK(rest_of(rx) == std::vector{3});
    }

    TEST_CASE("concurrent_channel: closing refuses waiting sends and delivers held items") {
        for (const bool by_sender : {true, false}) {
            two_executors ex;
            std::vector<int> dropped;
            auto [tx, rx] = concurrent_channel<int>(1, {.on_drop = [&dropped](int item) { dropped.push_back(item); }});
            REQUIRE(tx.try_send(0));
            std::optional<bool> sent;
            std::optional<bool> lent;
            int mine = 2;
            auto giving = ex.a.spawn(store(send_one(tx, 1), sent));
            auto lending = ex.b.spawn(store(lend_one(tx, mine), lent));
            ex.settle();
            by_sender ? tx.close() : rx.close();
            ex.settle();
            CHECK(sent == false);
            CHECK(lent == false);
            CHECK(dropped == std::vector{1});
            CHECK(mine == 2);
            CHECK(tx.closed());
            CHECK_FALSE(tx.try_send(5));
            std::optional<std::optional<int>> got;
            auto first = ex.b.spawn(store(receive_one(rx), got));
            ex.settle();
            CHECK(*got == 0);
            auto second = ex.b.spawn(store(receive_one(rx), got));
            ex.settle();
            CHECK(*got == std::nullopt);
        }
    }

    TEST_CASE("concurrent_channel: the last sender's end ends receivers, and the last receiver's refuses senders") {
        two_executors ex;
        SUBCASE("senders") {
            std::optional ends{concurrent_channel<int>(4)};
            std::optional<concurrent_sender<int>> copy{ends->sender};
            std::optional<concurrent_sender<int>> moved{std::move(ends->sender)};
            std::optional<std::optional<int>> got;
            auto receiving = ex.a.spawn(store(receive_one(ends->receiver), got));
            ex.settle();
            moved.reset();
            ex.settle();
            CHECK(!got);
            copy.reset();
            ex.settle();
            REQUIRE(got);
            CHECK(*got == std::nullopt);
        }
        SUBCASE("receivers") {
            std::vector<int> dropped;
            auto ends = concurrent_channel<int>(2, {.on_drop = [&dropped](int item) { dropped.push_back(item); }});
            std::optional<concurrent_receiver<int>> one{std::move(ends.receiver)};
            std::optional<concurrent_receiver<int>> other{one->clone()};
            REQUIRE(ends.sender.try_send(1));
            REQUIRE(ends.sender.try_send(2));
            std::optional<bool> sent;
            auto sending = ex.a.spawn(store(send_one(ends.sender, 3), sent));
            const auto wait = [](concurrent_sender<int> tx) -> task<> { co_await tx.closing(); };
            auto watching = ex.b.spawn(wait(ends.sender));
            ex.settle();
            one.reset();
            ex.settle();
            CHECK(!sent);
            CHECK(dropped.empty());
            other.reset();
            CHECK(dropped == std::vector{1, 2});
            ex.settle();
            CHECK(sent == false);
            CHECK(dropped == std::vector{1, 2, 3});
            ex.b.run(std::move(watching));
        }
    }

    TEST_CASE("concurrent_channel delivers a failure to every receiver after the items") {
        two_executors ex;
        auto [tx, rx] = concurrent_channel<int>(4);
        auto other = rx.clone();
        REQUIRE(tx.try_send(1));
        tx.fail(std::make_exception_ptr(std::runtime_error{"broken"}));
        tx.fail(std::make_exception_ptr(std::runtime_error{"too late"}));
        tx.close();
        CHECK(ex.a.run(receive_one(rx)) == 1);
        CHECK_THROWS_WITH_AS(ex.a.run(receive_one(rx)), "broken", std::runtime_error);
        CHECK_THROWS_WITH_AS(ex.b.run(receive_one(other)), "broken", std::runtime_error);
        CHECK_THROWS_WITH_AS(static_cast<void>(other.receive_blocking()), "broken", std::runtime_error);
    }

    TEST_CASE("concurrent_channel does not block the thread of an executor") {
        weir::executor ex;
        auto [tx, rx] = concurrent_channel<int>(1);
        const auto blocks = [](concurrent_sender<int>& to, concurrent_receiver<int>& from) -> task<> {
            CHECK_THROWS_AS(to.send_blocking(1), std::logic_error);
            CHECK_THROWS_AS(static_cast<void>(from.receive_blocking()), std::logic_error);
            co_return;
        };
        ex.run(blocks(tx, rx));
        CHECK(tx.size() == 0);
    }

    TEST_CASE("concurrent_channel: items pass without an allocation, on one thread and with move-only items") {
        auto [tx, rx] = concurrent_channel<std::unique_ptr<int>>(4);
        CHECK(tx.try_send(std::make_unique<int>(1)));
        CHECK(**rx.try_receive() == 1);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  auto ends = concurrent_channel<int>(4);
                  auto sending = ex.spawn(weir::iota(0, n) | weir::send(std::move(ends.sender)));
                  CHECK(ex.run(std::move(ends.receiver) | weir::count()) == static_cast<std::uint64_t>(n));
              }) == 0);
    }

    TEST_CASE("concurrent_channel: an end may outlive the executor that it waited on") {
        auto [tx, rx] = concurrent_channel<int>(1);
        REQUIRE(tx.try_send(1));
        {
            weir::executor ex;
            auto sending = ex.spawn(send_one(tx, 2));
            for (int i = 0; i != 100; ++i) ex.turn(ex.now());
        }
        CHECK(rx.try_receive() == 1);
        {
            weir::executor ex;
            auto receiving = ex.spawn(receive_one(rx));
            for (int i = 0; i != 100; ++i) ex.turn(ex.now());
        }
        CHECK(tx.try_send(3));
        CHECK(rx.try_receive() == 3);
    }

    TEST_CASE("concurrent_channel delivers all items in order from one executor to another") {
        weir::runtime rt{2};
        for (const int n : {1, 2, 3, 64, 1000}) {
            CAPTURE(n);
            auto [tx, rx] = concurrent_channel<int>(n);
            auto sending = rt.spawn_on(
                0, [to = std::move(tx)]() mutable { return weir::iota(0, 5000) | weir::send(std::move(to)); });
            auto got = rt.spawn_on(
                1, [from = std::move(rx)]() mutable { return std::move(from) | weir::to<std::vector<int>>(); });
            CHECK(std::move(sending).get() == 5000);
            CHECK(std::move(got).get() == first_numbers(5000));
        }
    }

    TEST_CASE("concurrent_channel delivers each item once among many executors and threads") {
        constexpr int each = 2000;
        weir::runtime rt{2};
        auto ends = concurrent_channel<int>(3);
        std::vector<std::vector<int>> got(4);
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i != 2; ++i) {
            threads.emplace_back([&got, i, rx = ends.receiver.clone()]() mutable {
                while (auto item = rx.receive_blocking()) got[i].push_back(*item);
            });
        }
        auto a = rt.spawn_on(
            0, [rx = ends.receiver.clone()]() mutable { return std::move(rx) | weir::to<std::vector<int>>(); });
        auto b = rt.spawn_on(
            1, [rx = std::move(ends.receiver)]() mutable { return std::move(rx) | weir::to<std::vector<int>>(); });
        auto c =
            rt.spawn_on(0, [tx = ends.sender]() mutable { return weir::iota(0, each) | weir::send(std::move(tx)); });
        auto d = rt.spawn_on(
            1, [tx = ends.sender]() mutable { return weir::iota(each, 2 * each) | weir::send(std::move(tx)); });
        threads.emplace_back([tx = std::move(ends.sender)] {
            for (int i = 2 * each; i != 3 * each; ++i) CHECK(tx.send_blocking(i));
        });
        for (auto& t : threads) t.join();
        std::move(c).get();
        std::move(d).get();
        got[2] = std::move(a).get();
        got[3] = std::move(b).get();
        std::vector<int> all;
        for (const auto& one : got) {
            for (int part = 0; part != 3; ++part) {
                std::vector<int> of_one_sender;
                std::copy_if(one.begin(), one.end(), std::back_inserter(of_one_sender),
                             [part](int item) { return item / each == part; });
                CHECK(std::is_sorted(of_one_sender.begin(), of_one_sender.end()));
            }
            all.insert(all.end(), one.begin(), one.end());
        }
        std::sort(all.begin(), all.end());
        CHECK(all == first_numbers(3 * each));
    }

    TEST_CASE("concurrent_channel: a runtime joins while both ends wait") {
        std::atomic<int> dropped = 0;
        auto ends = concurrent_channel<int>(1, {.on_drop = [&dropped](int) { dropped.fetch_add(1); }});
        auto [full, unread] = concurrent_channel<int>(1);
        {
            weir::runtime rt{2};
            auto a = rt.spawn_on(0, [rx = ends.receiver.clone()]() mutable { return std::move(rx) | weir::drain(); });
            auto b = rt.spawn_on(1, [tx = full]() mutable { return weir::iota(0, 10) | weir::send(std::move(tx)); });
            CHECK(ends.sender.send_blocking(1));
            CHECK(unread.receive_blocking() == 0);
        }
        CHECK_FALSE(ends.sender.closed());
        CHECK_FALSE(full.closed());
    }
}
