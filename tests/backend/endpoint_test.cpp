// SPDX-License-Identifier: MIT
#include <weir/backend/endpoint.hpp>

#include <sstream>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

TEST_SUITE("io/endpoint") {
    TEST_CASE("endpoint is written to an output stream as text") {
        std::ostringstream out;
        out << weir::endpoint{"::1", 8080};
        CHECK(out.str() == "[::1]:8080");
    }

    TEST_CASE("endpoint: parsing and printing are inverse to each other") {
        CHECK(weir::endpoint{"127.0.0.1", 8080}.to_string() == "127.0.0.1:8080");
        CHECK(weir::endpoint{"::1", 8080}.to_string() == "[::1]:8080");
        CHECK(weir::endpoint{"0:0:0:0:0:0:0:1", 80}.address() == "::1");
        CHECK(weir::endpoint{"::", 65535}.port() == 65535);
        CHECK(weir::endpoint{}.to_string() == "(no address)");
    }

    TEST_CASE("endpoint: the zone of an IPv6 address is kept") {
        const weir::endpoint e{"fe80::1%lo", 80};
        CHECK(e.to_string() == "[fe80::1%lo]:80");
        CHECK(weir::endpoint{e.address(), 80} == e);
        CHECK(weir::endpoint{"fe80::1%1", 80} == e); // lo is the first interface
        CHECK(weir::endpoint{"fe80::1", 80} != e);
        CHECK(weir::endpoint{"fe80::1%4000000000", 80}.address() == "fe80::1%4000000000");
        for (const char* text : {"fe80::1%", "fe80::1%no-such-interface", "fe80::1%0"}) {
            CHECK_THROWS_WITH_AS((weir::endpoint{text, 1}),
                                 (std::string{"weir::endpoint: no such interface: "} + text).c_str(),
                                 std::invalid_argument);
        }
        CHECK_THROWS_AS((weir::endpoint{"127.0.0.1%lo", 1}), std::invalid_argument);
    }

    TEST_CASE("endpoint rejects an address with a NUL character") {
        CHECK_THROWS_AS((weir::endpoint{std::string_view{"127.0.0.1\0.example", 18}, 1}), std::invalid_argument);
        CHECK_THROWS_AS((weir::endpoint{std::string_view{"::1\0", 4}, 1}), std::invalid_argument);
    }

    TEST_CASE("endpoints are equal if their addresses and ports are equal") {
        CHECK(weir::endpoint{"::1", 1} == weir::endpoint{"0::1", 1});
        CHECK(weir::endpoint{"::1", 1} != weir::endpoint{"::1", 2});
        CHECK(weir::endpoint{"0.0.0.0", 1} != weir::endpoint{"::", 1});
        CHECK(weir::endpoint{} == weir::endpoint{});
    }

    TEST_CASE("endpoint: an invalid address throws an error that contains it") {
        for (const char* text : {"localhost", "", "1.2.3", "1.2.3.4:5", "[::1]", "1.2.3.4 "}) {
            CHECK_THROWS_WITH_AS((weir::endpoint{text, 1}),
                                 (std::string{"weir::endpoint: not a numeric IPv4 or IPv6 address: "} + text).c_str(),
                                 std::invalid_argument);
        }
    }
}
