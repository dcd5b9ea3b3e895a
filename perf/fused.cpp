// What does a chain of operators cost an item, over the same work in a loop?

#include <cstdint>
#include <utility>

#include <weir/async_stream.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
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

int64_t fused(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::map(triple) | weir::filter(odd) |
                  weir::map(next) | weir::take(n) | weir::fold(int64_t{0}, add));
}

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
    bench::question q{argc, argv, "What does a chain of operators cost an item, over the same work in a loop?",
                      "ns/item", 20'000'000};
    q.floor("loop", loop);
    q.weir("iota|map|filter|map|take|fold", fused, 1.15);
    q.weir("the same, erased at every stage", erased);
    return q.run();
}
