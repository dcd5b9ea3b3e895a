// SPDX-License-Identifier: MIT
#include <weir/operators/handle.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;

namespace {

/// Emits x as often as x says.
constexpr auto as_often = [](int x, const auto& emit) {
    for (int i = 0; i != x; ++i) emit(x);
};
/// Emits pairs as numbers of two digits, and a last one without a partner.
auto in_pairs() {
    return weir::handle<int>(
        0,
        [](int& held, int x, const auto& emit) {
            if (held == 0) {
                held = x;
            } else {
                emit(std::exchange(held, 0) * 10 + x);
            }
        },
        [](int held, const auto& emit) {
            if (held != 0) emit(held);
        });
}

} // namespace

TEST_SUITE("operators/handle") {
    TEST_CASE("handle emits none, one or many items for each, and what is left at the end") {
        marbles m;
        CHECK(m.play(m.cold<int>("-1-0-3|") | weir::handle<int>(as_often)) == "-1---[333]|");
        CHECK(m.play(m.cold<int>("-1-#") | weir::handle<int>(as_often)) == "-1-#");
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 4) | weir::handle<int>(as_often) | weir::take(4) | weir::to<std::vector>()) ==
              std::vector{1, 2, 2, 3});
        CHECK(ex.run(weir::iota(1, 6) | in_pairs() | weir::to<std::vector>()) == std::vector{12, 34, 5});
        CHECK(ex.run(weir::iota(1, 5) | in_pairs() | weir::to<std::vector>()) == std::vector{12, 34});
        CHECK(ex.run(weir::empty<int>() | in_pairs() | weir::to<std::vector>()).empty());
        CHECK(m.play(m.cold<int>("-1-#") | in_pairs()) == "---#");
        CHECK(m.play(m.cold<int>("-3-1|") | weir::handle<int>(as_often) | weir::take(2)) == "-[33|]");
    }

    TEST_CASE("handle asks for an item when all it has emitted was taken, and fails with its functions") {
        virtual_executor ex;
        probe<int> source;
        for (const int x : {3, 1}) source.push(x);
        probe_sink sink{ex, source.stream() | weir::handle<int>(as_often)};
        sink.request(3);
        ex.run_ready();
        CHECK(sink.items() == std::vector{3, 3, 3});
        CHECK(source.polls() == 1);
        const auto throws = [](int x, const auto& emit) {
            emit(x);
            if (x == 2) throw std::runtime_error{"two"};
        };
        marbles m;
        CHECK(m.play(m.cold<int>("-1-2-3|") | weir::handle<int>(throws)) == "-1-[2#]");
        std::vector<int> seen;
        const auto see = [&](int x) { seen.push_back(x); };
        CHECK_THROWS_WITH(ex.run(weir::iota(1, 4) | weir::handle<int>(throws) | weir::for_each(see)), "two");
        CHECK(seen == std::vector{1, 2});
        const auto nothing = [](int, int, const auto&) {};
        const auto throws_at_end = [](int, const auto&) { throw std::runtime_error{"end"}; };
        CHECK_THROWS_WITH(ex.run(weir::iota(0, 2) | weir::handle<int>(0, nothing, throws_at_end) | weir::drain()),
                          "end");
    }

    TEST_CASE("handle keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::handle<int>([](int x, const auto& emit) { emit(x); }); }) == "");
        CHECK(check_contract([] { return in_pairs(); }, {.prefetch = 100, .ends_with_upstream = false}) == "");
    }

    TEST_CASE("handle agrees with a vector, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, 1, 4);
            std::vector<int> often;
            for (const int x : numbers) often.insert(often.end(), static_cast<std::size_t>(x), x);
            CHECK(support::arrive_at_random(random, numbers, weir::handle<int>(as_often)) == often);
        }
    }

    TEST_CASE("handle allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::handle<int>([](const auto&, const auto& emit) { emit(1); }) |
                         weir::drain());
              }) == 0);
    }
}
