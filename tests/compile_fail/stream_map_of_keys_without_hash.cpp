// SPDX-License-Identifier: MIT
// expect: weir::stream_map<Key, S>(): Key has no operator== or no std::hash

#include <utility>

#include <weir/async_stream.hpp>
#include <weir/operators/stream_map.hpp>

int main() {
    auto right = weir::stream_map<int, weir::async_stream<int>>();
#ifdef MUST_NOT_COMPILE
    weir::stream_map<std::pair<int, int>, weir::async_stream<int>>();
#endif
}
