// SPDX-License-Identifier: MIT
// expect: weir::messages::for_each_message(n, f): f cannot be called with a reference to a message

#include <weir/messages/for_each_message.hpp>
#include <weir/source/from_range.hpp>
#include <weir/task.hpp>

#include <vector>

int main() {
    using message = weir::messages::message<int>;
    auto right = weir::from_range(std::vector<message>{}) |
                 weir::messages::for_each_message(2, [](message&) -> weir::task<> { co_return; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::from_range(std::vector<message>{}) |
                 weir::messages::for_each_message(2, [](int) -> weir::task<> { co_return; });
#endif
}
