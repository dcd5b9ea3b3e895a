// SPDX-License-Identifier: MIT
#include <weir/redis/detail/stream_entries.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/messages/record.hpp>
#include <weir/redis/error.hpp>
#include <weir/redis/streams.hpp>

using weir::redis::value;
namespace redis = weir::redis;
namespace messages = weir::messages;

namespace {

value text(std::string s) { return value{value::kind::string, std::move(s)}; }

template <class... V>
value array(V... items) {
    std::vector<value> all;
    (all.push_back(std::move(items)), ...);
    return value{std::move(all)};
}

value entry(std::string id, std::string field, std::string content) {
    return array(text(std::move(id)), array(text(std::move(field)), text(std::move(content))));
}

std::vector<messages::record> records_of(value v, std::size_t& removed) {
    return redis::detail::to_records(std::move(v), {"value", "key"}, removed);
}

std::string refused(value v) {
    std::size_t removed = 0;
    try {
        static_cast<void>(records_of(std::move(v), removed));
    } catch (const redis::type_error& e) {
        return e.what();
    }
    return "";
}

/// A random value, of few kinds of text.
value random_value(std::mt19937& random, int depth) {
    static constexpr std::string_view texts[] = {"1-1", "18446744073709551615-0", "-1", "1-", "value", "key", "x", ""};
    switch (random() % (depth == 0 ? 3 : 6)) {
    case 0:
        return {};
    case 1:
        return value{static_cast<std::int64_t>(random()) - 5};
    case 2:
        return text(std::string{texts[random() % std::size(texts)]});
    default:
        std::vector<value> items;
        for (auto n = random() % 4; n != 0; --n) items.push_back(random_value(random, depth - 1));
        return value{std::move(items)};
    }
}

} // namespace

TEST_SUITE("redis/stream_entries") {
    TEST_CASE("entries become records") {
        std::size_t removed = 0;
        auto got = records_of(array(entry("5-1", "value", "a"), value{}, entry("6-0", "key", "b"),
                                    array(text("7-0"), value{}), entry("8-0", "other", "c")),
                              removed);
        REQUIRE(got.size() == 3);
        CHECK(removed == 2);
        CHECK(got[0].value == "a");
        CHECK(got[0].position == messages::position{5, 1});
        CHECK(got[1].key == "b");
        CHECK(got[2].headers == messages::header_list{{"other", "c"}});
        const auto pending = [](std::string id, std::int64_t n) {
            return array(text(std::move(id)), text("member"), value{std::int64_t{0}}, value{n});
        };
        redis::detail::set_attempts(got, array(pending("5-1", 3), pending("7-0", 9), pending("8-0", -1)));
        CHECK(got[0].attempt == 3);
        CHECK(got[1].attempt == 1);
        CHECK(got[2].attempt == 1);
    }

    TEST_CASE("entries of another form are refused") {
        CHECK(refused(array(entry("x", "value", "a"))) == "weir::redis: an entry of a stream has no ID, but x");
        CHECK(refused(array(entry("1", "value", "a"))) == "weir::redis: an entry of a stream has no ID, but 1");
        CHECK(refused(array(entry("1-18446744073709551616", "value", "a"))) ==
              "weir::redis: an entry of a stream has no ID, but 1-18446744073709551616");
        CHECK(refused(array(array(text("1-1"), array(text("value"))))) ==
              "weir::redis: an entry of a stream has a field without a value");
        CHECK(refused(text("x")) != "");
        CHECK(refused(array(text("x"))) != "");
    }

    TEST_CASE("random replies become records or errors") {
        std::mt19937 random{1};
        int accepted = 0;
        int failed = 0;
        for (int round = 0; round != 50000; ++round) {
            std::vector<messages::record> got;
            try {
                std::size_t removed = 0;
                value v = round % 2 == 0
                              ? random_value(random, 4)
                              : array(entry("1-1", "value", "a"), array(text("2-0"), random_value(random, 2)));
                got = records_of(std::move(v), removed);
                redis::detail::set_attempts(got, random_value(random, 3));
                ++accepted;
            } catch (const redis::type_error&) {
                ++failed;
            }
        }
        CHECK(accepted > 1000);
        CHECK(failed > 1000);
    }

    TEST_CASE("a key has the same stream in each process") {
        const std::vector<std::string> streams{"a", "b", "c"};
        CHECK(redis::shard_of(streams, "anna") == "a");
        CHECK(redis::shard_of(streams, "") == "c");
        CHECK_THROWS_AS(redis::shard_of({}, "anna"), std::invalid_argument);
    }

    TEST_CASE("options of a group that make no sense are refused") {
        redis::client client{redis::options{}};
        const auto failure = [&](redis::group_options g) {
            try {
                redis::group_member member{client, std::move(g)};
            } catch (const std::invalid_argument& e) {
                return std::string{e.what()};
            }
            return std::string{};
        };
        const std::string prefix = "weir::redis::group_member: options.";
        const auto group = [] {
            redis::group_options g;
            g.group = "g";
            g.streams = {"a", "b"};
            return g;
        };
        CHECK(failure(group()) == "");
        auto g = group();
        g.group = "";
        CHECK(failure(g) == prefix + "group is empty");
        g = group();
        g.streams = {};
        CHECK(failure(g) == prefix + "streams is empty");
        g.streams = {"a", "b", "a"};
        CHECK(failure(g) == prefix + "streams has a key twice");
        g.streams.clear();
        for (int i = 0; i != 1001; ++i) g.streams.push_back(std::to_string(i));
        CHECK(failure(g) == prefix + "streams has more than 1000 keys");
        g = group();
        g.lease = std::chrono::milliseconds{29};
        CHECK(failure(g) == prefix + "lease is shorter than 30ms");
        g = group();
        g.claim_after = weir::duration::zero();
        CHECK(failure(g) == prefix + "claim_after is not positive");
        g = group();
        g.block = weir::duration::zero();
        CHECK(failure(g) == prefix + "block is shorter than 1ms");
        g = group();
        g.value_field = "key";
        CHECK(failure(g) == prefix + "value_field is empty, or the same as key_field");
    }
}
