// SPDX-License-Identifier: MIT
// expect: weir::messages::map_value(f): the items are no messages; write map(f)

#include <weir/messages/map_value.hpp>
#include <weir/source/from_range.hpp>

#include <vector>

int main() {
    const auto twice = [](int i) { return 2 * i; };
    using messages = std::vector<weir::messages::message<int>>;
    auto right = weir::from_range(messages{}) | weir::messages::map_value(twice);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::from_range(std::vector<int>{1, 2}) | weir::messages::map_value(twice);
#endif
}
