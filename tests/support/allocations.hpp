// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace support {

/// How often this thread has called operator new.
std::size_t allocations() noexcept;

/// Blocks that were allocated with operator new, by any thread, and were not freed.
std::size_t blocks_alive() noexcept;

/// Lets the n-th allocation from now on fail, whatever thread it is on; the others succeed.
void fail_allocation(std::size_t n) noexcept;
/// No allocation fails any more. Whether one did.
bool end_of_failure() noexcept;
/// False where a sanitizer has its own operator new; a test program that needs this is skipped there.
bool allocations_can_fail() noexcept;

/// What two runs of a pipeline differ in, by number of items: zero when it allocates nothing an item.
///
///     const auto run = [](int n) { weir::testing::virtual_executor ex; ex.run(iota(0, n) | drain()); };
///     CHECK(support::allocations_for_more_items(run) == 0);
template <class Run>
std::size_t allocations_for_more_items(Run run) {
    constexpr int few = 1000;
    run(few); // fills pools and caches
    const std::size_t before = allocations();
    run(few);
    const std::size_t between = allocations();
    run(3 * few);
    const std::size_t after = allocations();
    return (after - between) - (between - before);
}

} // namespace support
