// SPDX-License-Identifier: MIT
// Every operator that drops items: what goes in comes out or is dropped, once, for a reason that the operator has.
#include <weir/core/drop_reason.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <random>
#include <set>
#include <source_location>
#include <tuple>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <numbers.hpp>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/combine_latest.hpp>
#include <weir/operators/debounce.hpp>
#include <weir/operators/divert_to.hpp>
#include <weir/operators/event_windows.hpp>
#include <weir/operators/exhaust_map.hpp>
#include <weir/operators/expire.hpp>
#include <weir/operators/latest_per_key.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/partition.hpp>
#include <weir/operators/sample.hpp>
#include <weir/operators/share.hpp>
#include <weir/operators/skip_errors.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/throttle.hpp>
#include <weir/operators/unzip.hpp>
#include <weir/operators/window.hpp>
#include <weir/operators/wire_tap.hpp>
#include <weir/operators/with_latest_from.hpp>
#include <weir/operators/zip.hpp>
#include <weir/operators/zip_latest.hpp>
#include <weir/scope/outcome.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/first.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/for_each_group.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/iota.hpp>
#include <weir/sync/channel.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>
#include <weir/threads/concurrent_channel.hpp>

using namespace std::chrono_literals;
using support::numbers;
using weir::drop_reason;
using weir::overflow;
using weir::testing::virtual_executor;

namespace {

/// One run with random times: the items that went into an operator, and what has become of them.
class run {
public:
    explicit run(unsigned seed) : random_{seed} {
        ex.on_error([this](const std::exception_ptr&, std::source_location) { ++reported_; });
    }
    run(const run&) = delete;
    run& operator=(const run&) = delete;

    int below(int n) { return std::uniform_int_distribution<int>{0, n - 1}(random_); }
    weir::duration some_time() { return below(4) * 1ms; }

    /// Up to 12 items, each at a random time.
    weir::async_stream<int> source() {
        for (int left = below(13); left != 0; --left) {
            if (below(2) == 0) co_await weir::sleep_for(some_time());
            co_yield arrives();
        }
    }
    int arrives() { return in_++; }

    auto on_drop() {
        return [this](int item, drop_reason why) {
            reasons_.insert(why);
            sees(dropped_, item);
            if (below(2) == 0) {
                ++thrown_;
                throw item; // goes to the error handler, and changes nothing
            }
        };
    }

    // What comes out.
    void takes(int item) { sees(out_, item); }
    void takes(const numbers& items) {
        for (const int item : items) takes(item);
    }
    template <class First, class... Rest>
    void takes(const std::tuple<First, Rest...>& items) {
        std::apply([this](const auto&... each) { (this->takes(each), ...); }, items);
    }
    void takes(const std::pair<int, int>& items) {
        takes(items.first);
        takes(items.second);
    }
    template <class Key, class Time>
    void takes(const weir::event_window<int, Key, Time>& one) {
        takes(one.items);
    }

    /// Takes up to n items, and is busy for a random time after each.
    template <weir::stream S>
    weir::task<> consume(S stream, int n = 1000) {
        co_await consume_some(stream, n);
    }
    template <weir::stream S>
    weir::task<> consume_some(S& stream, int n) {
        while (n-- != 0) {
            auto item = co_await weir::next(stream);
            if (!item) break;
            takes(*item);
            if (below(2) == 0) co_await weir::sleep_for(some_time());
        }
    }

    /// Whether each item has come out, or was dropped, and not both, and the handler has got what on_drop threw.
    bool adds_up() const {
        std::set<int> both = out_;
        both.insert(dropped_.begin(), dropped_.end());
        return thrown_ == reported_ && !twice_ && static_cast<int>(both.size()) == in_ &&
               both.size() == out_.size() + dropped_.size();
    }
    const std::set<drop_reason>& reasons() const { return reasons_; }
    std::size_t drops() const { return dropped_.size(); }

    virtual_executor ex{};

private:
    /// An operator that combines streams may emit an item more than once, and may not drop it twice.
    void sees(std::set<int>& where, int item) {
        if (!where.insert(item).second && &where == &dropped_) twice_ = true;
    }

    std::mt19937 random_;
    int in_ = 0;
    std::set<int> out_;
    std::set<int> dropped_;
    std::set<drop_reason> reasons_;
    bool twice_ = false;
    int thrown_ = 0;
    int reported_ = 0;
};

/// Checks 200 runs of a function, which returns the operation that is run. Each reason must occur, and no other.
template <class Make>
void check_drops(std::set<drop_reason> expected, Make make) {
    std::set<drop_reason> seen;
    for (unsigned seed = 0; seed != 200; ++seed) {
        CAPTURE(seed);
        run one{seed};
        one.ex.run(make(one));
        REQUIRE(one.adds_up());
        seen.insert(one.reasons().begin(), one.reasons().end());
    }
    CHECK(seen == expected);
}

/// The same for an operator of one stream. make is given on_drop and returns the operator.
template <class Make>
void check_operator(drop_reason expected, Make make) {
    check_drops({expected}, [&](run& one) { return one.consume(one.source() | make(one.on_drop())); });
}

int parity(int item) { return item % 2; }

} // namespace

TEST_SUITE("operators/drop_reasons") {
    TEST_CASE("items in are items out and items dropped, for an operator that holds too few, too long or replaces") {
        for (const overflow policy : {overflow::drop_oldest, overflow::drop_newest}) {
            check_operator(drop_reason::overflow, [=](auto drop) { return weir::buffer(1, policy, drop); });
        }
        check_operator(drop_reason::replaced, [](auto drop) { return weir::debounce(2ms, {}, drop); });
        check_operator(drop_reason::replaced,
                       [](auto drop) { return weir::debounce([](int i) { return i % 3 * 1ms; }, {}, drop); });
        check_operator(drop_reason::suppressed,
                       [](auto drop) { return weir::throttle(2ms, weir::edge::leading, drop); });
        check_operator(drop_reason::replaced,
                       [](auto drop) { return weir::throttle(2ms, weir::edge::trailing, drop); });
        check_operator(drop_reason::replaced, [](auto drop) { return weir::throttle(2ms, weir::edge::both, drop); });
        check_operator(drop_reason::replaced, [](auto drop) { return weir::sample(3ms, drop); });
        check_operator(drop_reason::replaced, [](auto drop) { return weir::latest_per_key(9, parity, drop); });
        check_operator(drop_reason::replaced, [](auto drop) { return weir::latest_per_key_frames(9, parity, drop); });
        check_operator(drop_reason::expired, [](auto drop) { return weir::expire(1ms, 9, drop); });
        check_drops({drop_reason::overflow, drop_reason::consumer_gone}, [](run& one) {
            return one.consume(one.source() |
                               weir::wire_tap(weir::for_each([&](int item) -> weir::task<> {
                                                  one.takes(item);
                                                  co_await weir::sleep_for(one.some_time());
                                              }),
                                              {.capacity = 1}, one.on_drop()) |
                               weir::map([](int) { return numbers{}; }));
        });
    }

    TEST_CASE("items in are items out and items dropped, for an operator that passes none at times") {
        check_drops({drop_reason::suppressed}, [](run& one) {
            const auto later = [&](int item) -> weir::async_stream<int> {
                co_await weir::sleep_for(one.some_time());
                co_yield item;
            };
            return one.consume(one.source() | weir::exhaust_map(later, one.on_drop()));
        });
        check_drops({drop_reason::late}, [](run& one) {
            // Items arrive in another order than that of their times.
            const auto time_of = [](int item) {
                return weir::time_point{} + 1s + (item % 2 == 0 ? item : item - 6) * 1ms;
            };
            return one.consume(
                one.source() |
                weir::event_windows(weir::tumbling_windows{2ms}, {}, time_of, [](int) { return 0; }, one.on_drop()));
        });
        check_drops({drop_reason::failed}, [](run& one) {
            const auto outcome = [&](int item) {
                return one.below(2) == 0 ? weir::outcome<int>(item)
                                         : weir::outcome<int>::failed(std::make_exception_ptr(item));
            };
            const auto drop = [drop = one.on_drop()](const std::exception_ptr& error, drop_reason why) {
                try {
                    std::rethrow_exception(error);
                } catch (int item) {
                    drop(item, why);
                }
            };
            return one.consume(one.source() | weir::map(outcome) |
                               weir::skip_errors([](const std::exception_ptr&) { return true; }, drop));
        });
    }

    TEST_CASE("items in are items out and items dropped, for an operator of several streams") {
        check_drops({drop_reason::replaced, drop_reason::unmatched}, [](run& one) {
            return one.consume(one.source() | weir::with_latest_from(one.source(), one.on_drop()));
        });
        check_drops({drop_reason::unmatched}, [](run& one) {
            return one.consume(weir::zip(one.source(), one.source(), one.source(), one.on_drop()));
        });
        check_drops({drop_reason::unmatched}, [](run& one) {
            std::vector<weir::async_stream<int>> streams;
            for (int i = 0; i != 3; ++i) streams.push_back(one.source());
            return one.consume(weir::zip(std::move(streams), one.on_drop()));
        });
        check_drops({drop_reason::unmatched}, [](run& one) {
            return one.consume(weir::combine_latest(one.source(), one.source(), one.source(), one.on_drop()));
        });
        check_drops({drop_reason::unmatched}, [](run& one) {
            std::vector<weir::async_stream<int>> streams;
            for (int i = 0; i != 3; ++i) streams.push_back(one.source());
            return one.consume(weir::combine_latest(std::move(streams), one.on_drop()));
        });
        check_drops({drop_reason::replaced, drop_reason::unmatched}, [](run& one) {
            return one.consume(weir::zip_latest(one.source(), one.source(), one.source(), one.on_drop()));
        });
    }

    TEST_CASE("items in are items out and items dropped, for consumers that leave early") {
        check_drops({drop_reason::consumer_gone}, [](run& one) {
            const auto some = [&](auto items) -> weir::task<numbers> {
                numbers taken;
                for (int n = one.below(3); n != 0; --n) {
                    if (const auto item = co_await weir::next(items)) taken.push_back(*item);
                }
                co_return taken;
            };
            return one.consume(one.source() | weir::window(3ms, some, one.on_drop()));
        });
        check_drops({drop_reason::consumer_gone}, [](run& one) {
            auto [left, right] = one.source() | weir::partition(parity, {}, one.on_drop());
            return weir::when_all(one.consume(std::move(left)), one.consume(std::move(right), one.below(4)));
        });
        check_drops({drop_reason::consumer_gone}, [](run& one) {
            const auto pair = [&](int item) { return std::pair(item, one.arrives()); };
            auto [left, right] = one.source() | weir::map(pair) | weir::unzip({}, one.on_drop());
            return weir::when_all(one.consume(std::move(left)), one.consume(std::move(right), one.below(4)));
        });
        check_drops({drop_reason::consumer_gone}, [](run& one) {
            const auto some = weir::take(1) | weir::for_each([&](int item) { one.takes(item); });
            return one.consume(one.source() | weir::divert_to(some, parity, one.on_drop()));
        });
        check_drops({drop_reason::consumer_gone, drop_reason::overflow}, [](run& one) {
            const auto some = [&](int, auto items) { return one.consume(std::move(items), one.below(4)); };
            return one.source() | weir::for_each_group([](int item) { return item % 3; }, some,
                                                       {.max_groups = 2, .on_full = overflow::drop_newest},
                                                       one.on_drop());
        });
        check_drops({drop_reason::consumer_gone, drop_reason::overflow}, [](run& one) {
            return [](run& me) -> weir::task<> {
                auto shared = me.source() | weir::share();
                auto seen =
                    shared.subscribe({.capacity = 1, .overflow = overflow::drop_oldest, .on_drop = me.on_drop()});
                // Another subscriber takes all, so that the source goes on while this one is busy or takes no more.
                co_await weir::when_all(me.consume_some(seen, me.below(9)),
                                        shared.subscribe() | weir::for_each([](int) {}));
            }(one);
        });
    }

    TEST_CASE("items sent are items received and items dropped, for a channel that is left, closed or not waited for") {
        const std::set<drop_reason> all{drop_reason::consumer_gone, drop_reason::refused, drop_reason::cancelled};
        const auto some = [](run& one, auto tx) -> weir::task<> {
            for (int left = one.below(9); left != 0; --left) {
                if (one.below(3) == 0) {
                    auto send = tx.send(one.arrives()); // dropped, if it has to wait
                    co_await weir::when_any(std::move(send), weir::sleep_for(one.some_time()));
                } else {
                    co_await tx.send(one.arrives());
                }
            }
        };
        check_drops(all, [&](run& one) {
            auto [tx, rx] = weir::channel<int>(one.below(3), {.on_drop = one.on_drop()});
            return weir::when_all(some(one, std::move(tx)), one.consume(std::move(rx), one.below(9)));
        });
        check_drops(all, [&](run& one) {
            auto [tx, rx] = weir::concurrent_channel<int>(1 + one.below(3), {.on_drop = one.on_drop()});
            return weir::when_all(some(one, std::move(tx)), one.consume(std::move(rx), one.below(9)));
        });
    }

    TEST_CASE("what on_drop throws goes to the executor's error handler, and the stream goes on") {
        virtual_executor ex;
        numbers reported;
        ex.on_error([&](const std::exception_ptr& error, std::source_location) {
            try {
                std::rethrow_exception(error);
            } catch (int item) {
                reported.push_back(item);
            }
        });
        const auto throws = [](int item) { throw int{item}; };
        ex.run(weir::iota(0, 5) |
               weir::window(2, [](auto items) { return std::move(items) | weir::first(); }, throws) | weir::drain());
        CHECK(reported == numbers{1, 3});
        reported.clear();
        ex.run([&]() -> weir::task<> {
            auto [tx, rx] = weir::channel<int>(2, {.on_drop = throws});
            co_await tx.send(7);
        });
        CHECK(reported == numbers{7});
    }

    TEST_CASE("an empty std::function is no on_drop") {
        std::function<void(int)> none;
        virtual_executor ex;
        ex.run([&]() -> weir::task<> {
            auto [tx, rx] = weir::channel<int>(1, {.on_drop = none});
            co_await tx.send(7);
        });
    }
}
