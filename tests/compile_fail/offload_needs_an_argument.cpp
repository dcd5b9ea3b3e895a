// SPDX-License-Identifier: MIT
// expect: weir::offload(pool, f)
// expect: without arguments

#include <weir/threads/offload.hpp>

int main() {
    weir::thread_pool pool{2};
    auto right = weir::offload(pool, [] { return 1; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::offload(pool, [](int i) { return i; });
#endif
}
