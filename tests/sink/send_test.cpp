// SPDX-License-Identifier: MIT
#include <weir/sink/send.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/sync/channel.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"
#include "item_types.hpp"
#include "schedules.hpp"
#include "self_drop.hpp"

using weir::channel;
using weir::send;
using weir::testing::probe;
using weir::testing::virtual_executor;

namespace {

/// A source that is fed, a send into a channel of one, and a receiver.
class send_world final : public support::world {
    using sink = decltype(std::declval<probe<int>&>().stream() | send(std::declval<weir::sender<int>>()));

public:
    explicit send_world(weir::executor& ex) : world{ex} {
        auto ends = channel<int>(1, {.on_drop = [this](int) { ++dropped_; }});
        receiver_.emplace(std::move(ends.receiver));
        can("push", [this] { return !ended_; }, [this] { source_.push(pushed_++); });
        can(
            "end", [this] { return !ended_; },
            [this] {
                source_.end();
                ended_ = true;
            });
        can(
            "send", [this] { return sender_.has_value(); },
            [this] {
                sending_.start([this] { return source_.stream() | send(*std::exchange(sender_, std::nullopt)); });
            });
        can_poll_and_abandon("poll send", "abandon send", sending_);
        can(
            "receive", [this] { return receiver_ && !receiving_.running() && !at_end_; },
            [this] { receiving_.start([this] { return weir::next(*receiver_); }); });
        can_poll_and_abandon("poll", "abandon", receiving_);
        can(
            "go", [this] { return receiver_ && !receiving_.running(); },
            [this] {
                receiver_.reset();
                gone_ = true;
            });
        sender_.emplace(std::move(ends.sender));
    }

private:
    void received(const std::optional<int>* item) {
        expect(item != nullptr, "a receive failed");
        if (item == nullptr) return;
        at_end_ = !*item;
        if (*item) expect(**item == received_++, "an item was lost, doubled or overtaken");
    }
    void sent(const std::uint64_t* n) {
        expect(n != nullptr, "the send failed");
        if (n != nullptr && !gone_) expect(ended_ && *n == source_.taken(), "it ended too early, or counts wrongly");
    }
    void at_rest() override {
        const std::size_t held = receiver_ ? receiver_->size() : 0;
        const std::size_t waits = source_.taken() - (static_cast<std::size_t>(received_) + dropped_ + held);
        expect(waits == 0 || (waits == 1 && sending_.running() && held == 1), "an item is nowhere");
        expect(!sending_.running() || (!gone_ && (!ended_ || held == 1)), "the send waits for nothing");
        expect(!at_end_ || !sending_.running(), "the end came before the last sender went");
        expect(!receiving_.running() || sender_ || sending_.running(), "the receiver waits for nothing");
    }

    probe<int> source_{};
    int pushed_ = 0;
    int received_ = 0;
    std::size_t dropped_ = 0;
    bool ended_ = false;
    bool at_end_ = false;
    bool gone_ = false;
    std::optional<weir::sender<int>> sender_{};
    std::optional<weir::receiver<int>> receiver_{};
    support::attempt<sink> sending_{executor_, [this](const std::uint64_t* n) { sent(n); }};
    support::attempt<decltype(weir::next(*receiver_))> receiving_{
        executor_, [this](const std::optional<int>* item) { received(item); }};
};

/// Takes two items, each when it is asked a second time.
class two_please {
public:
    struct operation {
        using result_type = bool;

        weir::poll<bool> poll_result(weir::context& cx) {
            if (!std::exchange(asked, true)) {
                cx.waker().wake();
                return weir::pending;
            }
            if (to->size() == 2) return false;
            to->push_back(std::move(item));
            return true;
        }

        std::vector<std::string>* to;
        std::string item;
        bool asked = false;
    };

    explicit two_please(std::vector<std::string>& to) : to_{&to} {}

    operation send(std::string item) const { return {to_, std::move(item)}; }

private:
    std::vector<std::string>* to_;
};

/// Takes every item at once, by an operation.
struct takes_all {
    struct operation {
        using result_type = bool;

        weir::poll<bool> poll_result(weir::context&) const noexcept { return true; }
    };

    operation send(int) const noexcept { return {}; }
};

} // namespace

TEST_SUITE("sink/send") {
    TEST_CASE("send: every item arrives, waits or is reported in every explored schedule") {
        const auto all = support::explore(8, [](weir::executor& ex) { return std::make_unique<send_world>(ex); });
        CHECK(all.failure == "");
        CHECK(all.schedules > 8'000);
    }

    TEST_CASE("send sends all items, closes the channel after the last, and returns their number") {
        virtual_executor ex;
        for (const int n : {0, 1, 64}) {
            CAPTURE(n);
            auto [tx, rx] = channel<int>(n);
            const auto [sent, received] = ex.run(
                weir::when_all(weir::iota(0, 100) | send(std::move(tx)), std::move(rx) | weir::to<std::vector>()));
            CHECK(sent == 100);
            CHECK(received.size() == 100);
        }
    }

    TEST_CASE("send pulls no item while the last one waits") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 5; ++i) source.push(i);
        auto [tx, rx] = channel<int>(2);
        auto sending = ex.spawn(source.stream() | send(std::move(tx)));
        ex.run_ready();
        CHECK(source.taken() == 3);
        CHECK(ex.run(weir::next(rx)) == 0);
        ex.run_ready();
        CHECK(source.taken() == 4);
    }

    TEST_CASE("send ends, and drops its upstream, when the channel is closed while it waits for an item") {
        virtual_executor ex;
        probe<int> source;
        auto [tx, rx] = channel<int>(2);
        auto sending = ex.spawn(source.stream() | send(std::move(tx)));
        source.push(1);
        ex.run_ready();
        { const auto gone = std::move(rx); }
        ex.run_ready();
        REQUIRE(sending.finished());
        CHECK(source.dropped());
        CHECK(ex.run(std::move(sending)) == 1);
    }

    TEST_CASE("send ends when the channel is closed while it waits for room, and the item is reported") {
        virtual_executor ex;
        std::vector<int> dropped;
        auto [tx, rx] = channel<int>(1, {.on_drop = [&](int i) { dropped.push_back(i); }});
        auto sending = ex.spawn(weir::iota(0, 9) | send(std::move(tx)));
        ex.run_ready();
        rx.close();
        CHECK(ex.run(std::move(sending)) == 1);
        CHECK(dropped == std::vector{1});
        CHECK(rx.size() == 1);
    }

    TEST_CASE("send fails with its upstream and closes the channel at once") {
        virtual_executor ex;
        probe<int> source;
        source.push(1);
        source.fail(std::make_exception_ptr(std::runtime_error{"lost"}));
        auto [tx, rx] = channel<int>(2);
        auto sending = ex.spawn(source.stream() | send(std::move(tx)));
        CHECK(ex.run(std::move(rx) | weir::to<std::vector>()) == std::vector{1});
        CHECK_THROWS_WITH(ex.run(std::move(sending)), "lost");
    }

    TEST_CASE("send: a copy of the sender keeps the channel open") {
        virtual_executor ex;
        auto [tx, rx] = channel<int>(2);
        CHECK(ex.run(weir::just(1) | send(tx)) == 1);
        CHECK_FALSE(tx.closed());
        CHECK(ex.run(weir::just(2) | send(tx)) == 1);
        CHECK(rx.size() == 2);
    }

    TEST_CASE("send accepts move-only items") {
        virtual_executor ex;
        auto [tx, rx] = channel<std::unique_ptr<int>>(0);
        auto sending = ex.spawn(weir::iota(1, 3) | weir::map([](int i) { return std::make_unique<int>(i); }) |
                                send(std::move(tx)));
        CHECK(**ex.run(weir::next(rx)) == 1);
        CHECK(**ex.run(weir::next(rx)) == 2);
        CHECK(ex.run(weir::next(rx)) == std::nullopt);
    }

    TEST_CASE("send accepts a user's sender") {
        virtual_executor ex;
        std::vector<std::string> taken;
        CHECK(ex.run(weir::iota(0, 9) | weir::map([](int i) { return std::to_string(i); }) | send(two_please{taken})) ==
              2);
        CHECK(taken == std::vector<std::string>{"0", "1"});
    }

    TEST_CASE("send lets others run during many items with a lot of room") {
        const auto turns = [](auto sender) {
            virtual_executor ex;
            auto sending = ex.spawn(weir::iota(0, 100'000) | send(std::move(sender)));
            int n = 0;
            for (; !sending.finished(); ++n) weir::detail::executor_access::queue(ex).run(1);
            return n;
        };
        auto [tx, rx] = channel<int>(1'000'000);
        CHECK(turns(std::move(tx)) >= 100'000 / weir::context::polls_per_run);
        CHECK(turns(takes_all{}) >= 100'000 / weir::context::polls_per_run);
    }

    TEST_CASE("send may be dropped by its upstream while it is polled") {
        for (const bool later : {false, true}) {
            CAPTURE(later);
            using tested = decltype(std::declval<weir::async_stream<int>>() | send(std::declval<weir::sender<int>>()));
            virtual_executor ex;
            auto [tx, rx] = channel<int>(1);
            std::optional<weir::join_handle<tested>> handle;
            bool dropped = false;
            const auto culprit = [&]() -> weir::async_stream<int> {
                if (later) co_yield 1;
                handle.reset();
                dropped = true;
                co_await weir::yield();
                FAIL("it went on after it was dropped");
            };
            handle.emplace(ex.spawn(culprit() | send(std::move(tx))));
            ex.run_ready();
            CHECK(dropped);
            CHECK(ex.run(std::move(rx) | weir::to<std::vector>()).size() == (later ? 1 : 0));
        }
    }

    TEST_CASE("send: an item whose move throws closes the channel, and no end waits forever") {
        using item = support::items::throwing_move;
        for (const int room : {0, 8}) {
            for (int n = 1; n != 40; ++n) {
                CAPTURE(room);
                CAPTURE(n);
                {
                    virtual_executor ex;
                    auto [tx, rx] = channel<item>(room);
                    // The handle keeps the sink.
                    auto handle =
                        ex.spawn(weir::iota(0, 3) | weir::map([](int i) { return item(i); }) | send(std::move(tx)));
                    item::throw_at(n);
                    try {
                        ex.run(std::move(rx) | weir::drain());
                    } catch (const item::thrown&) {}
                    item::throw_at(0);
                    ex.run_ready();
                    CHECK(handle.finished());
                }
                CHECK(item::alive() == 0);
            }
        }
    }

    TEST_CASE("send allocates nothing per item") {
        for (const int room : {0, 64}) {
            CAPTURE(room);
            CHECK(support::allocations_for_more_items([room](int n) {
                      virtual_executor ex;
                      auto [tx, rx] = channel<int>(room);
                      ex.run(weir::when_all(weir::iota(0, n) | send(std::move(tx)), std::move(rx) | weir::drain()));
                  }) == 0);
        }
    }
}
