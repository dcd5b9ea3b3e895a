// SPDX-License-Identifier: MIT
// expect: weir::split(delimiter): takes a stream of weir::bytes, such as read(file)

#include <string>

#include <weir/io/bytes.hpp>
#include <weir/operators/split.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(weir::bytes{"a,b"}) | weir::split(',');
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(std::string{"a,b"}) | weir::split(',');
#endif
}
