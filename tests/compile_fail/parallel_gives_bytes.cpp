// SPDX-License-Identifier: MIT
// expect: weir::parallel(runtime, pipeline): results cross threads

#include <weir/io/bytes.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/parallel.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/just.hpp>

int main() {
    weir::runtime rt{2};
    auto text = weir::map([](int) { return weir::bytes{"a"}; });
    auto right = weir::just(1) | weir::parallel(rt, text | weir::to_owned());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::parallel(rt, text);
#endif
}
