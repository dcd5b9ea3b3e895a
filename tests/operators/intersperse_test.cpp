// SPDX-License-Identifier: MIT
#include <weir/operators/intersperse.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;

namespace {

std::vector<int> with_separator(const std::vector<int>& numbers) {
    std::vector<int> result;
    for (const int x : numbers) {
        if (!result.empty()) result.push_back(0);
        result.push_back(x);
    }
    return result;
}

} // namespace

TEST_SUITE("operators/intersperse") {
    TEST_CASE("intersperse delivers the separator when the item after it has arrived") {
        marbles m;
        CHECK(m.play(m.cold("-a-b--c|") | weir::intersperse(',')) == "-a-[,b]--[,c]|");
        CHECK(m.play(m.cold("-a|") | weir::intersperse(',')) == "-a|");
        CHECK(m.play(weir::empty<char>() | weir::intersperse(',')) == "|");
        CHECK(m.play(m.cold("-a-#") | weir::intersperse(',')) == "-a-#");
        CHECK(m.play(m.cold("-a-b|") | weir::intersperse(',') | weir::take(2)) == "-a-[,|]");
    }

    TEST_CASE("intersperse holds an item while only its separator was asked for") {
        virtual_executor ex;
        probe<int> source;
        for (const int x : {1, 2}) source.push(x);
        probe_sink sink{ex, source.stream() | weir::intersperse(0)};
        sink.request(2);
        ex.run_ready();
        CHECK(sink.items() == std::vector{1, 0});
        CHECK(source.polls() == 2);
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == std::vector{1, 0, 2});
        CHECK(source.polls() == 2);
    }

    TEST_CASE("intersperse destroys the item that it holds with its consumer") {
        virtual_executor ex;
        const auto held = std::make_shared<int>(1);
        probe<std::shared_ptr<int>> source;
        {
            probe_sink sink{ex, source.stream() | weir::intersperse(std::shared_ptr<int>{})};
            source.push(nullptr);
            source.push(held);
            sink.request(2);
            ex.run_ready();
            CHECK(sink.items().size() == 2);
            CHECK(held.use_count() == 2);
        }
        CHECK(held.use_count() == 1);
        CHECK(source.dropped());
    }

    TEST_CASE("intersperse keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::intersperse(7); }, {.copies = 100}) == "");
    }

    TEST_CASE("intersperse agrees with a vector, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, 1, 4);
            CHECK(support::arrive_at_random(random, numbers, weir::intersperse(0)) == with_separator(numbers));
        }
    }

    TEST_CASE("intersperse allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::intersperse(0) | weir::drain());
              }) == 0);
    }
}
