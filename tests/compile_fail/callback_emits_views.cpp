// SPDX-License-Identifier: MIT
// expect: weir::from_callback<T>(connect): T crosses threads

#include <string>
#include <string_view>

#include <weir/source/from_callback.hpp>

int main() {
    auto right = weir::from_callback<std::string>([](weir::emitter<std::string> out) { out.emit("a"); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::from_callback<std::string_view>([](weir::emitter<std::string_view> out) { out.emit("a"); });
#endif
}
