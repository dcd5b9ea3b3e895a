// SPDX-License-Identifier: MIT
// expect: weir::rs::to_publisher(f, executor)
// expect: items cross threads

#include <weir/executor/executor.hpp>
#include <weir/interop/reactive_streams.hpp>
#include <weir/io/bytes.hpp>
#include <weir/source/empty.hpp>

int main() {
    weir::executor ex;
    const auto right = weir::rs::to_publisher([] { return weir::empty<int>(); }, ex);
#ifdef MUST_NOT_COMPILE
    const auto wrong = weir::rs::to_publisher([] { return weir::empty<weir::bytes>(); }, ex);
#endif
}
