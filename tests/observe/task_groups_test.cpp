// SPDX-License-Identifier: MIT
#include <weir/observe/metrics.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/observe/prometheus.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::task_groups;
using weir::testing::virtual_executor;

namespace {

weir::task<> fails() {
    co_await weir::sleep_for(1s);
    throw std::runtime_error{"failed"};
}

/// "connections: 2 running, 1 waiting, 0 done, 0 failed, 0 dropped"
std::string text(const weir::group_metrics& of) {
    return of.name + ": " + std::to_string(of.running) + " running, " + std::to_string(of.waiting) + " waiting, " +
           std::to_string(of.done) + " done, " + std::to_string(of.failed) + " failed, " + std::to_string(of.dropped) +
           " dropped";
}

} // namespace

TEST_SUITE("observe/task_groups") {
    TEST_CASE("task_groups counts the operations of groups that have a name") {
        virtual_executor ex;
        weir::task_group unnamed{ex};
        weir::task_group group{ex, {.max_concurrent = 2, .name = "connections"}};
        unnamed.spawn(weir::sleep_for(1s));
        for (int i = 1; i <= 3; ++i) group.spawn(weir::sleep_for(i * 1s));
        REQUIRE(task_groups(ex).size() == 1);
        CHECK(text(task_groups(ex)[0]) == "connections: 2 running, 1 waiting, 0 done, 0 failed, 0 dropped");
        ex.advance(1s);
        CHECK(text(task_groups(ex)[0]) == "connections: 2 running, 0 waiting, 1 done, 0 failed, 0 dropped");
        ex.advance(1s);
        group.cancel();
        CHECK(text(task_groups(ex)[0]) == "connections: 0 running, 0 waiting, 2 done, 0 failed, 1 dropped");
    }

    TEST_CASE("task_groups: groups of one name add up, also after their end") {
        virtual_executor ex;
        std::optional<weir::task_group> first{std::in_place, ex, weir::task_group_options{.name = "a"}};
        weir::task_group second{ex, {.errors = weir::group_errors::collect, .name = std::string{"a"}.c_str()}};
        weir::task_group other{ex, {.name = "b"}};
        first->spawn(fails());
        first->spawn(weir::sleep_for(1h));
        second.spawn(fails());
        second.spawn(weir::sleep_for(1h));
        other.spawn(weir::sleep_for(1h));
        ex.advance(1s); // the first group drops its other operation
        CHECK(text(task_groups(ex)[0]) == "a: 1 running, 0 waiting, 0 done, 2 failed, 1 dropped");
        CHECK(text(task_groups(ex)[1]) == "b: 1 running, 0 waiting, 0 done, 0 failed, 0 dropped");
        CHECK_THROWS_AS(ex.run(first->join()), std::runtime_error);
        first.reset();
        CHECK(text(task_groups(ex)[0]) == "a: 1 running, 0 waiting, 0 done, 2 failed, 1 dropped");
        second.cancel();
        CHECK_THROWS_AS(ex.run(second.join()), weir::group_error);
    }

    TEST_CASE("task_groups: a with_group with a name counts its members, and not its body") {
        virtual_executor ex;
        ex.run(weir::with_group({.name = "pages"}, [](weir::task_group& group) -> weir::task<> {
            group.spawn(weir::sleep_for(1s));
            co_await weir::yield();
        }));
        CHECK(text(task_groups(ex).at(0)) == "pages: 0 running, 0 waiting, 1 done, 0 failed, 0 dropped");
        CHECK_THROWS_AS((weir::task_group{ex, {.name = ""}}), std::invalid_argument);
    }

    TEST_CASE("prometheus_text has the counters of task groups") {
        virtual_executor ex;
        weir::task_group group{ex, {.max_concurrent = 1, .name = "connections"}};
        group.spawn(weir::sleep_for(1s));
        group.spawn(weir::sleep_for(1h));
        group.spawn(weir::sleep_for(1h));
        ex.advance(1s);
        const std::string all = weir::prometheus_text(ex, "main");
        const std::size_t begin = all.find("# HELP weir_group_operations");
        REQUIRE(begin != std::string::npos);
        CHECK(all.substr(begin) ==
              "# HELP weir_group_operations Operations of task groups that run, or wait for a place.\n"
              "# TYPE weir_group_operations gauge\n"
              "weir_group_operations{executor=\"main\",group=\"connections\",state=\"running\"} 1\n"
              "weir_group_operations{executor=\"main\",group=\"connections\",state=\"waiting\"} 1\n"
              "# HELP weir_group_ends_total Operations of task groups that have ended, failed, or were dropped.\n"
              "# TYPE weir_group_ends_total counter\n"
              "weir_group_ends_total{executor=\"main\",group=\"connections\",how=\"done\"} 1\n"
              "weir_group_ends_total{executor=\"main\",group=\"connections\",how=\"failed\"} 0\n"
              "weir_group_ends_total{executor=\"main\",group=\"connections\",how=\"dropped\"} 0\n");
    }
}
