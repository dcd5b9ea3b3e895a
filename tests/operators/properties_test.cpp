// SPDX-License-Identifier: MIT
#include <weir/testing/properties.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/observe/checkpoint.hpp>
#include <weir/observe/log.hpp>
#include <weir/operators/also_to.hpp>
#include <weir/operators/batch_while_busy.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/buffer_weighted.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/chunk_by.hpp>
#include <weir/operators/chunk_weighted.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/concurrently.hpp>
#include <weir/operators/consumer_timeout.hpp>
#include <weir/operators/debounce.hpp>
#include <weir/operators/default_if_empty.hpp>
#include <weir/operators/delay.hpp>
#include <weir/operators/delay_start.hpp>
#include <weir/operators/dematerialize.hpp>
#include <weir/operators/distinct.hpp>
#include <weir/operators/distinct_until_changed.hpp>
#include <weir/operators/divert_to.hpp>
#include <weir/operators/elapsed.hpp>
#include <weir/operators/end_with.hpp>
#include <weir/operators/enumerate.hpp>
#include <weir/operators/event_windows.hpp>
#include <weir/operators/expand.hpp>
#include <weir/operators/expire.hpp>
#include <weir/operators/fail_after.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/filter_async.hpp>
#include <weir/operators/filter_map.hpp>
#include <weir/operators/finally.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/flat_map_ordered.hpp>
#include <weir/operators/flatten.hpp>
#include <weir/operators/handle.hpp>
#include <weir/operators/inspect.hpp>
#include <weir/operators/interleave.hpp>
#include <weir/operators/intersperse.hpp>
#include <weir/operators/latest_per_key.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/operators/materialize.hpp>
#include <weir/operators/merge_sorted.hpp>
#include <weir/operators/on_demand.hpp>
#include <weir/operators/on_error_complete.hpp>
#include <weir/operators/or_else.hpp>
#include <weir/operators/pace.hpp>
#include <weir/operators/pairwise.hpp>
#include <weir/operators/scan.hpp>
#include <weir/operators/sessions.hpp>
#include <weir/operators/skip.hpp>
#include <weir/operators/skip_errors.hpp>
#include <weir/operators/skip_for.hpp>
#include <weir/operators/skip_last.hpp>
#include <weir/operators/skip_while.hpp>
#include <weir/operators/sliding.hpp>
#include <weir/operators/split_when.hpp>
#include <weir/operators/start_with.hpp>
#include <weir/operators/stream_map.hpp>
#include <weir/operators/switch_on_first.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/take_for.hpp>
#include <weir/operators/take_last.hpp>
#include <weir/operators/take_through.hpp>
#include <weir/operators/take_while.hpp>
#include <weir/operators/throttle.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/operators/timeout_first.hpp>
#include <weir/operators/timeout_total.hpp>
#include <weir/operators/timestamp.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/operators/wire_tap.hpp>
#include <weir/operators/zip.hpp>
#include <weir/operators/zip_longest.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>

using namespace std::chrono_literals;
using weir::testing::check_property;
using weir::testing::timeline;
using list = std::vector<int>;
using lists = std::vector<list>;

namespace {

list same(const list& in) { return in; }
bool even(int i) { return i % 2 == 0; }
bool small(int i) { return i < 6; }

list only_even(const list& in) {
    list out;
    std::ranges::copy_if(in, std::back_inserter(out), even);
    return out;
}
list first(const list& in, std::size_t n) {
    return {in.begin(), in.begin() + static_cast<std::ptrdiff_t>(std::min(n, in.size()))};
}
list all_but_first(const list& in, std::size_t n) {
    return {in.begin() + static_cast<std::ptrdiff_t>(std::min(n, in.size())), in.end()};
}
list joined(list a, const list& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
std::size_t first_not_small(const list& in) {
    return static_cast<std::size_t>(std::ranges::find_if_not(in, small) - in.begin());
}
/// The items in lists, of which another begins with each item for which a function of the list and the item returns
/// true.
template <class Begins>
lists split(const list& in, Begins begins) {
    lists out;
    for (const int i : in) {
        if (out.empty() || begins(out.back(), i)) out.emplace_back();
        out.back().push_back(i);
    }
    return out;
}

weir::async_stream<int> twice_later(int i) {
    co_yield i;
    co_await weir::yield();
    co_yield i;
}
list twice(const list& in) {
    list out;
    for (const int i : in) out.insert(out.end(), 2, i);
    return out;
}

} // namespace

TEST_SUITE("operators/properties") {
    TEST_CASE("operators of one item do what a loop does") {
        CHECK(check_property([] { return weir::map([](int i) { return i + 1; }); },
                             [](list in) {
                                 for (int& i : in) ++i;
                                 return in;
                             }) == "");
        CHECK(check_property([] { return weir::filter(even); }, only_even) == "");
        CHECK(check_property(
                  [] { return weir::filter_map([](int i) { return even(i) ? std::optional{i} : std::nullopt; }); },
                  only_even) == "");
        CHECK(check_property([] { return weir::inspect([](int) {}); }, same) == "");
        CHECK(check_property([] { return weir::finally([] {}); }, same) == "");
        CHECK(check_property([] { return weir::on_demand([] {}); }, same) == "");
        CHECK(check_property([] { return weir::log("n", [](std::string_view) {}); }, same) == "");
        CHECK(check_property(
                  [] {
                      return weir::map([](int i) {
                                 return even(i) ? weir::outcome<int>(i)
                                                : weir::outcome<int>::failed(std::make_exception_ptr(i));
                             }) |
                             weir::skip_errors<int>();
                  },
                  only_even) == "");
        CHECK(check_property([] { return weir::scan(0, std::plus<>{}); },
                             [](list in) {
                                 std::inclusive_scan(in.begin(), in.end(), in.begin());
                                 return in;
                             }) == "");
        CHECK(check_property([] { return weir::scan(std::plus<>{}); },
                             [](list in) {
                                 std::inclusive_scan(in.begin(), in.end(), in.begin());
                                 return in;
                             }) == "");
        CHECK(check_property([] { return weir::checkpoint("here"); }, same) == "");
        CHECK(check_property([] { return weir::enumerate(); },
                             [](const list& in) {
                                 std::vector<std::pair<std::size_t, int>> out;
                                 for (const int i : in) out.emplace_back(out.size(), i);
                                 return out;
                             }) == "");
        CHECK(check_property([] { return weir::pairwise(); },
                             [](const list& in) {
                                 std::vector<std::pair<int, int>> out;
                                 for (std::size_t i = 1; i < in.size(); ++i) out.emplace_back(in[i - 1], in[i]);
                                 return out;
                             }) == "");
        CHECK(check_property([] { return weir::distinct(16); },
                             [](const list& in) {
                                 list out;
                                 for (const int i : in) {
                                     if (std::ranges::find(out, i) == out.end()) out.push_back(i);
                                 }
                                 return out;
                             }) == "");
        CHECK(check_property([] { return weir::distinct_until_changed(); },
                             [](list in) {
                                 const auto rest = std::ranges::unique(in);
                                 in.erase(rest.begin(), rest.end());
                                 return in;
                             }) == "");
        const auto handle = [] {
            return weir::handle<int>([](int i, const auto& emit) {
                for (int n = i % 3; n != 0; --n) emit(i);
            });
        };
        CHECK(check_property(handle, [](const list& in) {
                  list out;
                  for (const int i : in) out.insert(out.end(), static_cast<std::size_t>(i % 3), i);
                  return out;
              }) == "");
        CHECK(check_property([] { return weir::map_concat([](int i) { return list(2, i); }); }, twice) == "");
    }

    TEST_CASE("operators that leave out a part do what a loop does") {
        CHECK(check_property([] { return weir::take(3); }, [](const list& in) { return first(in, 3); }) == "");
        CHECK(check_property([] { return weir::skip(3); }, [](const list& in) { return all_but_first(in, 3); }) == "");
        CHECK(check_property([] { return weir::take_while(small); },
                             [](const list& in) { return first(in, first_not_small(in)); }) == "");
        CHECK(check_property([] { return weir::take_through(small); },
                             [](const list& in) { return first(in, first_not_small(in) + 1); }) == "");
        CHECK(check_property([] { return weir::skip_while(small); },
                             [](const list& in) { return all_but_first(in, first_not_small(in)); }) == "");
        CHECK(check_property([] { return weir::take_last(3); },
                             [](const list& in) {
                                 return all_but_first(in, in.size() - std::min<std::size_t>(in.size(), 3));
                             }) == "");
        CHECK(check_property(
                  [] { return weir::skip_last(3); },
                  [](const list& in) { return first(in, in.size() - std::min<std::size_t>(in.size(), 3)); }) == "");
        const auto first_decides = [] {
            return weir::switch_on_first([](int n, auto items) { return std::move(items) | weir::take(n); });
        };
        CHECK(check_property(first_decides, [](const list& in) {
                  return in.empty() ? list{} : first(in, static_cast<std::size_t>(in.front()));
              }) == "");
        CHECK(check_property([] { return weir::on_error_complete(); }, same, {.passes_errors = false}) == "");
    }

    TEST_CASE("operators that add items do what a loop does") {
        CHECK(check_property([] { return weir::start_with(7, 8); },
                             [](const list& in) { return joined({7, 8}, in); }) == "");
        CHECK(check_property([] { return weir::start_with(list{7, 8}); },
                             [](const list& in) { return joined({7, 8}, in); }) == "");
        CHECK(check_property([] { return weir::end_with(7, 8); }, [](const list& in) { return joined(in, {7, 8}); }) ==
              "");
        CHECK(check_property([] { return weir::default_if_empty(7); },
                             [](const list& in) { return in.empty() ? list{7} : in; }) == "");
        CHECK(check_property([] { return weir::or_else(weir::just(7)); },
                             [](const list& in) { return in.empty() ? list{7} : in; }) == "");
        CHECK(check_property([] { return weir::intersperse(7); },
                             [](const list& in) {
                                 list out;
                                 for (const int i : in) {
                                     if (!out.empty()) out.push_back(7);
                                     out.push_back(i);
                                 }
                                 return out;
                             }) == "");
    }

    TEST_CASE("operators that group items do what a loop does") {
        const auto in_threes = [](const list& in) {
            return split(in, [](const list& group, int) { return group.size() == 3; });
        };
        CHECK(check_property([] { return weir::chunk(3); }, in_threes) == "");
        CHECK(check_property([] { return weir::sliding(3, 3); }, in_threes) == "");
        CHECK(check_property([] { return weir::sliding(3); },
                             [](const list& in) {
                                 lists out;
                                 if (!in.empty() && in.size() < 3) out.push_back(in);
                                 for (std::size_t i = 0; i + 3 <= in.size(); ++i)
                                     out.push_back(first(all_but_first(in, i), 3));
                                 return out;
                             }) == "");
        const auto value = [](int i) { return static_cast<std::size_t>(i); };
        CHECK(check_property([&] { return weir::chunk_weighted(9, value); },
                             [](const list& in) {
                                 return split(in, [](const list& group, int i) {
                                     const int held = std::accumulate(group.begin(), group.end(), 0);
                                     return held == 9 || held + i > 9;
                                 });
                             }) == "");
        CHECK(check_property([] { return weir::chunk_by(small); },
                             [](const list& in) {
                                 return split(in,
                                              [](const list& group, int i) { return small(group.back()) != small(i); });
                             }) == "");
        CHECK(check_property([] { return weir::sessions(1h); },
                             [](const list& in) { return in.empty() ? lists{} : lists{in}; }) == "");
        CHECK(check_property([] { return weir::split_when(even); },
                             [](const list& in) { return split(in, [](const list&, int i) { return even(i); }); }) ==
              "");
    }

    TEST_CASE("event_windows has the windows of a loop over all items") {
        const auto windows = [] {
            return weir::event_windows(weir::tumbling_windows{3s}, {.lateness = 1s},
                                       [](int i) { return std::chrono::sys_seconds{i * 1s}; }) |
                   weir::map([](const auto& window) { return window.items; });
        };
        const auto model = [](const list& in) {
            std::map<int, list> open; // by their starts
            lists out;
            const auto emit_up_to = [&](int watermark) {
                for (; !open.empty() && open.begin()->first + 3 <= watermark; open.erase(open.begin())) {
                    out.push_back(open.begin()->second);
                }
            };
            int newest = -1;
            for (const int i : in) {
                if (i / 3 * 3 + 3 > newest - 1) open[i / 3 * 3].push_back(i);
                newest = std::max(newest, i);
                emit_up_to(newest - 1);
            }
            emit_up_to(1000);
            return out;
        };
        CHECK(check_property(windows, model) == "");
    }

    TEST_CASE("operators that run ahead lose and exchange nothing") {
        const auto after_a_turn = [](int i) -> weir::task<int> {
            if (i % 3 == 0) co_await weir::yield();
            co_return i;
        };
        const auto even_after_a_turn = [](int i) -> weir::task<bool> {
            if (i % 3 == 0) co_await weir::yield();
            co_return even(i);
        };
        CHECK(check_property([] { return weir::buffer(2); }, same) == "");
        CHECK(check_property([&] { return weir::map_async(3, after_a_turn); }, same) == "");
        CHECK(check_property([&] { return weir::filter_async(3, even_after_a_turn); }, only_even) == "");
        CHECK(check_property([] { return weir::flat_map_ordered(3, twice_later); }, twice) == "");
        CHECK(check_property([] { return weir::concat_map(twice_later); }, twice) == "");
        const auto value = [](int i) { return static_cast<std::size_t>(i); };
        CHECK(check_property([&] { return weir::buffer_weighted(9, value); }, same) == "");
        CHECK(check_property([] { return weir::expire(1h); }, same) == "");
        CHECK(check_property([] { return weir::concurrently(weir::sleep_for(3ms)); }, same) == "");
        CHECK(check_property([] { return weir::consumer_timeout(1h); }, same) == "");
        CHECK(check_property([] { return weir::divert_to(weir::drain(), std::not_fn(even)); }, only_even) == "");
        CHECK(check_property([] { return weir::also_to(weir::drain()); }, same) == "");
        CHECK(check_property([] { return weir::wire_tap(weir::drain()); }, same) == "");
        CHECK(check_property([] { return weir::pace(weir::rate{1, 2ms}); }, same) == "");
        const auto another_key = [n = 0](int) mutable { return ++n; };
        CHECK(check_property([&] { return weir::latest_per_key(2, another_key); }, same) == "");
        CHECK(check_property(
                  [&] {
                      return weir::latest_per_key_frames(2, another_key) |
                             weir::map_concat([](list frame) { return frame; });
                  },
                  same) == "");
    }

    TEST_CASE("operators that change nothing of a stream within its bounds change nothing") {
        CHECK(check_property([] { return weir::fail_after(1000); }, same) == "");
        CHECK(check_property([] { return weir::materialize() | weir::dematerialize(); }, same) == "");
        CHECK(check_property([] { return weir::timeout(1h); }, same) == "");
        CHECK(check_property([] { return weir::timeout_first(1h); }, same) == "");
        CHECK(check_property([] { return weir::timeout_total(1h); }, same) == "");
        CHECK(check_property([] { return weir::to_owned(); }, same) == "");
        CHECK(check_property([] { return weir::delay_start(2ms); }, same) == "");
        const auto item = [](const auto& both) { return std::get<int>(both); };
        CHECK(check_property([&] { return weir::elapsed() | weir::map(item); }, same) == "");
        CHECK(check_property([&] { return weir::timestamp() | weir::map(item); }, same) == "");
        const auto sorted_with_none = [] {
            return weir::closure{[](auto in) { return weir::merge_sorted(std::move(in), weir::empty<int>()); }};
        };
        CHECK(check_property(sorted_with_none, same) == "");
        CHECK(check_property(
                  [] { return weir::batch_while_busy(3) | weir::map_concat([](list batch) { return batch; }); },
                  same) == "");
        CHECK(check_property([] { return weir::expand(1, [](int) { return weir::empty<int>(); }); }, same) == "");
        CHECK(check_property([] { return weir::flat_map(1, twice_later); }, twice) == "");
        CHECK(check_property([] { return weir::map([](int i) { return list(2, i); }) | weir::flatten(); }, twice) ==
              "");
    }

    TEST_CASE("operators over several streams do what a loop does") {
        const auto with_numbers = [] {
            return weir::closure{[](auto in) { return weir::zip(std::move(in), weir::iota(0, 5)); }};
        };
        CHECK(check_property(with_numbers, [](const list& in) {
                  std::vector<std::pair<int, int>> out;
                  for (const int i : first(in, 5)) out.emplace_back(i, static_cast<int>(out.size()));
                  return out;
              }) == "");
        const auto longest = [] {
            return weir::closure{[](auto in) { return weir::zip_longest(std::move(in), weir::just(7, 8)); }};
        };
        CHECK(check_property(longest, [](const list& in) {
                  std::vector<std::pair<std::optional<int>, std::optional<int>>> out;
                  for (std::size_t i = 0; i != std::max<std::size_t>(in.size(), 2); ++i) {
                      out.emplace_back(i < in.size() ? std::optional{in[i]} : std::nullopt,
                                       i < 2 ? std::optional{static_cast<int>(7 + i)} : std::nullopt);
                  }
                  return out;
              }) == "");
        const auto joined_later = [] {
            return weir::closure{[]<class S>(S in) {
                auto [streams, items] = weir::stream_map<int, S>();
                streams.insert(1, std::move(in));
                return std::move(items) | weir::map([](std::pair<int, int> both) { return both.second; });
            }};
        };
        CHECK(check_property(joined_later, same) == "");
        const auto behind = [] {
            return weir::closure{[](auto in) { return weir::concat(std::move(in), weir::just(7)); }};
        };
        CHECK(check_property(behind, [](const list& in) { return joined(in, {7}); }) == "");
        const auto in_turn = [] {
            return weir::closure{[](auto in) { return weir::interleave(1, std::move(in), weir::just(7, 8)); }};
        };
        CHECK(check_property(in_turn, [](const list& in) {
                  list out;
                  for (std::size_t i = 0; i != std::max<std::size_t>(in.size(), 2); ++i) {
                      if (i < in.size()) out.push_back(in[i]);
                      if (i < 2) out.push_back(static_cast<int>(7 + i));
                  }
                  return out;
              }) == "");
    }

    TEST_CASE("operators with timers have the ticks of their models") {
        CHECK(check_property([] { return weir::delay(2ms); },
                             [](timeline<int> in) {
                                 for (auto& [tick, item] : in.items) tick += 2;
                                 *in.end += 2;
                                 return in;
                             }) == "");
        CHECK(check_property([] { return weir::skip_for(3ms); },
                             [](timeline<int> in) {
                                 std::erase_if(in.items, [](const auto& i) { return i.tick < 3; });
                                 return in;
                             }) == "");
        CHECK(check_property([] { return weir::take_for(3ms); },
                             [](timeline<int> in) {
                                 std::erase_if(in.items, [](const auto& i) { return i.tick >= 3; });
                                 in.end = std::min<std::size_t>(*in.end, 3);
                                 return in;
                             }) == "");
        CHECK(check_property([] { return weir::debounce(2ms); },
                             [](const timeline<int>& in) {
                                 timeline<int> out{{}, in.end};
                                 for (std::size_t i = 0; i != in.items.size(); ++i) {
                                     const std::size_t due = in.items[i].tick + 2;
                                     if (i + 1 != in.items.size() && in.items[i + 1].tick < due) continue;
                                     out.items.push_back({std::min(due, *in.end), in.items[i].item});
                                 }
                                 return out;
                             }) == "");
        // The same with durations of the items.
        CHECK(check_property([] { return weir::delay([](int i) { return i % 4 * 1ms; }); },
                             [](const timeline<int>& in) {
                                 std::multimap<std::size_t, int> due;
                                 for (const auto& [tick, item] : in.items) {
                                     due.emplace(tick + static_cast<std::size_t>(item % 4), item);
                                 }
                                 timeline<int> out{{}, in.end};
                                 for (const auto& [tick, item] : due) out.items.push_back({tick, item});
                                 if (!due.empty()) out.end = std::max(*out.end, out.items.back().tick);
                                 return out;
                             }) == "");
        CHECK(check_property([] { return weir::debounce([](int i) { return i % 4 * 1ms; }); },
                             [](const timeline<int>& in) {
                                 timeline<int> out{{}, in.end};
                                 for (std::size_t i = 0; i != in.items.size(); ++i) {
                                     const auto& [tick, item] = in.items[i];
                                     const std::size_t due = tick + static_cast<std::size_t>(item % 4);
                                     if (i + 1 != in.items.size() && in.items[i + 1].tick < due) continue;
                                     out.items.push_back({std::min(due, *in.end), item});
                                 }
                                 return out;
                             }) == "");
        CHECK(check_property([] { return weir::throttle([](int i) { return i % 4 * 1ms; }, weir::edge::leading); },
                             [](const timeline<int>& in) {
                                 timeline<int> out{{}, in.end};
                                 std::size_t opens = 0;
                                 for (const auto& i : in.items) {
                                     if (i.tick < opens) continue;
                                     out.items.push_back(i);
                                     opens = i.tick + static_cast<std::size_t>(i.item % 4);
                                 }
                                 return out;
                             }) == "");
        CHECK(check_property([] { return weir::throttle(3ms, weir::edge::leading); },
                             [](const timeline<int>& in) {
                                 timeline<int> out{{}, in.end};
                                 for (const auto& i : in.items) {
                                     if (out.items.empty() || i.tick >= out.items.back().tick + 3)
                                         out.items.push_back(i);
                                 }
                                 return out;
                             }) == "");
    }
}
