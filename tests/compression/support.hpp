// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/compression/flushing.hpp>
#include <weir/io/bytes.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"
#include "self_drop.hpp"
#include "text_parts.hpp"

namespace compression_test {

namespace compression = weir::compression;
using texts = std::vector<std::string>;

/// Random bytes that compress to about a third.
inline std::string some_text(std::mt19937& random, std::size_t size) {
    std::string text;
    while (text.size() < size) {
        const std::size_t length = 1 + random() % 20;
        if (random() % 3 == 0 || text.size() < length) {
            text.push_back(static_cast<char>(random()));
        } else {
            text += text.substr(random() % (text.size() - length + 1), length);
        }
    }
    text.resize(size);
    return text;
}

/// What comes out before the end or an error, and the error.
struct outcome {
    std::string text;
    std::string error;
};

template <class Operator>
outcome run(const texts& parts, Operator op) {
    weir::testing::virtual_executor ex;
    weir::testing::probe_sink sink{ex, weir::from_range(parts) | op};
    sink.request();
    ex.run_ready();
    CHECK(sink.finished());
    outcome made;
    for (const weir::bytes& part : sink.items()) made.text += part;
    made.error = sink.error_message();
    return made;
}

inline texts each_byte(std::string_view whole) {
    texts parts;
    for (const char c : whole) parts.emplace_back(1, c);
    return parts;
}

/// The tests that are the same for each format.
/// @param compress  from a flushing to the operator
template <class Compress, class Expand>
struct format {
    Compress compress;
    Expand expand;
    std::string_view expander; ///< its name in errors

    std::string file_of(const std::string& text) const {
        return support::text_through({text}, compress(compression::flushing::when_full));
    }

    void round_trips() const {
        std::mt19937 random{1952};
        for (const std::size_t size : {0U, 1U, 2U, 100U, 1000U, 70'000U, 300'000U}) {
            CAPTURE(size);
            const std::string text = some_text(random, size);
            const std::string file = file_of(text);
            CHECK(support::text_through({file}, expand()) == text);
            if (size > 1000) continue;
            for (const auto f : {compression::flushing::when_full, compression::flushing::each_item}) {
                for (int i = 0; i != 4; ++i) {
                    const std::string other = support::text_through(support::in_parts(random, text), compress(f));
                    CHECK(support::text_through(support::in_parts(random, other), expand()) == text);
                }
                const std::string other = support::text_through(each_byte(text), compress(f));
                CHECK(support::text_through(each_byte(other), expand()) == text);
            }
        }
    }

    void empty_items() const {
        const std::string file = file_of("text");
        texts parts(100, "");
        for (const char c : file) {
            parts.emplace_back(1, c);
            parts.insert(parts.end(), 100, "");
        }
        CHECK(support::text_through(parts, expand()) == "text");
        for (const auto f : {compression::flushing::when_full, compression::flushing::each_item}) {
            const std::string other = support::text_through(parts, compress(f));
            CHECK(support::text_through({other}, expand()) == file);
            // No items, and no bytes, are a file, too.
            CHECK(support::text_through({support::text_through({}, compress(f))}, expand()) == "");
            CHECK(support::text_through({support::text_through({"", ""}, compress(f))}, expand()) == "");
        }
    }

    void several_files() const {
        std::mt19937 random{7};
        std::string files;
        std::string all;
        for (const std::size_t size : {10U, 0U, 70'000U, 1U}) {
            const std::string text = some_text(random, size);
            all += text;
            files += file_of(text);
        }
        CHECK(support::text_through({files}, expand()) == all);
        CHECK(support::text_through(each_byte(files), expand()) == all);
    }

    /// The text before the cut arrives, and then an error that names the place.
    void truncated_at_every_byte() const {
        std::mt19937 random{3};
        const std::string text = some_text(random, 300);
        const std::string file = support::text_through(each_byte(text), compress(compression::flushing::each_item));
        for (std::size_t size = 0; size != file.size(); ++size) {
            CAPTURE(size);
            const std::string start = file.substr(0, size);
            const std::string error = std::string{expander} + ": the data is cut off at byte " + std::to_string(size);
            const outcome whole = run({start}, expand());
            CHECK(whole.error == error);
            const outcome split = run(each_byte(start), expand());
            CHECK(split.error == error);
            CHECK(split.text == whole.text);
            CHECK(text.starts_with(whole.text));
            // Behind a whole file, too.
            if (size == 0) continue;
            const outcome second = run({file, start}, expand());
            CHECK(second.error ==
                  std::string{expander} + ": the data is cut off at byte " + std::to_string(file.size() + size));
            CHECK(second.text == text + whole.text);
        }
    }

    /// A damaged file is an error or stands for the same text. What is read does not depend on the parts.
    void damaged_at_every_byte() const {
        std::mt19937 random{5};
        const std::string text = some_text(random, 200);
        const std::string file = file_of(text);
        std::size_t errors = 0;
        for (std::size_t at = 0; at != file.size(); ++at) {
            for (const unsigned flipped : {0xffU, 0x01U, 0x02U, 0x04U, 0x08U, 0x10U, 0x20U, 0x40U, 0x80U}) {
                CAPTURE(at);
                CAPTURE(flipped);
                std::string damaged = file;
                damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ flipped);
                const outcome whole = run({damaged}, expand());
                if (whole.error.empty()) {
                    CHECK(whole.text == text);
                } else {
                    ++errors;
                    CHECK(whole.error.starts_with(expander));
                    CHECK(whole.error.find(" at byte ") != std::string::npos);
                }
                const outcome split = run(each_byte(damaged), expand());
                CHECK(split.error == whole.error);
                CHECK(split.text == whole.text);
            }
        }
        CHECK(errors > 8 * file.size());
    }

    /// The same with blocks of all kinds, at random places.
    void damaged_large_file() const {
        std::mt19937 random{6};
        const std::string text = some_text(random, 300'000) + std::string(300'000, 'a');
        const std::string file = file_of(text);
        for (int i = 0; i != 40; ++i) {
            std::string damaged = file;
            for (std::size_t n = 1 + random() % 3; n != 0; --n) {
                damaged[random() % damaged.size()] = static_cast<char>(random());
            }
            texts parts;
            for (std::size_t at = 0; at < damaged.size(); at += parts.back().size()) {
                parts.push_back(damaged.substr(at, 1 + random() % 50'000));
            }
            const outcome whole = run({damaged}, expand());
            const outcome split = run(parts, expand());
            CHECK((!whole.error.empty() || whole.text == text));
            CHECK(split.error == whole.error);
            CHECK((split.text == whole.text));
        }
    }

    void followed_by_something_else() const {
        const std::string file = file_of("text");
        for (const std::string& rest : texts{"x", std::string(1, '\0'), "garbage that is longer"}) {
            CAPTURE(rest);
            const outcome made = run({file + rest}, expand());
            CHECK(made.text == "text");
            CHECK(made.error ==
                  std::string{expander} + ": something else follows the data at byte " + std::to_string(file.size()));
        }
        // What starts like another file.
        const outcome made = run({file + file[0] + "garbage that is longer"}, expand());
        CHECK(made.text == "text");
        CHECK(made.error.starts_with(expander));
        const outcome split = run(each_byte(file + file[0] + "garbage that is longer"), expand());
        CHECK(split.text == made.text);
        CHECK(split.error == made.error);
    }

    /// A megabyte for each of a kilobyte: it arrives in blocks as the consumer asks, and its limit ends it.
    template <class Limited>
    void bombs(Limited limited) const {
        const std::size_t size = 10'000'000;
        const std::string file = file_of(std::string(size, '\0'));
        CHECK(file.size() < 12'000);
        weir::testing::virtual_executor ex;
        weir::testing::probe<std::string> source;
        weir::testing::probe_sink sink{ex, source.stream() | expand()};
        source.push(file);
        sink.request(3);
        ex.run_ready();
        REQUIRE(sink.items().size() == 3);
        for (const weir::bytes& part : sink.items()) CHECK(part.size() <= 64 * 1024);
        CHECK(source.taken() == 1);

        for (const std::size_t limit : {std::size_t{0}, std::size_t{1}, std::size_t{65'536}, size - 1}) {
            CAPTURE(limit);
            const outcome made = run({file}, limited(limit));
            CHECK(made.text.size() == limit);
            CHECK(made.error ==
                  std::string{expander} + ": the data is larger than " + std::to_string(limit) + " bytes");
        }
        CHECK(run({file}, limited(size)).error == "");
        CHECK(run({file, file}, limited(2 * size)).text.size() == 2 * size);
        CHECK(run({file, file}, limited(2 * size - 1)).text.size() == 2 * size - 1);
    }

    void contract() const {
        const auto text = weir::map([](weir::testing::tracked i) { return std::to_string(i); });
        const auto number = weir::map([](const weir::bytes& b) { return std::stoi(b.to_string()); });
        const auto there_and_back = [&] {
            return text | compress(compression::flushing::each_item) | expand() | number;
        };
        CHECK(weir::testing::check_contract(there_and_back) == "");
        // The end of upstream gives an item.
        const auto there = [&] { return text | compress(compression::flushing::each_item); };
        CHECK(weir::testing::check_contract(there) == "");
        support::drop_from_within([&](weir::async_stream<int> s) {
            return std::move(s) | weir::map([](int i) { return std::to_string(i); }) |
                   compress(compression::flushing::each_item) | expand();
        });
    }

    void allocates_nothing_per_item() const {
        for (const auto f : {compression::flushing::when_full, compression::flushing::each_item}) {
            const auto passed = [&](int n) {
                weir::testing::virtual_executor ex;
                const auto text = weir::map([](int i) { return std::to_string(i); });
                ex.run(weir::iota(0, n) | text | compress(f) | expand() | weir::drain());
            };
            CHECK(support::allocations_for_more_items(passed) == 0);
        }
    }

    /// Nothing is pulled before it is asked for, and with flushing an item is out before the next is pulled.
    void follows_demand() const {
        weir::testing::virtual_executor ex;
        weir::testing::probe<std::string> source;
        weir::testing::probe_sink sink{ex, source.stream() | compress(compression::flushing::each_item) | expand()};
        source.push("first");
        source.push("second");
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        REQUIRE(sink.items().size() == 1);
        CHECK(sink.items()[0] == "first");
        CHECK(source.taken() == 1);
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 2);
        CHECK(sink.items()[1] == "second");
        CHECK_FALSE(source.dropped());
        source.end();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(source.dropped());
    }

    void dropped_at_every_item() const {
        std::mt19937 random{11};
        const std::string text = some_text(random, 400'000);
        for (const auto f : {compression::flushing::when_full, compression::flushing::each_item}) {
            for (std::size_t n = 0; n != 6; ++n) {
                weir::testing::virtual_executor ex;
                weir::testing::probe<std::string> source;
                weir::testing::probe_sink sink{ex, source.stream() | compress(f) | expand()};
                source.push(text);
                source.push(text);
                sink.request(n);
                ex.run_ready();
                CHECK(sink.items().size() == n);
                sink.drop();
                CHECK(source.dropped());
            }
        }
    }
};

template <class Compress, class Expand>
format(Compress, Expand, std::string_view) -> format<Compress, Expand>;

} // namespace compression_test
