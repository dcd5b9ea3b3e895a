// SPDX-License-Identifier: MIT
// expect: weir::subscribe_on(executor): items cross threads

#include <weir/io/bytes.hpp>
#include <weir/operators/subscribe_on.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/just.hpp>

int main() {
    weir::executor there;
    auto right = weir::just(weir::bytes{"a"}) | weir::to_owned() | weir::subscribe_on(there);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(weir::bytes{"a"}) | weir::subscribe_on(there);
#endif
}
