// SPDX-License-Identifier: MIT
#include <weir/sink/next.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <allocations.hpp>

#include <weir/executor/executor.hpp>
#include <weir/operators/concat.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("sink/next") {
    TEST_CASE("next returns item after item, then nullopt") {
        virtual_executor ex;
        const auto body = []() -> weir::task<std::string> {
            auto letters = weir::iota('a', 'd');
            std::string seen;
            while (auto letter = co_await weir::next(letters)) seen += *letter;
            co_return seen;
        };
        CHECK(ex.run(body()) == "abc");
    }

    TEST_CASE("next throws the stream's error after the items before it") {
        virtual_executor ex;
        const auto body = []() -> weir::task<int> {
            auto numbers = weir::concat(weir::just(1), weir::fail<int>(std::runtime_error{"no"}));
            int seen = 0;
            try {
                while (auto number = co_await weir::next(numbers)) seen += *number;
            } catch (const std::runtime_error&) {
                seen += 100;
            }
            co_return seen;
        };
        CHECK(ex.run(body()) == 101);
    }

    TEST_CASE("next moves the item") {
        virtual_executor ex;
        const auto body = []() -> weir::task<int> {
            auto pointers = weir::just(std::make_unique<int>(5));
            const auto pointer = co_await weir::next(pointers);
            co_return **pointer;
        };
        CHECK(ex.run(body()) == 5);
    }

    TEST_CASE("next: an abandoned call loses no item, which the next call returns") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        auto stream = source.stream();
        {
            auto abandoned = ex.spawn(weir::next(stream));
            ex.run_ready();
            CHECK(source.waiting());
        }
        CHECK_FALSE(source.waiting());
        source.push(7);
        CHECK(ex.run(weir::next(stream)) == 7);
    }

    TEST_CASE("next allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  const auto body = [](int to) -> weir::task<long> {
                      auto numbers = weir::iota(0, to);
                      long sum = 0;
                      while (auto number = co_await weir::next(numbers)) sum += *number;
                      co_return sum;
                  };
                  static_cast<void>(ex.run(body(n)));
              }) == 0);
    }
}
