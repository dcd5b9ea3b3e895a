// SPDX-License-Identifier: MIT
// expect: weir::log(name, to): to is a temporary, and would be destroyed before the stream; name it first

#include <sstream>

#include <weir/observe/log.hpp>
#include <weir/source/just.hpp>

int main() {
    std::ostringstream out;
    auto right = weir::just(1) | weir::log("numbers", out);
#ifdef MUST_NOT_COMPILE
    weir::log("numbers", std::ostringstream{});
#endif
}
