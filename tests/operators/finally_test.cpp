// SPDX-License-Identifier: MIT
#include <weir/operators/finally.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>

#include <weir/operators/take.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

namespace {

/// The errors that were reported to the executor, and their source locations.
struct reports {
    explicit reports(weir::executor& ex) {
        ex.on_error([this](std::exception_ptr error, std::source_location place) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                messages.emplace_back(e.what());
            }
            lines.push_back(place.line());
        });
    }

    std::vector<std::string> messages;
    std::vector<unsigned> lines;
};

} // namespace

TEST_SUITE("operators/finally") {
    TEST_CASE("finally passes on items, the end and errors") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("-a-[bc]-|") | weir::finally([] {})) == "-a-[bc]-|");
        CHECK(m.play(m.cold("a-#") | weir::finally([] {})) == "a-#");
        CHECK(m.play(m.cold("#") | weir::finally([] {})) == "#");
    }

    TEST_CASE("finally: the function is called once, when the stream has ended") {
        virtual_executor ex;
        int calls = 0;
        weir::testing::probe<int> source;
        weir::testing::probe_sink sink{ex, source.stream() | weir::finally([&] {
                                               ++calls;
                                               CHECK(source.dropped());
                                           })};
        sink.request();
        source.push(1);
        ex.run_ready();
        CHECK(calls == 0);
        source.end();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(calls == 1);
        sink.drop();
        CHECK(calls == 1);
    }

    TEST_CASE("finally: the function receives a stream_ending that says how the stream ended") {
        std::string seen;
        const auto note = weir::finally([&](const weir::stream_ending& ending) {
            seen += ending.ended() ? '|' : ending.failed() ? '#' : ending.dropped() ? 'x' : '?';
            if (ending.error() != nullptr) seen += 'e';
        });
        virtual_executor ex;
        ex.run(weir::iota(0, 3) | note | weir::drain());
        ex.run(weir::iota(0, 3) | note | weir::take(3) | weir::drain());
        CHECK_THROWS(ex.run(weir::fail<int>(std::runtime_error{"read"}) | note | weir::drain()));
        static_cast<void>(weir::iota(0, 3) | note);
        CHECK(seen == "|x#ex");
    }

    TEST_CASE("finally: the function is called once, when the stream has failed") {
        virtual_executor ex;
        int calls = 0;
        weir::testing::probe<int> source;
        weir::testing::probe_sink sink{ex, source.stream() | weir::finally([&] {
                                               ++calls;
                                               CHECK(source.dropped());
                                           })};
        sink.request();
        source.fail(std::make_exception_ptr(std::runtime_error{"up"}));
        ex.run_ready();
        CHECK(sink.error_message() == "up");
        CHECK(calls == 1);
        sink.drop();
        CHECK(calls == 1);
    }

    TEST_CASE("finally: the function is called once, when the stream is dropped, while it waits or not") {
        virtual_executor ex;
        int calls = 0;
        weir::testing::probe<int> source;
        weir::testing::probe_sink sink{ex, source.stream() | weir::finally([&] {
                                               ++calls;
                                               CHECK(source.dropped());
                                           })};
        sink.request();
        ex.run_ready();
        CHECK(calls == 0);
        sink.drop();
        CHECK(calls == 1);
        ex.run(weir::iota(0, 9) | weir::finally([&] { ++calls; }) | weir::take(2) | weir::drain());
        CHECK(calls == 2);
    }

    TEST_CASE("finally calls its function once when a moved stream is dropped before its first poll") {
        int calls = 0;
        {
            auto stream = weir::just(1) | weir::finally([&] { ++calls; });
            auto moved = std::make_unique<decltype(stream)>(std::move(stream));
            auto pipeline = std::move(*moved) | weir::take(1) | weir::count();
            moved.reset();
            CHECK(calls == 0);
        }
        CHECK(calls == 1);
    }

    TEST_CASE("finally: a closure without a stream never calls its function") {
        int calls = 0;
        static_cast<void>(weir::finally([&] { ++calls; }));
        CHECK(calls == 0);
    }

    TEST_CASE("finally: an exception from the function at the end is the stream's error") {
        virtual_executor ex;
        const reports told{ex};
        CHECK_THROWS_WITH(
            ex.run(weir::just(1) | weir::finally([] { throw std::runtime_error{"cleanup"}; }) | weir::drain()),
            "cleanup");
        CHECK(told.messages.empty());
    }

    TEST_CASE("finally: an exception from the function during another error goes to the executor's handler") {
        virtual_executor ex;
        const reports told{ex};
        const unsigned here = std::source_location::current().line();
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"first"}) |
                                 weir::finally([] { throw std::runtime_error{"second"}; }) | weir::drain()),
                          "first");
        CHECK(told.messages == std::vector<std::string>{"second"});
        REQUIRE(told.lines.size() == 1);
        CHECK(told.lines[0] > here);
        CHECK(told.lines[0] < here + 6);
    }

    TEST_CASE("finally reports an exception of its function to the executor when the stream is dropped") {
        virtual_executor ex;
        const reports told{ex};
        weir::testing::probe_sink sink{ex,
                                       weir::never<int>() | weir::finally([] { throw std::runtime_error{"late"}; })};
        sink.request();
        ex.run_ready();
        sink.drop();
        CHECK(told.messages == std::vector<std::string>{"late"});
    }

    TEST_CASE("finally: nested functions are called from the inside out") {
        virtual_executor ex;
        std::string order;
        ex.run(weir::just(1) | weir::finally([&] { order += 'a'; }) | weir::finally([&] { order += 'b'; }) |
               weir::drain());
        CHECK(order == "ab");
        order.clear();
        ex.run(weir::iota(0) | weir::finally([&] { order += 'a'; }) | weir::finally([&] { order += 'b'; }) |
               weir::take(1) | weir::drain());
        CHECK(order == "ab");
    }

    TEST_CASE("finally keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::finally([] {}); }) == "");
    }

    TEST_CASE("finally allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::finally([] {}) | weir::drain());
              }) == 0);
    }
}
