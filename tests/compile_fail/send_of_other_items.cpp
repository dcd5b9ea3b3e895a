// SPDX-License-Identifier: MIT
// expect: weir::send(sender)
// expect: cannot be called with an item

#include <string>

#include <weir/sink/send.hpp>
#include <weir/source/iota.hpp>
#include <weir/sync/channel.hpp>

int main() {
    auto ints = weir::channel<int>(1);
    auto right = weir::iota(1, 4) | weir::send(std::move(ints.sender));
#ifdef MUST_NOT_COMPILE
    auto texts = weir::channel<std::string>(1);
    auto wrong = weir::iota(1, 4) | weir::send(std::move(texts.sender));
#endif
}
