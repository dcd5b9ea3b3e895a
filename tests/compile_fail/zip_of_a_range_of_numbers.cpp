// SPDX-License-Identifier: MIT
// expect: weir::zip(range): the range's items are not streams

#include <vector>

#include <weir/async_stream.hpp>
#include <weir/operators/zip.hpp>

int main() {
    auto right = weir::zip(std::vector<weir::async_stream<int>>{});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::zip(std::vector{1, 2});
#endif
}
