// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: write stream | operator(...)

#include <weir/executor/executor.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto twice = [](int x) { return 2 * x; };
    weir::run(weir::iota(1, 4) | (weir::map(twice) | weir::drain()));
#ifdef MUST_NOT_COMPILE
    weir::map(twice) | weir::drain();
#endif
}
