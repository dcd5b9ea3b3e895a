// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/assert.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/time.hpp>

namespace weir {
class executor;
}

namespace weir::detail {

/// The sum of durations, those that have not ended included.
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
    std::vector<const char*> types; // of those stages, mangled
    std::uint64_t started = 0;
    std::uint64_t items = 0;
    std::uint64_t ended = 0;
    std::uint64_t failed = 0;
    std::uint64_t cut_short = 0;
    total_time waited;  // for upstream
    total_time unasked; // nothing was asked of the stage
    total_time alone;   // it waited, and no metered stage upstream of it did
    // Of the stages with no metered stage downstream of them:
    total_time last;                    // they existed
    total_time consumed;                // nothing was asked of them
    stage_record* downstream = nullptr; // the metered stage that asks this one
    std::uint64_t samples = 0;
    std::chrono::nanoseconds sampled{};
    duration computed{}; // in the samples, by the executor's clock: zero under virtual time
};

class stage_records;

/// Receives the waits of an executor's metered stages.
class stage_observer {
public:
    /// The consumer of the stage waited for upstream.
    virtual void waited(std::string_view stage, time_point begin, time_point end) noexcept = 0;

protected:
    ~stage_observer() = default;
};

/// Sets the observer, or none when it is null.
void observe_stages(executor& ex, stage_observer* observer);
bool stages_observed(executor& ex);

/// One metered stage, from its first poll to its end. It is in one of two states: it waits for upstream, or nothing is
/// asked of it. The clock is read when that changes.
///
/// A stage that is first polled within the first poll of another stage, or within a poll whose time is measured, stands
/// upstream of that one.
class stage_run : private list_link {
public:
    explicit stage_run(std::string name) noexcept : name_{std::move(name)} {}
    stage_run(stage_run&& other) noexcept : list_link{}, name_{std::move(other.name_)} {
        WEIR_ASSERT(other.record_ == nullptr, "moved after its first poll");
    }
    ~stage_run() {
        if (runs()) stop(&stage_record::cut_short);
    }

    /// To be called before upstream is polled. Returns whether that poll is the first, or one of those whose time is
    /// measured. Such a poll is made while a `measurement` exists.
    /// @param type  the mangled name of the stage's class; may be null
    bool begin_poll(context& cx, const char* type) {
        if (record_ == nullptr) [[unlikely]] {
            start(cx, type);
            polls_ = 1;
            return true;
        }
        return ++polls_ % sample_distance == 0;
    }
    class measurement;

    // The result of that poll.
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

    friend class intrusive_list<stage_run>;

    bool runs() const noexcept { return record_ != nullptr && !stopped_; }
    void start(context& cx, const char* type);
    void stop(std::uint64_t stage_record::* how) noexcept;
    void start_waiting() noexcept;
    void stop_waiting() noexcept;
    void count_waiting(int change) noexcept;
    void update_alone() noexcept;

    std::string name_;
    std::shared_ptr<stage_records> records_; // those of the executor, which may die first
    stage_record* record_ = nullptr;
    stage_run* downstream_ = nullptr;
    time_point waits_since_{};           // while it waits
    intrusive_list<stage_run> upstream_; // the metered stages whose items it waits for
    int upstream_waits_ = 0;             // how many of them wait
    std::uint32_t polls_ = 0;
    bool last_ = false; // no metered stage asks it
    bool waiting_ = false;
    bool alone_ = false;
    bool stopped_ = false;
};

class stage_run::measurement {
public:
    explicit measurement(stage_run& run) noexcept;
    measurement(const measurement&) = delete;
    measurement& operator=(const measurement&) = delete;
    ~measurement();

private:
    stage_run& run_;
    stage_run* outer_;
    std::chrono::steady_clock::time_point began_;
    time_point executor_began_;
};

/// The names of the metered stages whose class has that demangled name.
std::vector<std::string> names_of_stages(executor& ex, std::string_view type);

} // namespace weir::detail
