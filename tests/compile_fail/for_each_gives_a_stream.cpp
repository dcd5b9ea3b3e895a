// SPDX-License-Identifier: MIT
// expect: weir::for_each(f)
// expect: returns a stream, and nothing would run it

#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1) | weir::for_each([](int n) { return weir::just(n) | weir::drain(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::for_each([](int n) { return weir::just(n); });
#endif
}
