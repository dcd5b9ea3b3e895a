// SPDX-License-Identifier: MIT
#include <weir/io/process.hpp>

#include <chrono>
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
#include <weir/scope/when_all.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/just.hpp>
#include <weir/source/read.hpp>
#include <weir/task.hpp>

#include "raw_io.hpp"
#include "temporary_directory.hpp"

using weir::spawn_process;
using weir::stdio;

namespace {

std::string all_of(weir::executor& ex, weir::file& from) {
    return ex.run(weir::read(from) | weir::fold(std::string{}, [](std::string text, const weir::bytes& more) {
                      return text += more.view();
                  }));
}

bool exists(int process) { return ::kill(process, 0) == 0; }

weir::child_process shell(weir::executor& ex, std::string command, weir::process_options options = {}) {
    return ex.run(spawn_process({"sh", "-c", std::move(command)}, std::move(options)));
}

} // namespace

TEST_SUITE("io/process") {
    TEST_CASE("process: a program reads its input and writes its output through pipes") {
        weir::executor ex;
        auto sort = ex.run(spawn_process({"sort", "-u"}, {.in = stdio::pipe, .out = stdio::pipe}));
        ex.run(sort.in().write("b\na\nb\n"));
        sort.in().close();
        CHECK(all_of(ex, sort.out()) == "a\nb\n");
        CHECK(ex.run(sort.wait()) == weir::exit_status{});
        CHECK(sort.ended());
        // And again.
        CHECK(ex.run(sort.wait()).success());
    }

    TEST_CASE("process: more data than a pipe holds passes in both directions at once") {
        weir::executor ex;
        const std::string much(1 << 20, 'x');
        auto cat = ex.run(spawn_process({"cat"}, {.in = stdio::pipe, .out = stdio::pipe}));
        auto feed = [&]() -> weir::task<> {
            co_await cat.in().write(much);
            cat.in().close();
        };
        auto collect = [&]() -> weir::task<std::string> {
            std::string text;
            std::string part(64 * 1024, ' ');
            while (const std::size_t n = co_await cat.out().read(part)) text.append(part, 0, n);
            co_return text;
        };
        auto feeding = ex.spawn(feed());
        CHECK(ex.run(collect()) == much);
        ex.run(std::move(feeding));
        CHECK(ex.run(cat.wait()).success());
    }

    TEST_CASE("process: the error stream has its own pipe or shares that of the output") {
        weir::executor ex;
        auto apart = shell(ex, "echo out; echo err >&2", {.out = stdio::pipe, .err = stdio::pipe});
        CHECK(all_of(ex, apart.out()) == "out\n");
        CHECK(all_of(ex, apart.err()) == "err\n");
        auto together = shell(ex, "echo out; echo err >&2", {.out = stdio::pipe, .err = stdio::output});
        CHECK_FALSE(together.err().is_open());
        CHECK(all_of(ex, together.out()) == "out\nerr\n");
    }

    TEST_CASE("process: the exit status tells how the process ended") {
        weir::executor ex;
        auto failed = shell(ex, "exit 3");
        const auto how = ex.run(failed.wait());
        CHECK(how.code == 3);
        CHECK_FALSE(how.success());
        CHECK(how.to_string() == "exited with 3");
        auto killed = shell(ex, "kill -9 $$");
        const auto by = ex.run(killed.wait());
        CHECK(by.signal == SIGKILL);
        CHECK(by.to_string() == "killed by signal 9 (KILL)");
    }

    TEST_CASE("process: signals reach the program until it has ended") {
        weir::executor ex;
        auto sleeper = ex.run(spawn_process({"sleep", "1000"}));
        CHECK(support::system_error_of([&] {
                  sleeper.signal(999);
                  return 0;
              }) == "signal 999 to sleep: Invalid argument");
        sleeper.terminate();
        CHECK(ex.run(sleeper.wait()).signal == SIGTERM);
        sleeper.kill();
    }

    TEST_CASE("process: a dropped process is killed and leaves no zombie and no descriptor") {
        weir::executor ex;
        const std::size_t before = support::open_descriptors();
        int id = -1;
        {
            // It ignores what can be ignored.
            auto stubborn = shell(ex, "trap '' TERM; echo ready; while :; do read x || sleep 1000; done",
                                  {.in = stdio::pipe, .out = stdio::pipe});
            id = stubborn.id();
            std::string ready(6, ' ');
            ex.run(stubborn.out().read(ready));
            CHECK(exists(id));
        }
        CHECK_FALSE(exists(id));
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("process: dropping a wait leaves the program running") {
        weir::executor ex;
        auto cat = ex.run(spawn_process({"cat"}, {.in = stdio::pipe, .out = stdio::null}));
        { auto waiting = support::begin(ex, cat.wait()); }
        CHECK(ex.io().in_flight() == 0);
        CHECK(exists(cat.id()));
        cat.in().close();
        CHECK(ex.run(cat.wait()).success());
    }

    TEST_CASE("process: an object may outlive its executor") {
        std::optional<weir::child_process> sleeper;
        int id = -1;
        {
            weir::executor ex;
            sleeper.emplace(ex.run(spawn_process({"sleep", "1000"})));
            id = sleeper->id();
        }
        CHECK(exists(id));
        sleeper.reset();
        CHECK_FALSE(exists(id));
    }

    TEST_CASE("process: the program starts in the given directory with the given environment") {
        weir::executor ex;
        const support::temporary_directory here;
        auto child =
            shell(ex, "pwd; echo $WEIR_TEST_SET; echo \"${HOME-none}\"",
                  {.out = stdio::pipe, .directory = here.path(), .environment = {"WEIR_TEST_SET=yes", "HOME"}});
        CHECK(all_of(ex, child.out()) == here.path() + "\nyes\nnone\n");
        auto bare = ex.run(
            spawn_process({"env"}, {.out = stdio::pipe, .environment = {"ONLY=1"}, .inherit_environment = false}));
        CHECK(all_of(ex, bare.out()) == "ONLY=1\n");
    }

    TEST_CASE("process: a missing program or directory is an error that names it") {
        weir::executor ex;
        const std::size_t before = support::open_descriptors();
        const auto error_of = [&](std::vector<std::string> arguments, weir::process_options options = {}) {
            return support::system_error_of(
                [&] { return ex.run(spawn_process(std::move(arguments), std::move(options))); });
        };
        CHECK(error_of({"no-such-program"}) == "spawn no-such-program: No such file or directory");
        CHECK(error_of({"/no/such/program"}, {.in = stdio::pipe, .out = stdio::pipe}) ==
              "spawn /no/such/program: No such file or directory");
        CHECK(error_of({"true"}, {.directory = "/no/such"}) == "spawn true in /no/such: No such file or directory");
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("process rejects arguments that make no sense") {
        CHECK_THROWS_WITH_AS(spawn_process({}), "weir::spawn_process: there is no program", std::invalid_argument);
        CHECK_THROWS_AS(spawn_process({""}), std::invalid_argument);
        CHECK_THROWS_AS(spawn_process({"a", std::string{"b\0c", 3}}), std::invalid_argument);
        CHECK_THROWS_AS(spawn_process({"a"}, {.environment = {"=x"}}), std::invalid_argument);
        CHECK_THROWS_AS(spawn_process({"a"}, {.out = stdio::output}), std::invalid_argument);
    }

    TEST_CASE("process: writing to a child that has closed its input is an error and raises no signal") {
        weir::executor ex;
        auto child = ex.run(spawn_process({"true"}, {.in = stdio::pipe}));
        CHECK(ex.run(child.wait()).success());
        CHECK(support::system_error_of([&] {
                  ex.run(child.in().write("x"));
                  return 0;
              }) == "write standard input of true: Broken pipe");
    }
}
