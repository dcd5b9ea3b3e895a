// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: keep both ends

#include <weir/sync/channel.hpp>

int main() {
    auto [tx, rx] = weir::channel<int>(1);
#ifdef MUST_NOT_COMPILE
    weir::channel<int>(1);
#endif
}
