// SPDX-License-Identifier: MIT
// expect: weir::channel<T>(n) keeps what is sent, and a T borrows its memory

#include <string_view>

#include <weir/core/item_traits.hpp>
#include <weir/sync/channel.hpp>

int main() {
    auto right = weir::channel<weir::outliving<std::string_view>>(4);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::channel<std::string_view>(4);
#endif
}
