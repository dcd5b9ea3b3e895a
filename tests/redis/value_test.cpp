// SPDX-License-Identifier: MIT
#include <weir/redis/value.hpp>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using weir::redis::reply;
using weir::redis::value;
using kind = weir::redis::value::kind;

namespace {

value text(std::string t) { return value{kind::string, std::move(t)}; }
value number(std::int64_t n) { return value{n}; }

template <class... V>
value array(V... items) {
    std::vector<value> all;
    (all.push_back(std::move(items)), ...);
    return value{std::move(all)};
}

/// The message of the error of a conversion, or "".
template <class T>
std::string failure(const reply& r) {
    try {
        static_cast<void>(r.as<T>());
    } catch (const weir::redis::type_error& e) {
        return e.what();
    }
    return "";
}

} // namespace

TEST_SUITE("redis/value") {
    TEST_CASE("a value is nil at first") {
        const value v;
        CHECK(v.is_nil());
        CHECK(v.text().empty());
        CHECK(v.integer() == 0);
        CHECK(v.items().empty());
    }

    TEST_CASE("a value converts to text") {
        CHECK(text(std::string("a\0b", 3)).as<std::string>() == std::string("a\0b", 3));
        CHECK(value{kind::status, "OK"}.as<std::string>() == "OK");
    }

    TEST_CASE("a value converts to integers, also from text") {
        CHECK(number(-7).as<int>() == -7);
        CHECK(text("9223372036854775807").as<std::int64_t>() == INT64_MAX);
        CHECK(text("42").as<std::uint8_t>() == 42);
        CHECK(number(1).as<bool>());
        CHECK_FALSE(number(0).as<bool>());
    }

    TEST_CASE("a value converts to double") {
        CHECK(number(3).as<double>() == 3.0);
        CHECK(text("-2.5e-3").as<double>() == -2.5e-3);
        CHECK(text("inf").as<double>() == HUGE_VAL);
        CHECK(text("-inf").as<double>() == -HUGE_VAL);
        CHECK(std::isnan(text("nan").as<double>()));
    }

    TEST_CASE("nil converts to an empty optional") {
        CHECK(value{}.as<std::optional<std::string>>() == std::nullopt);
        CHECK(text("x").as<std::optional<std::string>>() == "x");
    }

    TEST_CASE("an array converts to containers") {
        const value words = array(text("a"), value{}, text("c"));
        const std::vector<std::optional<std::string>> expected{"a", std::nullopt, "c"};
        CHECK(words.as<std::vector<std::optional<std::string>>>() == expected);

        const value fields = array(text("one"), text("1"), text("two"), text("2"));
        CHECK(fields.as<std::map<std::string, int>>() == std::map<std::string, int>{{"one", 1}, {"two", 2}});
        CHECK(fields.as<std::unordered_map<std::string, int>>().at("two") == 2);
        CHECK(array(number(2), number(1)).as<std::set<int>>() == std::set<int>{1, 2});

        const auto [cursor, keys] =
            array(text("17"), array(text("k"))).as<std::tuple<std::uint64_t, std::vector<std::string>>>();
        CHECK(cursor == 17);
        CHECK(keys == std::vector<std::string>{"k"});
        CHECK(array(text("k"), number(3)).as<std::pair<std::string, int>>() == std::pair<std::string, int>{"k", 3});
    }

    TEST_CASE("an impossible conversion names the command, the place and what is there") {
        CHECK(failure<int>(reply{value{}, "INCR"}) == "weir::redis: INCR: the reply is nil, not an integer");
        CHECK(failure<int>(reply{text("12x"), "GET"}) == "weir::redis: GET: the reply is a string of 3 bytes, not an "
                                                         "integer");
        CHECK(failure<int>(reply{text(""), "GET"}) == "weir::redis: GET: the reply is a string of 0 bytes, not an "
                                                      "integer");
        CHECK(failure<std::uint8_t>(reply{number(256), "LLEN"}) ==
              "weir::redis: LLEN: the reply is 256, which the requested integer type cannot hold");
        CHECK(failure<std::int64_t>(reply{text("9223372036854775808"), "GET"}) ==
              "weir::redis: GET: the reply is 9223372036854775808, which the requested integer type cannot hold");
        CHECK(failure<std::string>(reply{number(5), "GET"}) ==
              "weir::redis: GET: the reply is the integer 5, not a string");
        CHECK(failure<bool>(reply{number(2), "EXISTS"}) ==
              "weir::redis: EXISTS: the reply is the integer 2, not 0 or 1");
        CHECK(failure<double>(reply{text("1.5 "), "GET"}) ==
              "weir::redis: GET: the reply is a string of 4 bytes, not a number");
        CHECK(failure<std::vector<std::string>>(reply{array(text("a"), value{}), "MGET"}) ==
              "weir::redis: MGET: value 1 of the reply is nil, not a string");
        CHECK(failure<std::vector<std::vector<int>>>(reply{array(array(), array(text("x"))), "X"}) ==
              "weir::redis: X: value 0 of value 1 of the reply is a string of 1 bytes, not an integer");
        CHECK(failure<std::map<std::string, int>>(reply{array(text("a")), "HGETALL"}) ==
              "weir::redis: HGETALL: the reply is an array of 1 values, not an array of keys and values");
        CHECK(failure<std::pair<int, int>>(reply{array(number(1)), "SCAN"}) ==
              "weir::redis: SCAN: the reply is an array of 1 values, not an array of 2 values");
        CHECK(failure<std::vector<int>>(reply{value{kind::status, "OK"}, "SET"}) ==
              "weir::redis: SET: the reply is a status, not an array");
    }

    TEST_CASE("the conversion of an error throws the error of the server") {
        const reply r{array(number(1), value{kind::error, "WRONGTYPE no list"}), "EXEC"};
        try {
            static_cast<void>(r.as<std::vector<int>>());
            FAIL("no error");
        } catch (const weir::redis::error& e) {
            CHECK(e.code() == "WRONGTYPE");
            CHECK(e.command() == "EXEC");
        }
    }

    TEST_CASE("a reply converts to a value, and keeps its command") {
        reply r{number(4), "INCR"};
        CHECK(r.command() == "INCR");
        CHECK(std::move(r).as<value>() == number(4));
    }
}
