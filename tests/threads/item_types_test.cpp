// SPDX-License-Identifier: MIT
#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <item_types.hpp>

#include <weir/executor/executor.hpp>
#include <weir/interop/to_future.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_blocking.hpp>
#include <weir/operators/parallel.hpp>
#include <weir/operators/publish_on.hpp>
#include <weir/operators/subscribe_on.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/send.hpp>
#include <weir/source/from_callback.hpp>
#include <weir/source/iota.hpp>
#include <weir/threads/concurrent_channel.hpp>
#include <weir/threads/offload.hpp>
#include <weir/threads/runtime.hpp>
#include <weir/threads/spawn_on.hpp>
#include <weir/threads/thread_pool.hpp>

namespace {

using namespace support::items;

#define ALL_ITEM_TYPES greedy, move_only, over_aligned, large, throwing_move, const_member

constexpr int n = 20;
constexpr int sum_of_all = n * (n - 1) / 2;

/// The items 0 to n - 1, made on the thread that asks for them.
template <class T>
auto items() {
    return weir::iota(0, n) | weir::map([](int i) { return T(i); });
}

/// The sum of the items that come.
auto sum() {
    return weir::fold(0, [](int before, const auto& item) { return before + item.value(); });
}

template <class T>
class later {
public:
    using result_type = T;

    explicit later(int value) : value_(value) {}

    weir::poll<T> poll_result(weir::context& cx) {
        if (!std::exchange(polled_, true)) return cx.yield();
        return T(value_);
    }

private:
    int value_;
    bool polled_ = false;
};

/// Answers with an item, and lets its next move throw, which is the one to the other side.
class throws_on_the_way {
public:
    using result_type = throwing_move;

    explicit throws_on_the_way(int at) : at_{at} {}

    weir::poll<throwing_move> poll_result(weir::context&) {
        weir::poll<throwing_move> result{throwing_move(1)};
        throwing_move::throw_at(at_);
        return result;
    }

private:
    int at_;
};

class disarmed {
public:
    ~disarmed() { throwing_move::throw_at(0); }
};

} // namespace

TEST_SUITE("threads/item_types") {
    TEST_CASE_TEMPLATE("publish_on, subscribe_on and parallel carry items of every type", T, ALL_ITEM_TYPES) {
        weir::runtime rt{2};
        weir::executor ex;
        CHECK(ex.run(items<T>() | weir::publish_on(rt[0], 4) | sum()) == sum_of_all);
        CHECK(ex.run(items<T>() | weir::subscribe_on(rt[0]) | sum()) == sum_of_all);
        CHECK(ex.run(items<T>() | weir::subscribe_on(rt[0], 4) | sum()) == sum_of_all);
        const auto same = weir::map([](T item) { return item; });
        CHECK(ex.run(items<T>() | weir::parallel(rt, same) | sum()) == sum_of_all);
        CHECK(ex.run(items<T>() | weir::parallel_unordered(rt, same) | sum()) == sum_of_all);
    }

    TEST_CASE_TEMPLATE("spawn_on, offload and to_future return results of every type", T, ALL_ITEM_TYPES) {
        weir::runtime rt{1};
        weir::thread_pool pool{1};
        weir::executor ex;
        for (int i = 0; i != 8; ++i) {
            CHECK(ex.run(weir::spawn_on(rt[0], [i] { return later<T>(i); })).value() == i);
            CHECK(weir::spawn_on(rt[0], [i] { return later<T>(i); }).get().value() == i);
            CHECK(weir::to_future(rt[0], later<T>(i)).get().value() == i);
            CHECK(ex.run(weir::offload(pool, [i] { return T(i); })).value() == i);
        }
        CHECK(ex.run(items<T>() | weir::map_blocking(2, pool, [](T item) { return item; }) | sum()) == sum_of_all);
    }

    TEST_CASE_TEMPLATE("concurrent_channel carries items of every type whose move cannot throw", T, greedy, move_only,
                       over_aligned, large, const_member) {
        weir::executor ex;
        auto [tx, rx] = weir::concurrent_channel<T>(3);
        auto sent = items<T>() | weir::send(std::move(tx));
        CHECK(std::get<1>(ex.run(weir::when_all(std::move(sent), std::move(rx) | sum()))) == sum_of_all);
    }

    TEST_CASE_TEMPLATE("from_callback carries items of every type", T, ALL_ITEM_TYPES) {
        weir::executor ex;
        CHECK(ex.run(weir::from_callback<T>([](weir::emitter<T> out) {
                         for (int i = 0; i != n; ++i) out.emit(T(i));
                         out.end();
                     }) |
                     sum()) == sum_of_all);
    }

    TEST_CASE("over-aligned items stay aligned on their way between threads") {
        weir::runtime rt{1};
        weir::executor ex;
        const int here = over_aligned::misaligned();
        CHECK(ex.run(items<over_aligned>() | weir::publish_on(rt[0], 4) |
                     weir::map([](over_aligned) { return over_aligned::misaligned(); }) |
                     weir::fold(0, [](int before, int misaligned) { return before + misaligned; })) == 0);
        CHECK(ex.run(items<over_aligned>() | weir::subscribe_on(rt[0], 4) | sum()) == sum_of_all);
        CHECK(over_aligned::misaligned() == here);
    }

    TEST_CASE("a result whose move throws on the way to another thread fails the operation") {
        weir::runtime rt{1};
        weir::executor ex;
        int thrown = 0;
        for (int at = 1; at != 8; ++at) {
            try {
                static_cast<void>(ex.run(weir::spawn_on(rt[0], [at] { return throws_on_the_way{at}; })));
            } catch (const throwing_move::thrown&) {
                ++thrown;
            }
            // The other thread may still be told to throw.
            static_cast<void>(weir::spawn_on(rt[0], [] {
                                  throwing_move::throw_at(0);
                                  return later<greedy>(0);
                              }).get());
        }
        CHECK(thrown > 0);
    }

    TEST_CASE("an item whose move throws in a queue between threads fails the stream") {
        const disarmed at_end;
        weir::runtime rt{1};
        weir::executor ex;
        int thrown = 0;
        const auto run_with = [&](auto make) {
            for (int at = 1; at != 12; ++at) {
                throwing_move::throw_at(0);
                try {
                    make(at);
                } catch (const throwing_move::thrown&) {
                    ++thrown;
                }
                throwing_move::throw_at(0);
                static_cast<void>(weir::spawn_on(rt[0], [] {
                                      throwing_move::throw_at(0);
                                      return later<greedy>(0);
                                  }).get());
            }
        };
        const auto armed = [](int at) {
            return weir::iota(0, n) | weir::map([at](int i) {
                       if (i == 3) throwing_move::throw_at(at);
                       return throwing_move(i);
                   });
        };
        run_with([&](int at) { static_cast<void>(ex.run(armed(at) | weir::publish_on(rt[0], 4) | sum())); });
        run_with([&](int at) { static_cast<void>(ex.run(armed(at) | weir::subscribe_on(rt[0], 4) | sum())); });
        run_with([&](int at) {
            const auto same = weir::map([](throwing_move item) { return item; });
            static_cast<void>(ex.run(armed(at) | weir::parallel(rt, same) | sum()));
        });
        CHECK(thrown > 0);
    }
}
