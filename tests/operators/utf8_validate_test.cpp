// SPDX-License-Identifier: MIT
#include <weir/operators/utf8_validate.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <weir/io/bytes.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace weir::testing;

namespace {

constexpr auto valid = static_cast<std::size_t>(-1);

/// Where a text in parts is invalid, asked in a loop and one by one.
std::size_t invalid_at(const std::vector<std::string>& parts) {
    virtual_executor ex;
    std::size_t first = valid;
    try {
        ex.run(weir::from_range(parts) | weir::utf8_validate() | weir::drain());
    } catch (const weir::invalid_utf8& e) {
        first = e.position();
    }
    probe<weir::bytes> source;
    probe_sink sink{ex, source.stream() | weir::utf8_validate()};
    for (const auto& part : parts) source.push(weir::bytes{part});
    source.end();
    sink.request();
    ex.run_ready();
    CHECK(sink.failed() == (first != valid));
    if (first != valid) {
        CHECK(sink.error_message() == "weir::utf8_validate: invalid UTF-8 at byte " + std::to_string(first));
    }
    return first;
}

/// The encoding of a number by the scheme of UTF-8, with a given number of bytes.
std::string encoded(std::uint32_t code, std::size_t size) {
    if (size == 1) return std::string(1, static_cast<char>(code));
    std::string text(size, ' ');
    for (std::size_t i = size; --i != 0; code >>= 6) text[i] = static_cast<char>(0x80 | (code & 0x3f));
    text[0] = static_cast<char>((0xf00u >> size & 0xff) | code);
    return text;
}

} // namespace

TEST_SUITE("operators/utf8_validate") {
    TEST_CASE("utf8_validate accepts each character in its shortest form, in one item and in several") {
        for (std::uint32_t code = 0; code < 0x120000; code += code < 0x900 ? 1 : 0x3f) {
            for (std::size_t size = 1; size != 5; ++size) {
                if (code >> (size == 1 ? 7 : 5 * size + 1) != 0) continue; // does not fit
                const bool shortest = size == 1 || code >> (size == 2 ? 7 : 5 * size - 4) != 0;
                const bool right = shortest && (code < 0xd800 || code > 0xdfff) && code <= 0x10ffff;
                const std::string text = encoded(code, size);
                CAPTURE(code);
                CAPTURE(size);
                weir::detail::utf8_checker checker;
                bool accepted = true;
                try {
                    for (const char c : text) checker.check({&c, 1});
                    checker.end();
                } catch (const weir::invalid_utf8&) {
                    accepted = false;
                }
                if (accepted != right) FAIL_CHECK("wrong answer");
            }
        }
    }

    TEST_CASE("utf8_validate says which byte is wrong") {
        CHECK(invalid_at({}) == valid);
        CHECK(invalid_at({"abc", "", "\xc3\xa9"}) == valid);
        CHECK(invalid_at({"a\xe2\x82", "\xac", "\xf0\x9f", "\x98\x80z"}) == valid);
        CHECK(invalid_at({"abc", "d\x80"}) == 4);
        CHECK(invalid_at({"ab\xe2\x82"}) == 4);
        CHECK(invalid_at({"\xe2", "a"}) == 1);
        CHECK(invalid_at({"\xff"}) == 0);
        CHECK(invalid_at({"\xed\xa0\x80"}) == 1);
        CHECK(invalid_at({"\xf4\x90\x80\x80"}) == 1);
        CHECK(invalid_at({"\xc0\x80"}) == 0);
    }

    TEST_CASE("utf8_validate passes items unchanged, and an error of upstream in the middle of a character") {
        virtual_executor ex;
        probe<std::string> source;
        probe_sink sink{ex, source.stream() | weir::utf8_validate()};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(2);
        source.push("a\xe2");
        source.push("\x82");
        source.push("\x82");
        ex.run_ready();
        CHECK(source.taken() == 2);
        CHECK(sink.items() == std::vector<std::string>{"a\xe2", "\x82"});
        source.fail(std::make_exception_ptr(std::runtime_error{"read"}));
        sink.request();
        ex.run_ready();
        CHECK(sink.error_message() == "read");
    }
}
