// SPDX-License-Identifier: MIT
#include <weir/source/with_resource.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/take.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::with_resource;
using weir::testing::virtual_executor;

namespace {

/// A resource that notes what becomes of it. Only its last owner notes its destruction.
class noted {
public:
    explicit noted(std::string& log) : log_{&log} { *log_ += "opened "; }
    noted(noted&& other) noexcept : log_{std::exchange(other.log_, nullptr)} {}
    ~noted() {
        if (log_ != nullptr) *log_ += "destroyed";
    }
    void note(const char* what) const { *log_ += what; }

private:
    std::string* log_;
};

weir::task<noted> open_slowly(std::string& log) {
    co_await weir::sleep_for(1ms);
    co_return noted(log);
}

weir::task<> close_slowly(noted& resource) {
    resource.note("closing ");
    co_await weir::sleep_for(10ms);
    resource.note("closed ");
}

/// A stream that notes its end.
weir::async_stream<int> two_items(noted& resource) {
    struct end {
        noted& of;
        ~end() { of.note("unused "); }
    } const at_end{resource};
    co_yield 1;
    resource.note("used ");
    co_yield 2;
}

} // namespace

TEST_SUITE("source/with_resource") {
    TEST_CASE("with_resource opens, uses and closes, and run waits for the close") {
        for (const bool slowly : {true, false}) {
            virtual_executor ex;
            std::string log;
            std::vector<int> seen;
            const auto use = weir::for_each([&](int x) { seen.push_back(x); });
            if (slowly) {
                ex.run(with_resource(1s, [&] { return open_slowly(log); }, two_items, close_slowly) | use);
            } else {
                ex.run(with_resource(1s, [&] { return noted(log); }, two_items, close_slowly) | use);
            }
            CHECK(seen == std::vector{1, 2});
            CHECK(log == "opened used unused closing closed destroyed");
            CHECK(ex.elapsed() == (slowly ? 11ms : 10ms));
        }
    }

    TEST_CASE("with_resource closes after an error of its stream, and when use throws") {
        virtual_executor ex;
        std::string log;
        const auto fails = [](noted&) { return weir::fail<int>(std::runtime_error{"stream"}); };
        const auto throws = [](noted&) -> weir::async_stream<int> { throw std::runtime_error{"use"}; };
        const auto open = [&] { return noted(log); };
        CHECK_THROWS_WITH(ex.run(with_resource(1s, open, fails, close_slowly) | weir::drain()), "stream");
        CHECK(log == "opened closing closed destroyed");
        log.clear();
        CHECK_THROWS_WITH(ex.run(with_resource(1s, open, throws, close_slowly) | weir::drain()), "use");
        CHECK(log == "opened closing closed destroyed");
    }

    TEST_CASE("with_resource closes nothing when it opened nothing") {
        virtual_executor ex;
        std::string log;
        const auto open = [&]() -> noted { throw std::runtime_error{"open"}; };
        CHECK_THROWS_WITH(ex.run(with_resource(1s, open, two_items, close_slowly) | weir::drain()), "open");
        {
            const auto never_polled = with_resource(1s, [&] { return noted(log); }, two_items, close_slowly);
        }
        CHECK(log.empty());
    }

    TEST_CASE("with_resource closes when it is cut short or dropped, and the group around it waits") {
        virtual_executor ex;
        std::string log;
        const auto open = [&] { return noted(log); };
        ex.run(with_resource(1s, open, two_items, close_slowly) | weir::take(1) | weir::drain());
        CHECK(log == "opened unused closing closed destroyed");
        log.clear();
        const auto stuck = [](noted&) { return weir::never<int>(); };
        const auto in_group = [&](weir::task_group&) -> weir::task<> {
            try {
                co_await weir::with_timeout(1ms, with_resource(1s, open, stuck, close_slowly) | weir::drain());
            } catch (const weir::timed_out&) {
                log += "dropped ";
            }
        };
        ex.run(weir::with_group(in_group));
        CHECK(log == "opened dropped closing closed destroyed");
    }

    TEST_CASE("with_resource limits the time of the close, and reports its errors") {
        virtual_executor ex;
        std::string log;
        std::string reported;
        ex.on_error([&](std::exception_ptr error, std::source_location) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                reported += e.what();
            }
        });
        const auto open = [&] { return noted(log); };
        ex.run(with_resource(5ms, open, two_items, close_slowly) | weir::drain());
        CHECK(log == "opened used unused closing destroyed");
        CHECK_FALSE(reported.empty());
        CHECK(ex.elapsed() == 5ms);
        reported.clear();
        const auto fails = [](noted&) -> weir::task<> {
            co_await weir::yield();
            throw std::runtime_error{"close"};
        };
        ex.run(with_resource(5ms, open, two_items, fails) | weir::drain());
        CHECK(reported == "close");
        CHECK_THROWS_AS(static_cast<void>(with_resource(-1s, open, two_items, fails)), std::invalid_argument);
    }
}
