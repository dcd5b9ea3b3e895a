// SPDX-License-Identifier: MIT
#include <weir/sync/channel.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
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
#include <weir/operators/merge.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/take_until.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"
#include "schedules.hpp"

using weir::channel;
using weir::testing::virtual_executor;
using namespace std::chrono_literals;

namespace {

/// What a channel does, in the fewest words.
struct channel_model {
    enum class fate { waiting, delivered, refused };
    struct offer {
        int value;
        fate what;
    };

    std::size_t n;
    bool open = true;
    bool wanted = true;
    std::deque<int> held{};
    std::deque<offer*> line{};

    void send(offer& o) {
        o.what = !open ? fate::refused : held.size() < n ? fate::delivered : fate::waiting;
        if (o.what == fate::delivered) held.push_back(o.value);
        if (o.what == fate::waiting) line.push_back(&o);
    }
    void abandon(offer& o) { std::erase(line, &o); }
    void let_in_first(std::deque<int>& to) {
        line.front()->what = fate::delivered;
        to.push_back(line.front()->value);
        line.pop_front();
    }
    /// What is received: a value, nothing yet, or -1 for the end.
    std::optional<int> receive() {
        if (held.empty() && !line.empty()) let_in_first(held);
        if (held.empty()) return open ? std::nullopt : std::optional{-1};
        const int value = held.front();
        held.pop_front();
        while (!line.empty() && held.size() < n) let_in_first(held);
        return value;
    }
    void close() {
        open = false;
        for (offer* o : line) o->what = fate::refused;
        line.clear();
    }
};

struct gives {
    static auto send(const weir::sender<int>& to, int& value) { return to.send(value); }
};
struct lends {
    static auto send(const weir::sender<int>& to, int& value) { return to.send_from(value); }
};

/// Two senders, one that gives its values to the channel and one that lends them, and a receiver.
class channel_world final : public support::world {
public:
    channel_world(weir::executor& ex, std::size_t n) : world{ex}, model_{n} {
        auto ends = channel<int>(n, {.on_drop = [this](int value) { dropped_.push_back(value); }});
        giver_.sender.emplace(ends.sender);
        lender_.sender.emplace(std::move(ends.sender));
        receiver_.emplace(std::move(ends.receiver));

        add("a sends", "a polls", "a abandons", "a closes", "a goes", giver_);
        add("b sends", "b polls", "b abandons", "b closes", "b goes", lender_);
        const auto idle = [this] { return receiver_ && !receiving_.running() && !ended_; };
        can("r receives", idle, [this] { receiving_.start([this] { return weir::next(*receiver_); }); });
        can_poll_and_abandon("r polls", "r abandons", receiving_);
        can(
            "r closes", [this] { return receiver_ && model_.open; },
            [this] {
                receiver_->close();
                model_.close();
            });
        can(
            "r goes", [this] { return receiver_ && !receiving_.running(); },
            [this] {
                left_.insert(left_.end(), model_.held.begin(), model_.held.end());
                model_.held.clear();
                model_.close();
                receiver_.reset();
            });
    }

private:
    template <class How>
    struct actor {
        actor(channel_world& w, int first)
            : home{w}, value{first}, sending{w.executor_, [this](const bool* delivered) { ended(delivered); }} {}

        void begin() {
            offer.value = value;
            home.model_.send(offer);
            sending.start([this] { return How::send(*sender, value); });
        }
        void ended(const bool* delivered) {
            home.expect(delivered != nullptr, "a send failed");
            if (delivered == nullptr) return;
            home.expect(offer.what == (*delivered ? fate::delivered : fate::refused),
                        "a send ended too early, or otherwise");
            next(*delivered);
        }
        void abandoned() {
            home.model_.abandon(offer);
            next(offer.what == fate::delivered);
        }
        /// A value that is still there is sent again.
        void next(bool delivered) {
            home.expect(value == offer.value, "a value that was lent has changed");
            if (delivered) home.sent_.push_back(value);
            if (!delivered && std::is_same_v<How, gives>) home.given_up_.push_back(value);
            if (delivered || std::is_same_v<How, gives>) ++value;
        }

        channel_world& home;
        std::optional<weir::sender<int>> sender{};
        int value;
        channel_model::offer offer{};
        support::attempt<decltype(How::send(*sender, value))> sending;
    };
    using fate = channel_model::fate;

    template <class How>
    void add(const char* sends, const char* polls, const char* abandons, const char* closes, const char* goes,
             actor<How>& a) {
        const auto idle = [&a] { return a.sender && !a.sending.running(); };
        can(sends, idle, [&a] { a.begin(); });
        can_poll_and_abandon(polls, abandons, a.sending, [&a] { a.abandoned(); });
        can(
            closes, [this, &a] { return a.sender && model_.open; },
            [this, &a] {
                a.sender->close();
                model_.close();
            });
        can(goes, idle, [this, &a] {
            a.sender.reset();
            if (!giver_.sender && !lender_.sender) model_.close();
        });
    }

    void received(std::optional<int>* item) {
        expect(item != nullptr, "a receive failed");
        if (item == nullptr) return;
        ended_ = !*item;
        expect(item->value_or(-1) == model_.receive(), "something else was received than in the model");
        if (*item) received_.push_back(**item);
    }

    void at_rest() override {
        expect(!giver_.sending.running() || giver_.offer.what == fate::waiting, "a waits for nothing");
        expect(!lender_.sending.running() || lender_.offer.what == fate::waiting, "b waits for nothing");
        expect(!receiving_.running() || (model_.held.empty() && model_.line.empty() && model_.open),
               "r waits for nothing");
        expect(!receiver_ || receiver_->size() == model_.held.size(), "other items are held than in the model");

        std::vector<int> arrived = received_;
        arrived.insert(arrived.end(), model_.held.begin(), model_.held.end());
        arrived.insert(arrived.end(), left_.begin(), left_.end());
        expect(std::ranges::is_permutation(arrived, sent_), "what was sent is not what has arrived");
        std::vector<int> unwanted = given_up_;
        unwanted.insert(unwanted.end(), left_.begin(), left_.end());
        expect(std::ranges::is_permutation(unwanted, dropped_), "what was dropped is not what was reported");
    }

    channel_model model_;
    std::vector<int> dropped_{};  // what the channel has reported
    std::vector<int> given_up_{}; // what was given to it and not delivered
    std::vector<int> left_{};     // what was held when the receiver went
    std::vector<int> sent_{};
    std::vector<int> received_{};
    bool ended_ = false;
    actor<gives> giver_{*this, 10};
    actor<lends> lender_{*this, 20};
    std::optional<weir::receiver<int>> receiver_{};
    support::attempt<decltype(weir::next(*receiver_))> receiving_{executor_,
                                                                  [this](std::optional<int>* item) { received(item); }};
};

weir::task<> produce(weir::sender<int> to, int n) {
    for (int i = 0; i != n; ++i) {
        if (!co_await to.send(i)) co_return;
    }
}

} // namespace

TEST_SUITE("sync/channel") {
    TEST_CASE("channel delivers each item once and in order in every explored schedule") {
        for (const std::size_t n : {0u, 1u, 2u}) {
            CAPTURE(n);
            const auto all =
                support::explore(6, [n](weir::executor& ex) { return std::make_unique<channel_world>(ex, n); });
            CHECK(all.failure == "");
            CHECK(all.schedules > 8'000);
        }
    }

    TEST_CASE("channel delivers items in the order of sending at any capacity") {
        for (const int n : {0, 1, 3, 64}) {
            CAPTURE(n);
            virtual_executor ex;
            auto [tx, rx] = channel<int>(n);
            const auto [sent, received] =
                ex.run(weir::when_all(produce(std::move(tx), 1000), std::move(rx) | weir::to<std::vector>()));
            static_cast<void>(sent);
            CHECK(received.size() == 1000);
            CHECK(std::ranges::is_sorted(received));
        }
    }

    TEST_CASE("channel: a producer runs ahead by the capacity") {
        for (const int n : {0, 1, 4}) {
            CAPTURE(n);
            virtual_executor ex;
            auto [tx, rx] = channel<int>(n);
            int begun = 0;
            auto count = [&](weir::sender<int> to) -> weir::task<> {
                while (co_await to.send(++begun)) {}
            };
            auto producer = ex.spawn(count(std::move(tx)));
            ex.run_ready();
            CHECK(begun == n + 1);
            CHECK(rx.size() == static_cast<std::size_t>(n));
            CHECK(ex.run(weir::next(rx)) == 1);
            ex.run_ready();
            CHECK(begun == n + 2);
        }
    }

    TEST_CASE("channel: the receiver ends after the last item when the last sender is destroyed") {
        virtual_executor ex;
        auto [tx, rx] = channel<int>(4);
        {
            const weir::sender<int> one = std::move(tx);
            const weir::sender<int> other = one;
            CHECK(one.try_send(1));
            CHECK(other.try_send(2));
        }
        CHECK(ex.run(std::move(rx) | weir::to<std::vector>()) == std::vector{1, 2});
    }

    TEST_CASE("channel: a pending send keeps the channel open") {
        virtual_executor ex;
        auto [tx, rx] = channel<int>(0);
        auto sending = ex.spawn(weir::sender<int>{std::move(tx)}.send(7));
        ex.run_ready();
        CHECK(ex.run(weir::next(rx)) == 7);
        CHECK(ex.run(std::move(sending)));
        CHECK(ex.run(weir::next(rx)) == std::nullopt);
    }

    TEST_CASE("channel: closing refuses waiting and later sends and delivers held items") {
        for (const bool by_receiver : {false, true}) {
            CAPTURE(by_receiver);
            virtual_executor ex;
            auto [tx, rx] = channel<int>(1);
            CHECK(tx.try_send(1));
            auto waiting = ex.spawn(tx.send(2));
            ex.run_ready();
            CHECK_FALSE(waiting.finished());
            if (by_receiver) {
                rx.close();
            } else {
                tx.close();
            }
            CHECK(tx.closed());
            CHECK_FALSE(ex.run(std::move(waiting)));
            CHECK_FALSE(ex.run(tx.send(3)));
            CHECK_FALSE(tx.try_send(4));
            CHECK(ex.run(weir::next(rx)) == 1);
            CHECK(ex.run(weir::next(rx)) == std::nullopt);
        }
    }

    TEST_CASE("channel: an error follows the sent items") {
        virtual_executor ex;
        auto [tx, rx] = channel<int>(2);
        tx.try_send(1);
        tx.fail(std::make_exception_ptr(std::runtime_error{"lost the line"}));
        tx.close(); // comes too late
        CHECK(ex.run(weir::next(rx)) == 1);
        CHECK_THROWS_WITH(ex.run(weir::next(rx)), "lost the line");
    }

    TEST_CASE("channel: a receiver that waits is woken by an item, by closing and by the last sender") {
        for (const int how : {0, 1, 2}) {
            CAPTURE(how);
            virtual_executor ex;
            auto [tx, rx] = channel<int>(1);
            std::optional to{std::move(tx)};
            weir::testing::probe_sink sink{ex, std::move(rx)};
            sink.request();
            ex.run_ready();
            CHECK(sink.polls() == 1);
            if (how == 0) to->try_send(5);
            if (how == 1) to->close();
            if (how == 2) to.reset();
            ex.run_ready();
            CHECK(sink.items() == (how == 0 ? std::vector{5} : std::vector<int>{}));
            CHECK(sink.ended() == (how != 0));
        }
    }

    TEST_CASE("channel: an undelivered value stays with its sender") {
        virtual_executor ex;
        auto [tx, rx] = channel<std::unique_ptr<int>>(0);
        auto value = std::make_unique<int>(1);
        {
            const auto sending = ex.spawn(tx.send_from(value));
            ex.run_ready();
        }
        REQUIRE(value);
        CHECK_THROWS_AS(ex.run(weir::with_timeout(1s, tx.send_from(value))), weir::timed_out);
        REQUIRE(value);
        CHECK_FALSE(tx.try_send(std::move(value)));
        REQUIRE(value);
        auto sending = ex.spawn(tx.send_from(value));
        CHECK(**ex.run(weir::next(rx)) == 1);
        CHECK(ex.run(std::move(sending)));
        CHECK_FALSE(value);

        value = std::make_unique<int>(2);
        rx.close();
        CHECK_FALSE(ex.run(tx.send_from(value)));
        CHECK(*value == 2);
    }

    TEST_CASE("channel passes an item that cannot be received to on_drop") {
        std::vector<int> dropped;
        virtual_executor ex;
        auto [tx, rx] = channel<int>(2, {.on_drop = [&](int item) { dropped.push_back(item); }});
        { const auto unpolled = tx.send(1); }
        CHECK(dropped == std::vector{1});
        CHECK(ex.run(tx.send(2)));
        CHECK(ex.run(tx.send(3)));
        auto waiting = ex.spawn(tx.send(4));
        {
            const auto given_up = ex.spawn(tx.send(5));
            ex.run_ready();
        }
        CHECK(dropped == std::vector{1, 5});
        { const auto gone = std::move(rx); }
        CHECK(dropped == std::vector{1, 5, 2, 3});
        CHECK_FALSE(ex.run(std::move(waiting)));
        CHECK_FALSE(ex.run(tx.send(6)));
        CHECK(dropped == std::vector{1, 5, 2, 3, 4, 6});
    }

    TEST_CASE("channel: held items can be taken back from a receiver that closes") {
        virtual_executor ex;
        auto [tx, rx] = channel<int>(3);
        for (const int i : {1, 2, 3}) tx.try_send(i);
        rx.close();
        CHECK(ex.run(std::move(rx) | weir::to<std::vector>()) == std::vector{1, 2, 3});
    }

    TEST_CASE("channel: an abandoned next loses no item") {
        virtual_executor ex;
        auto [tx, rx] = channel<int>(0);
        CHECK_THROWS_AS(ex.run(weir::with_timeout(1s, weir::next(rx))), weir::timed_out);
        auto sending = ex.spawn(tx.send(3));
        {
            const auto given_up = ex.spawn(weir::next(rx)); // both are there, and neither has met the other
        }
        CHECK(ex.run(weir::next(rx)) == 3);
        CHECK(ex.run(std::move(sending)));
    }

    TEST_CASE("channel: a receiver may be moved to another task") {
        virtual_executor ex;
        auto [tx, rx] = channel<int>(0);
        auto sending = ex.spawn(produce(std::move(tx), 3));
        CHECK(ex.run(weir::next(rx)) == 0);
        weir::receiver<int> moved{std::move(rx)};
        CHECK(ex.run(weir::next(moved)) == 1);
        CHECK(ex.run(weir::next(moved)) == 2);
    }

    TEST_CASE("channel: a receiver is a stream for every operator") {
        virtual_executor ex;
        auto [tx1, rx1] = channel<int>(1);
        auto [tx2, rx2] = channel<int>(1);
        auto all = weir::merge(std::move(rx1), std::move(rx2)) | weir::map([](int i) { return i * 2; });
        const auto result = ex.run(weir::when_all(produce(std::move(tx1), 3), produce(std::move(tx2), 3),
                                                  weir::async_stream<int>{std::move(all)} | weir::to<std::vector>()));
        CHECK(std::get<2>(result).size() == 6);
    }

    TEST_CASE("channel: a sender can wait until the channel is closed") {
        virtual_executor ex;
        auto [tx, rx] = channel<int>(1);
        auto ticks = ex.spawn(weir::interval(1s) | weir::take_until(tx.closing()) | weir::drain());
        ex.advance(3s);
        CHECK_FALSE(ticks.finished());
        rx.close();
        ex.run_ready();
        CHECK(ticks.finished());
        ex.run(tx.closing());
    }

    TEST_CASE("channel: ends and waiters may be destroyed in any order, before and after their executor") {
        using ends = std::pair<std::optional<weir::sender<std::string>>, std::optional<weir::receiver<std::string>>>;
        for (const int order : {0, 1, 2, 3, 4, 5}) {
            CAPTURE(order);
            std::optional<virtual_executor> ex{std::in_place};
            auto [tx, rx] = channel<std::string>(order % 2);
            ends all{std::move(tx), std::move(rx)};
            if (order == 0) all.first->try_send("held");
            auto waiting = ex->spawn(all.first->send("a string that is too long to be kept in place"));
            auto receiving = ex->spawn(weir::next(*all.second));
            if (order > 3) ex->run_ready();
            if (order % 3 == 0) ex.reset();
            all.first.reset();
            if (order % 3 == 1) ex.reset();
            if (order % 2 == 0) {
                const auto first = std::move(receiving);
            }
            const bool finished = receiving.finished();
            { const auto then = std::move(receiving); }
            all.second.reset();
            CHECK((finished || true));
        }
    }

    TEST_CASE("channel: an item may own an end of its own channel") {
        struct item {
            std::shared_ptr<weir::sender<item>> back;
        };
        auto [tx, rx] = channel<item>(2);
        CHECK(tx.try_send(item{std::make_shared<weir::sender<item>>(tx)}));
        CHECK(tx.try_send(item{std::make_shared<weir::sender<item>>(tx)}));
        { const auto gone = std::move(tx); }
    }

    TEST_CASE("channel: an item whose move throws fails its send only") {
        struct moody {
            explicit moody(bool fail) : fails{fail} {}
            moody(moody&& other) : fails{other.fails} {
                if (fails && armed) throw std::runtime_error{"not now"};
            }
            bool fails;
            bool armed = true;
        };
        virtual_executor ex;
        auto [tx, rx] = channel<moody>(1);
        moody bad{true};
        CHECK_THROWS_WITH(ex.run(tx.send_from(bad)), "not now");
        moody good{false};
        CHECK(ex.run(tx.send_from(good)));
        auto failing = ex.spawn(tx.send_from(bad));
        auto next = ex.spawn(tx.send_from(good));
        ex.run_ready();
        CHECK(ex.run(weir::next(rx)).has_value());
        CHECK(ex.run(std::move(next))); // the room that the other has left
        CHECK_FALSE(failing.finished());
        CHECK(ex.run(weir::next(rx)).has_value());
        CHECK_THROWS_WITH(ex.run(std::move(failing)), "not now");
        CHECK(rx.size() == 0);
    }

    TEST_CASE("channel allocates nothing per item or wait") {
        for (const int n : {0, 1, 64}) {
            CAPTURE(n);
            CHECK(support::allocations_for_more_items([n](int items) {
                      virtual_executor ex;
                      auto [tx, rx] = channel<int>(n);
                      ex.run(weir::when_all(produce(std::move(tx), items), std::move(rx) | weir::drain()));
                  }) == 0);
        }
    }

    TEST_CASE("channel: a negative size is rejected") {
        CHECK_THROWS_WITH_AS(channel<int>(-1), "weir::channel<T>(n): n must not be negative", std::invalid_argument);
    }
}
