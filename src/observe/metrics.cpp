// SPDX-License-Identifier: MIT
#include <weir/observe/metrics.hpp>

#include <algorithm>
#include <memory>
#include <utility>

#include <weir/executor/detail/observations.hpp>
#include <weir/observe/detail/run_measurements.hpp>
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
    void executor_ends() noexcept { end_ = std::exchange(executor_, nullptr)->now(); }

private:
    executor* executor_;
    time_point end_{};
    std::vector<std::unique_ptr<stage_record>> all_;
};

namespace {

class metered final : public observations {
public:
    explicit metered(executor& ex) : records_{std::make_shared<stage_records>(ex)} {}
    ~metered() override { records_->executor_ends(); }

    const std::shared_ptr<stage_records>& records() const noexcept { return records_; }

    const run_measurements* runs = nullptr; // of a run_watch, while it exists

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

void stage_run::start(context& cx) {
    records_ = records_of(cx.executor());
    record_ = &records_->find(name_);
    ++record_->started;
    record_->unasked.begin(records_->now());
}

void stage_run::stop(std::uint64_t stage_record::* how) noexcept {
    if (stopped_) return;
    stopped_ = true;
    ++((*record_).*how);
    (waiting_ ? record_->waited : record_->unasked).end(records_->now());
}

void stage_run::start_waiting() noexcept {
    waiting_ = true;
    record_->unasked.end(records_->now());
    record_->waited.begin(records_->now());
}

void stage_run::stop_waiting() noexcept {
    waiting_ = false;
    record_->waited.end(records_->now());
    record_->unasked.begin(records_->now());
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

} // namespace weir
