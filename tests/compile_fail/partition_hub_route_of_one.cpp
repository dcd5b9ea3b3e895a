// SPDX-License-Identifier: MIT
// expect: weir::partition_hub<T>(route): route cannot be called with a const item and a std::span<const std::size_t>

#include <cstddef>
#include <span>

#include <weir/sync/partition_hub.hpp>

int main() {
    weir::partition_hub<int> right{[](int, std::span<const std::size_t>) { return 0; }};
#ifdef MUST_NOT_COMPILE
    weir::partition_hub<int> wrong{[](int) { return 0; }};
#endif
}
