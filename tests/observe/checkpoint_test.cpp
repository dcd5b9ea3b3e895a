// SPDX-License-Identifier: MIT
#include <weir/observe/checkpoint.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <allocations.hpp>
#include <self_drop.hpp>

#include <weir/observe/error_trail.hpp>
#include <weir/observe/what_happened.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace weir::testing;

namespace {

constexpr auto not_two = [](int x) { return x == 2 ? throw std::runtime_error{"row 2"} : x; };

/// What a trail has to say about the error of an operation.
std::string told_by(auto operation) {
    virtual_executor ex;
    try {
        ex.run(std::move(operation));
    } catch (...) {
        return weir::what_happened(std::current_exception());
    }
    return "";
}

} // namespace

TEST_SUITE("observe/checkpoint") {
    TEST_CASE("checkpoint passes items, the end and errors unchanged") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | weir::checkpoint("here")) == diagram);
        }
        CHECK(check_contract([] { return weir::checkpoint("here"); }) == "");
        support::drop_from_within([](auto s) { return std::move(s) | weir::checkpoint("here"); });
    }

    TEST_CASE("what_happened names the checkpoints that an error has passed, and no others") {
        const weir::error_trail trail;
        const auto numbers = [] { return weir::iota(0) | weir::checkpoint("numbers"); };
        for (const bool late : {false, true}) {
            const int line = __LINE__ + 1;
            auto all = numbers() | weir::map(not_two) | weir::checkpoint("rows") | weir::checkpoint("all");
            const std::string text = late ? told_by(std::move(all) | weir::buffer(2) | weir::drain())
                                          : told_by(std::move(all) | weir::drain());
            const std::string place = std::string{" at "} + __FILE__ + ":" + std::to_string(line);
            CHECK(text.starts_with("std::runtime_error: row 2\n  passed rows" + place + "\n  passed all" + place));
            CHECK(text.find("numbers") == std::string::npos);
        }
        CHECK(told_by(numbers() | weir::for_each([](int x) { not_two(x); })).find("passed") == std::string::npos);
    }

    TEST_CASE("checkpoint allocates nothing per item, and changes nothing without a trail") {
        CHECK(told_by(weir::iota(0) | weir::map(not_two) | weir::checkpoint("rows") | weir::drain()) ==
              "std::runtime_error: row 2");
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::checkpoint("a name that does not fit into a string object") |
                         weir::drain());
              }) == 0);
    }
}
