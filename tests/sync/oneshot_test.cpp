// SPDX-License-Identifier: MIT
#include <weir/sync/oneshot.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sync/closed.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "schedules.hpp"

using namespace std::chrono_literals;
using weir::oneshot;
using weir::testing::virtual_executor;

namespace {

/// A sender that sends, fails, dies or waits for the receiver to go, and a receiver that receives, gives up or goes.
class oneshot_world final : public support::world {
public:
    explicit oneshot_world(weir::executor& ex) : world{ex} {
        auto ends = oneshot<int>({.on_drop = [this](int) { ++dropped_; }});
        sender_.emplace(std::move(ends.sender));
        receiver_.emplace(std::move(ends.receiver));

        const auto alive = [this] { return sender_.has_value(); };
        can("send", alive, [this] {
            expect(std::move(*sender_).send(7) == receiver_.has_value(), "sent to nobody, or refused for nothing");
            sender_.reset();
            if (receiver_) what_ = fate::sent;
        });
        can("fail", alive, [this] {
            std::move(*sender_).fail(std::make_exception_ptr(std::runtime_error{"failed"}));
            sender_.reset();
            what_ = fate::failed;
        });
        can("die", alive, [this] {
            sender_.reset();
            what_ = fate::failed;
        });
        can(
            "wait for the end", [this] { return sender_ && !closing_.running(); },
            [this] { closing_.start([this] { return sender_->closing(); }); });
        can_poll_and_abandon("poll the end", "abandon the end", closing_);

        can(
            "receive", [this] { return receiver_ && !receiving_.running() && what_ != fate::over; },
            [this] { receiving_.start([this] { return receiver_->receive(); }); });
        can_poll_and_abandon("poll", "abandon", receiving_);
        can(
            "go", [this] { return receiver_ && !receiving_.running(); },
            [this] {
                receiver_.reset();
                expect(dropped_ == (what_ == fate::sent ? 1 : 0), "a value was dropped in silence, or reported twice");
            });
    }

private:
    enum class fate { none, sent, failed, over };

    void received(const int* value) {
        expect(what_ == (value != nullptr ? fate::sent : fate::failed), "the receiver has what was not sent");
        what_ = fate::over;
    }
    void at_rest() override {
        expect(!receiving_.running() || what_ == fate::none, "the receiver waits for nothing");
        expect(!closing_.running() || receiver_, "the sender waits for nothing");
    }

    std::optional<weir::oneshot_sender<int>> sender_{};
    std::optional<weir::oneshot_receiver<int>> receiver_{};
    fate what_ = fate::none;
    int dropped_ = 0;
    support::attempt<decltype(receiver_->receive())> receiving_{executor_, [this](const int* i) { received(i); }};
    support::attempt<decltype(sender_->closing())> closing_{
        executor_, [this](const weir::unit*) { expect(!receiver_, "the receiver is still there"); }};
};

} // namespace

TEST_SUITE("sync/oneshot") {
    TEST_CASE("oneshot: the value arrives, stays or is reported in every explored schedule") {
        const auto all = support::explore(9, [](weir::executor& ex) { return std::make_unique<oneshot_world>(ex); });
        CHECK(all.failure == "");
        CHECK(all.schedules > 1'000);
    }

    TEST_CASE("oneshot passes a value to another task, before or after that awaits it") {
        for (const bool late : {false, true}) {
            CAPTURE(late);
            virtual_executor ex;
            auto [tx, rx] = oneshot<std::unique_ptr<int>>();
            auto answer = [late](weir::oneshot_sender<std::unique_ptr<int>> to) -> weir::task<> {
                if (late) co_await weir::sleep_for(1s);
                CHECK(std::move(to).send(std::make_unique<int>(42)));
            };
            auto answering = ex.spawn(answer(std::move(tx)));
            if (!late) ex.run_ready();
            CHECK(*ex.run(std::move(rx)) == 42);
            CHECK(ex.elapsed() == (late ? 1s : 0s));
        }
    }

    TEST_CASE("oneshot fails the receiver when the sender is destroyed without sending") {
        virtual_executor ex;
        auto [tx, rx] = oneshot<int>();
        auto waiting = ex.spawn(std::move(rx));
        ex.run_ready();
        { const auto gone = std::move(tx); }
        CHECK_THROWS_WITH_AS(ex.run(std::move(waiting)), "weir::oneshot: closed", weir::closed);
    }

    TEST_CASE("oneshot passes an error to the receiver") {
        virtual_executor ex;
        auto [tx, rx] = oneshot<int>();
        std::move(tx).fail(std::make_exception_ptr(std::runtime_error{"no answer"}));
        CHECK_THROWS_WITH(ex.run(std::move(rx)), "no answer");
    }

    TEST_CASE("oneshot: a value without a receiver stays with its sender") {
        auto [tx, rx] = oneshot<std::unique_ptr<int>>();
        { const auto gone = std::move(rx); }
        CHECK(tx.closed());
        auto value = std::make_unique<int>(1);
        CHECK_FALSE(std::move(tx).send(std::move(value)));
        CHECK(value != nullptr);
    }

    TEST_CASE("oneshot passes a sent value that was not received to on_drop") {
        std::vector<std::string> dropped;
        auto [tx, rx] = oneshot<std::string>({.on_drop = [&](std::string s) { dropped.push_back(std::move(s)); }});
        const std::string value = "kept by the sender, too";
        CHECK(std::move(tx).send(value));
        CHECK(dropped.empty());
        { const auto gone = std::move(rx); }
        CHECK(dropped == std::vector{value});
    }

    TEST_CASE("oneshot: a receiver that gave up may wait again") {
        virtual_executor ex;
        auto [tx, rx] = oneshot<int>();
        CHECK_THROWS_AS(ex.run(weir::with_timeout(1s, rx.receive())), weir::timed_out);
        CHECK(std::move(tx).send(3));
        CHECK(ex.run(rx.receive()) == 3);
        CHECK_THROWS_AS(ex.run(rx.receive()), weir::closed);
    }

    TEST_CASE("oneshot: a sender can wait until its receiver is destroyed") {
        virtual_executor ex;
        auto [tx, rx] = oneshot<int>();
        auto stopped = ex.spawn(tx.closing());
        ex.run_ready();
        CHECK_FALSE(stopped.finished());
        { const auto gone = std::move(rx); }
        ex.run_ready();
        CHECK(stopped.finished());
    }
}
