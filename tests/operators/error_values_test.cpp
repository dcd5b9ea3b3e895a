// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <allocations.hpp>

#include <weir/operators/map.hpp>
#include <weir/operators/map_error.hpp>
#include <weir/operators/on_error_complete.hpp>
#include <weir/operators/on_error_return.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

namespace {

constexpr auto yes = [](std::exception_ptr) { return true; };
constexpr auto no = [](std::exception_ptr) { return false; };
constexpr auto wrapped = [](const std::runtime_error& e) { return std::logic_error{std::string("no ") + e.what()}; };

/// What is thrown by a pipeline over an upstream that fails with an error.
template <class Error, class Operator>
std::string error_of(Error error, Operator op) {
    virtual_executor ex;
    try {
        ex.run(weir::fail<int>(std::move(error)) | std::move(op) | weir::drain());
    } catch (const std::exception& e) {
        return e.what();
    }
    return "none";
}

/// Upstream must be gone when the value that stands for its error arrives, or a function is called for the error.
/// `make` constructs a pipeline from upstream and a function that looks.
template <class Make>
void check_order(Make make, std::vector<int> expected) {
    virtual_executor ex;
    weir::testing::probe<int> source;
    source.fail(std::make_exception_ptr(std::runtime_error{"up"}));
    bool dropped_before = false;
    const auto look = [&](auto x) {
        dropped_before = source.dropped();
        return x;
    };
    CHECK(ex.run(make(source.stream(), look) | weir::to<std::vector>()) == expected);
    CHECK(dropped_before);
}

} // namespace

TEST_SUITE("operators/error_values") {
    TEST_CASE("an error of upstream becomes a value, the end, or another error") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("-a-#") | weir::on_error_return('x')) == "-a-[x|]");
        CHECK(m.play(m.cold("-a-|") | weir::on_error_return('x')) == "-a-|");
        CHECK(m.play(m.cold("#") | weir::on_error_return('x')) == "[x|]");
        CHECK(m.play(m.cold("-a-#") | weir::on_error_complete()) == "-a-|");
        CHECK(m.play(m.cold("-a-#") | weir::on_error_complete(yes)) == "-a-|");
        CHECK(m.play(m.cold("-a-#") | weir::on_error_complete(no)) == "-a-#");
        CHECK(m.play(m.cold("-a-#") | weir::map_error([](std::exception_ptr e) { return e; })) == "-a-#");
        CHECK(m.play(m.cold("-a-|") | weir::map_error<std::runtime_error>(wrapped)) == "-a-|");
    }

    TEST_CASE("map_error throws what its function returns, an object or a std::exception_ptr, or throws") {
        const std::runtime_error up{"up"};
        CHECK(error_of(up, weir::map_error<std::runtime_error>(wrapped)) == "no up");
        CHECK(error_of(up, weir::map_error([](std::exception_ptr e) { return e; })) == "up");
        CHECK(error_of(up, weir::map_error([](std::exception_ptr) { return std::runtime_error{"other"}; })) == "other");
        CHECK(error_of(up, weir::map_error([](std::exception_ptr) -> std::exception_ptr {
                           throw std::runtime_error{"callable"};
                       })) == "callable");
        CHECK(error_of(up, weir::map_error([](std::exception_ptr) { return std::exception_ptr{}; })) ==
              "weir::map_error(f): f returned a null exception_ptr");
    }

    TEST_CASE("errors of another type than the given one pass") {
        const std::logic_error other{"other"};
        CHECK(error_of(other, weir::map_error<std::runtime_error>(wrapped)) == "other");
        CHECK(error_of(other, weir::on_error_return<std::runtime_error>(1)) == "other");
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

    TEST_CASE("upstream is destroyed before the value, and before a function is called for its error") {
        check_order([](auto up, auto look) { return std::move(up) | weir::on_error_return(5) | weir::map(look); }, {5});
        check_order(
            [](auto up, auto look) {
                return std::move(up) |
                       weir::on_error_complete([look](std::exception_ptr e) { return look(e) != nullptr; });
            },
            {});
        check_order(
            [](auto up, auto look) { return std::move(up) | weir::map_error(look) | weir::on_error_complete(); }, {});
    }

    TEST_CASE("on_error_return holds a value that cannot be copied") {
        virtual_executor ex;
        const auto items = ex.run(weir::fail<std::unique_ptr<int>>(std::runtime_error{"up"}) |
                                  weir::on_error_return(std::make_unique<int>(4)) | weir::to<std::vector>());
        CHECK(*items.at(0) == 4);
    }

    TEST_CASE("operators on errors keep the contract of a stream") {
        using weir::testing::check_contract;
        CHECK(check_contract([] { return weir::on_error_return(7); }, {.passes_errors = false}) == "");
        CHECK(check_contract([] { return weir::on_error_complete(); }, {.passes_errors = false}) == "");
        CHECK(check_contract([] { return weir::on_error_complete(no); }) == "");
        CHECK(check_contract([] { return weir::map_error([](std::exception_ptr e) { return e; }); }) == "");
    }

    TEST_CASE("operators on errors allocate nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::on_error_return(1) | weir::map_error<std::runtime_error>(wrapped) |
                         weir::drain());
              }) == 0);
    }
}
