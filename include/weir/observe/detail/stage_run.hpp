// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <weir/core/assert.hpp>
#include <weir/core/context.hpp>
#include <weir/core/time.hpp>

namespace weir {
class executor;
}

namespace weir::detail {

/// The sum of the times that some things last, those that go on included.
class total_time {
public:
    void begin(time_point now) noexcept { ++open_, sum_ -= now.time_since_epoch(); }
    void end(time_point now) noexcept { --open_, sum_ += now.time_since_epoch(); }
    duration until(time_point now) const noexcept { return sum_ + open_ * now.time_since_epoch(); }

private:
    duration sum_{};
    std::int64_t open_ = 0;
};

/// The counters of all stages of one name.
struct stage_record {
    std::string name;
    std::uint64_t started = 0;
    std::uint64_t items = 0;
    std::uint64_t ended = 0;
    std::uint64_t failed = 0;
    std::uint64_t cut_short = 0;
    total_time waited;  // for upstream
    total_time unasked; // nothing was asked of the stage
    std::uint64_t samples = 0;
    std::chrono::nanoseconds sampled{};
};

class stage_records;

/// One metered stage, from its first poll to its end. It is in one of two states: it waits for upstream, or nothing is
/// asked of it. The clock is read when that changes.
class stage_run {
public:
    explicit stage_run(std::string name) noexcept : name_{std::move(name)} {}
    stage_run(stage_run&& other) noexcept : name_{std::move(other.name_)} {
        WEIR_ASSERT(other.record_ == nullptr, "moved after its first poll");
    }
    ~stage_run() {
        if (runs()) stop(&stage_record::cut_short);
    }

    /// To be called before upstream is polled.
    void begin_poll(context& cx) {
        if (record_ == nullptr) [[unlikely]]
            start(cx);
    }
    /// Whether that poll is one of those whose time is measured.
    bool sampled() noexcept { return ++polls_ % sample_distance == 0; }
    void sample(std::chrono::nanoseconds d) noexcept { ++record_->samples, record_->sampled += d; }

    // How that poll has ended.
    void items(std::uint64_t n) noexcept {
        if (waiting_ && n != 0) [[unlikely]]
            stop_waiting();
        record_->items += n;
    }
    void waits() noexcept {
        if (!waiting_) start_waiting();
    }
    void ends() noexcept { stop(&stage_record::ended); }
    void fails() noexcept { stop(&stage_record::failed); }

private:
    static constexpr std::uint32_t sample_distance = 256;

    bool runs() const noexcept { return record_ != nullptr && !stopped_; }
    void start(context& cx);
    void stop(std::uint64_t stage_record::* how) noexcept;
    void start_waiting() noexcept;
    void stop_waiting() noexcept;

    std::string name_;
    std::shared_ptr<stage_records> records_; // those of the executor, which may die first
    stage_record* record_ = nullptr;
    std::uint32_t polls_ = 0;
    bool waiting_ = false;
    bool stopped_ = false;
};

} // namespace weir::detail
