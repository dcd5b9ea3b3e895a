// SPDX-License-Identifier: MIT
#include <weir/operators/on_error_complete.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <errors.hpp>

#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/fail.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using namespace weir::testing;
using support::error_of;

namespace {

constexpr auto yes = [](std::exception_ptr) { return true; };
constexpr auto no = [](std::exception_ptr) { return false; };

} // namespace

TEST_SUITE("operators/on_error_complete") {
    TEST_CASE("on_error_complete replaces an error of upstream by the end") {
        marbles m;
        CHECK(m.play(m.cold("-a-#") | weir::on_error_complete()) == "-a-|");
        CHECK(m.play(m.cold("-a-#") | weir::on_error_complete(yes)) == "-a-|");
        CHECK(m.play(m.cold("-a-#") | weir::on_error_complete(no)) == "-a-#");
        CHECK(m.play(m.cold("#") | weir::on_error_complete()) == "|");
        CHECK(m.play(m.cold("-a-#") | weir::on_error_complete() | weir::take(1)) == "-[a|]");
    }

    TEST_CASE("on_error_complete passes errors of another type than the given one") {
        const std::logic_error other{"other"};
        CHECK(error_of(other, weir::on_error_complete<std::runtime_error>()) == "other");
        CHECK(error_of(other, weir::on_error_complete<std::logic_error>()) == "none");
    }

    TEST_CASE("an error that on_error_complete refuses keeps its type") {
        const std::system_error error{std::make_error_code(std::errc::broken_pipe)};
        virtual_executor ex;
        const auto is = [](std::errc code) {
            return weir::on_error_complete<std::system_error>(
                [code](const std::system_error& e) { return e.code() == code; });
        };
        ex.run(weir::fail<int>(error) | is(std::errc::broken_pipe) | weir::drain());
        CHECK_THROWS_AS(ex.run(weir::fail<int>(error) | is(std::errc::io_error) | weir::drain()), std::system_error);
        CHECK(error_of(error, weir::on_error_complete([](std::exception_ptr) -> bool {
                           throw std::runtime_error{"predicate"};
                       })) == "predicate");
    }

    TEST_CASE("on_error_complete destroys upstream before it calls its predicate") {
        support::check_order(
            [](auto up, auto look) {
                return std::move(up) |
                       weir::on_error_complete([look](std::exception_ptr e) { return look(e) != nullptr; });
            },
            {});
    }

    TEST_CASE("on_error_complete leaves a stream without an error as it is") {
        support::check_without_errors([](auto) { return weir::on_error_complete(); });
    }

    TEST_CASE("on_error_complete keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::on_error_complete(); }, {.passes_errors = false}) == "");
        CHECK(check_contract([] { return weir::on_error_complete(no); }) == "");
    }
}
