// SPDX-License-Identifier: MIT
// expect: to move a T from thread to thread must not throw

#include <string>

#include <weir/threads/concurrent_channel.hpp>

struct may_throw {
    may_throw(may_throw&&) noexcept(false);
};

int main() {
    auto right = weir::concurrent_channel<std::string>(4);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::concurrent_channel<may_throw>(4);
#endif
}
