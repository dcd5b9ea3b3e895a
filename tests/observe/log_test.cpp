// SPDX-License-Identifier: MIT
#include <weir/observe/log.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <source_location>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <self_drop.hpp>

#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace weir::testing;

namespace {

/// The lines that a pipeline logs.
template <class Operators>
std::string lines_of(const char* diagram, Operators operators, std::string_view expected) {
    std::ostringstream out;
    {
        marbles m;
        CHECK(m.play(m.cold(diagram) | weir::log("a", out) | std::move(operators)) == expected);
    }
    return std::move(out).str();
}

} // namespace

TEST_SUITE("observe/log") {
    TEST_CASE("log writes a line for each item, and for the end, an error or a drop") {
        const auto all = weir::map([](char c) { return c; });
        CHECK(lines_of("-a-b-|", all, "-a-b-|") == "a: item a\na: item b\na: end\n");
        CHECK(lines_of("|", all, "|") == "a: end\n");
        CHECK(lines_of("a-#", all, "a-#") == "a: item a\na: error weir::testing::marble_error: #\n");
        CHECK(lines_of("a-b-c|", weir::take(2), "a-[b|]") == "a: item a\na: item b\na: dropped\n");
        CHECK(lines_of("a...", all, "a...") == "a: item a\na: dropped\n");
    }

    TEST_CASE("log passes each line to a function, formats items with another one, and escapes control characters") {
        virtual_executor ex;
        std::vector<std::string> lines;
        const auto keep = [&](std::string_view line) { lines.emplace_back(line); };
        ex.run(weir::just<std::string>("x\ny", "z\r\t\x1b[2J") | weir::log("texts", keep) | weir::drain());
        CHECK(lines == std::vector<std::string>{"texts: item x\\ny", "texts: item z\\r\\t\\x1b[2J", "texts: end"});
        lines.clear();
        const auto sizes = [](const std::vector<int>& items) { return items.size(); };
        ex.run(weir::just(std::vector{1, 2}) | weir::log("chunks", keep, sizes) | weir::drain());
        CHECK(lines == std::vector<std::string>{"chunks: item 2", "chunks: end"});
        ex.run(weir::just(std::make_unique<int>(4)) |
               weir::log("pointers", keep, [](const auto& item) { return *item; }) | weir::drain());
        CHECK(lines.at(2) == "pointers: item 4");
    }

    TEST_CASE("log writes to stderr unless another place is given, and one operator serves several streams") {
        std::ostringstream out;
        std::streambuf* const before = std::cerr.rdbuf(out.rdbuf());
        virtual_executor ex;
        const auto logged = weir::log("n");
        for (int i = 0; i != 2; ++i) ex.run(weir::just(i) | logged | weir::drain());
        std::cerr.rdbuf(before);
        CHECK(out.str() == "n: item 0\nn: end\nn: item 1\nn: end\n");
    }

    TEST_CASE("log asks upstream for nothing by itself, and writes after upstream was destroyed") {
        virtual_executor ex;
        std::ostringstream out;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::log("n", out)};
        source.push(1);
        ex.run_ready();
        CHECK(source.polls() == 0);
        CHECK(out.str().empty());
        sink.request(1);
        ex.run_ready();
        CHECK(source.polls() == 1);
        CHECK(out.str() == "n: item 1\n");
        std::vector<bool> destroyed;
        probe<int> other;
        {
            probe_sink second{ex, other.stream() |
                                      weir::log("n", [&](std::string_view) { destroyed.push_back(other.dropped()); })};
            second.request();
            other.push(1);
            ex.run_ready();
        }
        CHECK(destroyed == std::vector{false, true});
    }

    TEST_CASE("log: an exception of its function fails the stream, and goes to the executor after another error") {
        virtual_executor ex;
        int reports = 0;
        ex.on_error([&](std::exception_ptr, std::source_location) { ++reports; });
        const auto refuses = [](std::string_view which) {
            return weir::log("n", [which](std::string_view line) {
                if (line.find(which) != std::string_view::npos) throw std::runtime_error{"disk full"};
            });
        };
        const auto error_of = [&](auto pipeline) {
            try {
                ex.run(std::move(pipeline));
            } catch (const std::exception& e) {
                return std::string{e.what()};
            }
            return std::string{"none"};
        };
        CHECK(error_of(weir::iota(0, 3) | refuses("item 1") | weir::drain()) == "disk full");
        CHECK(error_of(weir::iota(0, 3) | refuses("end") | weir::drain()) == "disk full");
        CHECK(reports == 0);
        const auto fails = weir::map([](int) -> int { throw std::runtime_error{"row"}; });
        CHECK(error_of(weir::iota(0, 3) | fails | refuses("error") | weir::drain()) == "row");
        CHECK(reports == 1);
        CHECK(error_of(weir::iota(0, 3) | refuses("dropped") | weir::take(1) | weir::drain()) == "none");
        CHECK(reports == 2);
    }

    TEST_CASE("log keeps the contract of a stream, and may be dropped by its function and by upstream") {
        std::ostringstream out;
        CHECK(check_contract([&] { return weir::log("n", out); }) == "");
        support::drop_from_within([&](auto s) { return std::move(s) | weir::log("n", out); });
        virtual_executor ex;
        std::function<void()> drop_all;
        int lines = 0;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::log("n", [&](std::string_view) {
                                if (++lines == 2) drop_all();
                            })};
        drop_all = [&] { sink.drop(); };
        sink.request();
        for (int i = 0; i != 5; ++i) source.push(i);
        ex.run_ready();
        CHECK(source.taken() == 2);
        CHECK(lines == 3); // two items, and the drop
        CHECK(sink.items().size() == 1);
    }

    TEST_CASE("log rejects an empty name") {
        CHECK_THROWS_WITH_AS(weir::log(""), "weir::log(name): name is empty", std::invalid_argument);
    }
}
