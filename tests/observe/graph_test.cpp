// SPDX-License-Identifier: MIT
#include <weir/observe/graph.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/observe/meter.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/partition.hpp>
#include <weir/operators/publish_on.hpp>
#include <weir/operators/share.hpp>
#include <weir/operators/with_latest_from.hpp>
#include <weir/operators/zip.hpp>
#include <weir/operators/zip_latest.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::graph;
using weir::testing::virtual_executor;

namespace {

/// A stream whose name does not say so, with items that look like streams of the user's.
struct letter {};
struct ignores_all {
    void operator()(const auto&) const {}
};
struct mailbox {
    using value_type = letter;

    weir::poll<letter> poll_next(weir::context&) { return weir::done; }
};

/// Operators whose names have brackets. The name of a lambda contains that of its function.
struct makes_pipelines {
    auto operator<<(int n) const {
        return weir::iota(0, n) | weir::map([](int i) { return i; }) | weir::drain();
    }
    auto operator>(int n) const {
        return weir::iota(0, n) | weir::map([](int i) { return i; }) | weir::drain();
    }
    auto operator->*(int n) const {
        return weir::iota(0, n) | weir::map([](int i) { return i; }) | weir::drain();
    }
    template <class N>
    auto operator<=(N n) const {
        return weir::iota(0, n) | weir::map([](int i) { return i; }) | weir::drain();
    }
};

weir::async_stream<int> numbers() { co_yield 1; }
weir::task<int> load(int i) { co_return i; }
weir::async_stream<int> repeated(int i) { co_yield i; }

weir::task<> inner() {
    co_await (weir::interval(1s) | weir::map([](auto) { return 1; }) | weir::drain());
}
weir::task<> outer() { co_await inner(); }
weir::task<> sleeps() { co_await weir::sleep_for(1h); }
weir::task<> waits_for_two() { co_await weir::when_all(sleeps(), sleeps()); }

/// "drain\nspawned at file:3" as "drain, spawned". Also without the namespace that together.py adds.
std::string without_places(std::string name) {
    constexpr std::string_view added = "observe_graph_test::";
    for (std::size_t at = 0; (at = name.find(added)) != std::string::npos;) name.erase(at, added.size());
    for (std::size_t at = 0; (at = name.find(" at ")) != std::string::npos;) {
        name.erase(at, std::min(name.find('\n', at), name.size()) - at);
    }
    if (const std::size_t line = name.find('\n'); line != std::string::npos) name.replace(line, 1, ", ");
    return name;
}

/// "0 iota, 1 map < 0": each stage with its number, and the numbers of its upstream.
template <class P>
std::string stages_of(const P& pipeline) {
    std::string text;
    std::size_t number = 0;
    for (const auto& stage : graph(pipeline).stages()) {
        text += (number != 0 ? ", " : "") + std::to_string(number) + ' ' + stage.name;
        for (const std::size_t from : stage.upstream) text += " <" + std::to_string(from);
        ++number;
    }
    return text;
}

} // namespace

TEST_SUITE("observe/graph") {
    TEST_CASE("graph: a chain as Mermaid and DOT") {
        const auto pipeline = weir::iota(0, 3) | weir::map([](int i) { return i; }) | weir::drain();
        CHECK(graph(pipeline).mermaid() == "flowchart LR\n"
                                           "    s0[\"iota\"]\n"
                                           "    s1[\"map\"]\n"
                                           "    s2[\"drain\"]\n"
                                           "    s0 --> s1\n"
                                           "    s1 --> s2\n");
        CHECK(graph(pipeline).dot() == "digraph pipeline {\n"
                                       "    rankdir=LR;\n"
                                       "    node [shape=box];\n"
                                       "    s0 [label=\"iota\"];\n"
                                       "    s1 [label=\"map\"];\n"
                                       "    s2 [label=\"drain\"];\n"
                                       "    s0 -> s1;\n"
                                       "    s1 -> s2;\n"
                                       "}\n");
    }

    TEST_CASE("graph: several upstreams flow into one stage") {
        const auto twice = weir::map([](int i) { return 2 * i; });
        CHECK(stages_of(weir::merge(weir::iota(0, 3), numbers() | twice) | weir::to<std::vector>()) ==
              "0 iota, 1 async_stream, 2 map <1, 3 merge <0 <2, 4 to <3");
        CHECK(stages_of(weir::merge(numbers(), numbers()) | weir::drain()) ==
              "0 async_stream, 1 async_stream, 2 merge <0 <1, 3 drain <2");
        CHECK(stages_of(weir::zip(numbers(), mailbox{}) | weir::buffer(4) | weir::count()) ==
              "0 async_stream, 1 mailbox, 2 zip <0 <1, 3 buffer <2, 4 count <3");
        CHECK(stages_of(weir::zip_latest(numbers(), mailbox{}, ignores_all{}) | weir::count()) ==
              "0 async_stream, 1 mailbox, 2 zip_latest <0 <1, 3 count <2");
        CHECK(stages_of(numbers() | weir::with_latest_from(weir::interval(1s)) | weir::drain()) ==
              "0 async_stream, 1 interval, 2 with_latest_from <0 <1, 3 drain <2");
    }

    TEST_CASE("graph: streams of the user, and stages whose classes have other names") {
        CHECK(stages_of(weir::merge(mailbox{}, mailbox{}) | weir::for_each([](letter) {})) ==
              "0 mailbox, 1 mailbox, 2 merge <0 <1, 3 for_each <2");
        CHECK(stages_of(mailbox{} | weir::map([](letter) { return 1; }) | weir::fold(0, std::plus<>{})) ==
              "0 mailbox, 1 map <0, 2 fold <1");
        CHECK(stages_of(numbers() | weir::map_async(2, load)) == "0 async_stream, 1 map_async <0");
        CHECK(stages_of(numbers() | weir::map_async_unordered(2, load)) == "0 async_stream, 1 map_async_unordered <0");
        CHECK(stages_of(numbers() | weir::flat_map(2, repeated)) == "0 async_stream, 1 flat_map <0");
        CHECK(stages_of((numbers() | weir::share()).subscribe() | weir::drain()) ==
              "0 async_stream, 1 share <0, 2 drain <1");
        CHECK(stages_of(load(1)) == "0 task");
    }

    TEST_CASE("graph: functions and streams of operators, templates and other functions") {
        const std::string chain = "0 iota, 1 map <0, 2 drain <1";
        CHECK(stages_of(makes_pipelines{} << 2) == chain);
        CHECK(stages_of(makes_pipelines{} > 2) == chain);
        CHECK(stages_of(makes_pipelines{}->*2) == chain);
        CHECK(stages_of(makes_pipelines{} <= 2) == chain);
        const auto local = [](auto item) {
            struct mail : mailbox {
                decltype(item) first;
            };
            return mail{{}, item};
        };
        CHECK(stages_of(local(1) | weir::map([](letter) { return 1; }) | weir::drain()) ==
              "0 mail, 1 map <0, 2 drain <1");
        CHECK(stages_of(numbers() | weir::map(+[](int i) { return i; }) | weir::drain()) ==
              "0 async_stream, 1 map <0, 2 drain <1");
    }

    TEST_CASE("graph: what each stage and all together hold at most") {
        const auto pipeline = numbers() | weir::buffer(64) | weir::map_async(8, load) | weir::drain();
        CHECK(graph(pipeline).mermaid() == "---\n"
                                           "title: holds up to 73 items, what user code keeps\n"
                                           "---\n"
                                           "flowchart LR\n"
                                           "    s0[\"async_stream<br/>holds up to 1 item, what user code keeps\"]\n"
                                           "    s1[\"buffer<br/>holds up to 64 items\"]\n"
                                           "    s2[\"map_async<br/>holds up to 8 items\"]\n"
                                           "    s3[\"drain\"]\n"
                                           "    s0 --> s1\n"
                                           "    s1 --> s2\n"
                                           "    s2 --> s3\n");
        CHECK(graph(weir::iota(0, 3) | weir::buffer(2)).dot() == "digraph pipeline {\n"
                                                                 "    rankdir=LR;\n"
                                                                 "    node [shape=box];\n"
                                                                 "    label=\"holds up to 2 items\";\n"
                                                                 "    s0 [label=\"iota\"];\n"
                                                                 "    s1 [label=\"buffer\\nholds up to 2 items\"];\n"
                                                                 "    s0 -> s1;\n"
                                                                 "}\n");
        CHECK(graph(mailbox{} | weir::buffer(1)).held() == weir::held_bound{.items = 1, .unknown = 1});
        CHECK(graph(numbers() | weir::to<std::vector>()).held().text() == "any number of items, what user code keeps");
    }

    TEST_CASE("graph: the streams of a container, of an async_stream and of several consumers") {
        std::vector<decltype(weir::iota(0, 3) | weir::buffer(1))> streams;
        for (const int n : {2, 3}) streams.push_back(weir::iota(0, n) | weir::buffer(n));
        const auto merged = weir::merge(std::move(streams));
        CHECK(stages_of(merged) == "0 iota, 1 buffer <0, 2 iota, 3 buffer <2, 4 merge <1 <3");
        CHECK(graph(merged).held() == weir::held_bound{.items = 2 + 3 + 2});
        const weir::async_stream<int> boxed = weir::iota(0, 3) | weir::buffer(5);
        CHECK(stages_of(boxed) == "0 iota, 1 buffer <0, 2 async_stream <1");
        CHECK(graph(boxed).held() == weir::held_bound{.items = 5});
        auto halves =
            weir::iota(0, 3) | weir::buffer(7) | weir::partition([](int i) { return i == 1; }, {.capacity = 2});
        const auto again = weir::merge(std::move(halves.first), std::move(halves.second));
        CHECK(stages_of(again) == "0 iota, 1 buffer <0, 2 stream_branch <1, 3 stream_branch <1, 4 merge <2 <3");
        CHECK(graph(again).held() == weir::held_bound{.items = 7 + 2 + 2 + 2});
    }

    TEST_CASE("graph: a pipeline that runs shows its bounds") {
        virtual_executor ex;
        auto pipeline = weir::interval(1s) | weir::buffer(4) | weir::drain();
        const auto running = ex.spawn(weir::with_timeout(1h, std::move(pipeline)));
        const auto awaited =
            ex.spawn([]() -> weir::task<> { co_await (weir::interval(1s) | weir::buffer(2) | weir::drain()); });
        ex.advance(1s);
        CHECK(graph(ex).held() == weir::held_bound{.items = 4 + 2, .in_user_code = 1});
        CHECK(graph(ex).mermaid().find("buffer<br/>holds up to 4 items") != std::string::npos);
        CHECK(graph(ex).dot().find("label=\"holds up to 6 items, what user code keeps\";") != std::string::npos);
    }

    TEST_CASE("graph: what runs on another executor has no known bound") {
        virtual_executor ex;
        virtual_executor other;
        auto pipeline =
            weir::iota(0, 9) | weir::buffer(3) | weir::publish_on(other, 4) | weir::buffer(5) | weir::count();
        CHECK(stages_of(pipeline) == "0 iota, 1 buffer <0, 2 publish_on <1, 3 buffer <2, 4 count <3");
        CHECK(graph(pipeline).held() == weir::held_bound{.items = 3 + 4 + 5});
        const auto running = ex.spawn(std::move(pipeline));
        ex.run_ready();
        CHECK(graph(ex).held().unknown != 0);
        other.run_ready();
        ex.run_ready();
    }

    TEST_CASE("graph: publish_on stands between two executors") {
        virtual_executor other;
        CHECK(stages_of(numbers() | weir::publish_on(other, 4) | weir::count()) ==
              "0 async_stream, 1 publish_on <0, 2 count <1");
    }

    TEST_CASE("graph: everything that an executor runs") {
        virtual_executor ex;
        CHECK(graph(ex).stages().empty());
        const auto piped = ex.spawn(weir::interval(1s) | weir::meter("ticks") | weir::drain());
        const auto nested = ex.spawn(outer());
        const auto both = ex.spawn(waits_for_two());
        ex.advance(1500ms);
        const auto live = graph(ex);
        std::vector<std::string> edges;
        for (const auto& stage : live.stages()) {
            std::string text = without_places(stage.name) + ":";
            for (const std::size_t from : stage.upstream) {
                REQUIRE(from < live.stages().size());
                text += ' ' + without_places(live.stages()[from].name);
            }
            edges.push_back(text);
        }
        std::ranges::sort(edges);
        std::string all;
        for (const std::string& edge : edges) all += edge + '\n';
        CHECK(all == "drain, spawned: meter\n"
                     "drain: map\n"
                     "inner: drain\n"
                     "interval:\n"
                     "interval:\n"
                     "map: interval\n"
                     "meter: interval\n"
                     "outer, spawned: inner\n"
                     "sleep_for:\n"
                     "sleep_for:\n"
                     "sleeps: sleep_for\n"
                     "sleeps: sleep_for\n"
                     "waits_for_two, spawned: when_all\n"
                     "when_all: sleeps sleeps\n");
        CHECK(live.with_counters(ex).mermaid().find("ticks<br/>1 items") != std::string::npos);
    }

    TEST_CASE("graph: names and counters of meters, once they were polled") {
        virtual_executor ex;
        auto first = weir::interval(1s) | weir::map([](auto i) { return i; }) | weir::meter("ticks \"#1\"");
        auto pipeline = weir::merge(std::move(first), weir::interval(1h)) | weir::meter("merged") | weir::drain();
        const auto drawn = graph(pipeline);
        CHECK(drawn.with_counters(ex).mermaid() == drawn.mermaid());
        CHECK(drawn.stages().size() == 7);
        const auto running = ex.spawn(std::move(pipeline));
        ex.advance(2500ms);
        const auto live = drawn.with_counters(ex);
        CHECK(live.stages()[2].name == "meter\nticks \"#1\"\n2 items\nwaited 2500ms\nnot asked 0s");
        CHECK(live.stages()[5].name == "meter\nmerged\n2 items\nwaited 2500ms\nnot asked 0s");
        CHECK(live.mermaid().find("    s2[\"meter<br/>ticks #quot;#35;1#quot;<br/>2 items<br/>") != std::string::npos);
        CHECK(live.dot().find("    s2 [label=\"meter\\nticks \\\"#1\\\"\\n2 items\\n") != std::string::npos);
    }
}
