// SPDX-License-Identifier: MIT
// What does an inner stream of four items cost?

#include <cstdint>

#include <weir/async_stream.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bench.hpp"

namespace {

using std::int64_t;

constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

int64_t nested_loops(std::uint64_t n) {
    auto last = static_cast<int64_t>(n);
    bench::opaque(last);
    int64_t sum = 0;
    for (int64_t i = 0; i != last; ++i) {
        int64_t from = i;
        bench::opaque(from);
        for (int64_t j = from; j != from + 4; ++j) sum += j;
    }
    return sum;
}

weir::async_stream<int64_t> four(int64_t from) {
    for (int64_t j = from; j != from + 4; ++j) co_yield j;
}

int64_t of_streams(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(weir::iota(int64_t{0}, static_cast<int64_t>(n)) |
                  weir::concat_map([](int64_t i) { return weir::iota(i, i + 4); }) | weir::fold(int64_t{0}, add));
}

int64_t of_coroutines(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::concat_map(four) |
                  weir::fold(int64_t{0}, add));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does an inner stream of four items cost?", "ns/inner", 3'000'000};
    q.floor("nested loops", nested_loops);
    q.weir("concat_map, inner iota", of_streams);
    q.weir("concat_map, inner coroutine", of_coroutines);
    return q.run();
}
