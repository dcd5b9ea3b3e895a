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
    out.metric("weir_executor_turns_total", "counter", "Turns of the executor.");
    out.sample(load.turns);
    out.metric("weir_executor_wakers_run_total", "counter", "Wakers that the executor ran.");
    out.sample(load.wakers_run);
    out.metric("weir_executor_waits_total", "counter", "Visits to the backend.");
    out.sample(load.waits);
    out.metric("weir_executor_wakers_ready", "gauge", "Wakers that wait for their run.");
    out.sample(load.wakers_ready);
    out.metric("weir_executor_timers", "gauge", "Timers that are armed.");
    out.sample(load.timers_armed);
    out.metric("weir_executor_timers_fired_total", "counter", "Timers that have become due.");
    out.sample(load.timers_fired);
    out.metric("weir_executor_io_started_total", "counter", "I/O operations that were started.");
    out.sample(load.io_started);
    out.metric("weir_executor_io_cancelled_total", "counter", "I/O operations that were cancelled in flight.");
    out.sample(load.io_cancelled);
    out.metric("weir_executor_io_in_flight", "gauge", "I/O operations in flight.");
    out.sample(load.io_in_flight);

    if (const detail::run_measurements* const measured = detail::shown_runs(ex); measured != nullptr) {
        out.summary("weir_executor_run_seconds", "Time for which a waker runs.", measured->runs);
        out.summary("weir_executor_turn_seconds", "Time for which the wakers of a turn run.", measured->turns);
        out.metric("weir_executor_stalls_total", "counter", "Runs that took longer than the threshold.");
        out.sample(measured->stalls);
        out.metric("weir_executor_longest_queue", "gauge", "The most wakers that were ready, counted up to 1024.");
        out.sample(measured->longest_queue);
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
