// SPDX-License-Identifier: MIT
// What does a chain of operators cost per item, compared with the same work in a loop?

#include <cstdint>
#include <ranges>
#include <utility>

#if __has_include(<range/v3/view.hpp>)
#include <range/v3/numeric/accumulate.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/iota.hpp>
#include <range/v3/view/take.hpp>
#include <range/v3/view/transform.hpp>
#define HAVE_RANGE_V3 1
#endif

#include <weir/async_stream.hpp>
#include <weir/observe/meter.hpp>
#include <weir/operators/also_to.hpp>
#include <weir/operators/divert_to.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/wire_tap.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bench.hpp"

namespace {

using std::int64_t;

constexpr auto triple = [](int64_t x) { return 3 * x; };
constexpr auto odd = [](int64_t x) { return (x & 1) != 0; };
constexpr auto next = [](int64_t x) { return x + 1; };
constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

int64_t loop(std::uint64_t n) {
    auto last = static_cast<int64_t>(n);
    auto left = n;
    bench::opaque(last);
    bench::opaque(left);
    int64_t sum = 0;
    for (int64_t i = 0; i != last && left != 0; ++i) {
        const int64_t x = triple(i);
        if (!odd(x)) continue;
        sum += next(x);
        --left;
    }
    return sum;
}

int64_t std_ranges(std::uint64_t n) {
    auto last = static_cast<int64_t>(n);
    bench::opaque(last);
    int64_t sum = 0;
    for (const int64_t x : std::views::iota(int64_t{0}, last) | std::views::transform(triple) |
                               std::views::filter(odd) | std::views::transform(next) | std::views::take(last)) {
        sum = add(sum, x);
    }
    return sum;
}

#ifdef HAVE_RANGE_V3
int64_t range_v3(std::uint64_t n) {
    auto last = static_cast<int64_t>(n);
    bench::opaque(last);
    namespace views = ranges::views;
    return ranges::accumulate(views::iota(int64_t{0}, last) | views::transform(triple) | views::filter(odd) |
                                  views::transform(next) | views::take(last),
                              int64_t{0}, add);
}
#endif

int64_t fused(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::map(triple) | weir::filter(odd) |
                  weir::map(next) | weir::take(n) | weir::fold(int64_t{0}, add));
}

/// With an operator at the stage whose items are all tripled.
int64_t with_stage(std::uint64_t n, auto stage) {
    weir::testing::virtual_executor ex;
    return ex.run(weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::map(triple) | std::move(stage) |
                  weir::filter(odd) | weir::map(next) | weir::take(n) | weir::fold(int64_t{0}, add));
}
int64_t metered(std::uint64_t n) { return with_stage(n, weir::meter("tripled")); }
int64_t copied_to_sink(std::uint64_t n) { return with_stage(n, weir::also_to(weir::fold(int64_t{0}, add))); }
int64_t diverted(std::uint64_t n) { // the items that the filter would leave out
    return with_stage(n, weir::divert_to(weir::fold(int64_t{0}, add), [](int64_t x) { return !odd(x); }));
}
int64_t tapped(std::uint64_t n) { return with_stage(n, weir::wire_tap(weir::fold(int64_t{0}, add))); }

int64_t erased(std::uint64_t n) {
    using boxed = weir::async_stream<int64_t>;
    weir::testing::virtual_executor ex;
    boxed source = weir::iota(int64_t{0}, static_cast<int64_t>(n));
    boxed tripled = std::move(source) | weir::map(triple);
    boxed filtered = std::move(tripled) | weir::filter(odd);
    boxed mapped = std::move(filtered) | weir::map(next);
    boxed taken = std::move(mapped) | weir::take(n);
    return ex.run(std::move(taken) | weir::fold(int64_t{0}, add));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv,
                      "What does a chain of operators cost per item, compared with the same work in a loop?", "ns/item",
                      20'000'000};
    q.floor("loop", loop);
    q.peer("std::ranges", std_ranges);
#ifdef HAVE_RANGE_V3
    q.peer("range-v3", range_v3);
#else
    q.missing("range-v3");
#endif
    q.weir("iota|map|filter|map|take|fold", fused);
    q.weir("the same, one stage metered", metered);
    q.weir("the same, one stage also_to(fold)", copied_to_sink);
    q.weir("the same, one stage wire_tap(fold)", tapped);
    q.weir("the same, one stage divert_to(fold, pred)", diverted);
    q.weir("the same, erased at every stage", erased);
    return q.run();
}
