// SPDX-License-Identifier: MIT
#include <weir/operators/hex.hpp>

#include <cstddef>
#include <map>
#include <random>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/operators/map.hpp>
#include <weir/testing/marbles.hpp>

#include "self_drop.hpp"
#include "text_parts.hpp"

using support::in_parts;
using support::text_through;
using weir::hex_decode;
using weir::hex_encode;

TEST_SUITE("operators/hex") {
    TEST_CASE("hex of bytes that arrive in any parts gives the bytes again") {
        std::mt19937 random{16};
        for (std::size_t size = 0; size != 200; ++size) {
            std::string bytes(size, '\0');
            for (char& c : bytes) c = static_cast<char>(random());
            const std::string digits = text_through(in_parts(random, bytes), hex_encode());
            CHECK(digits.size() == 2 * size);
            CHECK(text_through(in_parts(random, digits), hex_decode()) == bytes);
        }
    }

    TEST_CASE("hex_decode leaves out white space, takes both cases, and refuses what is no digit at its position") {
        CHECK(text_through({"4a 4B\n"}, hex_decode()) == "JK");
        CHECK_THROWS_WITH_AS(text_through({"4a4"}, hex_decode()),
                             "weir::hex_decode: no hexadecimal digit at character 3", weir::invalid_hex);
        CHECK_THROWS_WITH_AS(text_through({"4", "g"}, hex_decode()),
                             "weir::hex_decode: no hexadecimal digit at character 1", weir::invalid_hex);
    }

    TEST_CASE("hex emits a part for each item, and an error in place of the end when a digit is missing") {
        weir::testing::marbles m;
        const std::map<char, std::string> names{{'a', "abcd"}, {'b', "e"}, {'c', "616"}, {'d', ""}};
        CHECK(m.play(m.hot("-a-b-d-|", names) | hex_encode()) == "-<61626364>-<65>---|");
        CHECK(m.play(m.hot("-a-#", names) | hex_encode()) == "-<61626364>-#");
        CHECK(m.play(m.hot("-c-|", names) | hex_decode()) == "-a-#");
    }

    TEST_CASE("hex may be dropped by its upstream") {
        support::drop_erased_from_within([](auto s) {
            auto text = std::move(s) | weir::map([](int i) { return std::to_string(i); }) | hex_encode() | hex_decode();
            return weir::async_stream{std::move(text) | weir::map([](const std::string&) { return 1; })};
        });
    }
}
