// SPDX-License-Identifier: MIT
// expect: weir::parallel(runtime, pipeline): items cross threads

#include <weir/io/bytes.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/parallel.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/just.hpp>

int main() {
    weir::runtime rt{2};
    auto size = weir::map([](std::string_view text) { return text.size(); });
    auto right = weir::just(weir::bytes{"a"}) | weir::to_owned() | weir::parallel(rt, size);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(weir::bytes{"a"}) | weir::parallel(rt, size);
#endif
}
