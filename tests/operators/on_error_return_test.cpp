// SPDX-License-Identifier: MIT
#include <weir/operators/on_error_return.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include <errors.hpp>

#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/fail.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using namespace weir::testing;

TEST_SUITE("operators/on_error_return") {
    TEST_CASE("on_error_return replaces an error of upstream by a value and the end") {
        marbles m;
        CHECK(m.play(m.cold("-a-#") | weir::on_error_return('x')) == "-a-[x|]");
        CHECK(m.play(m.cold("-a-|") | weir::on_error_return('x')) == "-a-|");
        CHECK(m.play(m.cold("#") | weir::on_error_return('x')) == "[x|]");
        CHECK(m.play(m.cold("-a-#") | weir::on_error_return('x') | weir::take(1)) == "-[a|]");
    }

    TEST_CASE("on_error_return passes errors of another type than the given one") {
        const std::logic_error other{"other"};
        CHECK(support::error_of(other, weir::on_error_return<std::runtime_error>(1)) == "other");
        CHECK(support::error_of(other, weir::on_error_return<std::logic_error>(1)) == "none");
    }

    TEST_CASE("on_error_return destroys upstream before its value arrives") {
        support::check_order(
            [](auto up, auto look) { return std::move(up) | weir::on_error_return(5) | weir::map(look); }, {5});
    }

    TEST_CASE("on_error_return holds a value that cannot be copied") {
        virtual_executor ex;
        const auto items = ex.run(weir::fail<std::unique_ptr<int>>(std::runtime_error{"up"}) |
                                  weir::on_error_return(std::make_unique<int>(4)) | weir::to<std::vector>());
        CHECK(*items.at(0) == 4);
    }

    TEST_CASE("on_error_return leaves a stream without an error as it is") {
        support::check_without_errors([](auto value) { return weir::on_error_return(value); });
    }

    TEST_CASE("on_error_return keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::on_error_return(7); }, {.passes_errors = false}) == "");
    }
}
