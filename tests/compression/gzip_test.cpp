// SPDX-License-Identifier: MIT
#include <weir/compression/gzip.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <weir/core/stage_outline.hpp>
#include <weir/observe/graph.hpp>
#include <weir/source/just.hpp>

#include "compression/support.hpp"

using compression_test::run;
using weir::compression::flushing;
using weir::compression::gunzip;
using weir::compression::gzip;

namespace {

const compression_test::format gzip_format{[](flushing f) { return gzip(6, f); }, [] { return gunzip(); },
                                           "weir::compression::gunzip"};

} // namespace

TEST_SUITE("compression/gzip") {
    TEST_CASE("gzip: data in any parts, at any level, is the same when it is expanded") {
        gzip_format.round_trips();
        gzip_format.empty_items();
        std::mt19937 random{8};
        const std::string text = compression_test::some_text(random, 20'000);
        for (int level = 0; level != 10; ++level) {
            CHECK(support::text_through({support::text_through({text}, gzip(level))}, gunzip()) == text);
        }
    }

    TEST_CASE("gunzip expands the members of a file, one behind the other") { gzip_format.several_files(); }

    TEST_CASE("gunzip says where a file is cut off") {
        gzip_format.truncated_at_every_byte();
        CHECK(run({}, gunzip()).error == "weir::compression::gunzip: the data is cut off at byte 0");
    }

    TEST_CASE("gunzip: a damaged byte is an error, or changes nothing") {
        gzip_format.damaged_at_every_byte();
        gzip_format.damaged_large_file();
    }

    TEST_CASE("gunzip says where something else follows, or what is no gzip file") {
        gzip_format.followed_by_something_else();
        CHECK(run({"text"}, gunzip()).error == "weir::compression::gunzip: the data is no gzip file at byte 0");
    }

    TEST_CASE("gunzip names a wrong checksum and a wrong length") {
        std::string file = gzip_format.file_of("text");
        const std::size_t size = file.size();
        file[size - 8] = static_cast<char>(file[size - 8] ^ 1);
        const auto checksum = run({file}, gunzip());
        CHECK(checksum.text == "text");
        CHECK(checksum.error == "weir::compression::gunzip: incorrect data check at byte " + std::to_string(size - 4));
        file[size - 8] = static_cast<char>(file[size - 8] ^ 1);
        file[size - 1] = static_cast<char>(file[size - 1] ^ 1);
        CHECK(run({file}, gunzip()).error ==
              "weir::compression::gunzip: incorrect length check at byte " + std::to_string(size));
        try {
            support::text_through({file}, gunzip());
            FAIL("no error");
        } catch (const weir::compression::invalid_data& e) {
            CHECK(e.position() == size);
        }
    }

    TEST_CASE("gunzip: a bomb is expanded as far as the consumer asks, and up to its limit") {
        gzip_format.bombs([](std::uint64_t limit) { return gunzip({.limit = limit}); });
    }

    TEST_CASE("gzip keeps the common contract, follows demand, and may be dropped at any point") {
        gzip_format.contract();
        gzip_format.follows_demand();
        gzip_format.dropped_at_every_item();
    }

    TEST_CASE("gzip: a graph shows what is held at most") {
        const auto drawn = weir::graph(weir::just(std::string{}) | gzip() | gunzip({.limit = 10}));
        const std::size_t block = 64 * 1024;
        const std::vector<weir::held_bound> held{{.items = 1, .bytes = block + (1 << 15)},
                                                 {.items = 1, .bytes = block + (1 << 15)}};
        const std::vector<std::string> names{"gzip", "gunzip"};
        for (std::size_t i = 0; i != 2; ++i) {
            const auto stage = std::ranges::find(drawn.stages(), names[i], &weir::pipeline_graph::stage::name);
            REQUIRE(stage != drawn.stages().end());
            CHECK((stage->held == held[i]));
        }
    }

    TEST_CASE("gzip allocates nothing per item") { gzip_format.allocates_nothing_per_item(); }

    TEST_CASE("gzip refuses levels that there are not") {
        CHECK_THROWS_WITH_AS(gzip(10), "weir::compression::gzip: the level is not in 0 to 9", std::invalid_argument);
        CHECK_THROWS_AS(gzip(-1), std::invalid_argument);
    }
}
