// SPDX-License-Identifier: MIT
// Runs a sample; WEIR_DROPPING=100 a larger one, WEIR_DROPPING=whole all of it, WEIR_DROPPING=each every pipeline in a
// process of its own.

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <dropping.hpp>
#include <dropping_ways.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/balance.hpp>
#include <weir/operators/broadcast_through.hpp>
#include <weir/operators/combine_latest.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/exhaust_map.hpp>
#include <weir/operators/expand.hpp>
#include <weir/operators/extrapolate.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/filter_async.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/flat_map_ordered.hpp>
#include <weir/operators/interleave.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_keyed.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/merge_prioritized.hpp>
#include <weir/operators/merge_sorted.hpp>
#include <weir/operators/partition.hpp>
#include <weir/operators/race.hpp>
#include <weir/operators/stream_map.hpp>
#include <weir/operators/switch_map.hpp>
#include <weir/operators/switch_on_first.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/unzip.hpp>
#include <weir/operators/with_latest_from.hpp>
#include <weir/operators/zip.hpp>
#include <weir/operators/zip_latest.hpp>
#include <weir/operators/zip_longest.hpp>
#include <weir/resilience/concurrency_limit.hpp>
#include <weir/resilience/retry.hpp>

namespace {

using namespace support::dropping;

auto first_of_tuple(scene& s) {
    return weir::map([&s](std::tuple<item, item> both) {
        s.called();
        return s.still_here(std::get<0>(std::move(both)));
    });
}

auto first_of_pair(scene& s) {
    return weir::map([&s](std::pair<item, item> both) {
        s.called();
        return s.still_here(std::move(both.first));
    });
}

auto compares(scene& s) {
    return [&s](const item& a, const item& b) {
        s.called();
        return s.still_here(a).value() < s.still_here(b).value();
    };
}

auto passes_copies(scene& s) {
    return [&s](const item& x) {
        s.called();
        return s.still_here(item{s, x.value()});
    };
}

stage_table children() {
    stage_table table;
    table.add("concat_map", [](scene& s, auto in) { return std::move(in) | weir::concat_map(makes_stream(s, false)); });
    table.add("concat_map of waiting streams",
              [](scene& s, auto in) { return std::move(in) | weir::concat_map(makes_stream(s, true)); });
    table.add("flat_map", [](scene& s, auto in) { return std::move(in) | weir::flat_map(2, makes_stream(s, false)); });
    table.add("flat_map of waiting streams",
              [](scene& s, auto in) { return std::move(in) | weir::flat_map(2, makes_stream(s, true)); });
    table.add("flat_map_ordered of waiting streams",
              [](scene& s, auto in) { return std::move(in) | weir::flat_map_ordered(2, makes_stream(s, true)); });
    table.add("switch_on_first", [](scene& s, auto in) {
        return std::move(in) | weir::switch_on_first([&s](const item& first, auto items) {
                   s.called();
                   s.still_here(first);
                   return items;
               });
    });
    table.add("flat_map of plain streams", [](scene& s, auto in) {
        return std::move(in) | weir::flat_map(2, [&s](item x) {
                   s.called();
                   return plain_source{s, s.still_here(x).value() % 2 == 0};
               });
    });
    table.add(
        "switch_map", [](scene& s, auto in) { return std::move(in) | weir::switch_map(makes_stream(s, false)); },
        false);
    table.add(
        "switch_map of waiting streams",
        [](scene& s, auto in) { return std::move(in) | weir::switch_map(makes_stream(s, true)); }, false);
    table.add("exhaust_map", [](scene& s, auto in) {
        return std::move(in) | weir::exhaust_map(makes_stream(s, false), takes_dropped(s));
    });
    table.add(
        "exhaust_map of waiting streams",
        [](scene& s, auto in) { return std::move(in) | weir::exhaust_map(makes_stream(s, true), takes_dropped(s)); },
        false);
    table.add("map_async", [](scene& s, auto in) { return std::move(in) | weir::map_async(2, makes_task(s, false)); });
    table.add("map_async of waiting tasks",
              [](scene& s, auto in) { return std::move(in) | weir::map_async(2, makes_task(s, true)); });
    table.add("map_async of tasks that read their argument",
              [](scene& s, auto in) { return std::move(in) | weir::map_async(2, reads_argument(s)); });
    table.add("map_async under a limit", [](scene& s, auto in) {
        auto& limit = s.template keep<weir::concurrency_limit>(2);
        return std::move(in) | weir::map_async(limit, makes_task(s, true));
    });
    table.add("map_async_unordered",
              [](scene& s, auto in) { return std::move(in) | weir::map_async_unordered(2, makes_task(s, false)); });
    table.add("map_async_unordered of waiting tasks",
              [](scene& s, auto in) { return std::move(in) | weir::map_async_unordered(3, makes_task(s, true)); });
    table.add("filter_async", [](scene& s, auto in) {
        return std::move(in) | weir::filter_async(2, [&s](const item& x) -> weir::task<bool> {
                   const local here{s};
                   s.called();
                   co_await weir::sleep_for(tick);
                   s.called();
                   co_return s.still_here(x).value() != 1;
               });
    });
    const auto parity = [](scene& s) {
        return [&s](const item& x) {
            s.called();
            return s.still_here(x).value() % 2;
        };
    };
    table.add("map_async_keyed", [parity](scene& s, auto in) {
        return std::move(in) | weir::map_async_keyed(3, parity(s), makes_task(s, false));
    });
    table.add("map_async_keyed of waiting tasks", [parity](scene& s, auto in) {
        return std::move(in) | weir::map_async_keyed(3, parity(s), makes_task(s, true));
    });
    table.add("map_async_keyed of tasks that read their argument", [](scene& s, auto in) {
        return std::move(in) | weir::map_async_keyed(3, [](const item&) { return 0; }, reads_argument(s));
    });
    table.add("map_async_unordered under a limit", [](scene& s, auto in) {
        auto& limit = s.template keep<weir::concurrency_limit>(2);
        return std::move(in) | weir::map_async_unordered(limit, reads_argument(s));
    });
    table.add("merge", [](scene& s, auto in) { return weir::merge(std::move(in), waiting_generator(s)); });
    table.add(
        "merge that ends with the first",
        [](scene& s, auto in) {
            return weir::merge({.eager_complete = true}, std::move(in), waiting_generator(s), plain_source{s});
        },
        false);
    table.add(
        "merge that delays errors",
        [](scene& s, auto in) {
            return weir::merge({.delay_error = true}, std::move(in), failing_generator(s), plain_source{s, true});
        },
        false);
    table.add("merge of a range", [](scene& s, auto in) {
        std::vector<weir::async_stream<item>> all;
        all.push_back(waiting_generator(s));
        all.push_back(weir::async_stream<item>{std::move(in)});
        all.push_back(ready_generator(s));
        return weir::merge(std::move(all));
    });
    table.add("partition", [](scene& s, auto in) {
        auto both = std::move(in) | weir::partition(holds(s, 2), {.capacity = 1});
        return weir::merge(std::move(both.first), std::move(both.second));
    });
    table.add("partition of which one stream is destroyed",
              [](scene& s, auto in) { return (std::move(in) | weir::partition(holds(s, 2))).first; });
    table.add("balance", [](scene&, auto in) { return weir::merge(std::move(in) | weir::balance(2)); });
    table.add("broadcast_through", [](scene& s, auto in) {
        return std::move(in) | weir::broadcast_through(weir::map(passes(s)), weir::filter(holds(s, 1)));
    });
    table.add("merge_prioritized",
              [](scene& s, auto in) { return weir::merge_prioritized({2, 1}, std::move(in), waiting_generator(s)); });
    table.add("expand", [](scene& s, auto in) {
        return std::move(in) | weir::expand(2, [&s](item x) {
                   s.called();
                   const int value = s.still_here(x).value();
                   return plain_source{s, true} | weir::filter(holds(s, value + 2));
               });
    });
    table.add(
        "extrapolate",
        [](scene& s, auto in) { return std::move(in) | weir::extrapolate(passes_copies(s)) | weir::take(6); }, false);
    table.add("zip", [](scene& s, auto in) {
        return weir::zip(std::move(in), waiting_generator(s), takes_dropped(s)) | first_of_tuple(s);
    });
    table.add("zip, behind",
              [](scene& s, auto in) { return weir::zip(ready_generator(s), std::move(in)) | first_of_tuple(s); });
    table.add(
        "zip_longest",
        [](scene& s, auto in) {
            return weir::zip_longest(std::move(in), failing_generator(s), waiting_generator(s)) |
                   weir::map([&s](std::tuple<std::optional<item>, std::optional<item>, std::optional<item>> all) {
                       s.called();
                       auto& last = std::get<2>(all);
                       return s.still_here(last ? *std::move(last) : item{s, 9});
                   });
        },
        false);
    table.add("zip_longest, behind", [](scene& s, auto in) {
        return weir::zip_longest(plain_source{s, true}, std::move(in)) |
               weir::map([&s](std::tuple<std::optional<item>, std::optional<item>> both) {
                   s.called();
                   auto& last = std::get<1>(both);
                   return s.still_here(last ? *std::move(last) : item{s, 9});
               });
    });
    table.add("combine_latest", [](scene& s, auto in) {
        return weir::combine_latest(std::move(in), waiting_generator(s)) | first_of_tuple(s);
    });
    const auto of_a_range = [](scene& s, auto in, const auto& combines) {
        std::vector<decltype(in)> streams;
        streams.push_back(std::move(in));
        return combines(std::move(streams)) | weir::map([&s](std::vector<item> items) {
                   s.called();
                   return s.still_here(std::move(items.front()));
               });
    };
    table.add("stream_map", [](scene& s, auto in) {
        auto [streams, items] = weir::stream_map<int, decltype(in)>();
        streams.insert(1, std::move(in));
        return std::move(items) | weir::map([&s](std::pair<int, item> both) {
                   s.called();
                   return s.still_here(std::move(both.second));
               });
    });
    table.add("unzip", [](scene& s, auto in) {
        auto both = std::move(in) | weir::map([&s](item x) {
                        s.called();
                        return std::pair{item{s, 0}, s.still_here(std::move(x))};
                    }) |
                    weir::unzip({}, takes_dropped(s));
        return std::move(both.second);
    });
    table.add("zip of a range", [of_a_range](scene& s, auto in) { return of_a_range(s, std::move(in), weir::zip); });
    table.add("combine_latest of a range",
              [of_a_range](scene& s, auto in) { return of_a_range(s, std::move(in), weir::combine_latest); });
    table.add(
        "zip_latest",
        [](scene& s, auto in) {
            return weir::zip_latest(std::move(in), waiting_generator(s), takes_dropped(s)) | first_of_tuple(s);
        },
        false);
    table.add(
        "with_latest_from",
        [](scene& s, auto in) {
            return std::move(in) | weir::with_latest_from(waiting_generator(s), takes_dropped(s)) | first_of_pair(s);
        },
        false);
    table.add(
        "with_latest_from, behind",
        [](scene& s, auto in) {
            return waiting_generator(s) | weir::with_latest_from(std::move(in), takes_dropped(s)) | first_of_pair(s);
        },
        false);
    table.add("concat of a range", [](scene& s, auto in) {
        std::vector<weir::async_stream<item>> all;
        all.push_back(ready_generator(s));
        all.push_back(weir::async_stream<item>{std::move(in)});
        return weir::concat(std::move(all));
    });
    table.add("race", [](scene& s, auto in) { return weir::race(std::move(in), waiting_generator(s)); }, false);
    table.add(
        "race, behind",
        [](scene& s, auto in) { return weir::race(waiting_generator(s), std::move(in), plain_source{s, true}); },
        false);
    table.add("interleave", [](scene& s, auto in) { return weir::interleave(1, std::move(in), waiting_generator(s)); });
    table.add("interleave, behind", [](scene& s, auto in) {
        return weir::interleave(3, ready_generator(s), std::move(in), plain_source{s, true});
    });
    table.add("merge_sorted",
              [](scene& s, auto in) { return weir::merge_sorted(compares(s), std::move(in), waiting_generator(s)); });
    table.add(
        "merge_sorted, behind",
        [](scene& s, auto in) {
            return weir::merge_sorted(compares(s), ready_generator(s), std::move(in), plain_source{s, true});
        },
        false);
    table.add("retry", [](scene& s, auto in) {
        auto first = std::make_shared<std::optional<decltype(in)>>(std::move(in));
        return weir::retry(
            [&s, first] {
                s.called();
                if (!*first) return weir::async_stream<item>{plain_source{s, true}};
                weir::async_stream<item> once{*std::move(*first)};
                first->reset();
                return once;
            },
            {.attempts = 3, .delay = tick});
    });
    return table;
}

} // namespace

TEST_SUITE("dropping/children") {
    TEST_CASE("an operator over several streams or operations may be dropped by code above and below it") {
        const auto failures = drop_from_within(behind_sources(children().stages));
        CHECK(failures.all() == "");
    }

    TEST_CASE(
        "an operator over several streams or operations may be dropped in one piece with its source and its sink") {
        const auto failures = drop_from_within(children().fused);
        CHECK(failures.all() == "");
    }

    TEST_CASE("an operator over several streams or operations loses nothing when it drops its spawner and lives on") {
        CHECK(outlive_the_spawner(behind_sources(children().stages)) == "");
        CHECK(outlive_the_spawner(children().fused) == "");
    }

    TEST_CASE("an operator over several streams or operations is destroyed when a drop from outside returns") {
        CHECK(drop_from_outside(behind_sources(children().stages)) == "");
        CHECK(drop_from_outside(children().fused) == "");
    }

    TEST_CASE("an operator over several streams or operations is destroyed before its end or error is seen") {
        CHECK(keep_after_the_end(behind_sources(children().stages)) == "");
        CHECK(keep_after_the_end(children().fused) == "");
    }
}
