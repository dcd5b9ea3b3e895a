// SPDX-License-Identifier: MIT
#include <weir/observe/prometheus.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/time.hpp>
#include <weir/executor/detail/loop_observer.hpp>
#include <weir/observe/detail/run_measurements.hpp>
#include <weir/observe/histogram.hpp>
#include <weir/observe/metrics.hpp>

namespace weir {

namespace {

/// Writes metrics, each with the samples that follow it.
class exposition {
public:
    explicit exposition(std::string_view executor_name) { add_label("executor", executor_name); }

    void metric(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        text_ += "# HELP ";
        text_ += name;
        text_ += ' ';
        text_ += help;
        text_ += "\n# TYPE ";
        text_ += name;
        text_ += ' ';
        text_ += type;
        text_ += '\n';
    }

    /// A sample with the executor's label and these labels.
    template <class Number>
    void sample(Number value, std::initializer_list<std::pair<std::string_view, std::string_view>> labels = {}) {
        const std::size_t common = labels_.size();
        for (const auto& [name, of] : labels) add_label(name, of);
        text_ += name_;
        text_ += '{';
        text_ += labels_;
        text_ += "} ";
        std::array<char, 32> digits{};
        text_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
        text_ += '\n';
        labels_.resize(common);
    }
    void sample(duration value, std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
        sample(std::chrono::duration<double>(value).count(), labels);
    }

    /// A metric with one sample.
    template <class Number>
    void counter(std::string_view name, std::string_view help, Number value) {
        metric(name, "counter", help);
        sample(value);
    }
    template <class Number>
    void gauge(std::string_view name, std::string_view help, Number value) {
        metric(name, "gauge", help);
        sample(value);
    }

    void summary(std::string_view name, std::string_view help, const histogram& of) {
        metric(name, "summary", help);
        for (const auto& [q, label] : {std::pair{0.5, "0.5"}, {0.9, "0.9"}, {0.99, "0.99"}, {1.0, "1"}}) {
            sample(of.quantile(q), {{"quantile", label}});
        }
        const std::string sum = std::string{name} + "_sum";
        name_ = sum;
        sample(of.sum(), {});
        const std::string count = std::string{name} + "_count";
        name_ = count;
        sample(of.count());
    }

    std::string text() && { return std::move(text_); }

private:
    void add_label(std::string_view name, std::string_view value) {
        if (!labels_.empty()) labels_ += ',';
        labels_ += name;
        labels_ += "=\"";
        for (const char c : value) {
            if (c == '\n') {
                labels_ += "\\n";
                continue;
            }
            if (c == '\\' || c == '"') labels_ += '\\';
            labels_ += c;
        }
        labels_ += '"';
    }

    std::string text_;
    std::string labels_;
    std::string_view name_;
};

} // namespace

std::string prometheus_text(executor& ex, std::string_view executor_name) {
    exposition out{executor_name};
    const executor::statistics load = ex.stats();
    out.counter("weir_executor_turns_total", "Turns of the executor.", load.turns);
    out.counter("weir_executor_wakers_run_total", "Wakers that the executor ran.", load.wakers_run);
    out.counter("weir_executor_waits_total", "Visits to the backend.", load.waits);
    out.gauge("weir_executor_wakers_ready", "Wakers that wait for their run.", load.wakers_ready);
    out.gauge("weir_executor_timers", "Timers that are armed.", load.timers_armed);
    out.counter("weir_executor_timers_fired_total", "Timers that have become due.", load.timers_fired);
    out.counter("weir_executor_io_started_total", "I/O operations that were started.", load.io_started);
    out.counter("weir_executor_io_completed_total", "I/O operations that have completed.", load.io_completed);
    out.counter("weir_executor_io_cancelled_total", "I/O operations that were cancelled in flight.", load.io_cancelled);
    out.gauge("weir_executor_io_in_flight", "I/O operations in flight.", load.io_in_flight);

    if (const detail::run_measurements* const measured = detail::shown_runs(ex); measured != nullptr) {
        out.summary("weir_executor_run_seconds", "Time for which a waker runs.", measured->runs);
        out.summary("weir_executor_turn_seconds", "Time for which the wakers of a turn run.", measured->turns);
        out.summary("weir_executor_lag_seconds", "How late timers that were due were looked at.", measured->lag);
        out.metric("weir_executor_phase_seconds_total", "counter",
                   "Time in each phase of the turns; io contains waiting.");
        for (const auto& [phase, name] : {std::pair{detail::loop_phase::ready, "ready"},
                                          {detail::loop_phase::timers, "timers"},
                                          {detail::loop_phase::io, "io"},
                                          {detail::loop_phase::inbox, "inbox"}}) {
            out.sample(measured->phases[static_cast<std::size_t>(phase)], {{"phase", name}});
        }
        out.counter("weir_executor_stalls_total", "Runs that took longer than the threshold.", measured->stalls);
        out.gauge("weir_executor_longest_queue", "The most wakers that were ready, counted up to 1024.",
                  measured->longest_queue);
    }

    if (const std::vector<group_metrics> groups = task_groups(ex); !groups.empty()) {
        out.metric("weir_group_operations", "gauge", "Operations of task groups that run, or wait for a place.");
        for (const group_metrics& group : groups) {
            out.sample(group.running, {{"group", group.name}, {"state", "running"}});
            out.sample(group.waiting, {{"group", group.name}, {"state", "waiting"}});
        }
        out.metric("weir_group_ends_total", "counter",
                   "Operations of task groups that have ended, failed, or were dropped.");
        for (const group_metrics& group : groups) {
            out.sample(group.done, {{"group", group.name}, {"how", "done"}});
            out.sample(group.failed, {{"group", group.name}, {"how", "failed"}});
            out.sample(group.dropped, {{"group", group.name}, {"how", "dropped"}});
        }
    }

    const std::vector<stage_metrics> stages = metered_stages(ex);
    if (stages.empty()) return std::move(out).text();
    const auto of_each = [&](std::string_view name, std::string_view help, auto member) {
        out.metric(name, "counter", help);
        for (const stage_metrics& stage : stages) out.sample(stage.*member, {{"stage", stage.name}});
    };
    of_each("weir_stage_started_total", "Metered stages that were polled.", &stage_metrics::started);
    of_each("weir_stage_items_total", "Items that metered stages passed on.", &stage_metrics::items);
    out.metric("weir_stage_ends_total", "counter", "Metered stages that have ended, failed, or were dropped before.");
    for (const stage_metrics& stage : stages) {
        out.sample(stage.ended, {{"stage", stage.name}, {"how", "ended"}});
        out.sample(stage.failed, {{"stage", stage.name}, {"how", "failed"}});
        out.sample(stage.cut_short, {{"stage", stage.name}, {"how", "cut_short"}});
    }
    of_each("weir_stage_waited_seconds_total", "Time for which consumers waited for metered stages.",
            &stage_metrics::waited);
    of_each("weir_stage_unasked_seconds_total", "Time for which consumers did not ask metered stages.",
            &stage_metrics::unasked);
    return std::move(out).text();
}

} // namespace weir
