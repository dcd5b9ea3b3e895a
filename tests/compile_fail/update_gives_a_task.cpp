// SPDX-License-Identifier: MIT
// expect: weir::state::update(f)
// expect: nothing would await it

#include <weir/executor/sleep.hpp>
#include <weir/sync/state.hpp>

void change(weir::state<int>& value) {
    value.update([](int& n) { ++n; });
#ifdef MUST_NOT_COMPILE
    value.update([](int&) { return weir::yield(); });
#endif
}
