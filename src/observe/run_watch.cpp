// SPDX-License-Identifier: MIT
#include <weir/observe/run_watch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/executor/detail/loop_observer.hpp>
#include <weir/executor/detail/wait_dump.hpp>
#include <weir/executor/executor.hpp>
#include <weir/observe/detail/run_measurements.hpp>
#include <weir/observe/detail/run_observer.hpp>

namespace weir {

class run_watch::measuring final : public detail::run_observer, public detail::loop_observer {
public:
    measuring(executor& ex, run_watch_options options)
        : ex_{ex},
          threshold_{options.threshold},
          on_stall_{std::make_shared<std::function<void(const stall&)>>(std::move(options.on_stall))} {
        if (detail::shown_runs(ex_) != nullptr) {
            throw std::logic_error{"weir::run_watch: the executor has a run_watch already"};
        }
        detail::observe_runs(ex_, *this);
        detail::show_runs(ex_, &measured_);
        detail::executor_access::observe_loop(ex_, this);
    }
    measuring(const measuring&) = delete;
    measuring& operator=(const measuring&) = delete;
    ~measuring() {
        detail::executor_access::observe_loop(ex_, nullptr);
        detail::show_runs(ex_, nullptr);
        detail::stop_observing(ex_, *this);
    }

    void turn_begins() noexcept override {
        if (turn_ != duration::zero()) measured_.turns.add(std::exchange(turn_, {}));
        const std::size_t ready = detail::executor_access::queue(ex_).size(counted_wakers);
        measured_.longest_queue = std::max(measured_.longest_queue, ready);
        phase_began_ = std::chrono::steady_clock::now();
    }
    void runs(waker& next) noexcept override {
        which_ = &next;
        began_ = std::chrono::steady_clock::now();
    }
    void ran() noexcept override {
        if (which_ == nullptr) return; // it was added during the run
        const waker& which = *std::exchange(which_, nullptr);
        const duration took = std::chrono::steady_clock::now() - began_;
        measured_.runs.add(took);
        turn_ += took;
        if (took < threshold_) return;
        ++measured_.stalls;
        const auto on_stall = on_stall_; // may destroy the run_watch
        if (*on_stall) (*on_stall)({took, description(which)});
    }

    void ended(detail::loop_phase which) noexcept override {
        const auto now = std::chrono::steady_clock::now();
        if (phase_began_) measured_.phases[static_cast<std::size_t>(which)] += now - *phase_began_;
        phase_began_ = now;
    }
    void late_by(duration d) noexcept override { measured_.lag.add(d); }

    const detail::run_measurements& measured() const noexcept { return measured_; }

private:
    static constexpr std::size_t counted_wakers = 1024;

    std::string description(const waker& of) const noexcept {
        try {
            std::string what = detail::describe_waker(ex_, of);
            return what.empty() ? "an operation that has ended" : what;
        } catch (...) { // no memory
            return {};
        }
    }

    executor& ex_;
    const duration threshold_;
    const std::shared_ptr<std::function<void(const stall&)>> on_stall_;
    detail::run_measurements measured_;
    const waker* which_ = nullptr;
    std::chrono::steady_clock::time_point began_;
    std::optional<std::chrono::steady_clock::time_point> phase_began_; // empty before the first turn
    duration turn_{};
};

run_watch::run_watch(executor& ex, run_watch_options options)
    : measuring_{std::make_unique<measuring>(ex, std::move(options))} {}
run_watch::~run_watch() = default;

const histogram& run_watch::runs() const noexcept { return measuring_->measured().runs; }
const histogram& run_watch::turns() const noexcept { return measuring_->measured().turns; }
const histogram& run_watch::lag() const noexcept { return measuring_->measured().lag; }
loop_phases run_watch::phases() const noexcept {
    const auto& [ready, timers, io, inbox] = measuring_->measured().phases;
    return {ready, timers, io, inbox};
}
std::size_t run_watch::stalls() const noexcept { return measuring_->measured().stalls; }
std::size_t run_watch::longest_queue() const noexcept { return measuring_->measured().longest_queue; }

} // namespace weir
