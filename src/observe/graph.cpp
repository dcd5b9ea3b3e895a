// SPDX-License-Identifier: MIT
#include <weir/observe/graph.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <executor/detail/live_stages.hpp>
#include <executor/detail/type_outline.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/observe/detail/stage_run.hpp>
#include <weir/observe/metrics.hpp>

namespace weir {

namespace {

/// A text in quotation marks.
/// @param special  characters that have a meaning within them, each with what stands for it
std::string escaped(std::string_view text, const std::vector<std::pair<char, std::string_view>>& special) {
    std::string result{'"'};
    for (const char c : text) {
        const auto found = std::ranges::find(special, c, &std::pair<char, std::string_view>::first);
        if (found != special.end()) {
            result += found->second;
        } else {
            result += c;
        }
    }
    return result + '"';
}

/// "holds up to 4 items"; empty when nothing is held.
std::string held_text(const held_bound& held) {
    const std::string text = held.text();
    return text.empty() ? text : "holds " + text;
}

/// The name of a stage, and what it holds.
std::string text_of(const pipeline_graph::stage& one) {
    const std::string held = held_text(one.held);
    return held.empty() ? one.name : one.name + '\n' + held;
}

std::string node(std::size_t number) { return "    s" + std::to_string(number); }

/// One line for each stage, followed by one for each edge.
template <class Label>
std::string lines_of(const std::vector<pipeline_graph::stage>& stages, std::string_view arrow, std::string_view end,
                     Label label) {
    std::string text;
    for (std::size_t i = 0; i != stages.size(); ++i) {
        text.append(node(i)).append(label(text_of(stages[i]))).append(end);
    }
    for (std::size_t i = 0; i != stages.size(); ++i) {
        for (const std::size_t from : stages[i].upstream) {
            text.append(node(from)).append(arrow).append("s").append(std::to_string(i)).append(end);
        }
    }
    return text;
}

std::string counters(const stage_metrics& of) {
    std::string text = of.name + '\n' + std::to_string(of.items) + " items";
    if (of.failed != 0) text += ", " + std::to_string(of.failed) + " errors";
    return text + "\nwaited " + detail::to_text(of.waited) + "\nnot asked " + detail::to_text(of.unasked);
}

} // namespace

pipeline_graph::pipeline_graph(std::vector<stage> stages) noexcept : stages_{std::move(stages)} {}

held_bound pipeline_graph::held() const noexcept {
    held_bound all;
    for (const stage& one : stages_) all += one.held;
    return all;
}

std::string pipeline_graph::mermaid() const {
    const std::string held = held_text(this->held());
    const std::string title = held.empty() ? held : "---\ntitle: " + held + "\n---\n";
    return title + "flowchart LR\n" + lines_of(stages_, " --> ", "\n", [](std::string_view name) {
               return '[' +
                      escaped(name, {{'"', "#quot;"}, {'#', "#35;"}, {'<', "#lt;"}, {'>', "#gt;"}, {'\n', "<br/>"}}) +
                      ']';
           });
}

std::string pipeline_graph::dot() const {
    const std::string lines = lines_of(stages_, " -> ", ";\n", [](std::string_view name) {
        return " [label=" + escaped(name, {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}}) + ']';
    });
    const std::string held = held_text(this->held());
    const std::string title = held.empty() ? held : "    label=\"" + held + "\";\n";
    return "digraph pipeline {\n    rankdir=LR;\n    node [shape=box];\n" + title + lines + "}\n";
}

pipeline_graph pipeline_graph::with_counters(executor& ex) const {
    const std::vector<stage_metrics> all = metered_stages(ex);
    std::vector<stage> stages = stages_;
    for (stage& one : stages) {
        for (const std::string& name : detail::names_of_stages(ex, one.type)) {
            one.name += '\n' + counters(*std::ranges::find(all, name, &stage_metrics::name));
        }
    }
    return pipeline_graph{std::move(stages)};
}

namespace {

pipeline_graph graph_of_stages(std::vector<detail::outlined_stage> outline) {
    std::vector<pipeline_graph::stage> stages;
    for (detail::outlined_stage& one : outline) {
        stages.push_back({std::move(one.name), std::move(one.type), std::move(one.upstream), one.held});
    }
    return pipeline_graph{std::move(stages)};
}

} // namespace

pipeline_graph detail::graph_of(const drawing& what) { return graph_of_stages(pipeline_outline(what)); }

pipeline_graph graph(executor& ex) { return graph_of_stages(detail::live_stages(ex)); }

} // namespace weir
