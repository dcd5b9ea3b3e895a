// SPDX-License-Identifier: MIT
#include <weir/observe/histogram.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

using weir::duration;
using weir::histogram;
using namespace std::chrono_literals;

TEST_SUITE("observe/histogram") {
    TEST_CASE("histogram: quantiles are within 1/32 of those of the sorted durations") {
        std::mt19937_64 random{7};
        std::uniform_int_distribution<int> bits{0, 44};
        histogram all;
        histogram half;
        std::vector<std::int64_t> sorted;
        for (int i = 0; i != 5000; ++i) {
            const auto value = static_cast<std::int64_t>(random() >> (63 - bits(random))) / 4;
            sorted.push_back(value);
            (i % 2 == 0 ? all : half).add(duration{value});
        }
        all += half;
        std::ranges::sort(sorted);
        CHECK(all.count() == 5000);
        CHECK(all.max() == duration{sorted.back()});
        for (int percent = 1; percent <= 100; ++percent) {
            const auto exact = static_cast<double>(sorted[static_cast<std::size_t>(percent * 50 - 1)]);
            const auto found = static_cast<double>(all.quantile(percent / 100.0).count());
            CAPTURE(percent);
            CHECK(found <= exact + exact / 32);
            CHECK(found >= exact - exact / 32);
        }
    }

    TEST_CASE("histogram: small durations are exact, and negative ones are zero") {
        histogram h;
        for (int i = 0; i != 32; ++i) h.add(duration{i});
        CHECK(h.quantile(0.5) == 15ns);
        CHECK(h.quantile(1) == 31ns);
        CHECK(h.mean() == 15ns);
        h.add(-5s);
        CHECK(h.quantile(0) == 0ns);
        CHECK(h.count() == 33);
        CHECK(h.sum() == 496ns);
        h.add(10'000h);
        CHECK(h.quantile(1) == 10'000h);
    }

    TEST_CASE("histogram: nothing has no duration, and a quantile is a share") {
        const histogram h;
        CHECK(h.quantile(0.99) == 0ns);
        CHECK(h.mean() == 0ns);
        CHECK_THROWS_AS(static_cast<void>(h.quantile(1.01)), std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(h.quantile(-0.1)), std::invalid_argument);
    }
}
