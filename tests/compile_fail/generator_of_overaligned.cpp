// SPDX-License-Identifier: MIT
// expect: weir::async_stream<T>, as a coroutine: T is aligned more strictly than its frame

#include <weir/async_stream.hpp>

struct alignas(16) right {};
struct alignas(64) wrong {};

weir::async_stream<right> aligned() { co_yield right{}; }
#ifdef MUST_NOT_COMPILE
weir::async_stream<wrong> overaligned() { co_yield wrong{}; }
#endif

int main() { static_cast<void>(aligned()); }
