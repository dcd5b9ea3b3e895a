// SPDX-License-Identifier: MIT
#include <weir/io/bytes.hpp>

#include <weir/core/detail/frame_pool.hpp>

#include <sstream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <doctest/doctest.h>

#include "allocations.hpp"

TEST_SUITE("io/bytes") {
    TEST_CASE("bytes: an empty object is empty text") {
        const weir::bytes none;
        CHECK(none.empty());
        CHECK(none == "");
        CHECK(none.to_string().empty());
        CHECK(none.slice(0) == "");
        CHECK(none.begin() == none.end());
        CHECK(weir::bytes{""} == none);
    }

    TEST_CASE("bytes convert to std::string_view") {
        const weir::bytes b{"hello world"};
        const std::string_view view = b;
        CHECK(view == "hello world");
        CHECK(b == "hello world");
        CHECK(b == weir::bytes{"hello world"});
        CHECK(b != "hello");
        CHECK(b < "hi");
        CHECK(b[4] == 'o');
        CHECK(b.size() == 11);
        CHECK(std::string{b} == "hello world");
        std::ostringstream out;
        out << b;
        CHECK(out.str() == "hello world");
        CHECK(std::unordered_set<weir::bytes>{b, weir::bytes{"hello world"}}.size() == 1);
    }

    TEST_CASE("bytes: a slice points into the same block") {
        const weir::bytes b{"hello world"};
        const weir::bytes slice = b.slice(6, 3);
        CHECK(slice == "wor");
        CHECK(slice.data() == b.data() + 6);
        CHECK(b.slice(6) == "world");
        CHECK(b.slice(6, 100) == "world");
        CHECK(b.slice(100) == "");
    }

    TEST_CASE("bytes: a slice outlives the object that it was cut from") {
        weir::bytes slice;
        {
            const weir::bytes b{std::string(1000, 'x') + "end"};
            slice = b.slice(1000);
        }
        CHECK(slice == "end");
    }

    TEST_CASE("bytes: a moved-from object is empty") {
        weir::bytes a{"text"};
        weir::bytes b{std::move(a)};
        CHECK(b == "text");
        a = std::move(b);
        CHECK(a == "text");
        a = weir::bytes{a};
        CHECK(a == "text");
    }

    TEST_CASE("bytes: remove_prefix and remove_suffix may remove everything") {
        weir::bytes b{"abcdef"};
        b.remove_prefix(2);
        b.remove_suffix(1);
        CHECK(b == "cde");
        b.remove_suffix(10);
        CHECK(b == "");
        b.remove_prefix(10);
        CHECK(b == "");
    }

    TEST_CASE("bytes: freed blocks are used again") {
        weir::bytes{std::string(60'000, 'x')};
        const std::string text(60'000, 'y');
        const std::size_t before = support::allocations();
        bool same = true;
        for (int i = 0; i != 100; ++i) same = same && weir::bytes{text} == text;
        const std::size_t allocated = support::allocations() - before;
        CHECK(same);
        if (WEIR_POOL_FRAMES) CHECK(allocated == 0);
    }

    TEST_CASE("bytes: text may grow far beyond the largest size that is kept") {
        weir::detail::byte_builder builder;
        std::string expected;
        for (int i = 0; i != 300; ++i) {
            const std::string part(static_cast<std::size_t>(i * 37), static_cast<char>('a' + i % 26));
            builder.append(part);
            expected += part;
        }
        CHECK(expected.size() > (1 << 20));
        CHECK(builder.take() == expected);
        CHECK(builder.empty());
    }
}
