// SPDX-License-Identifier: MIT
#include <weir/observe/error_trail.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <weir/executor/sleep.hpp>
#include <weir/observe/what_happened.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/map.hpp>
#include <weir/scope/local.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace {

using namespace std::chrono_literals;
using weir::testing::virtual_executor;

constinit weir::local<int> request{"request"};

weir::task<> pipeline(bool late) {
    const auto fails = [](auto) -> int { throw std::runtime_error{"row 7"}; };
    if (late) {
        co_await (weir::interval(1ms) | weir::map(fails) | weir::buffer(2) | weir::drain());
    } else {
        co_await (weir::iota(0, 9) | weir::map(fails) | weir::drain());
    }
}
weir::task<> outer(bool late) { co_await pipeline(late); }

std::exception_ptr error_of(virtual_executor& ex, auto operation) {
    try {
        ex.run(std::move(operation));
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}

/// Without the folders and lines of places, and without the namespace in which tests/together.py puts this file.
std::string without_places(std::string text) {
    constexpr std::string_view space = "observe_error_trail_test::";
    for (std::size_t at = 0; (at = text.find(space)) != std::string::npos;) text.erase(at, space.size());
    for (std::size_t at = 0; (at = text.find(" at ", at)) != std::string::npos;) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::size_t name = text.rfind('/', end);
        const std::size_t begin = name != std::string::npos && name > at ? name + 1 : at + 4;
        text.replace(at, text.rfind(':', end) - at, " in " + text.substr(begin, text.rfind(':', end) - begin));
        const std::size_t line = text.find(':', at);
        text.erase(line, text.find('\n', line) - line);
    }
    return text;
}

} // namespace

TEST_SUITE("observe/error_trail") {
    TEST_CASE("what_happened names the operations that an error has passed") {
        virtual_executor ex;
        const weir::error_trail trail;
        CHECK(without_places(weir::what_happened(error_of(ex, outer(true)))) ==
              "std::runtime_error: row 7\n"
              "  left interval | map | buffer | drain in error_trail_test.cpp\n"
              "  left pipeline in error_trail_test.cpp\n"
              "  left outer in error_trail_test.cpp");
        CHECK(without_places(weir::what_happened(error_of(ex, outer(false)))) ==
              "std::runtime_error: row 7\n"
              "  left iota | map | drain\n"
              "  left pipeline in error_trail_test.cpp\n"
              "  left outer in error_trail_test.cpp");
    }

    TEST_CASE("what_happened prints the task-locals of an error, and of each error of a group") {
        virtual_executor ex;
        const weir::error_trail trail;
        const std::string text = weir::what_happened(error_of(ex, weir::with_local(request, 17, outer(true))));
        CHECK(text.find("\n  with request = 17") != std::string::npos);
        const std::string direct = weir::what_happened(
            error_of(ex, weir::with_local(request, 18,
                                          weir::iota(0, 9) | weir::map([](int) -> int { throw 1; }) | weir::drain())));
        CHECK(direct == "an object of type int\n  with request = 18");

        weir::task_group group{ex, {.errors = weir::group_errors::collect}};
        group.spawn(weir::with_local(request, 19, outer(false)));
        group.spawn(weir::with_local(request, 20, outer(false)));
        const std::string all = weir::what_happened(error_of(ex, group.join()));
        CHECK(all.find("\n    with request = 19") != std::string::npos);
        CHECK(all.find("\n    with request = 20") != std::string::npos);
    }

    TEST_CASE("nothing is known without an error_trail, and about errors before the last ones") {
        virtual_executor ex;
        const std::exception_ptr before = error_of(ex, outer(true));
        CHECK(weir::error_trail::of(before).empty());
        const weir::error_trail trail{2};
        CHECK_THROWS_AS(weir::error_trail{}, std::logic_error);
        std::vector<std::exception_ptr> errors;
        for (int i = 0; i != 3; ++i) errors.push_back(error_of(ex, outer(true)));
        CHECK(weir::error_trail::of(errors[0]).empty());
        CHECK(weir::error_trail::of(errors[1]).size() == 3);
        CHECK(weir::error_trail::of(errors[2]).size() == 3);
        CHECK_THROWS_AS(weir::error_trail{0}, std::invalid_argument);
    }

    TEST_CASE("the errors of several threads are noted") {
        const weir::error_trail trail;
        std::vector<std::exception_ptr> errors(4);
        {
            std::vector<std::jthread> threads;
            for (std::exception_ptr& error : errors) {
                threads.emplace_back([&error] {
                    virtual_executor ex;
                    for (int i = 0; i != 10; ++i) error = error_of(ex, outer(true));
                });
            }
        }
        for (const std::exception_ptr& error : errors) CHECK(weir::error_trail::of(error).size() == 3);
    }
}
