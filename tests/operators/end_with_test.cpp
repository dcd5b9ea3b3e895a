// SPDX-License-Identifier: MIT
#include <weir/operators/end_with.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;

TEST_SUITE("operators/end_with") {
    TEST_CASE("end_with adds values at the end, and none after an error") {
        marbles m;
        CHECK(m.play(m.cold("-a-|") | weir::end_with('x', 'y')) == "-a-[xy|]");
        CHECK(m.play(weir::empty<char>() | weir::end_with('x')) == "[x|]");
        CHECK(m.play(m.cold("-a-#") | weir::end_with('x')) == "-a-#");
        CHECK(m.play(m.cold("-a-|") | weir::end_with('x', 'y') | weir::take(1)) == "-[a|]");
        CHECK(m.play(m.cold("-a-|") | weir::end_with('x', 'y') | weir::take(2)) == "-a-[x|]");
        virtual_executor ex;
        const auto items = ex.run(weir::just(std::make_unique<int>(1)) | weir::end_with(std::make_unique<int>(2)) |
                                  weir::to<std::vector>());
        CHECK(*items.at(1) == 2);
    }

    TEST_CASE("end_with destroys upstream before its values, which it destroys with its consumer") {
        virtual_executor ex;
        const auto alive = std::make_shared<int>(2);
        probe<std::shared_ptr<int>> source;
        source.end();
        {
            probe_sink sink{ex, source.stream() | weir::end_with(alive, alive)};
            ex.run_ready();
            CHECK(source.polls() == 0);
            sink.request(1);
            ex.run_ready();
            CHECK(sink.items().size() == 1);
            CHECK(source.dropped());
        }
        CHECK(alive.use_count() == 1);
    }

    TEST_CASE("end_with keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::end_with(7); }, {.ends_with_upstream = false}) == "");
    }

    TEST_CASE("end_with agrees with a vector, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, 1, 4);
            auto ended = numbers;
            ended.insert(ended.end(), {7, 8});
            CHECK(support::arrive_at_random(random, numbers, weir::end_with(7, 8)) == ended);
        }
    }

    TEST_CASE("end_with allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::end_with(1) | weir::drain());
              }) == 0);
    }
}
