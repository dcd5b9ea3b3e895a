// SPDX-License-Identifier: MIT
// expect: weir: on_drop cannot be called with (item) or (item, weir::drop_reason)

#include <string>

#include <weir/sync/channel.hpp>

int main() {
    auto right = weir::channel<int>(2, {.on_drop = [](int, weir::drop_reason) {}});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::channel<int>(2, {.on_drop = [](const std::string&) {}});
#endif
}
