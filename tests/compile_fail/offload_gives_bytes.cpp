// SPDX-License-Identifier: MIT
// expect: weir::offload(pool, f), map_blocking: the result of f crosses threads

#include <weir/io/bytes.hpp>
#include <weir/threads/offload.hpp>

int main() {
    weir::thread_pool pool{1};
    auto right = weir::offload(pool, [] { return weir::bytes{"a"}.to_string(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::offload(pool, [] { return weir::bytes{"a"}; });
#endif
}
