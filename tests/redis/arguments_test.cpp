// SPDX-License-Identifier: MIT
#include <weir/redis/detail/arguments.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace detail = weir::redis::detail;

namespace {

template <class... A>
std::string command(const A&... arguments) {
    std::string all;
    detail::append_command(all, "C", arguments...);
    return all;
}

static_assert(detail::argument<std::string>);
static_assert(detail::argument<char[4]>);
static_assert(detail::argument<std::vector<std::string_view>>);
static_assert(!detail::argument<bool>);
static_assert(!detail::argument<char>);
static_assert(!detail::argument<std::vector<bool>>);
static_assert(!detail::argument<std::nullptr_t>);

// Views and numbers are kept by value, temporaries are owned, other objects are referred to.
static_assert(std::same_as<detail::kept<std::string&>::type, std::string_view>);
static_assert(std::same_as<detail::kept<std::string>::type, std::string>);
static_assert(std::same_as<detail::kept<const char (&)[3]>::type, std::string_view>);
static_assert(std::same_as<detail::kept<std::string_view>::type, std::string_view>);
static_assert(std::same_as<detail::kept<const int&>::type, int>);
static_assert(std::same_as<detail::kept<const std::vector<int>&>::type, const std::vector<int>*>);
static_assert(std::same_as<detail::kept<std::vector<int>>::type, std::vector<int>>);

} // namespace

TEST_SUITE("redis/arguments") {
    TEST_CASE("a command is an array of strings") {
        CHECK(command() == "*1\r\n$1\r\nC\r\n");
        CHECK(command("key", std::string("a\0b", 3)) ==
              std::string("*3\r\n$1\r\nC\r\n$3\r\nkey\r\n$3\r\na\0b\r\n", 29));
        CHECK(command("") == "*2\r\n$1\r\nC\r\n$0\r\n\r\n");
    }

    TEST_CASE("numbers are written as text") {
        CHECK(command(-7) == "*2\r\n$1\r\nC\r\n$2\r\n-7\r\n");
        CHECK(command(UINT64_MAX) == "*2\r\n$1\r\nC\r\n$20\r\n18446744073709551615\r\n");
        CHECK(command(0.1) == "*2\r\n$1\r\nC\r\n$3\r\n0.1\r\n");
        CHECK(command(1e300) == "*2\r\n$1\r\nC\r\n$6\r\n1e+300\r\n");
        CHECK(command(std::int8_t{65}) == "*2\r\n$1\r\nC\r\n$2\r\n65\r\n");
    }

    TEST_CASE("bytes are one argument, and other ranges are many") {
        const std::array bytes{std::byte{'a'}, std::byte{'b'}};
        CHECK(command(bytes) == "*2\r\n$1\r\nC\r\n$2\r\nab\r\n");
        CHECK(command(std::vector<int>{1, 2}, "x") == "*4\r\n$1\r\nC\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\nx\r\n");
        CHECK(command(std::vector<std::string>{}) == "*1\r\n$1\r\nC\r\n");
        CHECK(command(std::map<std::string, int>{{"a", 1}}) == "*3\r\n$1\r\nC\r\n$1\r\na\r\n$1\r\n1\r\n");
    }
}
