// SPDX-License-Identifier: MIT
// expect: weir::from_future(pool, future): takes a std::future or a std::shared_future

#include <future>

#include <weir/interop/from_future.hpp>

int main() {
    weir::thread_pool pool{1};
    auto right = weir::from_future(pool, std::promise<int>{}.get_future());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::from_future(pool, 7);
#endif
}
