// SPDX-License-Identifier: MIT
#include <weir/source/lines.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/detail/frame_pool.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/testing/virtual_executor.hpp>

#include <doctest/doctest.h>

#include "allocations.hpp"
#include "raw_io.hpp"
#include "temporary_file.hpp"

namespace {

/// Text in given pieces, every other one late.
class pieces {
public:
    using value_type = weir::bytes;

    explicit pieces(std::vector<std::string> parts) : parts_{std::move(parts)} {}

    weir::poll<weir::bytes> poll_next(weir::context& cx) {
        if ((late_ = !late_)) return cx.yield();
        if (next_ == parts_.size()) return weir::done;
        return weir::bytes{parts_[next_++]};
    }

private:
    std::vector<std::string> parts_;
    std::size_t next_ = 0;
    bool late_ = false;
};

/// Text of a given size, made of one character, without holding it.
class endless {
public:
    using value_type = weir::bytes;

    explicit endless(std::size_t blocks) : blocks_{blocks} {}

    weir::poll<weir::bytes> poll_next(weir::context&) {
        if (blocks_ == 0) return weir::done;
        --blocks_;
        return block_;
    }

private:
    weir::bytes block_{std::string(64 * 1024, 'x')};
    std::size_t blocks_;
};

template <class S>
std::vector<std::string> all(S lines) {
    weir::testing::virtual_executor ex;
    std::vector<std::string> result;
    ex.run(std::move(lines) | weir::for_each([&](const weir::bytes& line) { result.push_back(line.to_string()); }));
    return result;
}

std::vector<std::string> lines_of(std::vector<std::string> parts, weir::lines_options options = {}) {
    return all(pieces{std::move(parts)} | weir::lines(options));
}

template <class S>
std::string failure_of(S lines) {
    try {
        all(std::move(lines));
    } catch (const weir::limit_exceeded& e) {
        return e.what();
    }
    return "";
}

using strings = std::vector<std::string>;

/// What std::getline makes of it, with "\r\n" as terminator too.
strings reference(const std::string& text) {
    strings result;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);) {
        if (!in.eof() && !line.empty() && line.back() == '\r') line.pop_back();
        result.push_back(line);
    }
    return result;
}

} // namespace

TEST_SUITE("source/lines") {
    TEST_CASE("lines emits the text between terminators") {
        CHECK(lines_of({"a\nbc\n\nd\n"}) == strings{"a", "bc", "", "d"});
        CHECK(lines_of({"\n"}) == strings{""});
        CHECK(lines_of({}) == strings{});
    }

    TEST_CASE("lines: the last line needs no terminator") {
        CHECK(lines_of({"a\nb"}) == strings{"a", "b"});
        CHECK(lines_of({"a"}) == strings{"a"});
        CHECK(lines_of({"a", "b"}) == strings{"ab"});
    }

    TEST_CASE("lines treats a carriage return before a newline as part of the terminator") {
        CHECK(lines_of({"a\r\nb\rc\r\n\r\n\r\r\n"}) == strings{"a", "b\rc", "", "\r"});
        CHECK(lines_of({"a\r", "\nb"}) == strings{"a", "b"});
        CHECK(lines_of({"a\r", "b\n"}) == strings{"a\rb"});
        CHECK(lines_of({"a\r"}) == strings{"a\r"});
        CHECK(lines_of({"\r", "\n"}) == strings{""});
    }

    TEST_CASE("lines: a line may span many blocks") {
        CHECK(lines_of({"ab", "cd", "ef\ngh", "\n", "\n", "i"}) == strings{"abcdef", "gh", "", "i"});
    }

    TEST_CASE("lines passes on all bytes but the terminators") {
        const std::string junk{"\0\xff\x80\0a\n\0\n\xc3(\n", 11};
        CHECK(lines_of({junk}) == strings{std::string{"\0\xff\x80\0a", 5}, std::string{"\0", 1}, "\xc3("});
    }

    TEST_CASE("lines does not copy a line within one block") {
        const weir::bytes block{"first\nsecond\n"};
        struct once {
            using value_type = weir::bytes;
            weir::bytes block;
            bool given = false;
            weir::poll<weir::bytes> poll_next(weir::context&) {
                if (std::exchange(given, true)) return weir::done;
                return block;
            }
        };
        weir::testing::virtual_executor ex;
        std::vector<weir::bytes> got;
        ex.run(once{block} | weir::lines() | weir::for_each([&](weir::bytes line) { got.push_back(std::move(line)); }));
        REQUIRE(got.size() == 2);
        CHECK(got[0].data() == block.data());
        CHECK(got[1].data() == block.data() + 6);
    }

    TEST_CASE("lines agrees with getline for random text in random pieces") {
        std::mt19937 random{20240607};
        const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
        for (int round = 0; round != 2'000; ++round) {
            std::string text;
            const std::size_t size = below(300);
            const std::size_t terminators = 1 + below(20);
            for (std::size_t i = 0; i != size; ++i) {
                const std::size_t kind = below(terminators + 3);
                text += kind == 0   ? '\n'
                        : kind == 1 ? '\r'
                                    : static_cast<char>(kind == 2 ? below(256) : 'a' + below(26));
            }
            strings parts;
            for (std::size_t at = 0; at < text.size();) {
                const std::size_t part = below(1 + below(60));
                parts.push_back(text.substr(at, part));
                at += part;
            }
            CAPTURE(text);
            REQUIRE(lines_of(parts) == reference(text));

            // A limit that is met exactly by the longest line changes nothing; one less fails.
            std::size_t longest = 0;
            for (const auto& line : reference(text)) longest = std::max(longest, line.size());
            REQUIRE(lines_of(parts, {.limit = longest}) == reference(text));
            REQUIRE(lines_of(parts, {.limit = std::numeric_limits<std::size_t>::max()}) == reference(text));
            if (longest == 0) continue;
            REQUIRE(failure_of(pieces{parts} | weir::lines({.limit = longest - 1})) != "");

            strings truncated = reference(text);
            for (auto& line : truncated) line = line.substr(0, longest / 2);
            REQUIRE(lines_of(parts, {.limit = longest / 2, .on_long = weir::long_lines::truncate}) == truncated);
            strings skipped = reference(text);
            std::erase_if(skipped, [&](const std::string& line) { return line.size() > longest / 2; });
            REQUIRE(lines_of(parts, {.limit = longest / 2, .on_long = weir::long_lines::skip}) == skipped);
        }
    }

    TEST_CASE("lines agrees with getline for random files and block sizes") {
        std::mt19937 random{7};
        weir::executor ex;
        for (int round = 0; round != 100; ++round) {
            std::string text;
            for (std::size_t i = 0, n = random() % 200; i != n; ++i) {
                text +=
                    std::string(random() % 80, static_cast<char>('a' + i % 26)) + (random() % 3 == 0 ? "\r\n" : "\n");
            }
            if (random() % 2 == 0) text += "the end";
            const support::temporary_file t{text};
            strings got;
            ex.run(weir::read(t.path(), {.block = 1 + random() % 300}) | weir::lines() |
                   weir::for_each([&](const weir::bytes& line) { got.push_back(line.to_string()); }));
            REQUIRE(got == reference(text));
        }
    }

    TEST_CASE("lines fails with the number of a line beyond the limit") {
        CHECK(failure_of(pieces{{"short\n", "much too long\n"}} | weir::lines({.limit = 5})) ==
              "weir::lines: line 2 is longer than 5 bytes");
        CHECK(failure_of(endless{1000} | weir::lines()) == "weir::lines: line 1 is longer than 1048576 bytes");
    }

    TEST_CASE("lines emits the lines before one that is too long") {
        weir::testing::virtual_executor ex;
        strings got;
        CHECK_THROWS_AS(ex.run(pieces{{"a\nb\ntoo long\n"}} | weir::lines({.limit = 4}) |
                               weir::for_each([&](const weir::bytes& line) { got.push_back(line.to_string()); })),
                        weir::limit_exceeded);
        CHECK(got == strings{"a", "b"});
    }

    TEST_CASE("lines does not count a carriage return at the limit as content") {
        CHECK(lines_of({"abc\r\n"}, {.limit = 3}) == strings{"abc"});
        CHECK(lines_of({"abc\r", "\n"}, {.limit = 3}) == strings{"abc"});
        CHECK(failure_of(pieces{{"abc\r", "d\n"}} | weir::lines({.limit = 3})) != "");
        CHECK(failure_of(pieces{{"abc\r"}} | weir::lines({.limit = 3})) != "");
        CHECK(lines_of({"abc\r"}, {.limit = 3, .on_long = weir::long_lines::truncate}) == strings{"abc"});
    }

    TEST_CASE("lines cuts an endless line in bounded memory") {
        for (const auto policy : {weir::long_lines::truncate, weir::long_lines::skip}) {
            std::size_t largest = 0;
            std::size_t count = 0;
            weir::testing::virtual_executor ex;
            const std::size_t before = support::allocations();
            ex.run(endless{20'000} | weir::lines({.limit = 4096, .on_long = policy}) |
                   weir::for_each([&](const weir::bytes& line) {
                       largest = std::max(largest, line.size());
                       ++count;
                   }));
            CHECK(support::allocations() - before < 20);
            CHECK(largest == (policy == weir::long_lines::truncate ? 4096 : 0));
            CHECK(count == (policy == weir::long_lines::truncate ? 1 : 0));
        }
    }

    TEST_CASE("lines leaves out an unfinished line before an error of upstream") {
        struct failing {
            using value_type = weir::bytes;
            int step = 0;
            weir::poll<weir::bytes> poll_next(weir::context&) {
                if (step++ == 0) return weir::bytes{"whole\nbroken"};
                throw std::runtime_error{"reset"};
            }
        };
        weir::testing::virtual_executor ex;
        strings got;
        CHECK_THROWS_WITH(ex.run(failing{} | weir::lines() |
                                 weir::for_each([&](const weir::bytes& line) { got.push_back(line.to_string()); })),
                          "reset");
        CHECK(got == strings{"whole"});
    }

    TEST_CASE("lines accepts a path, a file and a socket") {
        const support::temporary_file t{"one\ntwo\n"};
        weir::executor ex;
        strings got;
        const auto keep = weir::for_each([&](const weir::bytes& line) { got.push_back(line.to_string()); });
        ex.run(weir::lines(t.path()) | keep);
        ex.run(weir::lines(t.path().c_str(), {.limit = 3}) | keep);
        ex.run(weir::lines(ex.run(weir::open(t.path()))) | keep);
        weir::file f = ex.run(weir::open(t.path()));
        ex.run(weir::lines(f) | keep);
        auto pair = support::connect_pair(ex);
        ex.run(pair.client.write("one\r\ntwo"));
        pair.client.close();
        ex.run(weir::lines(pair.server) | keep);
        CHECK(got == strings{"one", "two", "one", "two", "one", "two", "one", "two", "one", "two"});
    }

    TEST_CASE("lines fails for a missing file and for a directory") {
        weir::executor ex;
        const auto fail = [&](const std::string& path) {
            return support::system_error_of([&] {
                ex.run(weir::lines(path) | weir::for_each([](const weir::bytes&) {}));
                return 0;
            });
        };
        CHECK(fail("/no/such/file") == "open /no/such/file: No such file or directory");
        const auto directory = std::filesystem::temp_directory_path().string();
        CHECK(fail(directory) == "read " + directory + ": Is a directory");
    }

    TEST_CASE("lines allocates nothing per line") {
        if (!WEIR_POOL_FRAMES) return;
        const std::string line = std::string(70, 'x') + "\n";
        std::string few;
        std::string many;
        for (int i = 0; i != 10'000; ++i) few += line;
        for (int i = 0; i != 5; ++i) many += few;
        const support::temporary_file short_file{few};
        const support::temporary_file long_file{many};
        weir::executor ex;
        const auto allocations_for = [&](const support::temporary_file& t) {
            const std::size_t before = support::allocations();
            ex.run(weir::lines(t.path()) | weir::for_each([](const weir::bytes&) {}));
            return support::allocations() - before;
        };
        allocations_for(short_file);
        CHECK(allocations_for(long_file) == allocations_for(short_file));
    }
}
