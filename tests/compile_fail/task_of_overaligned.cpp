// SPDX-License-Identifier: MIT
// expect: weir::task<T>: T is aligned more strictly than a coroutine's frame

#include <weir/task.hpp>

struct alignas(16) right {};
struct alignas(64) wrong {};

weir::task<right> aligned() { co_return right{}; }
#ifdef MUST_NOT_COMPILE
weir::task<wrong> overaligned() { co_return wrong{}; }
#endif

int main() { static_cast<void>(aligned()); }
