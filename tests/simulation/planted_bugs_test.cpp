// SPDX-License-Identifier: MIT
// Are bugs found that show in one order of events only? Each is made here, on purpose, beside what is right.

#include <weir/testing/simulation.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/core/timed_out.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/tcp.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/lines.hpp>

using namespace std::chrono_literals;
using weir::testing::simulation;
using weir::testing::simulation_options;

namespace {

constexpr std::uint64_t seeds_allowed = 1000;
const weir::endpoint address{"10.0.0.2", 7};

enum class code { right, wrong };

/// The first seed for which f throws; none when it never does.
template <class F>
std::optional<std::uint64_t> found_by(const simulation_options& options, F f) {
    for (std::uint64_t seed = 1; seed <= seeds_allowed; ++seed) {
        simulation sim{seed, options};
        try {
            f(sim);
        } catch (const std::logic_error&) {
            return seed;
        }
    }
    return std::nullopt;
}

template <class F>
void finds(const std::string& bug, const simulation_options& options, F f) {
    const auto right = found_by(options, [&](simulation& sim) { f(sim, code::right); });
    CHECK_MESSAGE(!right, "right code fails with seed ", right.value_or(0));
    const auto wrong = found_by(options, [&](simulation& sim) { f(sim, code::wrong); });
    CHECK_MESSAGE(wrong, bug, " is not found");
    if (wrong) MESSAGE(bug, ": found by seed ", *wrong);
    // And again: the seed is enough.
    if (wrong) {
        simulation sim{*wrong, options};
        CHECK_THROWS_AS(f(sim, code::wrong), std::logic_error);
    }
}

/// Items that come within a time of the first, together.
template <weir::stream S>
class batches_stream {
public:
    using value_type = std::vector<weir::item_t<S>>;

    batches_stream(S upstream, weir::duration d, code what) : upstream_{std::move(upstream)}, d_{d}, what_{what} {}

    weir::poll<value_type> poll_next(weir::context& cx) {
        while (!ended_) {
            auto item = upstream_.poll_next(cx);
            // The mistake: when the time is over, what has just come is forgotten.
            if (what_ == code::wrong && timer_.expired()) break;
            if (item.is_pending()) break;
            if (item.is_done()) {
                ended_ = true;
                break;
            }
            if (batch_.empty()) timer_.arm(cx.executor(), cx.executor().time_after(d_));
            batch_.push_back(*std::move(item));
        }
        if (batch_.empty()) {
            if (ended_) return weir::done;
            return weir::pending;
        }
        if (!ended_ && !timer_.poll(cx)) return weir::pending;
        timer_.cancel();
        return std::exchange(batch_, {});
    }

private:
    S upstream_;
    weir::duration d_;
    code what_;
    value_type batch_;
    weir::deadline_timer timer_;
    bool ended_ = false;
};

weir::task<> send_lines(int n) {
    auto connection = co_await weir::tcp_connect(address);
    for (int i = 0; i != n; ++i) {
        co_await weir::sleep_for(1ms);
        co_await connection.write("line\n");
    }
}

weir::task<std::size_t> count_in_batches(code what) {
    auto listener = co_await weir::listen(address);
    auto connection = co_await listener.accept();
    batches_stream batches{weir::lines(connection), 4ms, what};
    std::size_t count = 0;
    while (const auto batch = co_await weir::next(batches)) count += batch->size();
    co_return count;
}

/// Numbers for two who take them.
class mailbox {
public:
    explicit mailbox(code what) : what_{what} {}

    void put(int n) {
        numbers_.push_back(n);
        for (auto& w : waiting_) {
            if (!w.armed()) continue;
            w.wake();
            break;
        }
    }

    class take_operation {
    public:
        using result_type = int;

        take_operation(mailbox& box, std::size_t who) : box_{&box}, who_{who} {}

        weir::poll<int> poll_result(weir::context& cx) {
            if (!box_->numbers_.empty()) {
                const int n = box_->numbers_.front();
                box_->numbers_.pop_front();
                return n;
            }
            // The mistake: it waits already, it thinks, though it was woken since, and somebody else was faster.
            if (box_->what_ == code::wrong && std::exchange(waits_, true)) return weir::pending;
            box_->waiting_[who_].arm(cx.waker());
            return weir::pending;
        }

    private:
        mailbox* box_;
        std::size_t who_;
        bool waits_ = false;
    };

    take_operation take(std::size_t who) { return {*this, who}; }

private:
    std::deque<int> numbers_;
    std::array<weir::waker_slot, 2> waiting_;
    code what_;
};

weir::task<> take_until_zero(mailbox& box, std::size_t who) {
    for (;;) {
        const int n = co_await box.take(who);
        if (n == 0) co_return;
        co_await weir::sleep_for(1ms);
    }
}

weir::task<> fill(mailbox& box) {
    for (int i = 1; i != 10; ++i) {
        box.put(i);
        co_await weir::sleep_for(1ms);
    }
    box.put(0);
    box.put(0);
}

/// Connects, after a wait of 50 ms for each failure.
weir::task<> connect_again_and_again(simulation& sim, code what) {
    std::optional<weir::duration> failed_at;
    for (;;) {
        if (failed_at && sim.elapsed() - *failed_at < 50ms) throw std::logic_error{"an attempt without a wait"};
        bool waits = true;
        try {
            auto connection = co_await weir::with_timeout(1s, weir::tcp_connect(address));
            co_return;
        } catch (const weir::timed_out&) {
            // The mistake: a limit of time is thought to be wait enough.
            waits = what == code::right;
        } catch (const std::system_error&) {}
        failed_at = sim.elapsed();
        if (waits) co_await weir::sleep_for(50ms);
    }
}

} // namespace

TEST_SUITE("simulation/planted_bugs") {
    TEST_CASE("simulation finds an operator that loses an item that arrives together with a timer") {
        finds("the dropped item", {}, [](simulation& sim, code what) {
            auto counting = weir::when_all(count_in_batches(what), send_lines(20));
            const auto [count, sent] = sim.run(std::move(counting));
            if (count != 20) throw std::logic_error{"lines were lost"};
        });
    }

    TEST_CASE("simulation finds a condition wait that is not started again after a spurious wake") {
        finds("the missing wait", {}, [](simulation& sim, code what) {
            mailbox box{what};
            auto all = weir::when_all(take_until_zero(box, 0), take_until_zero(box, 1), fill(box));
            sim.run(std::move(all)); // weir::deadlock is a logic_error
        });
    }

    TEST_CASE("simulation finds a retry that forgets the wait after one kind of error") {
        const simulation_options faults{.network = {.refuse = 0.3, .black_hole = 0.02}};
        finds("the forgotten wait", faults, [](simulation& sim, code what) {
            auto server = sim.spawn([]() -> weir::task<> {
                auto listener = co_await weir::listen(address);
                auto clients = weir::accept(listener);
                while (co_await weir::next(clients)) {}
            }());
            sim.run(connect_again_and_again(sim, what));
        });
    }
}
