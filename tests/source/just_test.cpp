// SPDX-License-Identifier: MIT
#include <weir/source/just.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include <weir/sink/to.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("source/just") {
    TEST_CASE("just emits its values in order, then ends") {
        weir::testing::marbles m;
        CHECK(m.play(weir::just(1, 2, 3)) == "[123|]");
        CHECK(m.play(weir::just('a')) == "[a|]");
    }

    TEST_CASE("just converts values of several types to their common type or to a given type") {
        static_assert(std::is_same_v<decltype(weir::just(1, 2L))::value_type, long>);
        static_assert(std::is_same_v<decltype(weir::just<std::string>("a", "b"))::value_type, std::string>);
        virtual_executor ex;
        CHECK(ex.run(weir::just<std::string>("a", "b") | weir::to<std::vector>()) ==
              std::vector<std::string>{"a", "b"});
    }

    TEST_CASE("just moves its values and does not copy them") {
        virtual_executor ex;
        weir::testing::tracked::copies = 0;
        CHECK(
            ex.run(weir::just(weir::testing::tracked{1}, weir::testing::tracked{2}) | weir::to<std::vector>()).size() ==
            2);
        CHECK(weir::testing::tracked::copies == 0);
        const auto pointers =
            ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) | weir::to<std::vector>());
        CHECK(*pointers[1] == 2);
    }
}
