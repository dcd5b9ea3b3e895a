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

/// A metered stage as an observer sees it.
struct observed_stage {
    std::string_view name;
    const char* type;         // mangled; may be null
    std::uint64_t number;     // among those of its executor, from 1 on
    std::uint64_t downstream; // the number of the metered stage that asks it; 0 if none is known
};

/// Receives what happens to the metered stages of an executor.
class stage_observer {
public:
    /// The stage was polled for the first time, or the observer has been set since.
    virtual void begins(const observed_stage& stage) noexcept = 0;
    /// The consumer of the stage waited for upstream, and may still wait when the observer is removed.
    virtual void waited(const observed_stage& stage, time_point begin, time_point end) noexcept = 0;
    /// An item has come from upstream. It is called only if the observer asked for items.
    virtual void passes(const observed_stage& stage, std::string_view text, time_point now) noexcept = 0;
    /// @param how  "ended", "dropped", or "failed" with the message of the error
    virtual void ends(const observed_stage& stage, std::string_view how, time_point now) noexcept = 0;

protected:
    ~stage_observer() = default;
};

enum class observed_items : bool { none, all };

/// Sets the observer, or none when it is null.
void observe_stages(executor& ex, stage_observer* observer, observed_items items = observed_items::none);
bool stages_observed(executor& ex);

class stage_run;

/// The position of a stage among those that run on its executor.
class running_stage : private list_link {
    friend class intrusive_list<running_stage>;
    friend class stage_run;
};
/// The position of a stage among those that another stage asks.
class upstream_stage : private list_link {
    friend class intrusive_list<upstream_stage>;
    friend class stage_run;
};

/// One metered stage, from its first poll to its end. It is in one of two states: it waits for upstream, or nothing is
/// asked of it. The clock is read when that changes.
///
/// A stage that is first polled within the first poll of another stage, or within a poll whose time is measured, stands
/// upstream of that one.
class stage_run : private upstream_stage, private running_stage {
public:
    explicit stage_run(std::string name) noexcept : name_{std::move(name)} {}
    stage_run(stage_run&& other) noexcept : upstream_stage{}, running_stage{}, name_{std::move(other.name_)} {
        WEIR_ASSERT(other.record_ == nullptr, "moved after its first poll");
    }
    ~stage_run() {
        if (runs()) stop(&stage_record::cut_short);
    }

    /// To be called before upstream is polled. Returns whether that poll is the first, or one of those whose time is
    /// measured. Such a poll is made while a `measurement` exists.
    /// @param type  the mangled name of the stage's class; may be null
    bool begin_poll(context& cx, const char* type) {
        if (--polls_left_ != 0) [[likely]]
            return false;
        begin_measured_poll(cx, type);
        return true;
    }
    class measurement;

    /// Whether an observer asks for the items. Each poll is then one whose time is measured.
    bool observed() const noexcept;
    /// An item of such a poll.
    void passes(std::string_view text) noexcept;
    /// An observer of this executor has been set.
    void show_to(stage_observer& observer) noexcept;
    /// It is going to be removed.
    void hide_from(stage_observer& observer) noexcept;

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
    /// The exception is the one that is being handled.
    void fails() noexcept { stop(&stage_record::failed); }

private:
    static constexpr std::uint32_t sample_distance = 256;

    friend class stage_records;

    bool runs() const noexcept { return record_ != nullptr && !stopped_; }
    void begin_measured_poll(context& cx, const char* type);
    void start(context& cx, const char* type);
    observed_stage seen() const noexcept;
    void report_end(std::uint64_t stage_record::* how) const noexcept;
    void stop(std::uint64_t stage_record::* how) noexcept;
    void start_waiting() noexcept;
    void stop_waiting() noexcept;
    void count_waiting(int change) noexcept;
    void update_alone() noexcept;

    std::string name_;
    std::shared_ptr<stage_records> records_; // those of the executor, which may die first
    stage_record* record_ = nullptr;
    stage_run* downstream_ = nullptr;
    const char* type_ = nullptr;
    std::uint64_t number_ = 0;
    time_point waits_since_{};                // while it waits
    intrusive_list<upstream_stage> upstream_; // the metered stages whose items it waits for
    int upstream_waits_ = 0;                  // how many of them wait
    std::uint32_t polls_left_ = 1;            // until one is measured
    bool first_poll_ = false;                 // is running
    bool last_ = false;                       // no metered stage asks it
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
