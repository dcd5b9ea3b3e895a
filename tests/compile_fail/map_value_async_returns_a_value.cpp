// SPDX-License-Identifier: MIT
// expect: weir::messages::map_value_async(n, f), map_value_keyed(n, f): f cannot be called
// expect: does not return a task

#include <weir/messages/map_value_async.hpp>
#include <weir/source/from_range.hpp>
#include <weir/task.hpp>

#include <vector>

int main() {
    using messages = std::vector<weir::messages::message<int>>;
    auto right = weir::from_range(messages{}) |
                 weir::messages::map_value_async(2, [](int i) -> weir::task<int> { co_return i; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::from_range(messages{}) | weir::messages::map_value_async(2, [](int i) { return i; });
#endif
}
