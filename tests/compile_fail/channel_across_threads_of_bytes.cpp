// SPDX-License-Identifier: MIT
// expect: weir::concurrent_channel<T>(n): T crosses threads

#include <string>
#include <utility>

#include <weir/io/bytes.hpp>
#include <weir/threads/concurrent_channel.hpp>

int main() {
    auto right = weir::concurrent_channel<std::pair<int, std::string>>(4);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::concurrent_channel<std::pair<int, weir::bytes>>(4);
#endif
}
