// SPDX-License-Identifier: MIT
#include <weir/compression/zstd.hpp>

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
using weir::compression::zstd_compress;
using weir::compression::zstd_decompress;

namespace {

// Level 1 and a small limit for the window: damaged headers ask for large ones.
const compression_test::format zstd_format{[](flushing f) { return zstd_compress(1, f); },
                                           [] { return zstd_decompress({.window_log = 23}); },
                                           "weir::compression::zstd_decompress"};

} // namespace

TEST_SUITE("compression/zstd") {
    TEST_CASE("zstd: data in any parts, at any level, is the same when it is expanded") {
        zstd_format.round_trips();
        zstd_format.empty_items();
        std::mt19937 random{8};
        const std::string text = compression_test::some_text(random, 20'000);
        for (int level = 1; level <= 19; level += 3) {
            CHECK(support::text_through({support::text_through({text}, zstd_compress(level))},
                                        zstd_decompress({.window_log = 23})) == text);
        }
    }

    TEST_CASE("zstd_decompress expands several frames, and leaves out skippable ones") {
        zstd_format.several_files();
        const std::string skippable{"\x5a\x2a\x4d\x18\x03\0\0\0abc", 11};
        const std::string file = zstd_format.file_of("text");
        CHECK(support::text_through({skippable + file + skippable + file}, zstd_decompress()) == "texttext");
    }

    TEST_CASE("zstd_decompress says where a frame is cut off") {
        zstd_format.truncated_at_every_byte();
        CHECK(run({}, zstd_decompress()).error == "weir::compression::zstd_decompress: the data is cut off at byte 0");
    }

    TEST_CASE("zstd_decompress: a damaged byte is an error, or changes nothing") {
        zstd_format.damaged_at_every_byte();
        zstd_format.damaged_large_file();
    }

    TEST_CASE("zstd_decompress says where something else follows, or what is no frame") {
        zstd_format.followed_by_something_else();
        CHECK(run({"text"}, zstd_decompress()).error ==
              "weir::compression::zstd_decompress: the data is no frame of zstd at byte 0");
    }

    TEST_CASE("zstd_decompress names a wrong checksum") {
        std::string file = zstd_format.file_of("text");
        file.back() = static_cast<char>(file.back() ^ 1);
        const auto made = run({file}, zstd_decompress());
        CHECK(made.text == "text");
        CHECK(made.error == "weir::compression::zstd_decompress: Restored data doesn't match checksum at byte " +
                                std::to_string(file.size() - 4));
    }

    TEST_CASE("zstd_decompress: a bomb is expanded as far as the consumer asks, and up to its limits") {
        zstd_format.bombs([](std::uint64_t limit) { return zstd_decompress({.limit = limit}); });
        // Levels 20 and higher have windows beyond 8 MiB.
        const std::string file = support::text_through({"text"}, zstd_compress(20));
        CHECK(run({file}, zstd_decompress({.window_log = 25})).text == "text");
        const auto refused = run({file}, zstd_decompress({.window_log = 24}));
        CHECK(refused.text == "");
        CHECK(refused.error.starts_with("weir::compression::zstd_decompress: Frame requires too much memory"));
    }

    TEST_CASE("zstd keeps the common contract, follows demand, and may be dropped at any point") {
        zstd_format.contract();
        zstd_format.follows_demand();
        zstd_format.dropped_at_every_item();
    }

    TEST_CASE("zstd: a graph shows what is held at most") {
        const auto drawn =
            weir::graph(weir::just(std::string{}) | zstd_compress(19) | zstd_decompress({.window_log = 20}));
        const std::size_t block = 64 * 1024;
        const std::vector<weir::held_bound> held{{.items = 1, .bytes = block + (1 << 23)},
                                                 {.items = 1, .bytes = block + (1 << 20)}};
        const std::vector<std::string> names{"zstd_compress", "zstd_decompress"};
        for (std::size_t i = 0; i != 2; ++i) {
            const auto stage = std::ranges::find(drawn.stages(), names[i], &weir::pipeline_graph::stage::name);
            REQUIRE(stage != drawn.stages().end());
            CHECK((stage->held == held[i]));
        }
    }

    TEST_CASE("zstd allocates nothing per item") { zstd_format.allocates_nothing_per_item(); }

    TEST_CASE("zstd refuses levels and windows that there are not") {
        CHECK_THROWS_WITH_AS(zstd_compress(0), "weir::compression::zstd_compress: the level is not in 1 to 22",
                             std::invalid_argument);
        CHECK_THROWS_AS(zstd_compress(23), std::invalid_argument);
        CHECK_THROWS_AS(zstd_decompress({.window_log = 9}), std::invalid_argument);
        CHECK_THROWS_AS(zstd_decompress({.window_log = 31}), std::invalid_argument);
    }
}
