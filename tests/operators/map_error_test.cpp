// SPDX-License-Identifier: MIT
#include <weir/operators/map_error.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <errors.hpp>

#include <weir/operators/on_error_complete.hpp>
#include <weir/operators/take.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using namespace weir::testing;
using support::error_of;

namespace {

constexpr auto same = [](std::exception_ptr e) { return e; };
constexpr auto wrapped = [](const std::runtime_error& e) { return std::logic_error{std::string("no ") + e.what()}; };

} // namespace

TEST_SUITE("operators/map_error") {
    TEST_CASE("map_error passes items, the end, and another error at the time of the first") {
        marbles m;
        CHECK(m.play(m.cold("-a-#") | weir::map_error(same)) == "-a-#");
        CHECK(m.play(m.cold("-a-|") | weir::map_error<std::runtime_error>(wrapped)) == "-a-|");
        CHECK(m.play(m.cold("#") | weir::map_error(same)) == "#");
        CHECK(m.play(m.cold("-a-#") | weir::map_error(same) | weir::take(1)) == "-[a|]");
    }

    TEST_CASE("map_error throws what its function returns, an object or a std::exception_ptr, or throws") {
        const std::runtime_error up{"up"};
        CHECK(error_of(up, weir::map_error<std::runtime_error>(wrapped)) == "no up");
        CHECK(error_of(up, weir::map_error(same)) == "up");
        CHECK(error_of(up, weir::map_error([](std::exception_ptr) { return std::runtime_error{"other"}; })) == "other");
        CHECK(error_of(up, weir::map_error([](std::exception_ptr) -> std::exception_ptr {
                           throw std::runtime_error{"callable"};
                       })) == "callable");
        CHECK(error_of(up, weir::map_error([](std::exception_ptr) { return std::exception_ptr{}; })) ==
              "weir::map_error(f): f returned a null exception_ptr");
    }

    TEST_CASE("map_error passes errors of another type than the given one") {
        CHECK(error_of(std::logic_error{"other"}, weir::map_error<std::runtime_error>(wrapped)) == "other");
    }

    TEST_CASE("map_error destroys upstream before it calls its function") {
        support::check_order(
            [](auto up, auto look) { return std::move(up) | weir::map_error(look) | weir::on_error_complete(); }, {});
    }

    TEST_CASE("map_error leaves a stream without an error as it is") {
        support::check_without_errors([](auto) { return weir::map_error<std::runtime_error>(wrapped); });
    }

    TEST_CASE("map_error keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::map_error(same); }) == "");
    }
}
