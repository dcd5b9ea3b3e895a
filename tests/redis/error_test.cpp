// SPDX-License-Identifier: MIT
#include <weir/redis/error.hpp>

#include <exception>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

namespace redis = weir::redis;

TEST_SUITE("redis/error") {
    TEST_CASE("the code of an error is its first word") {
        const redis::error moved{"GET", "MOVED 3999 127.0.0.1:6381"};
        CHECK(moved.code() == "MOVED");
        CHECK(moved.text() == "MOVED 3999 127.0.0.1:6381");
        CHECK(moved.what() == std::string{"weir::redis: GET: MOVED 3999 127.0.0.1:6381"});
        CHECK(redis::error{"", "OOM"}.code() == "OOM");
        CHECK(redis::error{"", "OOM"}.what() == std::string{"weir::redis: OOM"});
    }

    TEST_CASE("a lost connection names the command and the cause") {
        const auto cause = std::make_exception_ptr(std::runtime_error{"read 10.0.0.1:6379: Connection reset by peer"});
        const redis::connection_lost lost{"INCR", cause};
        CHECK(lost.what() == std::string{"weir::redis: INCR: connection lost before the reply: read 10.0.0.1:6379: "
                                         "Connection reset by peer"});
        CHECK(lost.command() == "INCR");
        CHECK(lost.cause() == cause);
        const redis::not_connected unsent{"INCR", std::make_exception_ptr(5)};
        CHECK(unsent.what() == std::string{"weir::redis: INCR: not sent: unknown error"});
    }
}
