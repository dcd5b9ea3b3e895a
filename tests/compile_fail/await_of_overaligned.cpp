// SPDX-License-Identifier: MIT
// expect: co_await: the operation or its result is aligned more strictly than a coroutine's frame

#include <weir/sink/last.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>

struct alignas(16) right {};
struct alignas(64) wrong {};

weir::task<> aligned() { static_cast<void>(co_await (weir::just(right{}) | weir::last())); }
#ifdef MUST_NOT_COMPILE
weir::task<> overaligned() { static_cast<void>(co_await (weir::just(wrong{}) | weir::last())); }
#endif

int main() { static_cast<void>(aligned()); }
