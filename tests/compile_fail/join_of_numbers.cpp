// SPDX-License-Identifier: MIT
// expect: weir::join(separator): the items are not text

#include <string>

#include <weir/sink/join.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just<std::string>("a") | weir::join(", ");
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1, 2) | weir::join(", ");
#endif
}
