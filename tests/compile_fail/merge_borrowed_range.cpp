// SPDX-License-Identifier: MIT
// expect: std::move(range)

#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/operators/merge.hpp>

int main() {
    std::vector<weir::async_stream<int>> streams;
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::merge(streams);
#endif
    auto right = weir::merge(std::move(streams));
}
