// SPDX-License-Identifier: MIT
#include <weir/source/frames.hpp>

#include <bit>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/executor.hpp>
#include <weir/io/tcp.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"
#include "raw_io.hpp"

using namespace std::string_literals;

namespace {

/// In pieces of that size.
auto input(const std::string& text, std::size_t piece) {
    std::vector<weir::bytes> parts;
    for (std::size_t i = 0; i < text.size(); i += piece) parts.emplace_back(std::string_view{text}.substr(i, piece));
    return weir::from_range(std::move(parts));
}

std::vector<std::string> frames_of(const std::string& text, std::size_t piece, weir::frames_options options) {
    weir::testing::virtual_executor ex;
    return ex.run(input(text, piece) | weir::frames(options) |
                  weir::map([](const weir::bytes& frame) { return frame.to_string(); }) |
                  weir::to<std::vector<std::string>>());
}

} // namespace

TEST_SUITE("source/frames") {
    TEST_CASE("frames emits frames without their lengths, for any pieces of input") {
        const std::string text = "\0\3abc\0\0\0\1d\0\5efghi"s;
        for (std::size_t piece = 1; piece != text.size() + 1; ++piece) {
            CAPTURE(piece);
            CHECK(frames_of(text, piece, {.prefix = 2}) == std::vector<std::string>{"abc", "", "d", "efghi"});
        }
        CHECK(frames_of("", 1, {}).empty());
    }

    TEST_CASE("frames accepts lengths of any size in either byte order") {
        CHECK(frames_of("\2ab\0\1c"s, 100, {.prefix = 1}) == std::vector<std::string>{"ab", "", "c"});
        CHECK(frames_of("\0\0\0\2ab"s, 100, {}) == std::vector<std::string>{"ab"});
        CHECK(frames_of("\2\0\0ab"s, 2, {.prefix = 3, .order = std::endian::little}) == std::vector<std::string>{"ab"});
        const std::string much(300, 'x');
        CHECK(frames_of("\x2c\1"s + much, 7, {.prefix = 2, .order = std::endian::little}) ==
              std::vector<std::string>{much});
        CHECK(frames_of("\0\0\0\0\0\0\1\x2c"s + much, 7, {.prefix = 8}) == std::vector<std::string>{much});
    }

    TEST_CASE("frames fails at the length of a frame that is too long and names the limit") {
        CHECK(frames_of("\0\3abc"s, 1, {.limit = 3, .prefix = 2}) == std::vector<std::string>{"abc"});
        CHECK_THROWS_WITH_AS(frames_of("\0\1a\0\4"s, 1, {.limit = 3, .prefix = 2}),
                             "weir::frames: frame 2 has 4 bytes, more than 3", weir::limit_exceeded);
        CHECK_THROWS_WITH_AS(frames_of("\xff\xff\xff\xff\xff\xff\xff\xff"s, 3, {.prefix = 8}),
                             "weir::frames: frame 1 has 18446744073709551615 bytes, more than 1048576",
                             weir::limit_exceeded);
    }

    TEST_CASE("frames emits the frames before an error") {
        weir::testing::virtual_executor ex;
        auto stream = input("\1a\7"s, 100) | weir::frames({.limit = 6, .prefix = 1});
        CHECK(ex.run(weir::next(stream)).value() == "a");
        CHECK_THROWS_AS(ex.run(weir::next(stream)), weir::limit_exceeded);
    }

    TEST_CASE("frames fails at an end of input inside a frame") {
        CHECK_THROWS_WITH_AS(frames_of("\0\1a\0"s, 1, {.prefix = 2}), "weir::frames: the input ends within frame 2",
                             weir::incomplete_frame);
        CHECK_THROWS_AS(frames_of("\0\3ab"s, 100, {.prefix = 2}), weir::incomplete_frame);
        CHECK_THROWS_AS(frames_of("\0\3ab"s, 1, {.prefix = 2}), weir::incomplete_frame);
    }

    TEST_CASE("frames reads from a socket") {
        weir::executor ex;
        auto pair = support::connect_pair(ex);
        ex.run(pair.client.write("\0\0\0\5hello"s));
        auto stream = weir::frames(pair.server);
        CHECK(ex.run(weir::next(stream)).value() == "hello");
        pair.client.close();
        CHECK_FALSE(ex.run(weir::next(stream)).has_value());
    }

    TEST_CASE("frames rejects a length prefix of size 0") {
        CHECK_THROWS_AS(weir::frames({.prefix = 0}), std::invalid_argument);
        CHECK_THROWS_AS(weir::frames({.prefix = 9}), std::invalid_argument);
    }

    TEST_CASE("frames allocates nothing per frame") {
        const weir::bytes one{"\3abc\2de"};
        CHECK(support::allocations_for_more_items([&](int n) {
                  weir::testing::virtual_executor ex;
                  ex.run(weir::iota(0, n) |
                         weir::map([&](int i) { return one.slice(i % 2 == 0 ? 0 : 4, i % 2 == 0 ? 4 : 3); }) |
                         weir::frames({.prefix = 1}) | weir::drain());
              }) == 0);
    }
}
