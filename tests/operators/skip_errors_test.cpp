// SPDX-License-Identifier: MIT
#include <weir/operators/skip_errors.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>

#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/materialize.hpp>
#include <weir/scope/as_outcome.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using support::numbers;
using weir::skip_errors;

namespace {

/// Capital letters are errors.
weir::outcome<char> checked(char c) {
    if (c < 'A' || c > 'Z') return weir::outcome<char>(c);
    return weir::outcome<char>::failed(std::make_exception_ptr(std::runtime_error{std::string{c}}));
}

std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    }
}

weir::task<int> odd(int x) {
    if (x % 2 == 0) throw std::invalid_argument{std::to_string(x)};
    co_return x;
}

} // namespace

TEST_SUITE("operators/skip_errors") {
    TEST_CASE("skip_errors leaves out the errors that its predicate selects, and fails with the first other one") {
        marbles m;
        const auto is_x = [](const std::exception_ptr& error) { return text_of(error) == "X"; };
        CHECK(m.play(m.hot("-a-X-b-[YcX]-|") | weir::map(checked) | skip_errors()) == "-a---b-c-|");
        CHECK(m.play(m.hot("-a-X-b-[YcX]-|") | weir::map(checked) | skip_errors(is_x)) == "-a---b-#");
        CHECK(m.play(m.hot("[XX][X|]") | weir::map(checked) | skip_errors(is_x)) == "-|");
        CHECK(m.play(m.hot("|") | weir::map(checked) | skip_errors()) == "|");
        CHECK(m.play(m.hot("X-#") | weir::map(checked) | skip_errors()) == "--#");
        CHECK(m.play(m.hot("a-#") | weir::materialize() | skip_errors()) == "a-|");
    }

    TEST_CASE("skip_errors<E> leaves out errors of that type only") {
        marbles m;
        const auto selects = [](const std::runtime_error& e) { return std::string{e.what()} == "X"; };
        CHECK(m.play(m.hot("aXbY|") | weir::map(checked) | skip_errors<std::runtime_error>()) == "a-b-|");
        CHECK(m.play(m.hot("aXbY|") | weir::map(checked) | skip_errors<std::runtime_error>(selects)) == "a-b#");
        CHECK(m.play(m.hot("aXb|") | weir::map(checked) | skip_errors<std::system_error>()) == "a#");
        CHECK(m.play(m.hot("aXb|") | weir::map(checked) | skip_errors<std::exception>()) == "a-b|");
    }

    TEST_CASE("skip_errors passes the errors to on_drop: items in are items out and errors dropped") {
        std::string dropped;
        const auto note = [&](const std::exception_ptr& error) { dropped += text_of(error); };
        marbles m;
        CHECK(m.play(m.hot("-a-X-[YbZ]|") | weir::map(checked) | skip_errors([](auto) { return true; }, note)) ==
              "-a---b|");
        CHECK(dropped == "XYZ");
        virtual_executor ex;
        int lost = 0;
        const auto seen = ex.run(
            weir::iota(0, 100) | weir::map_async(8, [](int x) { return weir::as_outcome(odd(x)); }) |
            skip_errors<std::invalid_argument>([](const auto&) { return true; }, [&](std::exception_ptr) { ++lost; }) |
            weir::to<std::vector>());
        CHECK(seen.size() == 50);
        CHECK(lost == 50);
        for (const int x : seen) CHECK(x % 2 == 1);
    }

    TEST_CASE("skip_errors: an exception of its predicate fails the stream") {
        marbles m;
        const auto throws = [](const std::exception_ptr&) -> bool { throw std::logic_error{"no"}; };
        CHECK(m.play(m.hot("aXb|") | weir::map(checked) | skip_errors(throws)) == "a#");
        const auto throws_typed = [](const std::runtime_error&) -> bool { throw std::logic_error{"no"}; };
        CHECK(m.play(m.hot("aXb|") | weir::map(checked) | skip_errors<std::runtime_error>(throws_typed)) == "a#");
    }

    TEST_CASE("skip_errors may be dropped by on_drop, and by upstream, and moves its items") {
        support::drop_from_within([](auto s) { return std::move(s) | weir::materialize() | skip_errors(); });
        virtual_executor ex;
        std::function<void()> drop_all;
        probe<char> source;
        int calls = 0;
        probe_sink sink{ex, source.stream() | weir::map(checked) |
                                skip_errors([](auto) { return true; },
                                            [&](std::exception_ptr) {
                                                ++calls;
                                                drop_all();
                                            })};
        drop_all = [&] { sink.drop(); };
        sink.request();
        for (const char c : {'a', 'X', 'Y', 'b'}) source.push(c);
        ex.run_ready();
        CHECK(calls == 1);
        CHECK(source.taken() == 2);
        CHECK(*ex.run(weir::just(std::make_unique<int>(3)) | weir::materialize() | skip_errors() |
                      weir::to<std::vector>())
                   .front() == 3);
    }

    TEST_CASE("skip_errors keeps the contract of a stream, and allocates nothing per item") {
        const auto as_item = [](int x) { return weir::outcome<int>(x); };
        CHECK(check_contract([as_item] { return weir::map(as_item) | skip_errors(); }) == "");
        CHECK(support::allocations_for_more_items([as_item](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::map(as_item) | skip_errors() | weir::drain());
              }) == 0);
        std::mt19937 random{3};
        for (int i = 0; i != 200; ++i) {
            const auto in = support::random_numbers(random, 20, -9, 9);
            numbers out;
            for (const int x : in) {
                if (x >= 0) out.push_back(x);
            }
            const auto negative_fails = [](int x) {
                return x >= 0 ? weir::outcome<int>(x)
                              : weir::outcome<int>::failed(std::make_exception_ptr(std::runtime_error{"negative"}));
            };
            CHECK(support::arrive_at_random(random, in, weir::map(negative_fails) | skip_errors()) == out);
        }
    }
}
