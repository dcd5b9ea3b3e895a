#include <allocations.hpp>

#include <doctest/doctest.h>

#include <vector>

TEST_SUITE("core/allocations") {
    TEST_CASE("the counter sees an allocation an item") {
        const auto run = [](int n) {
            for (int i = 0; i != n; ++i) std::vector<int>(1).front() = i;
        };
        CHECK(support::allocations_for_more_items(run) > 0);
    }
}
