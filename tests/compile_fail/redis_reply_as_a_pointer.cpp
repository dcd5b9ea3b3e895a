// SPDX-License-Identifier: MIT
// expect: weir::redis: a reply cannot be converted to this type
// expect: it converts to std::string, integers

#include <string>

#include <weir/redis/value.hpp>

std::string right(const weir::redis::value& v) { return v.as<std::string>(); }
#ifdef MUST_NOT_COMPILE
const char* wrong(const weir::redis::value& v) { return v.as<const char*>(); }
#endif

int main() {}
