// SPDX-License-Identifier: MIT
// Prints a graph with counters, and names that DOT has to quote, in the language DOT.
#include <cstdio>
#include <functional>
#include <utility>

#include <weir/executor/executor.hpp>
#include <weir/observe/graph.hpp>
#include <weir/observe/meter.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/merge.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto left = weir::iota(0, 3) | weir::map(std::negate<>{}) | weir::meter("a \"quoted\" \\ name");
    auto pipeline = weir::merge(std::move(left), weir::iota(0, 2)) | weir::meter("all") | weir::drain();
    const auto graph = weir::graph(pipeline);
    weir::executor ex;
    ex.run(std::move(pipeline));
    std::fputs(graph.with_counters(ex).dot().c_str(), stdout);
}
