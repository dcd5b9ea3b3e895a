#pragma once

#include <cstddef>

namespace support {

/// How often this thread has called operator new.
std::size_t allocations() noexcept;

/// What two runs of a pipeline differ in, by number of items: zero when it allocates nothing an item.
///
///     CHECK(support::allocations_for_more_items([](int n) { weir::testing::virtual_executor ex; ex.run(iota(0, n) | drain()); }) == 0);
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
