// SPDX-License-Identifier: MIT
#include <weir/redis/options.hpp>

#include <chrono>
#include <functional>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace std::string_view_literals;
using weir::redis::options;

namespace {

std::string failure(const std::function<void()>& f) {
    try {
        f();
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return "";
}
std::string failure_of_url(std::string_view url) {
    return failure([url] { static_cast<void>(options::from_url(url)); });
}

} // namespace

TEST_SUITE("redis/options") {
    TEST_CASE("a URL has all parts") {
        const auto o = options::from_url("redis://me:s%3Acr%2fet@cache.example.org:7000/3");
        CHECK(o.host == "cache.example.org");
        CHECK(o.port == 7000);
        CHECK(o.user == "me");
        CHECK(o.password == "s:cr/et");
        CHECK(o.database == 3);
        CHECK_FALSE(o.tls);
        CHECK(o.unix_path.empty());
    }

    TEST_CASE("a URL may leave out parts") {
        CHECK(options::from_url("redis://").host == "localhost");
        CHECK(options::from_url("redis://").port == 6379);
        CHECK(options::from_url("redis://h").host == "h");
        CHECK(options::from_url("redis://h/").database == 0);
        CHECK(options::from_url("redis:///4").database == 4);
        CHECK(options::from_url("redis://:p@w@h").password == "p@w");
        CHECK(options::from_url("redis://:p@h").user.empty());
        CHECK(options::from_url("redis://[::1]:7").host == "::1");
        CHECK(options::from_url("redis://[::1]").port == 6379);
        CHECK(options::from_url("rediss://h").tls);
    }

    TEST_CASE("a URL may name a Unix socket") {
        CHECK(options::from_url("unix:/run/redis.sock").unix_path == "/run/redis.sock");
        CHECK(options::from_url("unix:///run/re%20dis.sock").unix_path == "/run/re dis.sock");
        const auto o = options::from_url("unix://me:pw@/run/redis.sock?db=5");
        CHECK(o.unix_path == "/run/redis.sock");
        CHECK(o.user == "me");
        CHECK(o.password == "pw");
        CHECK(o.database == 5);
    }

    TEST_CASE("a wrong URL is refused with its wrong part") {
        const std::vector<std::pair<std::string_view, std::string_view>> cases{
            {"", "it does not begin with redis://, rediss:// or unix:"},
            {"http://h", "it does not begin with redis://, rediss:// or unix:"},
            {"redis:/h", "it does not begin with redis://, rediss:// or unix:"},
            {"redis://h:0", "the port is not a number from 1 to 65535"},
            {"redis://h:65536", "the port is not a number from 1 to 65535"},
            {"redis://h:", "the port is not a number from 1 to 65535"},
            {"redis://h:6379x", "the port is not a number from 1 to 65535"},
            {"redis://h/x", "the database is not a number from 0 on"},
            {"redis://h/-1", "the database is not a number from 0 on"},
            {"redis://h/1/2", "the database is not a number from 0 on"},
            {"redis://h/1?x=1", "there is a ? or a #; in a user or a password, write %3F or %23"},
            {"redis://[::1", "the address has a [ without a ]"},
            {"redis://[::1]7", "there is something other than a port behind the ]"},
            {"redis://:a%2@h", "the password has a % without two hexadecimal digits"},
            {"redis://:a%zz@h", "the password has a % without two hexadecimal digits"},
            {"redis://a%:b@h", "the user has a % without two hexadecimal digits"},
            {"redis://user@h", "there is a user and no password"},
            {"redis://:a/b@h", "there is a / in the user or the password; write %2F"},
            {"unix:run", "the path of a Unix socket does not begin with /"},
            {"unix:/s?x=1", "there is something other than db= behind the ?"},
            {"unix:/s?db=", "the database is not a number from 0 on"},
        };
        for (const auto& [url, why] : cases) {
            INFO(url);
            CHECK(failure_of_url(url) == "weir::redis: URL: " + std::string{why});
        }
        CHECK(failure_of_url({"redis://h\0", 10}) == "weir::redis: URL: there is a zero character");
    }

    TEST_CASE("a damaged URL is refused, or has a host or a socket") {
        constexpr std::string_view sound[] = {"redis://me:secret@cache.example.org:7000/3", "rediss://[::1]:6379?db=2",
                                              "unix://me:secret@/run/redis?db=15"};
        constexpr std::string_view bytes = "a09-%/:?#[]@.=&\\ \n\0\x80"sv;
        std::minstd_rand random{1};
        const auto below = [&random](std::size_t n) { return random() % n; };
        int read = 0;
        for (int i = 0; i != 20'000; ++i) {
            std::string damaged{sound[below(std::size(sound))]};
            for (std::size_t n = 1 + below(3); n != 0; --n) damaged[below(damaged.size())] = bytes[below(bytes.size())];
            try {
                const auto o = options::from_url(damaged);
                ++read;
                CHECK((!o.host.empty() || !o.unix_path.empty()));
            } catch (const std::invalid_argument&) {} // refused
        }
        CHECK(read > 1000);
    }
    TEST_CASE("the message about a wrong URL does not have its password") {
        for (const std::string url : {"redis://u:secret@h:x", "redis://u:sec/ret@h", "redis://u:secret?@h",
                                      "u:secret@h", "redis://secret@h", "unix:secret", "redis://:secret%@h"}) {
            const std::string what = failure_of_url(url);
            CHECK(what.find("weir::redis: URL: ") == 0);
            CHECK(what.find("ret") == std::string::npos);
        }
    }

    TEST_CASE("options out of range are refused by name") {
        const auto failure_with = [](auto change) {
            options o;
            change(o);
            return failure([&o] { weir::redis::detail::check(o); });
        };
        using namespace std::chrono_literals;
        CHECK(failure_with([](options&) {}) == "");
        CHECK(failure_with([](options& o) { o.database = -1; }) == "weir::redis: options.database is negative");
        CHECK(failure_with([](options& o) { o.user = "me"; }) == "weir::redis: options.user is set without a password");
        CHECK(failure_with([](options& o) { o.connect_timeout = 0s; }) ==
              "weir::redis: options.connect_timeout is not positive");
        CHECK(failure_with([](options& o) { o.reply_timeout = -1s; }) ==
              "weir::redis: options.reply_timeout is not positive");
        CHECK(failure_with([](options& o) { o.max_in_flight = 0; }) == "weir::redis: options.max_in_flight is 0");
        CHECK(failure_with([](options& o) { o.max_reply_size = 0; }) == "weir::redis: options.max_reply_size is 0");
        CHECK(failure_with([](options& o) { o.reconnect.attempts = 0; }) == "weir::retry: policy.attempts is 0");
    }
}
