// SPDX-License-Identifier: MIT
#include <weir/operators/split.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/limit_exceeded.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace weir::testing;
using strings = std::vector<std::string>;

namespace {

/// The parts of a text that arrives in the given pieces, every other one late.
strings parts_of(const strings& pieces, const std::string& delimiter, weir::split_options options = {}) {
    virtual_executor ex;
    probe<weir::bytes> source;
    probe_sink sink{ex, source.stream() | weir::split(delimiter, options)};
    sink.request();
    for (const auto& piece : pieces) {
        source.push(weir::bytes{piece});
        if (piece.size() % 2 == 0) ex.run_ready();
    }
    source.end();
    ex.run_ready();
    strings parts;
    for (const auto& part : sink.items()) parts.push_back(part.to_string());
    if (sink.failed()) parts.push_back(sink.error_message());
    return parts;
}

strings model(std::string_view text, const std::string& delimiter) {
    strings parts;
    while (!text.empty()) {
        const auto end = text.find(delimiter);
        parts.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + delimiter.size());
    }
    return parts;
}

} // namespace

TEST_SUITE("operators/split") {
    TEST_CASE("split leaves out the delimiters, also those that span blocks") {
        CHECK(parts_of({"a,b,,c"}, ",") == strings{"a", "b", "", "c"});
        CHECK(parts_of({"a,b,"}, ",") == strings{"a", "b"});
        CHECK(parts_of({}, ",") == strings{});
        CHECK(parts_of({",", ",x"}, ",") == strings{"", "", "x"});
        CHECK(parts_of({"a-", "-b", "-", "-", "-c-"}, "--") == strings{"a", "b", "-c-"});
        CHECK(parts_of({"aaba", "ab", "x"}, "aab") == strings{"", "", "x"});
        CHECK(parts_of({std::string("a\0b\0", 4)}, std::string(1, '\0')) == strings{"a", "b"});
    }

    TEST_CASE("split fails for a part that is too long, and rejects an empty delimiter") {
        const std::string too_long = "weir::split: a part is longer than 3 bytes";
        CHECK(parts_of({"abc--abc"}, "--", {.limit = 3}) == strings{"abc", "abc"});
        CHECK(parts_of({"a--abcd--x"}, "--", {.limit = 3}) == strings{"a", too_long});
        CHECK(parts_of({"ab", "c", "-", "-ab", "cd"}, "--", {.limit = 3}) == strings{"abc", too_long});
        CHECK(parts_of({"abcd"}, "--", {.limit = 3}) == strings{too_long});

        virtual_executor ex;
        probe<weir::bytes> source;
        probe_sink sink{ex, source.stream() | weir::split(',', {.limit = 3})};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        source.push(weir::bytes{"a,b,c"});
        source.push(weir::bytes{"defg"});
        ex.run_ready();
        CHECK(source.taken() == 1);
        sink.request();
        ex.run_ready(); // fails before the delimiter or the end has come
        CHECK(sink.items().size() == 2);
        CHECK(sink.error_message() == too_long);
        CHECK_THROWS_WITH_AS(weir::split(""), "weir::split(delimiter): the delimiter is empty", std::invalid_argument);
    }

    TEST_CASE("split makes no copy of a part inside a block") {
        virtual_executor ex;
        probe<weir::bytes> source;
        const weir::bytes block{"one two"};
        source.push(weir::bytes{block});
        source.end();
        const char* first = nullptr;
        ex.run(source.stream() | weir::split(' ') | weir::for_each([&](const weir::bytes& part) {
                   if (first == nullptr) first = part.data();
               }));
        CHECK(first == block.data());
    }

    TEST_CASE("split passes an error of upstream, and lets others run") {
        virtual_executor ex;
        probe<weir::bytes> source;
        probe_sink sink{ex, source.stream() | weir::split(',')};
        sink.request();
        source.push(weir::bytes{"a,b"});
        source.fail(std::make_exception_ptr(std::runtime_error{"read"}));
        ex.run_ready();
        CHECK(sink.items().size() == 1);
        CHECK(sink.error_message() == "read");
    }

    TEST_CASE("split agrees with a search in the whole text, however it arrives") {
        std::mt19937 random{20240915};
        for (int round = 0; round != 500; ++round) {
            std::string text(random() % 30, ' ');
            for (char& c : text) c = "ab-"[random() % 3];
            std::string delimiter(1 + random() % 3, ' ');
            for (char& c : delimiter) c = "a-"[random() % 2];
            strings pieces;
            for (std::size_t from = 0; from < text.size();) {
                pieces.push_back(text.substr(from, random() % 5));
                from += pieces.back().size();
            }
            CAPTURE(text);
            CAPTURE(delimiter);
            CHECK(parts_of(pieces, delimiter) == model(text, delimiter));
        }
    }
}
