// SPDX-License-Identifier: MIT
#include <weir/testing/marbles.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/pairwise.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>

using weir::testing::marbles;
using weir::testing::without_ticks;

namespace {

struct busy_stream {
    using value_type = int;

    static weir::poll<int> poll_next(weir::context& cx) { return cx.yield(); }
};

} // namespace

TEST_SUITE("testing/marbles") {
    TEST_CASE("marbles draws a diagram as it was written") {
        for (const char* diagram : {"|", "#", "a|", "a-b-c|", "--a--#", "[ab]-c|", "a-[b|]", "...", "-a-b..."}) {
            marbles m;
            CHECK(m.play(m.hot(diagram)) == diagram);
        }
    }

    TEST_CASE("marbles starts a cold stream at its first poll and a hot one with the test") {
        marbles m;
        auto hot = m.hot("a-b|");
        auto cold = m.cold("a-b|");
        m.executor().advance(m.ticks(3));
        CHECK(m.play(std::move(hot)) == "[ab|]");
        CHECK(m.play(std::move(cold)) == "a-b|");
    }

    TEST_CASE("marbles: letters name values, and errors have names") {
        marbles m;
        m.error('X', std::runtime_error{"lost"});
        CHECK(m.play(m.hot<int>("1-a-X", {{'a', 12}})) == "1-<12>-X");
        CHECK(m.play(m.hot<std::string>("a|", {{'a', "word"}})) == "<word>|");
        CHECK(m.play(m.hot("a-b|") | weir::map([](char c) { return std::vector<char>{c, c}; })) == "(aa)-(bb)|");
    }

    TEST_CASE("marbles draws numbers with a fraction with the fewest digits that tell them from all others") {
        marbles m;
        CHECK(m.play(m.hot<double>("12a|", {{'a', 0.1}})) == "12<0.1>|");
        CHECK(m.play(m.hot<float>("ab|", {{'a', 0.1f}, {'b', -1e20f}})) == "<0.1><-1e+20>|");
        CHECK(m.play(m.hot<double>("1-3|") | weir::pairwise() |
                     weir::map([](const auto& two) { return (two.first + two.second) / 4; })) == "--1|");
    }

    TEST_CASE("marbles plays an endless stream for a given time") {
        marbles m;
        std::string diagram;
        for (int i = 0; i != 40; ++i) diagram += "a-";
        CHECK(m.play(m.hot(diagram), 5) == "a-a-a...");
    }

    TEST_CASE("marbles: a consumer asks as its diagram says") {
        for (const auto how : {weir::testing::asking::one_by_one, weir::testing::asking::in_a_loop}) {
            const auto play = [&](const char* diagram, const char* asks) {
                marbles m;
                return m.play(m.hot(diagram), {.asks = asks, .how = how});
            };
            CHECK(play("abcde|", "*") == "abcde|");
            CHECK(play("abcde|", "2---*") == "ab--[cde]|");
            CHECK(play("abcde|", "-1-2") == "-a-[bc]...");
            CHECK(play("ab|", "2") == "ab...");
            CHECK(play("ab|", "3") == "ab|");
            CHECK(play("abcde|", "*--!") == "abc!");
            CHECK(play("-a", "1-!") == "-a!");
            CHECK(play("a", "!") == "!");
            CHECK(play("a|", "*---!") == "a|");
            CHECK(play("a|", "") == "...");
        }
        marbles m;
        CHECK_THROWS_WITH(m.play(m.hot("a|"), {.asks = "1a"}),
                          "marbles: the consumer \"1a\", character 2: neither -, a digit from 1, *, nor !");
        CHECK_THROWS_WITH(m.play(m.hot("a|"), {.asks = "!1"}),
                          "marbles: the consumer \"!1\", character 1: nothing comes after the drop");
    }

    TEST_CASE("marbles drops a stream where its consumer says so") {
        marbles m;
        weir::testing::probe<int> source;
        CHECK(m.play(source.stream(), {.asks = "*-!"}) == "--!");
        CHECK(source.dropped());
        CHECK_FALSE(source.waiting());
    }

    TEST_CASE("marbles shuffles wakers that are ready together") {
        const auto order_of = [](std::optional<std::uint64_t> seed) {
            marbles m;
            if (seed) m.shuffle(*seed);
            std::string order;
            const auto note = [&](char name) -> weir::task<> {
                order += name;
                co_return;
            };
            auto a = m.executor().spawn(note('a'));
            auto b = m.executor().spawn(note('b'));
            CHECK(m.play(m.hot("|")) == "|");
            return order;
        };
        CHECK(order_of({}) == "ab");
        bool other_order = false;
        for (std::uint64_t seed = 1; seed != 20; ++seed) {
            CHECK(order_of(seed) == order_of(seed));
            other_order = other_order || order_of(seed) == "ba";
        }
        CHECK(other_order);
    }

    TEST_CASE("marbles stops a stream that wakes itself without end") {
        marbles m;
        CHECK_THROWS_WITH_AS(m.play(busy_stream{}),
                             "marbles: the stream wakes itself or its consumer again and again at tick 0",
                             std::logic_error);
    }

    TEST_CASE("without_ticks keeps the items and the end") {
        CHECK(without_ticks("--a-[bc]-|") == "abc|");
        CHECK(without_ticks("<-1>-(a-)...") == "<-1>(a-)");
        CHECK(without_ticks("a-!") == "a");
        CHECK(without_ticks("#") == "#");
    }

    TEST_CASE("marbles rejects an item without a value when the stream is made") {
        marbles m;
        CHECK_THROWS_WITH_AS(m.hot<int>("1-x|"), "marbles: \"1-x|\": there is no value named x", std::invalid_argument);
        CHECK_THROWS_AS(m.cold<std::string>("1|", {{'a', "word"}}), std::invalid_argument);
    }

    TEST_CASE("marbles rejects an invalid diagram with the position of the fault") {
        CHECK_THROWS_WITH(weir::testing::parse_marbles("a[b"), "marbles: \"a[b\": a group is not closed");
        CHECK_THROWS_WITH(weir::testing::parse_marbles("a|b"),
                          "marbles: \"a|b\", character 3: nothing comes after the end");
        CHECK_THROWS_WITH(weir::testing::parse_marbles("[a-]"),
                          "marbles: \"[a-]\", character 3: time does not pass in a group");
    }
}
