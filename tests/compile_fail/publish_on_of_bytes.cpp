// SPDX-License-Identifier: MIT
// expect: weir::publish_on(executor, n): items cross threads

#include <weir/io/bytes.hpp>
#include <weir/operators/publish_on.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/just.hpp>

int main() {
    weir::executor there;
    auto right = weir::just(weir::bytes{"a"}) | weir::to_owned() | weir::publish_on(there, 4) | weir::drain();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(weir::bytes{"a"}) | weir::publish_on(there, 4) | weir::drain();
#endif
}
