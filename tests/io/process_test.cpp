// SPDX-License-Identifier: MIT
#include <weir/io/process.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/executor/executor.hpp>
#include <weir/operators/map.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/just.hpp>
#include <weir/source/read.hpp>
#include <weir/task.hpp>

#include "child.hpp"
#include "no_more_descriptors.hpp"
#include "raw_io.hpp"
#include "temporary_directory.hpp"

using weir::spawn_process;
using weir::stdio;
using namespace std::chrono_literals;

namespace {

std::string all_of(weir::executor& ex, weir::file& from) {
    return ex.run(weir::read(from) | weir::fold(std::string{}, [](std::string text, const weir::bytes& more) {
                      return text += more.view();
                  }));
}

bool exists(int process) { return ::kill(process, 0) == 0; }

/// Waits until something else than this function has reaped the child process. A killed process may take a while to die
/// on a busy machine.
bool reaped(int process) {
    siginfo_t ignored{};
    while (::waitid(P_PID, static_cast<id_t>(process), &ignored, WEXITED | WNOWAIT) == 0) ::sched_yield();
    return errno == ECHILD;
}

/// Waits for the descriptors that a thread closes when the child process has died.
bool descriptors_return_to(std::size_t number) {
    const auto limit = std::chrono::steady_clock::now() + 60s;
    while (support::open_descriptors() != number && std::chrono::steady_clock::now() < limit) ::sched_yield();
    return support::open_descriptors() == number;
}

/// While it lives, orphans become children of this process, which can wait for them.
struct subreaper {
    subreaper() { REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); }
    subreaper(const subreaper&) = delete;
    subreaper& operator=(const subreaper&) = delete;
    ~subreaper() { ::prctl(PR_SET_CHILD_SUBREAPER, 0); }

    /// The signal that ends an orphan. It becomes one when its parent has died.
    static int signal_of(pid_t process) {
        int status = 0;
        pid_t answer = -1;
        while ((answer = ::waitpid(process, &status, 0)) < 0 && exists(process)) ::sched_yield();
        if (answer != process || !WIFSIGNALED(status)) return -1;
        return WTERMSIG(status);
    }
};

std::string line_of(weir::executor& ex, weir::file& from) {
    std::string line;
    for (std::string c(1, ' '); ex.run(from.read(c)) == 1 && c != "\n";) line += c;
    return line;
}

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
        CHECK(reaped(id));
        CHECK(descriptors_return_to(before));
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
        CHECK(reaped(id));
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

    TEST_CASE("process: dropping a process with a group of its own kills the whole group") {
        weir::executor ex;
        const subreaper orphans;
        const char* const command = "sleep 1000 & echo $!; [ $0 = ends ] || wait";
        for (const char* how : {"runs", "ends", "has been waited for"}) {
            CAPTURE(how);
            pid_t grandchild = -1;
            {
                auto shell = ex.run(spawn_process({"sh", "-c", command, how[0] == 'r' ? "runs" : "ends"},
                                                  {.out = stdio::pipe, .group = weir::process_group::own}));
                CHECK(::getpgid(shell.id()) == shell.id());
                grandchild = std::stoi(line_of(ex, shell.out()));
                if (how[0] == 'h') {
                    CHECK(ex.run(shell.wait()).success());
                    CHECK(ex.run(shell.wait()).success());
                    CHECK(shell.ended());
                    shell.signal(SIGCONT); // reaches what is left of the group
                }
                CHECK(exists(grandchild));
            }
            CHECK(subreaper::signal_of(grandchild) == SIGKILL);
        }
    }

    TEST_CASE("process: a signal reaches all processes of a group of its own") {
        weir::executor ex;
        auto shell = ex.run(spawn_process({"sh", "-c", "sleep 1000 & echo $!; wait"},
                                          {.out = stdio::pipe, .group = weir::process_group::own}));
        const subreaper orphans;
        const pid_t grandchild = std::stoi(line_of(ex, shell.out()));
        shell.terminate();
        CHECK(ex.run(shell.wait()).signal == SIGTERM);
        CHECK(subreaper::signal_of(grandchild) == SIGTERM);
        shell.terminate(); // nothing is left
    }

    TEST_CASE("process: a process that somebody else has reaped gets no signal") {
        weir::executor ex;
        for (const auto group : {weir::process_group::inherit, weir::process_group::own}) {
            auto child = ex.run(spawn_process({"true"}, {.group = group}));
            REQUIRE(::waitpid(child.id(), nullptr, 0) == child.id());
            child.terminate();
            CHECK(support::system_error_of([&] { return ex.run(child.wait()); }) ==
                  "wait for true: No child processes");
        }
    }

    TEST_CASE("process: parent_exit decides whether a process survives this one") {
        const subreaper orphans;
        const auto orphan_of = [](weir::on_parent_exit what) {
            return std::stoi(support::in_child([what] {
                weir::executor ex;
                auto* const sleeper =
                    new weir::child_process{ex.run(spawn_process({"sleep", "1000"}, {.parent_exit = what}))};
                return std::to_string(sleeper->id()); // this process ends without destroying it
            }));
        };
        CHECK(subreaper::signal_of(orphan_of(weir::on_parent_exit::kill)) == SIGKILL);
        const pid_t survivor = orphan_of(weir::on_parent_exit::keep_running);
        ::kill(survivor, SIGTERM);
        CHECK(subreaper::signal_of(survivor) == SIGTERM);
    }

    TEST_CASE("process: on_parent_exit::kill does not kill at the end of the thread that has spawned") {
        std::optional<weir::child_process> cat;
        std::thread{[&] {
            weir::executor ex;
            cat.emplace(ex.run(spawn_process(
                {"cat"}, {.in = stdio::pipe, .out = stdio::pipe, .parent_exit = weir::on_parent_exit::kill})));
        }}.join();
        weir::executor ex;
        ex.run(cat->in().write("lives\n"));
        CHECK(line_of(ex, cat->out()) == "lives");
        cat->in().close();
        CHECK(ex.run(cat->wait()).success());
        CHECK(support::system_error_of([&] {
                  return ex.run(spawn_process({"no-such-program"}, {.parent_exit = weir::on_parent_exit::kill}));
              }) == "spawn no-such-program: No such file or directory");
    }

    TEST_CASE("process: limits hold for the program alone") {
        weir::executor ex;
        auto child = shell(ex, "ulimit -n; ulimit -H -c; ulimit -t",
                           {.out = stdio::pipe,
                            .limits = {{weir::process_resource::open_files, 17},
                                       {weir::process_resource::core_size, 0},
                                       {weir::process_resource::cpu_time, 99}}});
        CHECK(all_of(ex, child.out()) == "17\n0\n99\n");
        auto other = shell(ex, "ulimit -n", {.out = stdio::pipe});
        CHECK(all_of(ex, other.out()) != "17\n");
    }

    TEST_CASE("process: a program runs as another user, or the error names the user") {
        weir::executor ex;
        constexpr unsigned nobody = 65534;
        if (::geteuid() == 0) {
            auto child = shell(ex, "id -u; id -g; id -G", {.out = stdio::pipe, .uid = nobody, .gid = nobody});
            CHECK(all_of(ex, child.out()) == "65534\n65534\n65534\n");
        }
        // User nobody may not become root. A child process becomes nobody first, if this process is root.
        const auto as_nobody = [&](weir::process_options options) {
            return support::in_child([&] {
                if (::geteuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) return std::string{"setuid"};
                weir::executor own;
                own.run(spawn_process({"sh"}, std::move(options)));
                return std::string{"spawned"};
            });
        };
        CHECK(as_nobody({.uid = 0}) == "spawn sh as user 0: Operation not permitted");
        CHECK(as_nobody({.gid = 0}) == "spawn sh as group 0: Operation not permitted");
        CHECK(as_nobody(
                  {.limits = {{weir::process_resource::open_files, 10}, {weir::process_resource::open_files, 11}}}) ==
              "spawn sh with the limit 11 of open_files: Operation not permitted");
    }

    TEST_CASE("process: no handler of this process and no blocked signal reaches the program") {
        weir::executor ex;
        struct sigaction former{};
        struct sigaction handled{};
        handled.sa_handler = [](int) { std::abort(); };
        REQUIRE(::sigaction(SIGUSR1, &handled, &former) == 0);
        auto child = shell(ex, "kill -USR1 $$; echo survived");
        CHECK(ex.run(child.wait()).signal == SIGUSR1);
        ::sigaction(SIGUSR1, &former, nullptr);
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
        CHECK(error_of({"/dev/null"}) == "spawn /dev/null: Permission denied");
        {
            const support::no_more_descriptors none;
            CHECK(error_of({"true"}, {.in = stdio::pipe}) ==
                  "spawn true with its standard streams: Too many open files");
            CHECK(error_of({"true"}) == "spawn true: Too many open files");
        }
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
