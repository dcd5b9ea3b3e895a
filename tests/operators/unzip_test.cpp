// SPDX-License-Identifier: MIT
#include <weir/operators/unzip.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <failure.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>

#include <weir/async_stream.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/zip.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using support::numbers;
using weir::unzip;

namespace {

using item = std::pair<int, char>;

constexpr auto doubled = weir::map([](int x) { return std::pair(x, 2 * x); });

} // namespace

TEST_SUITE("operators/unzip") {
    TEST_CASE("unzip gives the first and the second parts, at once, with the end and errors") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
            marbles m;
            auto [left, right] = m.hot(diagram) | weir::map([](char c) { return std::tuple(c, c); }) | unzip();
            CHECK(m.play(weir::zip(std::move(left), std::move(right)) | weir::map([](std::tuple<char, char> both) {
                             return std::get<0>(both) == std::get<1>(both) ? std::get<0>(both) : '?';
                         })) == diagram);
        }
    }

    TEST_CASE("unzip holds parts for the other stream, up to its capacity") {
        virtual_executor ex;
        probe<item> source;
        auto both = source.stream() | unzip({.capacity = 2});
        probe_sink first{ex, std::move(both.first)};
        probe_sink second{ex, std::move(both.second)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        for (int i = 0; i != 5; ++i) source.push({i, static_cast<char>('a' + i)});
        first.request();
        ex.run_ready();
        CHECK(first.items().size() <= 3);
        CHECK(source.taken() <= 3);
        second.request(1);
        ex.run_ready();
        CHECK(second.items() == std::vector{'a'});
        CHECK(source.taken() <= 4);
        second.request();
        source.end();
        ex.run_ready();
        CHECK(first.items() == numbers{0, 1, 2, 3, 4});
        CHECK(second.items() == std::vector{'a', 'b', 'c', 'd', 'e'});
        CHECK(first.ended());
        CHECK(second.ended());
    }

    TEST_CASE("unzip: an error comes in both streams, after the parts held; upstream lives as long as one of them") {
        virtual_executor ex;
        probe<item> source;
        auto both = source.stream() | unzip();
        probe_sink first{ex, std::move(both.first)};
        probe_sink second{ex, std::move(both.second)};
        first.request();
        source.push({1, 'a'});
        source.fail(support::failure());
        ex.run_ready();
        CHECK(source.dropped());
        CHECK(first.failed());
        second.request();
        ex.run_ready();
        CHECK(second.items() == std::vector{'a'});
        CHECK(second.failed());

        probe<item> other;
        std::optional<probe_sink<weir::unzip_stream<decltype(other.stream()), 0>>> left;
        {
            auto pair = other.stream() | unzip({.capacity = 1});
            left.emplace(ex, std::move(pair.first));
        } // the second is destroyed: its parts are, too
        left->request();
        for (int i = 0; i != 5; ++i) other.push({i, 'x'});
        ex.run_ready();
        CHECK(left->items().size() == 5);
        CHECK_FALSE(other.dropped());
        left.reset();
        CHECK(other.dropped());
    }

    TEST_CASE("unzip may be dropped by upstream, moves its items, and rejects a capacity of 0") {
        support::drop_from_within([](auto s) { return (std::move(s) | doubled | unzip()).first; });
        support::drop_from_within([](auto s) { return (std::move(s) | doubled | unzip()).second; });
        virtual_executor ex;
        auto [left, right] =
            weir::iota(0, 4) |
            weir::map([](int x) { return std::pair(std::make_unique<int>(x), std::make_unique<int>(10 * x)); }) |
            unzip();
        int sum = 0;
        const auto add = weir::for_each([&](auto x) { sum += *x; });
        ex.run(weir::when_all(std::move(left) | add, std::move(right) | add));
        CHECK(sum == 66);
        CHECK_THROWS_WITH_AS(unzip({.capacity = 0}), "weir::unzip({.capacity}): capacity must be at least 1",
                             std::invalid_argument);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor other;
                  auto [a, b] = weir::iota(0, n) | doubled | unzip();
                  other.run(weir::when_all(std::move(a) | weir::drain(), std::move(b) | weir::drain()));
              }) == 0);
    }

    TEST_CASE("unzip passes parts for a stream that was destroyed to on_drop, and none that its stream emits") {
        std::mt19937 random{5};
        for (int round = 0; round != 300; ++round) {
            virtual_executor ex;
            probe<item> source;
            numbers dropped_numbers;
            std::string dropped_letters;
            struct note {
                numbers& all_numbers;
                std::string& letters;
                void operator()(int x) const { all_numbers.push_back(x); }
                void operator()(char c) const { letters += c; }
            };
            auto both = source.stream() | unzip({.capacity = 3}, note{dropped_numbers, dropped_letters});
            probe_sink first{ex, std::move(both.first)};
            probe_sink second{ex, std::move(both.second)};
            const bool first_leaves = round % 2 == 0;
            bool left = false;
            for (int i = 0; i != 12; ++i) {
                source.push({i, static_cast<char>('a' + i)});
                if (random() % 2 == 0) first.request(random() % 3);
                if (random() % 2 == 0) second.request(random() % 3);
                if (random() % 2 == 0) ex.run_ready();
                if (left || random() % 8 != 0) continue;
                left = true;
                if (first_leaves) {
                    first.drop();
                } else {
                    second.drop();
                }
            }
            source.end();
            first.request();
            second.request();
            ex.run_ready();
            const std::size_t emitted = first.items().size() + second.items().size();
            CHECK(emitted + dropped_numbers.size() + dropped_letters.size() == 24);
            if (!left || !first_leaves) CHECK(dropped_numbers.empty());
            if (!left || first_leaves) CHECK(dropped_letters.empty());
            CHECK(std::is_sorted(dropped_numbers.begin(), dropped_numbers.end()));
            CHECK(std::is_sorted(dropped_letters.begin(), dropped_letters.end()));
        }
    }

    TEST_CASE("unzip emits each part once and in order, for random arrivals and random polls") {
        std::mt19937 random{20240916};
        for (int round = 0; round != 200; ++round) {
            virtual_executor ex;
            probe<std::pair<int, int>> source;
            auto both = source.stream() | unzip({.capacity = 1 + random() % 3});
            probe_sink first{ex, std::move(both.first)};
            probe_sink second{ex, std::move(both.second)};
            const int n = static_cast<int>(random() % 10);
            numbers expected;
            for (int i = 0; i != n; ++i) {
                source.push({i, i});
                expected.push_back(i);
                if (random() % 2 == 0) first.request(random() % 3);
                if (random() % 2 == 0) second.request(random() % 3);
                if (random() % 2 == 0) ex.run_ready();
            }
            source.end();
            first.request();
            second.request();
            ex.run_ready();
            CHECK(first.ended());
            CHECK(second.ended());
            CHECK(first.items() == expected);
            CHECK(second.items() == expected);
        }
    }
}
