// SPDX-License-Identifier: MIT
#include <weir/operators/stream_map.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <failure.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>

#include <weir/async_stream.hpp>
#include <weir/core/closure.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using weir::stream_map;
using items_of = std::vector<std::pair<int, int>>;
using source = probe_stream<int>;

namespace {

/// A stream_map over one stream, as an operator.
const auto over_one = weir::closure{[]<class S>(S s) {
    auto [streams, items] = stream_map<int, S>();
    streams.insert(1, std::move(s));
    return std::move(items) | weir::map([](auto pair) { return std::move(pair.second); });
}};

} // namespace

TEST_SUITE("operators/stream_map") {
    TEST_CASE("stream_map passes the items of a stream with its key, its end and its errors") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | over_one) == diagram);
        }
    }

    TEST_CASE("stream_map: streams join and leave while it is read") {
        virtual_executor ex;
        std::array<probe<int>, 3> probes;
        std::optional both{stream_map<int, source>()};
        auto& streams = both->streams;
        CHECK(streams.insert(0, probes[0].stream()));
        probe_sink sink{ex, std::move(both->items)};
        ex.run_ready();
        CHECK(probes[0].polls() == 0);
        sink.request();
        probes[0].push(1);
        ex.run_ready();
        CHECK(sink.items() == items_of{{0, 1}});
        CHECK(streams.insert(1, probes[1].stream()));
        CHECK(streams.size() == 2);
        probes[1].push(10);
        probes[0].push(2);
        ex.run_ready();
        CHECK(sink.items().size() == 3);
        CHECK(streams.erase(0));
        CHECK_FALSE(streams.erase(0));
        CHECK_FALSE(streams.contains(0));
        CHECK(probes[0].dropped());
        probes[1].push(11);
        ex.run_ready();
        CHECK(sink.items().back() == std::pair{1, 11});
        CHECK(streams.insert(0, probes[2].stream())); // the key is free again
        probes[2].push(100);
        ex.run_ready();
        CHECK(sink.items().back() == std::pair{0, 100});
        probes[1].end();
        probes[2].end();
        ex.run_ready();
        CHECK(streams.size() == 0);
        CHECK_FALSE(sink.ended());
        both.reset();
        ex.run_ready();
        CHECK(sink.ended());
        for (const auto& each : probes) CHECK_FALSE(each.polled_after_end());
    }

    TEST_CASE("stream_map refuses a key that is there, and keeps the stream of the caller") {
        auto [streams, items] = stream_map<std::string, weir::async_stream<int>>();
        weir::async_stream<int> first = weir::just(1);
        weir::async_stream<int> second = weir::just(2);
        CHECK(streams.insert("a", std::move(first)));
        CHECK_FALSE(streams.insert("a", std::move(second)));
        CHECK(streams.insert("b", std::move(second)));
        { const auto copy = std::move(streams); }
        virtual_executor ex;
        CHECK(ex.run(std::move(items) | weir::to<std::map>()) == std::map<std::string, int>{{"a", 1}, {"b", 2}});
    }

    TEST_CASE("stream_map: an error destroys all streams, and no stream can join after it, or after a drop") {
        virtual_executor ex;
        std::array<probe<int>, 3> probes;
        auto both = stream_map<int, source>();
        probe_sink sink{ex, std::move(both.items)};
        both.streams.insert(0, probes[0].stream());
        both.streams.insert(1, probes[1].stream());
        sink.request();
        probes[0].push(1);
        ex.run_ready();
        probes[1].fail(support::failure());
        ex.run_ready();
        CHECK(sink.failed());
        CHECK(sink.items() == items_of{{0, 1}});
        CHECK(probes[0].dropped());
        CHECK(both.streams.closed());
        CHECK_FALSE(both.streams.insert(2, probes[2].stream()));

        probe<int> other;
        auto again = stream_map<int, source>();
        again.streams.insert(0, other.stream());
        { const auto gone = std::move(again.items); }
        CHECK(other.dropped());
        CHECK(again.streams.closed());
        CHECK(again.streams.size() == 0);
    }

    TEST_CASE("stream_map: ready streams take turns, and let others run") {
        virtual_executor ex;
        auto [streams, items] = stream_map<int, weir::iota_stream<int>>();
        streams.insert(0, weir::iota(0));
        streams.insert(1, weir::iota(0));
        std::array<int, 2> seen{};
        probe_sink sink{ex, std::move(items) | weir::map([&](auto pair) {
                                ++seen.at(static_cast<std::size_t>(pair.first));
                                return 0;
                            })};
        sink.request();
        for (int i = 0; i != 3; ++i) ex.turn(ex.now());
        CHECK(seen[0] > 100);
        CHECK(seen[0] - seen[1] <= 1);
        CHECK(seen[1] - seen[0] <= 1);
    }

    TEST_CASE("stream_map: a stream may erase itself and others, and add streams, while it is polled") {
        virtual_executor ex;
        auto both = stream_map<int, weir::async_stream<int>>();
        auto& streams = both.streams;
        probe<int> other;
        bool destroyed = false;
        struct note {
            bool& flag;
            ~note() { flag = true; }
        };
        const auto body = [&]() -> weir::async_stream<int> {
            const note local{destroyed};
            co_yield 1;
            CHECK(streams.erase(1));
            CHECK(other.dropped());
            CHECK(streams.insert(2, weir::just(20)));
            CHECK(streams.erase(0)); // itself
            CHECK(streams.insert(0, weir::just(30)));
            CHECK_FALSE(destroyed);
            co_yield 2; // erased: this item does not arrive
            FAIL("it was polled after it had erased itself");
        };
        streams.insert(0, body());
        streams.insert(1, other.stream());
        probe_sink sink{ex, std::move(both.items)};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == items_of{{0, 1}, {2, 20}, {0, 30}});
        CHECK(destroyed);
        CHECK(streams.size() == 0);
    }

    TEST_CASE("stream_map: a stream that fails after it has erased itself fails the whole") {
        virtual_executor ex;
        auto both = stream_map<int, weir::async_stream<int>>();
        const auto body = [&]() -> weir::async_stream<int> {
            both.streams.erase(0);
            throw support::failure();
            co_yield 1;
        };
        both.streams.insert(0, body());
        probe_sink sink{ex, std::move(both.items)};
        sink.request();
        ex.run_ready();
        CHECK(sink.failed());
    }

    TEST_CASE("stream_map keeps the contract of a stream, allocates nothing per item, and may be dropped from within") {
        CHECK(check_contract([] { return over_one; }) == "");
        support::drop_from_within([](auto s) { return std::move(s) | over_one; });
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | over_one | weir::drain());
              }) == 0);
        virtual_executor ex;
        auto [streams, items] = stream_map<int, weir::async_stream<std::unique_ptr<int>>>();
        streams.insert(1, weir::just(std::make_unique<int>(4)));
        { const auto last_handle = std::move(streams); }
        CHECK(*ex.run(std::move(items) | weir::to<std::vector>()).front().second == 4);
    }

    TEST_CASE("stream_map emits each item once and in the order of its stream, while random streams join and leave") {
        std::mt19937 random{11};
        for (int round = 0; round != 200; ++round) {
            virtual_executor ex;
            std::vector<std::unique_ptr<probe<int>>> probes;
            auto both = stream_map<int, source>();
            probe_sink sink{ex, std::move(both.items), round % 2 == 0 ? asking::one_by_one : asking::in_a_loop};
            std::map<int, std::size_t> current; // the probe of each key
            int pushed = 0;
            for (int step = 0; step != 60; ++step) {
                const int key = static_cast<int>(random() % 4);
                const auto found = current.find(key);
                CHECK(both.streams.contains(key) == (found != current.end()));
                switch (random() % 6) {
                case 0:
                    if (found == current.end()) {
                        probes.push_back(std::make_unique<probe<int>>());
                        CHECK(both.streams.insert(key, probes.back()->stream()));
                        current[key] = probes.size() - 1;
                    }
                    break;
                case 1:
                    if (found != current.end()) {
                        CHECK(both.streams.erase(key));
                        CHECK(probes[found->second]->dropped());
                        current.erase(found);
                    }
                    break;
                case 2:
                    sink.request(random() % 4);
                    break;
                case 3:
                    ex.run_ready();
                    break;
                default:
                    if (found != current.end()) probes[found->second]->push(++pushed);
                }
            }
            sink.request();
            ex.run_ready();
            for (const auto& [key, at] : current) probes[at]->end();
            ex.run_ready();
            CHECK(both.streams.size() == 0);
            std::size_t taken = 0;
            for (const auto& each : probes) {
                taken += each->taken();
                CHECK_FALSE(each->polled_after_end());
            }
            CHECK(sink.items().size() == taken);
            std::map<int, int> last_of;
            for (const auto& [key, item] : sink.items()) {
                CHECK(item > last_of[key]);
                last_of[key] = item;
            }
        }
    }
}
