// SPDX-License-Identifier: MIT
#include <weir/source/process_output.hpp>

#include <cerrno>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <unistd.h>

#include <weir/executor/executor.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/lines.hpp>

#include "raw_io.hpp"

using weir::process_output;

namespace {

std::string failure_of(weir::executor& ex, std::string command) {
    try {
        ex.run(process_output({"sh", "-c", std::move(command)}) | weir::drain());
    } catch (const weir::process_failed& e) {
        return e.what();
    }
    return "";
}

} // namespace

TEST_SUITE("source/process_output") {
    TEST_CASE("process_output emits the program's output until it has ended") {
        weir::executor ex;
        const auto text = [](const weir::bytes& line) { return line.to_string(); };
        const auto lines = ex.run(process_output({"printf", "a\\nb\\nc"}) | weir::lines() | weir::map(text) |
                                  weir::to<std::vector<std::string>>());
        CHECK(lines == std::vector<std::string>{"a", "b", "c"});
    }

    TEST_CASE("process_output fails with the program's last errors when it does not exit with 0") {
        weir::executor ex;
        CHECK(failure_of(ex, "echo much; echo why >&2; exit 7") == "weir::process_output: sh exited with 7: why");
        CHECK(failure_of(ex, "kill -TERM $$") == "weir::process_output: sh killed by signal 15 (TERM)");
        try {
            ex.run(process_output({"sh", "-c", "seq 100000 >&2; exit 1"}) | weir::drain());
            FAIL("it succeeded");
        } catch (const weir::process_failed& e) {
            CHECK(e.status().code == 1);
            CHECK(e.error_output().size() == 4096);
            CHECK(e.error_output().ends_with("100000\n"));
        }
    }

    TEST_CASE("process_output emits the program's output before its failure") {
        weir::executor ex;
        auto stream = process_output({"sh", "-c", "echo first; exit 1"});
        auto first = ex.run(weir::next(stream));
        REQUIRE(first.has_value());
        CHECK(*first == "first\n");
        CHECK_THROWS_AS(ex.run(weir::next(stream)), weir::process_failed);
    }

    TEST_CASE("process_output emits the error stream together with the output if requested") {
        weir::executor ex;
        const auto text =
            ex.run(process_output({"sh", "-c", "echo a; echo b >&2"}, {.err = weir::stdio::output}) |
                   weir::fold(std::string{}, [](std::string all, const weir::bytes& b) { return all += b.view(); }));
        CHECK(text == "a\nb\n");
    }

    TEST_CASE("process_output kills its program when it is dropped and leaves no descriptor") {
        weir::executor ex;
        const std::size_t before = support::open_descriptors();
        std::optional stream{process_output({"sh", "-c", "echo $$; exec sleep 1000"})};
        const auto line = ex.run(weir::next(*stream));
        REQUIRE(line.has_value());
        const pid_t child = std::stoi(line->to_string());
        CHECK(::kill(child, 0) == 0);
        stream.reset();
        CHECK(::kill(child, 0) < 0);
        CHECK(errno == ESRCH);
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("process_output drops an endless program when its consumer ends") {
        weir::executor ex;
        const auto count = ex.run(process_output({"yes"}) | weir::lines() | weir::take(1000) |
                                  weir::fold(0, [](int n, const weir::bytes& line) { return n + (line == "y"); }));
        CHECK(count == 1000);
        CHECK(ex.io().in_flight() == 0);
    }

    TEST_CASE("process_output fails at the first poll if the program does not exist") {
        weir::executor ex;
        CHECK(support::system_error_of([&] { return ex.run(process_output({"no-such-program"}) | weir::drain()); }) ==
              "spawn no-such-program: No such file or directory");
    }

    TEST_CASE("process_output rejects arguments that make no sense") {
        CHECK_THROWS_AS(process_output({}), std::invalid_argument);
        CHECK_THROWS_AS(process_output({"cat"}, {.in = weir::stdio::pipe}), std::invalid_argument);
    }
}
