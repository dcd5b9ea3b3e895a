// SPDX-License-Identifier: MIT
// expect: weir::kill_switch(control): takes a weir::state<weir::kill>

#include <weir/operators/kill_switch.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::kill_switch(weir::state{weir::kill::none});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::kill_switch(weir::state{false});
#endif
}
