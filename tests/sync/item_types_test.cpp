// SPDX-License-Identifier: MIT
#include <concepts>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <item_types.hpp>

#include <weir/async_stream.hpp>
#include <weir/core/detail/frame_pool.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/interop/as_range.hpp>
#include <weir/interop/with_stop.hpp>
#include <weir/resilience/circuit_breaker.hpp>
#include <weir/resilience/concurrency_limit.hpp>
#include <weir/resilience/hedge.hpp>
#include <weir/resilience/retry.hpp>
#include <weir/scope/async_finally.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/when_all_settled.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sync/broadcast.hpp>
#include <weir/sync/channel.hpp>
#include <weir/sync/mutex.hpp>
#include <weir/sync/oneshot.hpp>
#include <weir/sync/state.hpp>
#include <weir/task.hpp>

namespace {

using namespace support::items;
using namespace std::chrono_literals;

/// Has a result, made of a number, after one turn.
template <class T>
class later {
public:
    using result_type = T;

    explicit later(int n) : value_(n) {}

    weir::poll<T> poll_result(weir::context& cx) {
        if (!std::exchange(polled_, true)) return cx.yield();
        return std::move(value_);
    }

private:
    T value_;
    bool polled_ = false;
};

/// The values that come out of a stream.
template <class S>
std::vector<int> values(weir::executor& ex, S from) {
    std::vector<int> result;
    ex.run(std::move(from) | weir::for_each([&](const auto& item) { result.push_back(item.value()); }));
    return result;
}

template <class T>
weir::task<T> task_of(int n) {
    co_await weir::yield();
    T result(n);
    co_return result;
}

template <class T>
weir::async_stream<T> generator_of(int n) {
    for (int i = 0; i != n; ++i) {
        T item(i);
        if constexpr (std::copy_constructible<T>) co_yield item;
        co_yield std::move(item);
        co_await weir::yield();
    }
}

template <class T>
weir::task<int> sum_of(weir::async_stream<T> items) {
    int sum = 0;
    while (auto item = co_await weir::next(items)) sum += item->value();
    co_return sum;
}

#define ALL_ITEM_TYPES greedy, move_only, over_aligned, large, throwing_move, const_member

struct aligned_check {
    ~aligned_check() { CHECK(over_aligned::misaligned() == before); }
    int before = over_aligned::misaligned();
};

} // namespace

TEST_SUITE("sync/item_types") {
    TEST_CASE_TEMPLATE("a channel delivers items of every type", T, ALL_ITEM_TYPES) {
        const aligned_check aligned;
        for (const int capacity : {0, 1, 20}) {
            CAPTURE(capacity);
            weir::executor ex;
            std::vector<int> dropped;
            auto [tx, rx] = weir::channel<T>(capacity, {.on_drop = [&](T item) { dropped.push_back(item.value()); }});
            std::vector<weir::join_handle<decltype(tx.send(T(0)))>> sends;
            for (int i = 0; i != 9; ++i) sends.push_back(ex.spawn(tx.send(T(i))));
            T kept(9);
            auto last = ex.spawn(tx.send_from(kept));
            auto lend = ex.spawn(std::move(rx) | weir::for_each([close = tx](const T& item) {
                                     CHECK(item.value() >= 0);
                                     if (item.value() == 8) close.close();
                                 }));
            ex.run(std::move(lend));
            for (auto& one : sends) CHECK(ex.run(std::move(one)));
            const bool sent = ex.run(std::move(last));
            if (!sent) CHECK(kept.value() == 9);
            T late(10);
            CHECK(!tx.try_send(std::move(late)));
            CHECK(!ex.run(tx.send(T(11))));
            CHECK(dropped.back() == 11);
        }
    }

    TEST_CASE_TEMPLATE("a oneshot delivers a value of every type", T, ALL_ITEM_TYPES) {
        const aligned_check aligned;
        for (int i = 0; i != 8; ++i) {
            weir::executor ex;
            auto [tx, rx] = weir::oneshot<T>();
            CHECK(std::move(tx).send(T(i)));
            CHECK(ex.run(std::move(rx)).value() == i);
        }
    }

    TEST_CASE_TEMPLATE("a broadcast delivers items of every type", T, greedy, over_aligned, large, throwing_move,
                       const_member) {
        const aligned_check aligned;
        weir::executor ex;
        weir::broadcast<T> b;
        int dropped = 0;
        auto all = b.subscribe();
        auto newest = b.subscribe({.overflow = weir::overflow::latest});
        auto few = b.subscribe({.capacity = 2, .overflow = weir::overflow::drop_oldest, .on_drop = [&](T item) {
                                    CHECK(item.value() >= 0);
                                    ++dropped;
                                }});
        for (int i = 0; i != 5; ++i) CHECK(ex.run(b.send(T(i))));
        b.close();
        CHECK(values(ex, std::move(all)) == std::vector{0, 1, 2, 3, 4});
        CHECK(values(ex, std::move(newest)) == std::vector{4});
        CHECK(values(ex, std::move(few)) == std::vector{3, 4});
        CHECK(dropped == 3);
    }

    TEST_CASE_TEMPLATE("a state holds a value of every type", T, greedy, over_aligned, large, throwing_move) {
        const aligned_check aligned;
        for (int i = 0; i != 8; ++i) {
            weir::executor ex;
            std::optional<weir::state<T>> s(std::in_place, T(1));
            auto watching = s->watch();
            CHECK(s->get().value() == 1);
            s->set(T(2));
            CHECK(s->get().value() == 2);
            s->update([](T& value) { value = T(3); });
            s.reset();
            CHECK(values(ex, std::move(watching)) == std::vector{3});
        }
    }

    TEST_CASE_TEMPLATE("a mutex guards a value of every type", T, ALL_ITEM_TYPES) {
        const aligned_check aligned;
        for (int i = 0; i != 8; ++i) {
            weir::executor ex;
            weir::mutex<T> made(i);
            const weir::mutex<T> moved{T(i + 1)};
            CHECK(ex.run(made.lock())->value() == i);
            CHECK(ex.run(moved.lock())->value() == i + 1);
        }
    }

    TEST_CASE_TEMPLATE("a task returns and a generator yields items of every type", T, greedy, move_only, large,
                       throwing_move, const_member) {
        weir::executor ex;
        CHECK(ex.run(task_of<T>(5)).value() == 5);
        CHECK(ex.run(ex.spawn(task_of<T>(6))).value() == 6);
        CHECK(ex.run(sum_of(generator_of<T>(4))) == (std::copy_constructible<T> ? 12 : 6));
        CHECK(ex.run([]() -> weir::task<int> {
            auto handle = weir::executor::current()->spawn(task_of<T>(7));
            const T joined = co_await handle;
            const T awaited = co_await task_of<T>(8);
            co_return joined.value() + awaited.value();
        }()) == 15);
    }

    TEST_CASE_TEMPLATE("a boxed stream holds items of every type", T, ALL_ITEM_TYPES) {
        const aligned_check aligned;
        for (int i = 0; i != 8; ++i) {
            weir::executor ex;
            auto [tx, rx] = weir::channel<T>(4);
            CHECK(ex.run(tx.send(T(1))));
            CHECK(ex.run(tx.send(T(2))));
            tx.close();
            weir::async_stream<T> boxed = std::move(rx);
            CHECK(values(ex, std::move(boxed)) == std::vector{1, 2});
        }
    }

    TEST_CASE_TEMPLATE("run and spawn return a result of every type", T, ALL_ITEM_TYPES) {
        const aligned_check aligned;
        for (int i = 0; i != 8; ++i) {
            weir::executor ex;
            CHECK(ex.run(later<T>(1)).value() == 1);
            auto handle = ex.spawn(later<T>(2));
            ex.spawn(later<T>(3)).detach();
            CHECK(ex.run(std::move(handle)).value() == 2);
        }
    }

    TEST_CASE_TEMPLATE("operations of a scope return results of every type", T, ALL_ITEM_TYPES) {
        const aligned_check aligned;
        for (int i = 0; i != 8; ++i) {
            weir::executor ex;
            auto [a, b] = ex.run(weir::when_all(later<T>(1), later<T>(2)));
            CHECK(a.value() + b.value() == 3);
            auto [only] = ex.run(weir::when_all(later<T>(4)));
            CHECK(only.value() == 4);
            std::vector<later<T>> several;
            several.emplace_back(3);
            several.emplace_back(4);
            CHECK(ex.run(weir::when_all(std::move(several))).at(1).value() == 4);

            auto [c, d] = ex.run(weir::when_all_settled(later<T>(1), later<T>(2)));
            CHECK(c.value().value() + d.value().value() == 3);
            std::vector<later<T>> settled;
            settled.emplace_back(5);
            CHECK(ex.run(weir::when_all_settled(std::move(settled))).at(0).value().value() == 5);

            auto first = ex.run(weir::when_any(later<T>(7), later<T>(8)));
            CHECK(first.index == 0);
            CHECK(first.value.value() == 7);
            CHECK(ex.run(weir::with_timeout(1h, later<T>(9))).value() == 9);

            weir::task_group group{ex};
            group.spawn(later<T>(1));
            ex.run(group.join());
        }
    }

    TEST_CASE_TEMPLATE("resilience operations return results of every type", T, ALL_ITEM_TYPES) {
        const aligned_check aligned;
        for (int i = 0; i != 8; ++i) {
            weir::executor ex;
            CHECK(ex.run(weir::retry([] { return later<T>(1); }, {})).value() == 1);
            CHECK(ex.run(weir::hedge([] { return later<T>(2); }, 1h)).value() == 2);
            weir::concurrency_limit limit(1);
            CHECK(ex.run(limit.run(later<T>(3))).value() == 3);
            weir::circuit_breaker breaker;
            CHECK(ex.run(breaker.run(later<T>(4))).value() == 4);
        }
    }

    TEST_CASE_TEMPLATE("with_stop and as_range pass on objects of every type", T, ALL_ITEM_TYPES) {
        const aligned_check aligned;
        weir::executor ex;
        CHECK(ex.run(weir::with_stop({}, later<T>(1))).value().value() == 1);
        auto [tx, rx] = weir::channel<T>(2);
        CHECK(ex.run(tx.send(T(2))));
        tx.close();
        for (const T& item : weir::as_range(ex, std::move(rx))) CHECK(item.value() == 2);
    }

    TEST_CASE("a channel keeps its items when a send throws while the buffer grows") {
        for (int n = 1; n != 12; ++n) {
            CAPTURE(n);
            weir::executor ex;
            auto [tx, rx] = weir::channel<throwing_move>(100);
            std::vector<int> sent;
            for (int i = 0; i != 8; ++i) {
                if (ex.run(tx.send(throwing_move(i)))) sent.push_back(i);
            }
            auto ninth = ex.spawn(tx.send(throwing_move(8)));
            throwing_move::throw_at(n);
            try {
                if (ex.run(std::move(ninth))) sent.push_back(8);
            } catch (const throwing_move::thrown&) {}
            throwing_move::throw_at(0);
            tx.close();
            CHECK(values(ex, std::move(rx)) == sent);
        }
        CHECK(throwing_move::alive() == 0);
    }

    TEST_CASE("a move that throws in a channel, oneshot, broadcast or task leaks nothing") {
        for (int n = 1; n != 40; ++n) {
            CAPTURE(n);
            const auto attempt = [n](auto f) {
                weir::executor ex;
                try {
                    f(ex, [n] { throwing_move::throw_at(n); });
                } catch (const throwing_move::thrown&) {}
                throwing_move::throw_at(0);
            };
            attempt([](weir::executor& ex, auto arm) {
                auto [tx, rx] = weir::channel<throwing_move>(1);
                auto one = ex.spawn(tx.send(throwing_move(1)));
                auto two = ex.spawn(tx.send(throwing_move(2)));
                auto three = ex.spawn(tx.send(throwing_move(3)));
                arm();
                while (ex.run(weir::next(rx))->value() != 3) {}
            });
            attempt([](weir::executor& ex, auto arm) {
                auto [tx, rx] = weir::oneshot<throwing_move>();
                arm();
                const bool sent = std::move(tx).send(throwing_move(1));
                const throwing_move received = ex.run(std::move(rx));
                CHECK(sent);
                CHECK(received.value() == 1);
            });
            attempt([](weir::executor& ex, auto arm) {
                weir::broadcast<throwing_move> b;
                auto all = b.subscribe({.capacity = 2});
                auto newest = b.subscribe({.overflow = weir::overflow::latest});
                arm();
                for (int i = 0; i != 2; ++i) static_cast<void>(ex.run(b.send(throwing_move(i))));
                b.close();
                const auto from_all = values(ex, std::move(all));
                const auto from_newest = values(ex, std::move(newest));
                CHECK(from_all == std::vector{0, 1});
                CHECK(from_newest == std::vector{1});
            });
            attempt([](weir::executor& ex, auto arm) {
                arm();
                const throwing_move result = ex.run(ex.spawn(task_of<throwing_move>(7)));
                CHECK(result.value() == 7);
            });
            attempt([](weir::executor& ex, auto arm) {
                arm();
                const int sum = ex.run(sum_of(generator_of<throwing_move>(3)));
                CHECK(sum == 6);
            });
            attempt([](weir::executor& ex, auto arm) {
                arm();
                static_cast<void>(ex.run(weir::when_all(later<throwing_move>(1), later<throwing_move>(2))));
            });
            CHECK(throwing_move::alive() == 0);
        }
    }
}
