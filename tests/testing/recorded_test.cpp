// SPDX-License-Identifier: MIT
#include <weir/testing/recorded.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <doctest/doctest.h>

#include <temporary_file.hpp>
#include <weir/observe/meter.hpp>
#include <weir/observe/trace.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::testing::recorded_marble_test;

namespace {

/// Runs a pipeline under virtual time, and writes its trace.
template <class Pipeline>
void record(const std::string& path, Pipeline pipeline) {
    weir::testing::virtual_executor ex;
    const weir::trace recorded{ex, std::make_shared<weir::trace_file>(path), {.one_in = 1}};
    try {
        ex.run(std::move(pipeline));
    } catch (const std::exception&) { // is in the record
    }
}

/// "a", "b", ...
std::string letter(std::uint64_t n) { return std::string(1, static_cast<char>('a' + n)); }
std::string number(std::uint64_t n) { return std::to_string(n * 9); }

std::string named(std::uint64_t n) {
    if (n == 2) throw std::runtime_error{"2 \"is\" bad\\"};
    return "<" + std::to_string(n) + "> \\ \"";
}
std::string itself(const std::string& text) { return text; }

} // namespace

TEST_SUITE("testing/recorded") {
    TEST_CASE("recorded_marble_test: characters, in ticks that divide their times") {
        const support::temporary_file file;
        record(file.path(), weir::interval(20ms) | weir::take(3) | weir::meter("in", letter) |
                                weir::map([](std::uint64_t n) { return n + 1; }) | weir::meter("out", letter) |
                                weir::drain());
        CHECK(recorded_marble_test(file.path(), "in") ==
              "    // \"in\" in a recorded run; op: map, up to \"out\"\n"
              "    weir::testing::marbles m{std::chrono::milliseconds{20}};\n"
              "    auto upstream = m.hot(\"-ab[c|]\");\n"
              "    CHECK(weir::testing::without_ticks(m.play(std::move(upstream) | op)) == \"bcd|\");\n");
        CHECK(recorded_marble_test(file.path(), "out") ==
              "    // \"out\" in a recorded run\n"
              "    weir::testing::marbles m{std::chrono::milliseconds{20}};\n"
              "    auto upstream = m.hot(\"-bc[d|]\");\n"
              "    m.play(std::move(upstream) | op);\n");
        // The text above as code.
        const auto op = weir::map([](char c) { return static_cast<char>(c + 1); });
        weir::testing::marbles m{std::chrono::milliseconds{20}};
        auto upstream = m.hot("-ab[c|]");
        CHECK(weir::testing::without_ticks(m.play(std::move(upstream) | op)) == "bcd|");
    }

    TEST_CASE("recorded_marble_test: texts with special characters, and an error") {
        const support::temporary_file file;
        record(file.path(), weir::interval(1ms) | weir::map(named) | weir::meter("in", itself) | weir::drain());
        CHECK(
            recorded_marble_test(file.path(), "in") ==
            "    // \"in\" in a recorded run\n"
            "    weir::testing::marbles m;\n"
            "    auto upstream = m.hot<std::string>(\"-ab#\", {{'a', \"<0> \\\\ \\\"\"}, {'b', \"<1> \\\\ \\\"\"}});\n"
            "    m.play(std::move(upstream) | op); // failed: 2 \"is\" bad\\.\n");
    }

    TEST_CASE("recorded_marble_test: integers, and a stage that others flow into as well") {
        auto left = weir::interval(10ms) | weir::take(3) | weir::meter("left", number);
        auto right = weir::interval(10ms) | weir::take(1) | weir::meter("right", number);
        const support::temporary_file file;
        record(file.path(),
               weir::merge(std::move(left), std::move(right)) | weir::meter("all", number) | weir::drain());
        CHECK(recorded_marble_test(file.path(), "left") ==
              "    // \"left\" in a recorded run\n"
              "    weir::testing::marbles m{std::chrono::milliseconds{10}};\n"
              "    auto upstream = m.hot<int>(\"-09[a|]\", {{'a', 18}});\n"
              "    m.play(std::move(upstream) | op);\n");
    }

    TEST_CASE("recorded_marble_test: the last items of a long record, without an expectation") {
        const support::temporary_file file;
        record(file.path(), weir::interval(1ms) | weir::take(500) | weir::meter("in", number) |
                                weir::meter("out", number) | weir::drain());
        const std::string three = recorded_marble_test(file.path(), "in", {.most_items = 3});
        CHECK(three == "    // \"in\" in a recorded run, the last 3 of 500 items; op: nothing, up to \"out\"\n"
                       "    weir::testing::marbles m;\n"
                       "    auto upstream = m.hot<int>(\"ab[c|]\", {{'a', 4473}, {'b', 4482}, {'c', 4491}});\n"
                       "    m.play(std::move(upstream) | op);\n");
        CHECK(recorded_marble_test(file.path(), "in").find("the last 52 of 500 items") != std::string::npos);
    }

    TEST_CASE("recorded_marble_test: times without a common tick are rounded") {
        weir::testing::virtual_executor ex;
        const support::temporary_file file;
        {
            const weir::trace recorded{ex, std::make_shared<weir::trace_file>(file.path()), {.one_in = 1}};
            ex.run(weir::interval(333'333'333ns) | weir::take(2) | weir::meter("in", letter) | weir::drain());
            ex.run(weir::interval(1s + 7ns) | weir::take(2) | weir::meter("late", letter) | weir::drain());
        }
        CHECK(recorded_marble_test(file.path(), "in").find("nanoseconds{333333333}") != std::string::npos);
        std::ofstream{file.path(), std::ios::app}
            << R"({"ph":"i","cat":"item","pid":1,"tid":1,"ts":0.001,"args":{"stage":9,"text":"x"}})";
        CHECK(recorded_marble_test(file.path(), "late").find("\"-a[b|]\"") != std::string::npos);
    }

    TEST_CASE("recorded_marble_test: rejects what it cannot use") {
        const support::temporary_file file;
        record(file.path(), weir::iota(0, 3) | weir::meter("without texts") | weir::drain());
        CHECK_THROWS_WITH_AS(recorded_marble_test("/nonexistent/run.json", "in"),
                             "weir::recorded_marble_test: open /nonexistent/run.json: No such file or directory",
                             std::system_error);
        CHECK_THROWS_WITH_AS(recorded_marble_test(file.path(), "other"),
                             ("weir::recorded_marble_test: " + file.path() + " has no recorded stage other").c_str(),
                             std::invalid_argument);
        CHECK_THROWS_AS(recorded_marble_test(file.path(), "without texts"), std::invalid_argument);
        CHECK_THROWS_AS(recorded_marble_test(file.path(), "in", {.most_items = 0}), std::invalid_argument);
    }
}
