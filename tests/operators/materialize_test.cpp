// SPDX-License-Identifier: MIT
#include <weir/operators/materialize.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>

#include <weir/operators/concat.hpp>
#include <weir/operators/dematerialize.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/scope/outcome.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using support::numbers;

namespace {

/// An outcome as its value, or as ! for an error.
const auto value_or_mark = weir::map([](auto result) { return result ? *result : '!'; });

} // namespace

TEST_SUITE("operators/materialize") {
    TEST_CASE("materialize emits an error as the last item, then ends") {
        marbles m;
        CHECK(m.play(m.hot("--a-b-|") | weir::materialize() | value_or_mark) == "--a-b-|");
        CHECK(m.play(m.cold("--a-b-#") | weir::materialize() | value_or_mark) == "--a-b-[!|]");
        CHECK(m.play(m.cold("#") | weir::materialize() | value_or_mark) == "[!|]");
        CHECK(m.play(m.cold("|") | weir::materialize() | value_or_mark) == "|");
        CHECK(m.play(m.cold("a...") | weir::materialize() | value_or_mark) == "a...");
        CHECK(m.play(m.cold("a-#") | weir::materialize() | value_or_mark | weir::take(1)) == "[a|]");
    }

    TEST_CASE("materialize destroys upstream before it emits the error, which keeps its type") {
        virtual_executor ex;
        for (const bool one_by_one : {false, true}) {
            probe<int> source;
            source.push(1);
            source.fail(std::make_exception_ptr(std::runtime_error{"lost"}));
            std::optional<bool> dropped;
            const auto look = [&](const weir::outcome<int>& result) {
                if (result) return;
                dropped = source.dropped();
                CHECK_THROWS_WITH_AS(static_cast<void>(result.value()), "lost", std::runtime_error);
            };
            if (one_by_one) {
                probe_sink sink{ex, source.stream() | weir::materialize()};
                sink.request(2);
                ex.run_ready();
                CHECK(source.dropped());
                CHECK_FALSE(sink.ended());
                for (const auto& result : sink.items()) look(result);
            } else {
                ex.run(source.stream() | weir::materialize() | weir::for_each(look));
            }
            CHECK(dropped == true);
        }
    }

    TEST_CASE("materialize does not catch what its consumer throws") {
        virtual_executor ex;
        int seen = 0;
        CHECK_THROWS_WITH(ex.run(weir::iota(0, 5) | weir::materialize() | weir::for_each([&](const auto&) {
                                     ++seen;
                                     throw std::runtime_error{"consumer"};
                                 })),
                          "consumer");
        CHECK(seen == 1);
    }

    TEST_CASE("materialize and dematerialize together change nothing, whenever items arrive") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | weir::materialize() | weir::dematerialize()) == diagram);
        }
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            CHECK(support::arrive_at_random(random, items, weir::materialize() | weir::dematerialize()) == items);
        }
    }

    TEST_CASE("materialize pulls no item without demand") {
        virtual_executor ex;
        probe<int> source;
        source.push(1);
        source.push(2);
        probe_sink sink{ex, source.stream() | weir::materialize()};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(source.polls() == 1);
    }

    TEST_CASE("materialize allocates nothing per item, and accepts move-only items") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::materialize() | weir::dematerialize() | weir::drain());
              }) == 0);
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 3) | weir::map([](int i) { return std::make_unique<int>(i); }) |
                     weir::materialize() | weir::dematerialize() | weir::to<std::vector>())
                  .size() == 3);
    }

    TEST_CASE("materialize keeps the contract of a stream") {
        const auto value = weir::map([](auto result) { return result ? int(*result) : -1; });
        CHECK(check_contract([&] { return weir::materialize() | value; }, {.passes_errors = false}) == "");
        CHECK(check_contract([&] { return weir::materialize() | weir::dematerialize(); }) == "");
    }
}
