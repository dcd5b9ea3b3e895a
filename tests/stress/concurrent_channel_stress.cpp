// SPDX-License-Identifier: MIT
// Throws senders and receivers at channels across threads, in all orders of send, receive, abandon, close and drop,
// with pauses of random length, and counts what becomes of each item.
//
//     concurrent_channel_stress [--rounds N] [--seed N]
//
// Round k has the seed N + k; it says which round failed, and why. What the threads do beside each other is never the
// same twice, so a seed that has failed may have to be tried for some time.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/sink/next.hpp>
#include <weir/task.hpp>
#include <weir/threads/concurrent_channel.hpp>
#include <weir/threads/runtime.hpp>

#include "rounds.hpp"

namespace {

constexpr int most_items = 200;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error{what}; }

/// A number that is in one place at a time.
class item {
public:
    explicit item(int number) noexcept : number_{number} { alive.fetch_add(1); }
    item(item&& other) noexcept : number_{std::exchange(other.number_, -1)} { alive.fetch_add(1); }
    item& operator=(item&& other) noexcept {
        number_ = std::exchange(other.number_, -1);
        return *this;
    }
    ~item() { alive.fetch_sub(1); }

    bool here() const noexcept { return number_ >= 0; }
    int number() const noexcept { return number_; }

    static inline std::atomic<int> alive = 0;

private:
    int number_;
};

/// What has become of the items of a round.
class ledger {
public:
    /// Received in this order by one receiver.
    void received(const std::vector<int>& items) {
        std::map<int, int> last;
        const std::lock_guard lock{mutex_};
        for (const int i : items) {
            const auto [of_sender, first] = last.try_emplace(i / most_items, -1);
            if (of_sender->second >= i) fail("a receiver got item " + std::to_string(i) + " too late");
            of_sender->second = i;
            end(i);
        }
    }
    void dropped(int i) {
        const std::lock_guard lock{mutex_};
        end(i);
    }
    void kept(int i) { dropped(i); }

    void check(int senders, const std::vector<int>& made) {
        int all = 0;
        for (const int n : made) all += n;
        if (static_cast<int>(ends_.size()) != all) {
            fail(std::to_string(all - static_cast<int>(ends_.size())) + " items of " + std::to_string(senders) +
                 " senders are lost");
        }
        for (const auto& [i, n] : ends_) {
            if (n != 1) fail("item " + std::to_string(i) + " came " + std::to_string(n) + " times");
        }
    }

private:
    void end(int i) { ++ends_[i]; }

    std::mutex mutex_;
    std::map<int, int> ends_;
};

using sender = weir::concurrent_sender<item>;
using receiver = weir::concurrent_receiver<item>;

class dice {
public:
    explicit dice(std::uint64_t seed) : random_{seed} {}

    std::size_t coin() { return random_() & 1; }
    int below(int n) { return std::uniform_int_distribution<int>{0, n - 1}(random_); }
    bool one_in(int n) { return below(n) == 0; }
    std::uint64_t seed() { return random_(); }

    /// Often not at all, sometimes a little, seldom long enough for the other side to sleep.
    void pause() {
        const int how = below(64);
        if (how < 48) return;
        if (how < 60) {
            for (int n = below(200); n != 0; --n) std::atomic_signal_fence(std::memory_order_seq_cst);
        } else {
            for (int n = below(how == 63 ? 100 : 4); n != 0; --n) std::this_thread::yield();
        }
    }

private:
    std::mt19937_64 random_;
};

/// What a sender does: how many items it made is known when it is over.
struct sending {
    sender to;
    int first;
    int count;
    std::uint64_t seed;
    ledger& book;
    int& made;

    int next_number() { return first + made++; }

    /// The last item, which the sender still has.
    void keep(const item& mine) {
        if (mine.here()) book.kept(mine.number());
    }
};

weir::task<> send_as_task(sending me) {
    dice random{me.seed};
    weir::executor& ex = *co_await weir::this_executor();
    for (int i = 0; i != me.count; ++i) {
        random.pause();
        if (random.one_in(50)) {
            if (random.one_in(2)) me.to.close();
            co_return;
        }
        item mine{me.next_number()};
        if (random.one_in(3)) {
            const bool sent = co_await me.to.send(std::move(mine)); // what is refused goes to on_drop
            if (!sent) co_return;
        } else if (random.one_in(3)) {
            // Begun and abandoned, until it is done or refused.
            for (bool over = false; !over && mine.here();) {
                auto attempt = ex.spawn(me.to.send_from(mine));
                for (int n = random.below(4); n != 0; --n) co_await weir::yield();
                const bool ended = attempt.finished();
                if (ended) {
                    const bool sent = co_await std::move(attempt);
                    if (sent == mine.here())
                        fail("a send that was done and an item that was not moved, or the reverse");
                    over = !sent;
                }
            }
            me.keep(mine);
            if (me.to.closed()) co_return;
        } else {
            const bool sent = co_await me.to.send_from(mine);
            if (sent == mine.here()) fail("an item that was sent and is here, or the reverse");
            me.keep(mine);
            if (!sent) co_return;
        }
    }
}

void send_as_thread(sending me) {
    dice random{me.seed};
    for (int i = 0; i != me.count; ++i) {
        random.pause();
        if (random.one_in(100)) return me.to.close();
        item mine{me.next_number()};
        bool sent = false;
        if (random.one_in(3)) {
            sent = me.to.try_send(std::move(mine));
        } else {
            sent = me.to.send_from_blocking(mine);
            if (!sent && !me.to.closed()) fail("a send was refused by a channel that is open");
        }
        if (sent == mine.here()) fail("an item that was sent and is here, or the reverse");
        me.keep(mine);
    }
}

weir::task<> receive_as_task(receiver from, std::uint64_t seed, ledger& book) {
    dice random{seed};
    std::vector<int> got;
    weir::executor& ex = *co_await weir::this_executor();
    while (!random.one_in(200)) {
        random.pause();
        if (random.one_in(200)) from.close();
        if (random.one_in(4)) {
            // What a `next` that is abandoned would have got is the answer of the next one.
            auto attempt = ex.spawn(weir::next(from));
            for (int n = random.below(4); n != 0; --n) co_await weir::yield();
            const bool ended = attempt.finished();
            if (!ended) continue;
            std::optional<item> one = co_await std::move(attempt);
            if (!one) break;
            got.push_back(one->number());
        } else {
            std::optional<item> one = co_await weir::next(from);
            if (!one) break;
            got.push_back(one->number());
        }
    }
    book.received(got);
}

void receive_as_thread(receiver from, std::uint64_t seed, ledger& book) {
    dice random{seed};
    std::vector<int> got;
    while (!random.one_in(200)) {
        random.pause();
        if (random.one_in(4)) {
            if (std::optional<item> one = from.try_receive()) got.push_back(one->number());
        } else {
            std::optional<item> one = from.receive_blocking();
            if (!one) break;
            got.push_back(one->number());
        }
    }
    book.received(got);
}

void round(weir::runtime& rt, std::uint64_t seed) {
    dice random{seed};
    ledger book;
    const int senders = 1 + random.below(3);
    const int receivers = 1 + random.below(3);
    std::vector<int> made(static_cast<std::size_t>(senders));
    std::vector<std::exception_ptr> errors(static_cast<std::size_t>(senders + receivers));
    {
        auto ends = weir::concurrent_channel<item>(1 + random.below(random.one_in(2) ? 3 : 64),
                                                   {.on_drop = [&book](item one) { book.dropped(one.number()); }});
        std::vector<std::thread> threads;
        std::vector<weir::remote_join_handle<weir::unit>> tasks;
        std::size_t who = 0;
        for (int i = 0; i != senders; ++i, ++who) {
            sending one{ends.sender,   i * most_items, random.below(most_items),
                        random.seed(), book,           made[static_cast<std::size_t>(i)]};
            if (random.one_in(3)) {
                threads.emplace_back([one = std::move(one), &error = errors[who]]() mutable {
                    try {
                        send_as_thread(std::move(one));
                    } catch (...) {
                        error = std::current_exception();
                    }
                });
            } else {
                tasks.push_back(rt.spawn_on(random.coin(),
                                            [one = std::move(one)]() mutable { return send_as_task(std::move(one)); }));
            }
        }
        for (int i = 0; i != receivers; ++i, ++who) {
            const std::uint64_t its_seed = random.seed();
            if (random.one_in(3)) {
                threads.emplace_back([from = ends.receiver.clone(), its_seed, &book, &error = errors[who]]() mutable {
                    try {
                        receive_as_thread(std::move(from), its_seed, book);
                    } catch (...) {
                        error = std::current_exception();
                    }
                });
            } else {
                tasks.push_back(rt.spawn_on(random.coin(), [from = ends.receiver.clone(), its_seed, &book]() mutable {
                    return receive_as_task(std::move(from), its_seed, book);
                }));
            }
        }
        { // The ends that nobody uses.
            const auto gone = std::move(ends);
        }
        for (std::thread& t : threads) t.join();
        for (auto& t : tasks) std::move(t).get();
    }
    for (const std::exception_ptr& e : errors) {
        if (e != nullptr) std::rethrow_exception(e);
    }
    book.check(senders, made);
    if (item::alive.load() != 0) fail(std::to_string(item::alive.load()) + " items are left");
}

} // namespace

int main(int argc, char** argv) { return stress::run(argc, argv, 20'000, round); }
