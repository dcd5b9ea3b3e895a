// SPDX-License-Identifier: MIT
#include <allocations.hpp>

#include <doctest/doctest.h>

TEST_SUITE("core/allocations") {
    TEST_CASE("the allocation counter sees one allocation per item") {
        const auto run = [](int n) {
            for (int i = 0; i != n; ++i) {
                int* volatile kept = new int{i}; // volatile: clang leaves out an allocation that nobody sees
                delete kept;
            }
        };
        CHECK(support::allocations_for_more_items(run) > 0);
    }
}
