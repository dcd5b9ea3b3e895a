// SPDX-License-Identifier: MIT
// expect: weir::spawn_on(executor, f): the result crosses threads

#include <optional>

#include <weir/io/bytes.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/sink/last.hpp>
#include <weir/source/just.hpp>
#include <weir/threads/spawn_on.hpp>

int main() {
    weir::executor there;
    auto right = weir::spawn_on(there, [] { return weir::just(weir::bytes{"a"}) | weir::to_owned() | weir::last(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::spawn_on(there, [] { return weir::just(weir::bytes{"a"}) | weir::last(); });
#endif
}
