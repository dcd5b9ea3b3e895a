// SPDX-License-Identifier: MIT
// expect: weir::to_future(executor, operation): the result crosses threads

#include <weir/interop/to_future.hpp>
#include <weir/io/bytes.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/sink/last.hpp>
#include <weir/source/just.hpp>

int main() {
    weir::executor there;
    auto right = weir::to_future(there, weir::just(weir::bytes{"a"}) | weir::to_owned() | weir::last());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::to_future(there, weir::just(weir::bytes{"a"}) | weir::last());
#endif
}
