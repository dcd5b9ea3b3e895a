// SPDX-License-Identifier: MIT
// expect: weir::concat(range)
// expect: concat(std::move(range))

#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/operators/concat.hpp>
#include <weir/source/just.hpp>

int main() {
    std::vector<weir::async_stream<int>> streams;
    auto right = weir::concat(std::move(streams));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::concat(streams);
#endif
}
