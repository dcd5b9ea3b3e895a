// SPDX-License-Identifier: MIT
#include <weir/backend/unix_address.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

TEST_SUITE("io/unix_address") {
    TEST_CASE("unix_address returns its path or its abstract name") {
        const weir::unix_address path{"/run/app.sock"};
        CHECK(path.path() == "/run/app.sock");
        CHECK(path.to_string() == "/run/app.sock");
        CHECK_FALSE(path.is_abstract());

        const auto name = weir::unix_address::abstract("app");
        CHECK(name.path().empty());
        CHECK(name.to_string() == "@app");
        CHECK(name.is_abstract());
        CHECK(weir::unix_address::abstract(std::string_view{"a\0b", 3}).to_string() == "@a@b");

        const weir::unix_address none;
        CHECK(none.to_string() == "(unnamed)");
        CHECK_FALSE(none.is_abstract());
        CHECK(none.path().empty());
    }

    TEST_CASE("unix_address: two addresses are equal if they name the same socket") {
        using weir::unix_address;
        CHECK(unix_address{"a"} == unix_address{std::string{"a"}});
        CHECK_FALSE(unix_address{"a"} == unix_address{"b"});
        CHECK_FALSE(unix_address{"a"} == unix_address::abstract("a"));
        CHECK(unix_address::abstract("a") == unix_address::abstract("a"));
        CHECK(unix_address{} == unix_address{});
    }

    TEST_CASE("unix_address accepts the longest path, and names a longer one in its error") {
        const std::string longest(weir::unix_address::max_length, 'x');
        CHECK(weir::unix_address{longest}.path() == longest);
        CHECK(weir::unix_address::abstract(longest).to_string() == '@' + longest);
        CHECK_THROWS_WITH_AS(weir::unix_address{longest + 'y'},
                             ("weir::unix_address: longer than 107 bytes: " + longest + 'y').c_str(),
                             std::invalid_argument);
        CHECK_THROWS_AS(weir::unix_address::abstract(longest + 'y'), std::invalid_argument);
    }

    TEST_CASE("unix_address rejects an empty path and one with a zero byte") {
        CHECK_THROWS_WITH_AS(weir::unix_address{""}, "weir::unix_address: the path is empty", std::invalid_argument);
        const std::string_view zero{"a\0b", 3};
        CHECK_THROWS_WITH_AS(weir::unix_address{zero}, "weir::unix_address: the path contains a NUL character",
                             std::invalid_argument);
    }
}
