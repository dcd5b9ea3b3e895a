// SPDX-License-Identifier: MIT
// expect: write on_error_resume(f) for a stream

#include <exception>

#include <weir/operators/map_error.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::map_error([](std::exception_ptr e) { return e; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::map_error([](std::exception_ptr) { return weir::iota(5, 6); });
#endif
}
