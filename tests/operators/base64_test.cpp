// SPDX-License-Identifier: MIT
#include <weir/operators/base64.hpp>

#include <cstddef>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/operators/map.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "self_drop.hpp"
#include "text_parts.hpp"

using support::in_parts;
using support::text_through;
using weir::base64_alphabet;
using weir::base64_decode;
using weir::base64_encode;
using weir::testing::marbles;
using weir::testing::virtual_executor;
using texts = std::vector<std::string>;

TEST_SUITE("operators/base64") {
    TEST_CASE("base64 has the results of RFC 4648") {
        const texts plain{"f", "fo", "foo", "foob", "fooba", "foobar"};
        const texts coded{"Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
        for (std::size_t i = 0; i != plain.size(); ++i) {
            CHECK(text_through({plain[i]}, base64_encode()) == coded[i]);
            CHECK(text_through({coded[i]}, base64_decode()) == plain[i]);
        }
        CHECK(text_through({}, base64_encode()) == "");
        CHECK(text_through({"", ""}, base64_decode()) == "");
        CHECK(text_through({"\xfb\xff"}, base64_encode()) == "+/8=");
        CHECK(text_through({"\xfb\xff"}, base64_encode(base64_alphabet::url)) == "-_8");
        CHECK(text_through({"-_8"}, base64_decode(base64_alphabet::url)) == "\xfb\xff");
        CHECK(text_through({"-_8="}, base64_decode(base64_alphabet::url)) == "\xfb\xff");
    }

    TEST_CASE("base64 of bytes that arrive in any parts gives the bytes again") {
        std::mt19937 random{64};
        for (std::size_t size = 0; size != 200; ++size) {
            std::string bytes(size, '\0');
            for (char& c : bytes) c = static_cast<char>(random());
            for (const auto which : {base64_alphabet::standard, base64_alphabet::url}) {
                const std::string coded = text_through(in_parts(random, bytes), base64_encode(which));
                CHECK(coded == text_through({bytes}, base64_encode(which)));
                CHECK(text_through(in_parts(random, coded), base64_decode(which)) == bytes);
            }
        }
    }

    TEST_CASE("base64_decode leaves out white space, and refuses what is no digit at its position") {
        CHECK(text_through({"Zm9\r\n", " vYg =\t=\n"}, base64_decode()) == "foob");
        const auto refused = [](const texts& parts, base64_alphabet which = base64_alphabet::standard) {
            try {
                text_through(parts, base64_decode(which));
            } catch (const weir::invalid_base64& e) {
                return static_cast<int>(e.position());
            }
            return -1;
        };
        CHECK(refused({"Zm9v", "Z*"}) == 5);
        CHECK(refused({"Zm-v"}) == 2);
        CHECK(refused({"Zm+v"}, base64_alphabet::url) == 2);
        CHECK(refused({"Zg"}) == 2);    // no padding
        CHECK(refused({"Zg="}) == 3);   // too little
        CHECK(refused({"Zg==="}) == 4); // too much
        CHECK(refused({"Z==="}) == 1);  // no byte
        CHECK(refused({"=Zm9v"}) == 0);
        CHECK(refused({"Zg==", "Zg=="}) == 4); // text behind the padding
        CHECK(refused({"Zh=="}) == 2);         // bits that no byte needs
        CHECK(refused({"Z"}, base64_alphabet::url) == 1);
        CHECK_THROWS_WITH_AS(text_through({"!"}, base64_decode()), "weir::base64_decode: invalid base64 at character 0",
                             weir::invalid_base64);
    }

    TEST_CASE("base64 emits a part when three bytes are there, the rest at the end, and none before an error") {
        marbles m;
        const std::map<char, std::string> names{{'a', "abcd"}, {'b', "e"}};
        CHECK(m.play(m.hot("-a-b-|", names) | base64_encode()) == "-<YWJj>---[<ZGU=>|]");
        CHECK(m.play(m.hot("-a-b-#", names) | base64_encode()) == "-<YWJj>---#");
    }

    TEST_CASE("base64 may be dropped, and its upstream has been destroyed before the end") {
        support::drop_erased_from_within([](auto s) {
            auto text =
                std::move(s) | weir::map([](int i) { return std::to_string(i); }) | base64_encode() | base64_decode();
            return weir::async_stream{std::move(text) | weir::map([](const std::string&) { return 1; })};
        });
        virtual_executor ex;
        weir::testing::probe<std::string> source;
        weir::testing::probe_sink sink{ex, source.stream() | base64_encode()};
        ex.run_ready();
        CHECK(source.polls() == 0);
        source.push("a");
        source.end();
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == texts{"YQ=="});
        CHECK(source.dropped());
    }
}
