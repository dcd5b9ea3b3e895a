// SPDX-License-Identifier: MIT
// expect: weir::wire_tap(sink): the sink gets a copy of an item, and these items cannot be copied

#include <memory>

#include <weir/operators/wire_tap.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(std::make_shared<int>(1)) | weir::wire_tap(weir::drain());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(std::make_unique<int>(1)) | weir::wire_tap(weir::drain());
#endif
}
