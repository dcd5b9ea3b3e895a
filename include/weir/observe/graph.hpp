// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/operation.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/core/stream.hpp>

namespace weir {

class executor;

/// The stages of a pipeline and which of them ask which, as text that other programs draw. See graph.
class pipeline_graph {
public:
    struct stage {
        std::string name;                  ///< as in the program: "map"
        std::string type;                  ///< its class, with the classes of everything upstream of it
        std::vector<std::size_t> upstream; ///< the numbers of the stages that it asks for items
        held_bound held{};                 ///< at most
    };

    explicit pipeline_graph(std::vector<stage> stages) noexcept;

    /// Each stage stands behind those that it asks, so that the sink is the last one.
    const std::vector<stage>& stages() const& noexcept { return stages_; }
    std::vector<stage> stages() && noexcept { return std::move(stages_); }

    /// What all stages together hold at most.
    held_bound held() const noexcept;

    /// The graph as a flowchart of Mermaid, which GitHub and GitLab draw within a block of code.
    std::string mermaid() const;
    /// The graph in the language DOT of Graphviz: `dot -Tsvg`.
    std::string dot() const;

    /// Returns the graph with names and present counters of the stages that a meter has measured on that executor.
    ///
    /// A stage gets those of all meters with its class. Stages that were not polled yet have none.
    /// Threads: on the executor's thread, from within or while it does not run.
    pipeline_graph with_counters(executor& ex) const;

private:
    std::vector<stage> stages_;
};

namespace detail {

pipeline_graph graph_of(const drawing& what);

template <class P>
concept drawable = stream<P> || operation<P>;

} // namespace detail

/// graph(pipeline): the stages of a pipeline and how its items flow, for Mermaid or DOT.
///
///     auto pipeline = merge(a, b | map(f)) | meter("in") | drain();
///     const auto picture = weir::graph(pipeline);
///     puts(picture.mermaid().c_str());
///     auto running = ex.spawn(std::move(pipeline));
///     ...
///     puts(picture.with_counters(ex).mermaid().c_str());
///
/// Each stage says what it holds at most, as the section Cost of its documentation does, and the title is the sum. A
/// stage without such a line holds nothing. See held_bound for what is no number: inner streams, such as those of
/// `flat_map`, which are not drawn, and code of the user's.
///
/// The pipeline is not polled. What has been destroyed, such as an upstream that has ended, is drawn from its type. A
/// task is one stage, and so is a stream of your own without `outline`, with all that it holds.
///
/// Threads: on the thread that polls the pipeline. What publish_on and subscribe_on have moved to another executor is
/// drawn from its type, and what it holds is not known.
/// Cost: parses the names of types. Nothing where it is not called.
/// See: meter, dump, stage_outline.
template <class P>
    requires detail::drawable<P>
pipeline_graph graph(const P& pipeline) {
    return detail::graph_of(detail::drawing_of(pipeline));
}

/// graph(executor): everything that an executor runs now: its pipelines, and the coroutines that await them.
///
///     puts(weir::graph(ex).with_counters(ex).mermaid().c_str());
///
/// A coroutine is a stage behind the pipeline or the coroutine that it awaits. The last stage of an operation says how
/// and where it was started. What a when_all or a stream of a pipeline awaits in turn is not in it; a dump shows it.
///
/// Threads: on the executor's thread, from within or while it does not run.
/// Cost: as a dump.
/// See: dump.
pipeline_graph graph(executor& ex);

} // namespace weir
