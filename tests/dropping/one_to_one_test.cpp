// SPDX-License-Identifier: MIT
// Runs a sample; WEIR_DROPPING=100 a larger one, WEIR_DROPPING=whole all of it, WEIR_DROPPING=each every pipeline in a
// process of its own.

#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <utility>
#include <vector>

#include <dropping.hpp>
#include <dropping_ways.hpp>
#include <weir/observe/log.hpp>
#include <weir/observe/meter.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/delay_start.hpp>
#include <weir/operators/dematerialize.hpp>
#include <weir/operators/distinct.hpp>
#include <weir/operators/distinct_until_changed.hpp>
#include <weir/operators/elapsed.hpp>
#include <weir/operators/end_with.hpp>
#include <weir/operators/enumerate.hpp>
#include <weir/operators/fail_after.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/filter_map.hpp>
#include <weir/operators/finally.hpp>
#include <weir/operators/handle.hpp>
#include <weir/operators/hold.hpp>
#include <weir/operators/inspect.hpp>
#include <weir/operators/intersperse.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/operators/map_error.hpp>
#include <weir/operators/materialize.hpp>
#include <weir/operators/on_demand.hpp>
#include <weir/operators/on_error_complete.hpp>
#include <weir/operators/on_error_resume.hpp>
#include <weir/operators/on_error_return.hpp>
#include <weir/operators/or_else.hpp>
#include <weir/operators/pairwise.hpp>
#include <weir/operators/prefix_and_tail.hpp>
#include <weir/operators/scan.hpp>
#include <weir/operators/skip.hpp>
#include <weir/operators/skip_errors.hpp>
#include <weir/operators/skip_last.hpp>
#include <weir/operators/skip_until.hpp>
#include <weir/operators/skip_while.hpp>
#include <weir/operators/start_with.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/take_last.hpp>
#include <weir/operators/take_through.hpp>
#include <weir/operators/take_while.hpp>
#include <weir/operators/timeout_first.hpp>
#include <weir/operators/transform_chunks.hpp>
#include <weir/sink/first.hpp>
#include <weir/source/once.hpp>
#include <weir/sync/state.hpp>

namespace {

using namespace support::dropping;

stage_table one_to_one() {
    stage_table table;
    table.add("map", [](scene& s, auto in) { return std::move(in) | weir::map(passes(s)); });
    table.add("filter", [](scene& s, auto in) { return std::move(in) | weir::filter(holds(s)); });
    table.add("filter of few", [](scene& s, auto in) { return std::move(in) | weir::filter(holds(s, 3)); });
    table.add("scan of items", [](scene& s, auto in) {
        return std::move(in) | weir::scan([&s](item left, item right) {
                   s.called();
                   return item{s, s.still_here(left).value() + right.value()};
               });
    });
    table.add("filter_map", [](scene& s, auto in) {
        return std::move(in) | weir::filter_map([&s](item x) {
                   s.called();
                   return s.still_here(x).value() % 2 == 0 ? std::nullopt : std::optional{std::move(x)};
               });
    });
    table.add("transform_chunks", [](scene& s, auto in) {
        const auto first_of_chunk = [&s](std::vector<item>& chunk) {
            s.called();
            return s.still_here(chunk) | std::views::take(1);
        };
        return std::move(in) | weir::chunk(2) | weir::transform_chunks(first_of_chunk) |
               weir::map_concat([](std::vector<item> chunk) { return chunk; });
    });
    table.add("inspect", [](scene& s, auto in) { return std::move(in) | weir::inspect(looks(s)); });
    table.add("materialize",
              [](scene&, auto in) { return std::move(in) | weir::materialize() | weir::dematerialize(); });
    table.add("prefix_and_tail", [](scene& s, auto in) {
        return std::move(in) | weir::prefix_and_tail(1) | weir::concat_map([&s](auto both) {
                   s.called();
                   return s.still_here(std::move(both)).second;
               });
    });
    table.add("hold", [](scene& s, auto in) { return std::move(in) | weir::hold(weir::state{item{s, 0}}); });
    table.add("meter", [](scene&, auto in) { return std::move(in) | weir::meter("stage"); });
    table.add("scan", [](scene& s, auto in) {
        return std::move(in) | weir::scan(item{s, 0}, [&s](item sum, item x) {
                   s.called();
                   return item{s, s.still_here(sum).value() + x.value()};
               });
    });
    table.add("enumerate", [](scene& s, auto in) {
        return std::move(in) | weir::enumerate() | weir::map([&s](auto numbered) {
                   s.called();
                   return s.still_here(std::move(numbered.second));
               });
    });
    table.add("pairwise", [](scene& s, auto in) {
        return std::move(in) | weir::pairwise() | weir::map([&s](auto pair) {
                   s.called();
                   return s.still_here(std::move(pair.second));
               });
    });
    table.add("distinct_until_changed", [](scene&, auto in) { return std::move(in) | weir::distinct_until_changed(); });
    table.add("distinct_until_changed by a projection", [](scene& s, auto in) {
        return std::move(in) | weir::distinct_until_changed([&s](const item& x) {
                   s.called();
                   return s.still_here(x).value() / 2;
               });
    });
    table.add("distinct_until_changed by a comparison", [](scene& s, auto in) {
        return std::move(in) | weir::distinct_until_changed([&s](const item& a, const item& b) {
                   s.called();
                   return s.still_here(a).value() / 2 == b.value() / 2;
               });
    });
    table.add("take", [](scene&, auto in) { return std::move(in) | weir::take(2); });
    table.add("take_while", [](scene& s, auto in) {
        return std::move(in) | weir::take_while([&s](const item& x) {
                   s.called();
                   return s.still_here(x).value() < 2;
               });
    });
    table.add("take_through", [](scene& s, auto in) {
        return std::move(in) | weir::take_through([&s](const item& x) {
                   s.called();
                   return s.still_here(x).value() < 2;
               });
    });
    table.add("take_last", [](scene&, auto in) { return std::move(in) | weir::take_last(2); });
    table.add("skip_last", [](scene&, auto in) { return std::move(in) | weir::skip_last(2); });
    table.add("distinct", [](scene& s, auto in) {
        return std::move(in) | weir::distinct(100, [&s](const item& x) {
                   s.called();
                   return s.still_here(x).value() / 2;
               });
    });
    table.add("or_else", [](scene& s, auto in) {
        return std::move(in) | weir::filter(holds(s, 100)) | weir::or_else(plain_source{s});
    });
    table.add("skip", [](scene&, auto in) { return std::move(in) | weir::skip(2); });
    table.add("skip_while", [](scene& s, auto in) {
        return std::move(in) | weir::skip_while([&s](const item& x) {
                   s.called();
                   return s.still_here(x).value() < 2;
               });
    });
    table.add("start_with", [](scene& s, auto in) { return std::move(in) | weir::start_with(item{s, 7}); });
    table.add("map_concat", [](scene& s, auto in) {
        return std::move(in) | weir::map_concat([&s](item x) {
                   s.called();
                   std::vector<item> two;
                   two.push_back(item{s, s.still_here(x).value()});
                   two.push_back(std::move(x));
                   return two;
               });
    });
    table.add("start_with a range", [](scene& s, auto in) {
        std::vector<item> two;
        two.push_back(item{s, 7});
        two.push_back(item{s, 8});
        return std::move(in) | weir::start_with(std::move(two));
    });
    table.add("on_demand", [](scene& s, auto in) {
        return std::move(in) | weir::on_demand([&s] {
                   s.called();
                   static_cast<void>(s.still_here(0));
               });
    });
    table.add("skip_errors", [](scene& s, auto in) {
        return std::move(in) | weir::map([](item x) {
                   return x.value() % 2 == 0
                              ? weir::outcome<item>(std::move(x))
                              : weir::outcome<item>::failed(std::make_exception_ptr(std::runtime_error{"odd"}));
               }) |
               weir::skip_errors(
                   [&s](const std::exception_ptr&) {
                       s.called();
                       return s.still_here(true);
                   },
                   [&s](const std::exception_ptr&) {
                       s.ended();
                       static_cast<void>(s.still_here(0));
                   });
    });
    table.add("log", [](scene& s, auto in) {
        return std::move(in) | weir::log(
                                   "stage",
                                   [&s](std::string_view) {
                                       s.ended();
                                       static_cast<void>(s.still_here(0));
                                   },
                                   [&s](const item& x) {
                                       s.called();
                                       return s.still_here(x).value();
                                   });
    });
    table.add("finally", [](scene& s, auto in) { return std::move(in) | weir::finally([&s] { s.ended(); }); });
    table.add("on_error_resume", [](scene& s, auto in) {
        return std::move(in) | weir::on_error_resume([&s](std::exception_ptr) {
                   s.called();
                   return ready_generator(s.still_here(s));
               });
    });
    table.add("on_error_resume of a type", [](scene& s, auto in) {
        return std::move(in) | weir::on_error_resume<std::runtime_error>([&s](const std::runtime_error&) {
                   s.called();
                   return waiting_generator(s.still_here(s));
               });
    });
    table.add("on_error_return", [](scene& s, auto in) { return std::move(in) | weir::on_error_return(item{s, 7}); });
    table.add("on_error_complete", [](scene& s, auto in) {
        return std::move(in) | weir::on_error_complete([&s](std::exception_ptr) {
                   s.called();
                   return s.still_here(true);
               });
    });
    table.add("map_error", [](scene& s, auto in) {
        return std::move(in) | weir::map_error<std::runtime_error>([&s](const std::runtime_error& error) {
                   s.called();
                   return std::runtime_error{s.still_here(error)};
               });
    });
    table.add("fail_after", [](scene&, auto in) { return std::move(in) | weir::fail_after(100); });
    table.add("end_with", [](scene& s, auto in) { return std::move(in) | weir::end_with(item{s, 7}, item{s, 8}); });
    table.add("intersperse", [](scene& s, auto in) { return std::move(in) | weir::intersperse(item{s, 7}); });
    table.add("elapsed", [](scene& s, auto in) {
        return std::move(in) | weir::elapsed() | weir::map([&s](auto stamped) {
                   s.called();
                   return s.still_here(std::move(stamped.second));
               });
    });
    table.add("handle", [](scene& s, auto in) {
        return std::move(in) | weir::handle<item>(
                                   item{s, 0},
                                   [&s](item& held, item x, const auto& emit) {
                                       s.called();
                                       emit(item{s, s.still_here(x).value()});
                                       emit(std::exchange(held, std::move(x)));
                                   },
                                   [&s](item& held, const auto& emit) {
                                       s.called();
                                       emit(std::move(s.still_here(held)));
                                   });
    });
    table.add("skip_until", [](scene& s, auto in) { return std::move(in) | weir::skip_until(waiting_generator(s)); });
    table.add("delay_start",
              [](scene& s, auto in) { return std::move(in) | weir::delay_start(plain_source{s} | weir::first()); });
    table.add("timeout_first", [](scene&, auto in) { return std::move(in) | weir::timeout_first(long_time); });
    table.add("concat", [](scene& s, auto in) { return weir::concat(std::move(in), plain_source{s}); });
    table.add("once", [](scene& s, auto in) {
        return weir::once(std::move(in) | weir::first()) | weir::map([&s](std::optional<item> x) {
                   s.called();
                   return x ? s.still_here(*std::move(x)) : item{s, 0};
               });
    });
    table.add("a coroutine", [](scene& s, auto in) { return relay(s, std::move(in)); });
    table.add(
        "a map that throws",
        [](scene& s, auto in) {
            return std::move(in) | weir::map([&s](item x) {
                       s.called();
                       if (s.still_here(x).value() == 2) throw std::runtime_error{"callable"};
                       return x;
                   });
        },
        false);
    return table;
}

} // namespace

TEST_SUITE("dropping/one_to_one") {
    TEST_CASE("an operator that passes items on may be dropped by code above and below it") {
        const auto failures = drop_from_within(behind_sources(one_to_one().stages));
        CHECK(failures.all() == "");
    }

    TEST_CASE("an operator that passes items on may be dropped in one piece with its source and its sink") {
        const auto failures = drop_from_within(one_to_one().fused);
        CHECK(failures.all() == "");
    }

    TEST_CASE("an operator that passes items on loses nothing when it drops its spawner and lives on") {
        CHECK(outlive_the_spawner(behind_sources(one_to_one().stages)) == "");
        CHECK(outlive_the_spawner(one_to_one().fused) == "");
    }

    TEST_CASE("an operator that passes items on is destroyed when a drop from outside returns") {
        CHECK(drop_from_outside(behind_sources(one_to_one().stages)) == "");
        CHECK(drop_from_outside(one_to_one().fused) == "");
    }

    TEST_CASE("an operator that passes items on is destroyed before its end or error is seen") {
        CHECK(keep_after_the_end(behind_sources(one_to_one().stages)) == "");
        CHECK(keep_after_the_end(one_to_one().fused) == "");
    }
}
