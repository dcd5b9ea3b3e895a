// SPDX-License-Identifier: MIT
#include <weir/testing/marbles.hpp>

#include <doctest/doctest.h>

#include <weir/operators/map.hpp>

using weir::testing::marbles;

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

    TEST_CASE("marbles plays an endless stream for a given time") {
        marbles m;
        std::string diagram;
        for (int i = 0; i != 40; ++i) diagram += "a-";
        CHECK(m.play(m.hot(diagram), 5) == "a-a-a...");
    }

    TEST_CASE("marbles rejects an invalid diagram with the position of the fault") {
        CHECK_THROWS_WITH(weir::testing::parse_marbles("a[b"), "marbles: \"a[b\": a group is not closed");
        CHECK_THROWS_WITH(weir::testing::parse_marbles("a|b"),
                          "marbles: \"a|b\", character 3: nothing comes after the end");
        CHECK_THROWS_WITH(weir::testing::parse_marbles("[a-]"),
                          "marbles: \"[a-]\", character 3: time does not pass in a group");
    }
}
