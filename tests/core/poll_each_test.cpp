// SPDX-License-Identifier: MIT
#include <weir/core/poll_each.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/filter_map.hpp>
#include <weir/operators/finally.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/on_error_resume.hpp>
#include <weir/operators/skip.hpp>
#include <weir/operators/start_with.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/take_while.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/unfold.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace {

using weir::flow;
using weir::testing::virtual_executor;

/// Asks a stream for items in a loop, by hand.
template <weir::stream S>
class looper {
public:
    looper(virtual_executor& ex, S upstream) : upstream_(std::move(upstream)) {
        waker_.bind(weir::detail::executor_access::queue(ex));
    }

    template <class Consume>
    flow operator()(Consume consume) {
        weir::context cx{waker_};
        return weir::poll_each(upstream_, cx, consume);
    }

private:
    S upstream_;
    weir::waker waker_{[](weir::waker&) noexcept {}};
};

/// 0, 1, 2, ... with a poll for each, counting how many were taken.
struct counter_stream {
    using value_type = int;

    weir::poll<int> poll_next(weir::context&) { return taken++; }

    int& taken;
};

constexpr auto all = [](auto&&) { return true; };
constexpr auto identity = [](int x) { return x; };
constexpr auto even = [](int x) { return x % 2 == 0; };
constexpr auto none = [](int) { return false; };
constexpr int per_run = weir::context::polls_per_run;

/// How many items of a source leave it in one loop that always wants more.
template <class MakePipeline>
int leave_in_one_run(MakePipeline make) {
    virtual_executor ex;
    int taken = 0;
    looper loop{ex, make(counter_stream{taken})};
    CHECK(loop(all) == flow::pending);
    return taken;
}

} // namespace

TEST_SUITE("core/poll_each") {
    TEST_CASE("poll_each hands on items until consume returns false, and goes on from there") {
        virtual_executor ex;
        const auto check = [&](auto source) {
            looper loop{ex, std::move(source)};
            std::vector<int> got;
            const auto two = [&](int x) { return got.push_back(x), got.size() % 2 != 0; };
            CHECK(loop(two) == flow::stopped);
            CHECK(got == std::vector{1, 2});
            CHECK(loop(two) == flow::stopped);
            CHECK(got == std::vector{1, 2, 3, 4});
            CHECK(loop(two) == flow::done);
            CHECK(got == std::vector{1, 2, 3, 4, 5});
        };
        check(weir::iota(1, 6));
        check(weir::just(1, 2, 3, 4, 5));
        check(weir::from_range(std::vector{1, 2, 3, 4, 5}));
        check(weir::unfold(0, [](int& n) { return n == 5 ? std::nullopt : std::optional{++n}; }));
        check([]() -> weir::async_stream<int> {
            for (int i = 1; i != 6; ++i) co_yield i;
        }());
        check(weir::async_stream<int>{weir::iota(1, 6)});
        check(weir::iota(1, 100) | weir::take(5));
        check(weir::iota(1, 100) | weir::take_while([](int x) { return x < 6; }));
        check(weir::iota(3, 6) | weir::start_with(1, 2));
        check(weir::concat(weir::iota(1, 3), weir::just(3), weir::iota(4, 6)));
        check(weir::iota(0, 3) | weir::concat_map([](int x) { return weir::iota(2 * x + 1, x == 2 ? 6 : 2 * x + 3); }));
    }

    TEST_CASE("poll_each: at most polls_per_run items leave a source in one run, with any operators behind it") {
        CHECK(leave_in_one_run([](auto s) { return s; }) == per_run);
        CHECK(leave_in_one_run([](auto s) { return std::move(s) | weir::map(identity); }) == per_run);
        CHECK(leave_in_one_run([](auto s) { return std::move(s) | weir::filter(even); }) == per_run);
        CHECK(leave_in_one_run([](auto s) { return std::move(s) | weir::filter(none); }) == per_run);
        CHECK(leave_in_one_run([](auto s) {
                  return std::move(s) | weir::filter(even) | weir::map(identity) | weir::filter(none) | weir::skip(7) |
                         weir::take(5000) | weir::filter_map([](int x) { return std::optional{x}; });
              }) == per_run);
        CHECK(leave_in_one_run([](auto s) {
                  return weir::async_stream<int>{std::move(s) | weir::filter(even)} | weir::filter(even);
              }) == per_run);
    }

    TEST_CASE("a source with a counted loop yields after polls_per_run items and loses none") {
        virtual_executor ex;
        looper loop{ex, weir::iota(0, 3 * per_run) | weir::filter(even)};
        std::vector<int> got;
        const auto keep = [&](int x) { return got.push_back(x), true; };
        CHECK(loop(keep) == flow::pending);
        CHECK(got.size() == per_run / 2);
        CHECK(got.back() == per_run - 2);
        CHECK(loop(keep) == flow::pending);
        CHECK(loop(keep) == flow::pending); // the budget was spent with the last item
        CHECK(got.size() == 3 * per_run / 2);
        CHECK(loop(keep) == flow::done);
        CHECK(got.size() == 3 * per_run / 2);
    }

    TEST_CASE("iota counts to the limits of its type") {
        virtual_executor ex;
        std::size_t got = 0;
        const auto count = [&](auto) { return ++got != 0; };
        CHECK(looper{ex, weir::iota(static_cast<signed char>(-128), static_cast<signed char>(127))}(count) ==
              flow::done);
        CHECK(got == 255);
        got = 0;
        CHECK(looper{ex, weir::iota(static_cast<unsigned char>(3))}(count) == flow::done);
        CHECK(got == 253); // 255 is the last
        got = 0;
        CHECK(looper{ex, weir::iota(std::numeric_limits<long>::min())}(count) == flow::pending);
        CHECK(got == per_run);
    }

    TEST_CASE("take drops its upstream after the loop and before the consumer sees the end") {
        virtual_executor ex;
        auto alive = std::make_shared<int>(0);
        looper loop{ex, weir::iota(0) | weir::map([alive](int x) { return x; }) | weir::take(3)};
        std::vector<long> owners;
        CHECK(loop([&](int) { return owners.push_back(alive.use_count()), true; }) == flow::done);
        CHECK(owners == std::vector<long>{2, 2, 2});
        CHECK(alive.use_count() == 1);
    }

    TEST_CASE("an operator that resumes after upstream's errors passes on the errors of its consumer") {
        virtual_executor ex;
        int resumed = 0;
        auto pipeline = weir::iota(0) |
                        weir::on_error_resume([&](std::exception_ptr) { return ++resumed, weir::just(7); }) |
                        weir::for_each([](int x) {
                            if (x == 3) throw std::runtime_error{"consumer"};
                        });
        CHECK_THROWS_WITH(ex.run(std::move(pipeline)), "consumer");
        CHECK(resumed == 0);
    }

    TEST_CASE("finally calls its function after an error of its consumer, when it is dropped") {
        virtual_executor ex;
        std::vector<std::string> log;
        {
            looper loop{ex, weir::iota(0) | weir::finally([&] { log.push_back("finally"); })};
            const auto fail_at_two = [](int x) {
                if (x == 2) throw std::runtime_error{"consumer"};
                return true;
            };
            CHECK_THROWS_WITH(loop(fail_at_two), "consumer");
            log.push_back("thrown");
        }
        CHECK(log == std::vector<std::string>{"thrown", "finally"});
    }

    TEST_CASE("a timeout does not run while items are ready, however many are handed on in one loop") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 10 * per_run) | weir::timeout(std::chrono::seconds{0}) | weir::count()) ==
              10 * per_run);
        CHECK(ex.run(weir::iota(0, 10 * per_run) |
                     weir::timeout(std::chrono::seconds{0}, [] { return weir::just(-1); }) | weir::count()) ==
              10 * per_run);
    }

    TEST_CASE("chunk takes no item beyond the chunk that its consumer has asked for") {
        virtual_executor ex;
        int taken = 0;
        looper loop{ex, counter_stream{taken} | weir::chunk(3)};
        int chunks = 0;
        CHECK(loop([&](const std::vector<int>&) { return ++chunks != 2; }) == flow::stopped);
        CHECK(taken == 6);
    }

    TEST_CASE("a buffer takes no item beyond its capacity in a loop") {
        virtual_executor ex;
        int taken = 0;
        looper loop{ex, counter_stream{taken} | weir::buffer(4)};
        CHECK(loop([](int) { return false; }) == flow::stopped);
        CHECK(taken == 4);
    }

    TEST_CASE("an exception in a loop of poll_each ends the pipeline") {
        virtual_executor ex;
        int called = 0;
        CHECK_THROWS_WITH(ex.run(weir::iota(0) | weir::map([&](int x) {
                                     if (++called == 5) throw std::runtime_error{"map"};
                                     return x;
                                 }) |
                                 weir::drain()),
                          "map");
        CHECK(called == 5);
    }
}
