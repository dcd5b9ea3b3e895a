// SPDX-License-Identifier: MIT
// expect: weir::spawn_on(executor, f)
// expect: return a task or another operation

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/threads/spawn_on.hpp>

int main() {
    weir::executor other;
    auto right = weir::spawn_on(other, [] { return weir::yield(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::spawn_on(other, weir::yield());
#endif
}
