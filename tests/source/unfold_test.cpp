// SPDX-License-Identifier: MIT
#include <weir/source/unfold.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <allocations.hpp>

#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("source/unfold") {
    TEST_CASE("unfold passes the state from call to call and ends at nullopt") {
        weir::testing::marbles m;
        CHECK(m.play(weir::unfold(3, [](int& n) { return n == 0 ? std::nullopt : std::optional{n--}; })) == "[321|]");
        CHECK(m.play(weir::unfold(0, [](int&) { return std::optional<char>{}; })) == "|");
    }

    TEST_CASE("unfold: items and state may have different types") {
        virtual_executor ex;
        const auto fibonacci = ex.run(weir::unfold(std::pair{0, 1},
                                                   [](std::pair<int, int>& state) -> std::optional<long> {
                                                       if (state.first > 20) return std::nullopt;
                                                       const int next = state.first;
                                                       state = {state.second, state.first + state.second};
                                                       return next;
                                                   }) |
                                      weir::to<std::vector>());
        CHECK(fibonacci == std::vector<long>{0, 1, 1, 2, 3, 5, 8, 13});
    }

    TEST_CASE("unfold accepts a move-only state") {
        virtual_executor ex;
        const auto items =
            ex.run(weir::unfold(std::make_unique<int>(5),
                                [](std::unique_ptr<int>& state) {
                                    return state ? std::optional{std::exchange(state, nullptr)} : std::nullopt;
                                }) |
                   weir::to<std::vector>());
        CHECK(*items.front() == 5);
    }

    TEST_CASE("unfold calls its function only when it is polled") {
        int calls = 0;
        virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::unfold(0, [&](int& n) {
                                           ++calls;
                                           return std::optional{++n};
                                       })};
        ex.run_ready();
        CHECK(calls == 0);
        sink.request(2);
        ex.run_ready();
        CHECK(calls == 2);
    }

    TEST_CASE("unfold: an exception from the function ends the stream") {
        weir::testing::marbles m;
        CHECK(m.play(weir::unfold(0, [](int& n) -> std::optional<int> {
            if (++n == 3) throw std::runtime_error{"three"};
            return n;
        })) == "[12#]");
    }

    TEST_CASE("unfold allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::unfold(n, [](int& i) { return i == 0 ? std::nullopt : std::optional{i--}; }) |
                         weir::drain());
              }) == 0);
    }
}
