// SPDX-License-Identifier: MIT
#include <weir/operators/on_demand.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>

#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using support::numbers;
using weir::on_demand;

TEST_SUITE("operators/on_demand") {
    TEST_CASE("on_demand calls its function once per item and once for the end, and passes the items") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]"}) {
            for (const bool cold : {false, true}) {
                int calls = 0;
                std::size_t items = 0;
                marbles m;
                const std::string seen =
                    m.play((cold ? m.cold(diagram) : m.hot(diagram)) | on_demand([&] { ++calls; }));
                CHECK(seen == diagram);
                for (const char c : seen) items += c >= 'a' && c <= 'c' ? 1 : 0;
                CHECK(static_cast<std::size_t>(calls) == items + 1);
            }
        }
        int calls = 0;
        marbles m;
        CHECK(m.play(m.hot("abcd...") | on_demand([&] { ++calls; }) | weir::take(2)) == "a[b|]");
        CHECK(calls == 2);
    }

    TEST_CASE("on_demand calls its function before upstream is asked, at the time of the demand") {
        for (const auto how : {asking::one_by_one, asking::in_a_loop}) {
            virtual_executor ex;
            probe<int> source;
            std::vector<std::size_t> taken;
            probe_sink sink{ex, source.stream() | on_demand([&] { taken.push_back(source.taken()); }), how};
            ex.run_ready();
            CHECK(taken.empty());
            sink.request(1);
            ex.run_ready();
            CHECK(taken == std::vector<std::size_t>{0});
            source.push(1);
            source.push(2);
            ex.run_ready();
            CHECK(taken == std::vector<std::size_t>{0});
            sink.request(2);
            ex.run_ready();
            CHECK(taken == std::vector<std::size_t>{0, 1, 2});
            CHECK(sink.items() == numbers{1, 2});
        }
    }

    TEST_CASE("on_demand: an exception of its function fails the stream before upstream is asked") {
        virtual_executor ex;
        probe<int> source;
        int calls = 0;
        probe_sink sink{ex, source.stream() | on_demand([&] {
                                if (++calls == 2) throw std::runtime_error{"no"};
                            })};
        sink.request();
        source.push(1);
        source.push(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
        CHECK(sink.error_message() == "no");
        CHECK(source.taken() == 1);
    }

    TEST_CASE("on_demand may be dropped by its function, and by upstream") {
        support::drop_from_within([](auto s) { return std::move(s) | on_demand([] {}); });
        for (const auto how : {asking::one_by_one, asking::in_a_loop}) {
            virtual_executor ex;
            std::function<void()> drop_all;
            probe<int> source;
            int calls = 0;
            probe_sink sink{ex, source.stream() | on_demand([&] {
                                    if (++calls == 2) drop_all();
                                }),
                            how};
            drop_all = [&] { sink.drop(); };
            sink.request();
            for (int i = 0; i != 3; ++i) source.push(i);
            ex.run_ready();
            CHECK(calls == 2);
            CHECK(source.taken() == 1);
        }
    }

    TEST_CASE("on_demand keeps the contract of a stream, and allocates nothing per item") {
        CHECK(check_contract([] { return on_demand([] {}); }) == "");
        int calls = 0;
        CHECK(support::allocations_for_more_items([&](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | on_demand([&] { ++calls; }) | weir::drain());
              }) == 0);
    }
}
