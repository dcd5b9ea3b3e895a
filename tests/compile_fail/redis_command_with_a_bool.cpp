// SPDX-License-Identifier: MIT
// expect: weir::redis: command(name, arguments...)
// expect: write a bool or a char as a number or a text

#include <weir/redis/client.hpp>

int main() {
    weir::redis::client client{weir::redis::options{}};
    auto right = client.command("SET", "key", 1);
#ifdef MUST_NOT_COMPILE
    auto wrong = client.command("SET", "key", true);
#endif
}
