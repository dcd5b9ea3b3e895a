// SPDX-License-Identifier: MIT
// expect: weir::sequence_equal(a, b, equal): the items of a and b cannot be compared

#include <string>

#include <weir/sink/sequence_equal.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::sequence_equal(weir::just(1), weir::just(1L));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::sequence_equal(weir::just(1), weir::just<std::string>("1"));
#endif
}
