// SPDX-License-Identifier: MIT
#include <weir/observe/metrics.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <executor/detail/type_outline.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/detail/wake_order.hpp>
#include <weir/executor/detail/observations.hpp>
#include <weir/observe/detail/run_measurements.hpp>
#include <weir/observe/detail/run_observer.hpp>
#include <weir/observe/detail/stage_run.hpp>

namespace weir {

namespace detail {

/// The records of an executor's metered stages. A stage that outlives its executor keeps them.
class stage_records {
public:
    explicit stage_records(executor& ex) noexcept : executor_{&ex} {}

    stage_record& find(const std::string& name) {
        const auto same = [&](const auto& record) { return record->name == name; };
        if (const auto found = std::ranges::find_if(all_, same); found != all_.end()) return **found;
        auto record = std::make_unique<stage_record>();
        record->name = name;
        all_.push_back(std::move(record));
        return *all_.back();
    }
    const std::vector<std::unique_ptr<stage_record>>& all() const noexcept { return all_; }

    /// The executor's time; the time of its end once it has gone.
    time_point now() const noexcept { return executor_ != nullptr ? executor_->now() : end_; }
    stage_run* measured = nullptr; // the stage whose first or timed poll is running
    std::uint64_t started = 0;     // stages

    /// The executor's clock, read at this moment; `now` is its time at the start of the turn.
    time_point clock() const noexcept { return executor_ != nullptr ? executor_->io().now() : end_; }
    void executor_ends() noexcept {
        observer_ = nullptr;
        end_ = std::exchange(executor_, nullptr)->now();
    }

    void add(stage_run& one) noexcept { running_.push_back(one); }
    stage_observer* observer() const noexcept { return observer_; }
    bool items_observed() const noexcept { return observer_ != nullptr && items_ == observed_items::all; }
    void observe(stage_observer* observer, observed_items items) noexcept {
        if (observer_ != nullptr) each([&](stage_run& one) { one.hide_from(*observer_); });
        observer_ = observer;
        items_ = items;
        if (observer_ != nullptr) each([&](stage_run& one) { one.show_to(*observer_); });
    }

private:
    template <class F>
    void each(F f) {
        running_.each([&](running_stage& one) { f(static_cast<stage_run&>(one)); });
    }

    executor* executor_;
    time_point end_{};
    std::vector<std::unique_ptr<stage_record>> all_;
    intrusive_list<running_stage> running_;
    stage_observer* observer_ = nullptr;
    observed_items items_ = observed_items::none;
};

namespace {

/// Passes the runs of an executor on to its observers, in the order in which the wakers were woken.
class observed_runs final : public wake_order {
public:
    explicit observed_runs(run_queue& queue) noexcept : queue_{queue} {}

    void add(run_observer& one) {
        if (all_.empty() && queue_.order() != nullptr) {
            throw std::logic_error{"weir: the executor is a simulation that tries orders of wakes; its runs cannot be "
                                   "observed"};
        }
        all_.push_back(&one);
        queue_.reorder(this);
    }
    void remove(run_observer& one) noexcept {
        std::erase(all_, &one);
        if (all_.empty()) queue_.reorder(nullptr);
    }

    std::size_t turn_length(std::size_t most) noexcept override {
        for (run_observer* const one : all_) one->turn_begins();
        return most;
    }
    std::size_t pass_over() noexcept override { return 0; }
    void runs(waker& next) noexcept override {
        for (run_observer* const one : all_) one->runs(next);
    }
    void ran() noexcept override {
        for (std::size_t i = 0; i < all_.size(); ++i) all_[i]->ran(); // may add and remove observers
    }

private:
    run_queue& queue_;
    std::vector<run_observer*> all_;
};

class metered final : public observations {
public:
    explicit metered(executor& ex)
        : observed{executor_access::queue(ex)}, records_{std::make_shared<stage_records>(ex)} {}
    ~metered() override {
        environment_trace.reset();
        records_->executor_ends();
    }

    const std::shared_ptr<stage_records>& records() const noexcept { return records_; }

    const run_measurements* runs = nullptr; // of a run_watch, while it exists
    observed_runs observed;
    std::shared_ptr<void> environment_trace;

private:
    std::shared_ptr<stage_records> records_;
};

metered& kept_for(executor& ex) {
    auto& kept = executor_access::observed(ex);
    if (kept == nullptr) kept = std::make_unique<metered>(ex);
    return static_cast<metered&>(*kept);
}
const std::shared_ptr<stage_records>& records_of(executor& ex) { return kept_for(ex).records(); }

} // namespace

void show_runs(executor& ex, const run_measurements* measured) { kept_for(ex).runs = measured; }
const run_measurements* shown_runs(executor& ex) { return kept_for(ex).runs; }
void observe_runs(executor& ex, run_observer& one) { kept_for(ex).observed.add(one); }
void stop_observing(executor& ex, run_observer& one) noexcept { kept_for(ex).observed.remove(one); }
void observe_stages(executor& ex, stage_observer* observer, observed_items items) {
    records_of(ex)->observe(observer, items);
}
bool stages_observed(executor& ex) { return records_of(ex)->observer() != nullptr; }
void keep_trace(executor& ex, std::shared_ptr<void> trace) { kept_for(ex).environment_trace = std::move(trace); }

std::vector<std::string> names_of_stages(executor& ex, std::string_view type) {
    std::vector<std::string> names;
    for (const auto& record : records_of(ex)->all()) {
        const auto has_type = [&](const char* mangled) { return demangled(mangled) == type; };
        if (std::ranges::any_of(record->types, has_type)) names.push_back(record->name);
    }
    return names;
}

void stage_run::begin_measured_poll(context& cx, const char* type) {
    polls_left_ = 1;
    if (record_ == nullptr) start(cx, type);
    if (!records_->items_observed()) polls_left_ = sample_distance;
}

void stage_run::start(context& cx, const char* type) {
    records_ = records_of(cx.executor());
    record_ = &records_->find(name_);
    type_ = type;
    number_ = ++records_->started;
    first_poll_ = true;
    records_->add(*this);
    if (type != nullptr && std::ranges::find(record_->types, type) == record_->types.end()) {
        record_->types.push_back(type);
    }
    ++record_->started;
    const time_point now = records_->now();
    record_->unasked.begin(now);
    downstream_ = records_->measured;
    last_ = downstream_ == nullptr;
    if (downstream_ != nullptr) {
        downstream_->upstream_.push_back(*this);
        if (record_ != downstream_->record_) record_->downstream = downstream_->record_;
    } else {
        record_->last.begin(now);
        record_->consumed.begin(now);
    }
    if (records_->observer() != nullptr) records_->observer()->begins(seen());
}

void stage_run::report_end(std::uint64_t stage_record::* how) const noexcept {
    stage_observer& observer = *records_->observer();
    const time_point now = records_->clock();
    if (how == &stage_record::ended) return observer.ends(seen(), "ended", now);
    if (how == &stage_record::cut_short) return observer.ends(seen(), "dropped", now);
    std::string text{"failed"};
    try {
        throw;
    } catch (const std::exception& e) {
        try {
            text.append(": ").append(e.what());
        } catch (...) { // no memory
        }
    } catch (...) { // not a std::exception
    }
    observer.ends(seen(), text, now);
}

void stage_run::stop(std::uint64_t stage_record::* how) noexcept {
    if (stopped_) return;
    if (waiting_) stop_waiting();
    if (records_->observer() != nullptr) report_end(how);
    stopped_ = true;
    ++((*record_).*how);
    const time_point now = records_->now();
    record_->unasked.end(now);
    if (last_) {
        record_->last.end(now);
        record_->consumed.end(now);
    }
    upstream_stage::unlink();
    running_stage::unlink();
    while (!upstream_.empty()) static_cast<stage_run&>(upstream_.pop_front()).downstream_ = nullptr;
    upstream_waits_ = 0;
}

void stage_run::start_waiting() noexcept {
    waiting_ = true;
    const time_point now = records_->now();
    waits_since_ = records_->observer() != nullptr ? records_->clock() : now;
    record_->unasked.end(now);
    record_->waited.begin(now);
    if (last_) record_->consumed.end(now);
    update_alone();
    if (downstream_ != nullptr) downstream_->count_waiting(1);
}

void stage_run::stop_waiting() noexcept {
    waiting_ = false;
    const time_point now = records_->now();
    record_->waited.end(now);
    record_->unasked.begin(now);
    if (last_) record_->consumed.begin(now);
    update_alone();
    if (downstream_ != nullptr) downstream_->count_waiting(-1);
    if (records_->observer() != nullptr) [[unlikely]]
        records_->observer()->waited(seen(), waits_since_, records_->clock());
}

observed_stage stage_run::seen() const noexcept {
    return {record_->name, type_, number_, downstream_ != nullptr ? downstream_->number_ : 0};
}

bool stage_run::observed() const noexcept { return records_->items_observed(); }

void stage_run::passes(std::string_view text) noexcept {
    if (observed()) records_->observer()->passes(seen(), text, records_->clock());
}

void stage_run::show_to(stage_observer& observer) noexcept {
    polls_left_ = 1;
    waits_since_ = records_->clock();
    observer.begins(seen());
}

void stage_run::hide_from(stage_observer& observer) noexcept {
    if (waiting_) observer.waited(seen(), waits_since_, records_->clock());
}

void stage_run::count_waiting(int change) noexcept {
    upstream_waits_ += change;
    update_alone();
}

void stage_run::update_alone() noexcept {
    const bool alone = waiting_ && upstream_waits_ == 0;
    if (alone == std::exchange(alone_, alone)) return;
    if (alone) {
        record_->alone.begin(records_->now());
    } else {
        record_->alone.end(records_->now());
    }
}

stage_run::measurement::measurement(stage_run& run) noexcept
    : run_{run},
      outer_{std::exchange(run.records_->measured, &run)},
      began_{std::chrono::steady_clock::now()},
      executor_began_{run.records_->clock()} {}

stage_run::measurement::~measurement() {
    run_.records_->measured = outer_;
    if (std::exchange(run_.first_poll_, false)) return; // it also starts what is upstream
    ++run_.record_->samples;
    run_.record_->sampled += std::chrono::steady_clock::now() - began_;
    run_.record_->computed += run_.records_->clock() - executor_began_;
}

} // namespace detail

double stage_metrics::error_rate() const noexcept {
    const std::uint64_t all = ended + failed;
    return all == 0 ? 0 : static_cast<double>(failed) / static_cast<double>(all);
}

std::vector<stage_metrics> metered_stages(executor& ex) {
    std::vector<stage_metrics> result;
    const auto& records = detail::records_of(ex);
    const time_point now = records->now();
    for (const auto& record : records->all()) {
        stage_metrics& one = result.emplace_back();
        one.name = record->name;
        one.started = record->started;
        one.items = record->items;
        one.ended = record->ended;
        one.failed = record->failed;
        one.cut_short = record->cut_short;
        one.waited = record->waited.until(now);
        one.unasked = record->unasked.until(now);
        if (record->samples != 0) one.sampled_poll = record->sampled / record->samples;
    }
    return result;
}

std::vector<group_metrics> task_groups(executor& ex) {
    std::vector<group_metrics> result;
    for (const auto& one : detail::executor_access::groups(ex).counts()) {
        result.push_back({one->name, one->running, one->waiting, one->done, one->failed, one->dropped});
    }
    return result;
}

namespace {

/// A metered stage, or the consumer of the last one.
struct load {
    const detail::stage_record* of = nullptr;
    const detail::stage_record* last = nullptr; // of its pipeline
    duration busy{};
    bool estimated = false;
};

duration positive(duration d) noexcept { return std::max(d, duration::zero()); }

/// The time that upstream of a meter has computed.
duration computed(const detail::stage_record& record) noexcept {
    if (record.samples == 0) return {};
    return record.computed / static_cast<duration::rep>(record.samples) * static_cast<duration::rep>(record.items);
}

std::vector<load> loads_of(const detail::stage_records& records) {
    const time_point now = records.now();
    std::vector<load> all;
    for (const auto& record : records.all()) {
        const detail::stage_record* last = record.get();
        for (std::size_t n = 0; last->downstream != nullptr && n != records.all().size(); ++n) last = last->downstream;
        load one{record.get(), last, record->alone.until(now)};
        duration own = computed(*record);
        for (const auto& other : records.all()) {
            if (other->downstream == record.get()) own -= computed(*other);
        }
        one.busy += positive(own);
        one.estimated = own > duration::zero();
        all.push_back(one);
    }
    for (const auto& record : records.all()) {
        if (record->downstream != nullptr) continue;
        load consumer{nullptr, record.get(), record->consumed.until(now)};
        // The clock also advanced while upstream computed.
        consumer.busy = positive(consumer.busy - computed(*record));
        consumer.estimated = computed(*record) > duration::zero();
        all.push_back(consumer);
    }
    return all;
}

} // namespace

std::string bottleneck_report::text() const {
    const auto rounded = [](double value, const char* format) {
        std::array<char, 32> digits{};
        std::snprintf(digits.data(), digits.size(), format, value);
        return std::string{digits.data()};
    };
    return (where == part::consumer ? "what follows " : "") + meter + " holds the others back for " +
           rounded(share * 100, "%.0f") + (estimated ? "% of the time, as estimated" : "% of the time") +
           "; twice as fast, it would make the pipeline " + rounded(gain_in_turns, "%.2g") +
           " times as fast where stages take turns, and at most " + rounded(gain_at_most, "%.2g") +
           " times where they overlap";
}

std::optional<bottleneck_report> bottleneck(executor& ex) {
    const detail::stage_records& records = *detail::records_of(ex);
    const std::vector<load> loads = loads_of(records);
    const auto share_of = [&](const load& one) {
        const duration all = one.last->last.until(records.now());
        return all <= duration::zero() ? 0 : static_cast<double>(one.busy.count()) / static_cast<double>(all.count());
    };
    const auto slowest = std::ranges::max_element(loads, {}, share_of);
    if (slowest == loads.end() || share_of(*slowest) <= 0) return std::nullopt;
    bottleneck_report report;
    report.where = slowest->of == nullptr ? bottleneck_report::part::consumer : bottleneck_report::part::stage;
    report.meter = slowest->of == nullptr ? slowest->last->name : slowest->of->name;
    report.held = slowest->busy;
    report.estimated = slowest->estimated;
    report.share = std::min(share_of(*slowest), 1.0);
    // The others are as slow as before.
    double others = 0;
    for (const load& one : loads) {
        if (&one != &*slowest && one.last == slowest->last) others = std::max(others, share_of(one));
    }
    report.gain_in_turns = 1 / (1 - report.share / 2);
    report.gain_at_most = std::max(1 / std::max(0.5, others), 1.0);
    return report;
}

} // namespace weir
