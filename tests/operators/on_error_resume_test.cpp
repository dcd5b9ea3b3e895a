// SPDX-License-Identifier: MIT
#include <weir/operators/on_error_resume.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <allocations.hpp>

#include <weir/async_stream.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using namespace std::chrono_literals;
using weir::testing::virtual_executor;

namespace {

weir::async_stream<int> counting_in_the_background(std::shared_ptr<int> count) {
    const auto child = co_await weir::this_executor();
    auto background = child->spawn([](std::shared_ptr<int> counted) -> weir::task<> {
        for (;; ++*counted) co_await weir::sleep_for(1ms);
    }(count));
    for (int i = 1;; ++i) {
        co_await weir::sleep_for(2ms);
        co_yield int{i};
    }
}

} // namespace

TEST_SUITE("operators/on_error_resume") {
    TEST_CASE("on_error_resume goes on with the stream that its function returns for the error") {
        weir::testing::marbles m;
        const auto fallback = [&](std::exception_ptr) { return m.cold("-x-y|"); };
        CHECK(m.play(m.hot("a-b#") | weir::on_error_resume(fallback)) == "a-b-x-y|");
        CHECK(m.play(m.cold("#") | weir::on_error_resume(fallback)) == "-x-y|");
        CHECK(m.play(m.cold("a-#") | weir::on_error_resume([](std::exception_ptr) { return weir::empty<char>(); })) ==
              "a-|");
    }

    TEST_CASE("on_error_resume passes on a stream that does not fail") {
        weir::testing::marbles m;
        const auto fallback = [&](std::exception_ptr) { return m.cold("x|"); };
        CHECK(m.play(m.cold("a-b|") | weir::on_error_resume(fallback)) == "a-b|");
        CHECK(m.play(m.cold("|") | weir::on_error_resume(fallback)) == "|");
        CHECK(m.play(m.cold("-a...") | weir::on_error_resume(fallback)) == "-a...");
    }

    TEST_CASE("on_error_resume: an error of the second stream passes, and so does an exception from the function") {
        weir::testing::marbles m;
        m.error('X', std::runtime_error{"second"});
        CHECK(m.play(m.cold("a#") | weir::on_error_resume([&](std::exception_ptr) { return m.cold("b-X"); })) ==
              "ab-X");
        CHECK(m.play(m.cold("a#") | weir::on_error_resume([&](std::exception_ptr) -> weir::async_stream<char> {
                         throw std::runtime_error{"second"};
                     })) == "aX");
    }

    TEST_CASE("on_error_resume passes the error to its function") {
        virtual_executor ex;
        const auto message = [](std::exception_ptr error) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                return weir::just(std::string{e.what()});
            }
        };
        CHECK(ex.run(weir::fail<std::string>(std::runtime_error{"lost"}) | weir::on_error_resume(message) |
                     weir::to<std::vector>()) == std::vector<std::string>{"lost"});
    }

    TEST_CASE("on_error_resume<E> handles errors of type E and of derived types; others pass") {
        virtual_executor ex;
        const auto code = [](const std::system_error& e) { return weir::just(e.code().value()); };
        CHECK(ex.run(weir::fail<int>(std::system_error{5, std::generic_category()}) |
                     weir::on_error_resume<std::system_error>(code) | weir::to<std::vector>()) == std::vector{5});
        const auto zero = [](const std::runtime_error&) { return weir::just(0); };
        CHECK(ex.run(weir::fail<int>(std::system_error{5, std::generic_category()}) |
                     weir::on_error_resume<std::runtime_error>(zero) | weir::to<std::vector>()) == std::vector{0});
        CHECK_THROWS_AS(ex.run(weir::fail<int>(std::runtime_error{"other"}) |
                               weir::on_error_resume<std::system_error>(code) | weir::drain()),
                        std::runtime_error);
        CHECK_THROWS_AS(ex.run(weir::fail<int>(7) | weir::on_error_resume<std::system_error>(code) | weir::drain()),
                        int);
    }

    TEST_CASE("on_error_resume does not handle an exception from its own function") {
        virtual_executor ex;
        int calls = 0;
        CHECK_THROWS_WITH(
            ex.run(weir::fail<int>(std::runtime_error{"first"}) |
                   weir::on_error_resume<std::runtime_error>([&](const std::runtime_error&) -> weir::async_stream<int> {
                       ++calls;
                       throw std::runtime_error{"second"};
                   }) |
                   weir::drain()),
            "second");
        CHECK(calls == 1);
    }

    TEST_CASE("on_error_resume drops the failed stream before it calls its function") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        source.fail(std::make_exception_ptr(std::runtime_error{"no"}));
        bool dropped = false;
        ex.run(source.stream() | weir::on_error_resume([&](std::exception_ptr) {
                   dropped = source.dropped();
                   return weir::empty<int>();
               }) |
               weir::drain());
        CHECK(dropped);
        CHECK_FALSE(source.polled_after_end());
    }

    TEST_CASE("on_error_resume: an exception below take cancels the source's child and is replaced by the fallback") {
        auto count = std::make_shared<int>(0);
        virtual_executor ex;
        const auto items =
            ex.run(counting_in_the_background(count) | weir::map([](int x) {
                       if (x == 2) throw std::runtime_error{"two"};
                       return x;
                   }) |
                   weir::take(5) | weir::on_error_resume([](std::exception_ptr) { return weir::just(42); }) |
                   weir::to<std::vector>());
        CHECK(items == std::vector{1, 42});
        CHECK(count.use_count() == 1);
        CHECK(ex.stats().timers_armed == 0);
        CHECK(ex.elapsed() == 4ms);
    }

    TEST_CASE("on_error_resume: the captures of a coroutine lambda live as long as its stream") {
        virtual_executor ex;
        const auto words = ex.run(
            weir::fail<std::string>(1) |
            weir::on_error_resume([text = std::string(40, 'x')](std::exception_ptr) -> weir::async_stream<std::string> {
                co_await weir::sleep_for(1ms);
                co_yield std::string(text);
            }) |
            weir::to<std::vector>());
        CHECK(words == std::vector{std::string(40, 'x')});
    }

    TEST_CASE("on_error_resume: a coroutine lambda that is dropped can still read its captures") {
        std::string said;
        const auto fallback = [&said, text = std::string(40, 'x')](std::exception_ptr) -> weir::async_stream<int> {
            struct says_goodbye {
                const std::string& text;
                std::string& said;
                ~says_goodbye() { said = text; }
            } const local{text, said};
            co_await weir::sleep_for(1h);
        };
        virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::fail<int>(1) | weir::on_error_resume(fallback)};
        sink.request();
        ex.run_ready();
        sink.drop();
        CHECK(said == std::string(40, 'x'));
    }

    TEST_CASE("on_error_resume keeps the contract of a stream except for the errors") {
        CHECK(weir::testing::check_contract([] {
                  return weir::on_error_resume(
                      [](std::exception_ptr) { return weir::empty<weir::testing::tracked>(); });
              }) == "");
        CHECK(weir::testing::check_contract([] {
                  return weir::on_error_resume<std::logic_error>(
                      [](const std::logic_error&) { return weir::empty<weir::testing::tracked>(); });
              }) == "");
    }

    TEST_CASE("on_error_resume: a drop destroys the second stream") {
        virtual_executor ex;
        weir::testing::probe<int> second;
        weir::testing::probe_sink sink{
            ex, weir::fail<int>(1) | weir::on_error_resume([&](std::exception_ptr) { return second.stream(); })};
        sink.request();
        ex.run_ready();
        CHECK(second.waiting());
        sink.drop();
        CHECK(second.dropped());
        CHECK_FALSE(second.waiting());
    }

    TEST_CASE("on_error_resume allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::concat(weir::iota(0, n), weir::fail<int>(1)) |
                         weir::on_error_resume([n](std::exception_ptr) { return weir::iota(0, n); }) | weir::drain());
              }) == 0);
    }
}
