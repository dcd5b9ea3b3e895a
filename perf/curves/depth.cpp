// SPDX-License-Identifier: MIT
// How does the cost of an item grow with the length of a pipeline?

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <weir/async_stream.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "../support/bench.hpp"

namespace {

using std::int64_t;

constexpr auto flip = [](int64_t x) { return x ^ 1; };
constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

auto numbers(std::uint64_t n) { return weir::iota(int64_t{0}, static_cast<int64_t>(n)); }

template <std::size_t Depth>
auto maps(std::uint64_t n) {
    if constexpr (Depth == 0) {
        return numbers(n);
    } else {
        return maps<Depth - 1>(n) | weir::map(flip);
    }
}

template <std::size_t Depth>
int64_t fused(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(maps<Depth>(n) | weir::fold(int64_t{0}, add));
}

int64_t erased(std::uint64_t n, int depth) {
    weir::testing::virtual_executor ex;
    weir::async_stream<int64_t> all{numbers(n)};
    for (int i = 0; i != depth; ++i) all = weir::async_stream<int64_t>{std::move(all) | weir::map(flip)};
    return ex.run(std::move(all) | weir::fold(int64_t{0}, add));
}

weir::async_stream<int64_t> flipped(weir::async_stream<int64_t> from) {
    while (auto x = co_await weir::next(from)) co_yield flip(*x);
}

int64_t coroutines(std::uint64_t n, int depth) {
    weir::testing::virtual_executor ex;
    weir::async_stream<int64_t> all{numbers(n)};
    for (int i = 0; i != depth; ++i) all = flipped(std::move(all));
    return ex.run(std::move(all) | weir::fold(int64_t{0}, add));
}

template <std::size_t Depth>
void add_cases(bench::question& q) {
    const std::string at = " @ " + std::to_string(Depth);
    q.weir("fused" + at, fused<Depth>);
    q.weir("erased" + at, [](std::uint64_t n) { return erased(n, Depth); });
    q.weir("coroutines" + at, [](std::uint64_t n) { return coroutines(n, Depth); });
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "How does the cost of an item grow with the length of a pipeline?", "ns/item",
                      200'000};
    add_cases<2>(q);
    add_cases<4>(q);
    add_cases<8>(q);
    add_cases<16>(q);
    add_cases<32>(q);
    add_cases<64>(q);
    return q.run();
}
