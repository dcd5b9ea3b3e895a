// SPDX-License-Identifier: MIT
#include <weir/resilience/circuit_breaker.hpp>

#include <algorithm>
#include <string>

#include <weir/core/timed_out.hpp>

namespace weir {

namespace {

std::string message(duration until_half_open) {
    if (until_half_open == duration::zero()) return "weir::circuit_breaker: half open, and its probes are under way";
    return "weir::circuit_breaker: open for another " + detail::to_text(until_half_open);
}

constexpr std::size_t parts_of_a_period = 10;

std::size_t slices_of(const std::variant<last_calls, last_period>& what) {
    if (const auto* calls = std::get_if<last_calls>(&what)) {
        if (calls->n == 0) throw std::invalid_argument{"weir::circuit_breaker: window: last_calls must be at least 1"};
        return calls->n;
    }
    if (std::get<last_period>(what).d <= duration::zero()) {
        throw std::invalid_argument{"weir::circuit_breaker: window: last_period is not positive"};
    }
    return parts_of_a_period;
}

duration length_of_slice(const std::variant<last_calls, last_period>& what) noexcept {
    const auto* period = std::get_if<last_period>(&what);
    if (period == nullptr) return duration::zero();
    return std::max<duration>(period->d / static_cast<duration::rep>(parts_of_a_period), duration{1});
}

bool is_rate(double r) noexcept { return r > 0 && r <= 1; }

const circuit_breaker_options& checked(const circuit_breaker_options& o) {
    if (o.min_calls == 0) throw std::invalid_argument{"weir::circuit_breaker: min_calls is 0"};
    const auto* calls = std::get_if<last_calls>(&o.window);
    if (calls != nullptr && calls->n < o.min_calls) {
        throw std::invalid_argument{"weir::circuit_breaker: min_calls is more than the window holds"};
    }
    if (!is_rate(o.failure_rate)) throw std::invalid_argument{"weir::circuit_breaker: needs 0 < failure_rate <= 1"};
    if (!is_rate(o.slow_rate)) throw std::invalid_argument{"weir::circuit_breaker: needs 0 < slow_rate <= 1"};
    if (o.slow_after < duration::zero()) throw std::invalid_argument{"weir::circuit_breaker: slow_after is negative"};
    if (o.open_for <= duration::zero()) throw std::invalid_argument{"weir::circuit_breaker: open_for is not positive"};
    if (o.probes == 0) throw std::invalid_argument{"weir::circuit_breaker: probes is 0"};
    return o;
}

} // namespace

circuit_open::circuit_open(duration until_half_open)
    : std::runtime_error{message(until_half_open)}, until_half_open_{until_half_open} {}

namespace detail {

call_window::call_window(const std::variant<last_calls, last_period>& what)
    : slices_(slices_of(what)), slice_{length_of_slice(what)} {}

void call_window::add(bool failed, bool slow, time_point now) noexcept {
    if (slice_ == duration::zero()) {
        advance();
    } else {
        advance_to(now);
    }
    for (counts* c : {&slices_[at_], &total_}) {
        ++c->calls;
        c->failures += failed ? 1 : 0;
        c->slow += slow ? 1 : 0;
    }
}

void call_window::clear() noexcept {
    std::fill(slices_.begin(), slices_.end(), counts{});
    total_ = {};
    slice_ends_ = {};
}

/// Replaces the oldest slice with a new one.
void call_window::advance() noexcept {
    at_ = at_ + 1 == slices_.size() ? 0 : at_ + 1;
    counts& oldest = slices_[at_];
    total_.calls -= oldest.calls;
    total_.failures -= oldest.failures;
    total_.slow -= oldest.slow;
    oldest = {};
}

/// Slices end at multiples of their length.
void call_window::advance_to(time_point now) noexcept {
    if (now < slice_ends_) return;
    const auto passed = (now - slice_ends_) / slice_ + 1;
    if (total_.calls != 0) {
        const auto most = static_cast<duration::rep>(slices_.size());
        for (duration::rep i = 0; i != std::min(passed, most); ++i) advance();
    }
    slice_ends_ += passed * slice_;
}

} // namespace detail

circuit_breaker::circuit_breaker(circuit_breaker_options options, std::source_location place)
    : options_{checked(options)}, place_{place}, window_{options_.window} {}

void circuit_breaker::look(executor& ex) noexcept {
    if (state_ == circuit::open && half_opens_ <= ex.now()) change(circuit::half_open, ex);
}

circuit_breaker::era circuit_breaker::admit(time_point now) {
    if (state_ == circuit::open) throw circuit_open{half_opens_ - now};
    if (state_ == circuit::half_open) {
        if (probes_started_ == options_.probes) throw circuit_open{duration::zero()};
        ++probes_started_;
    }
    return era_;
}

void circuit_breaker::ended(era started_in, bool failed, duration took, executor& ex) noexcept {
    if (started_in != era_) return;
    const bool slow = took > options_.slow_after;
    if (state_ == circuit::closed) {
        window_.add(failed, slow, ex.now());
        if (window_.total().calls >= options_.min_calls && too_bad(window_.total())) change(circuit::open, ex);
        return;
    }
    ++probes_.calls;
    probes_.failures += failed ? 1 : 0;
    probes_.slow += slow ? 1 : 0;
    if (probes_.calls == options_.probes) change(too_bad(probes_) ? circuit::open : circuit::closed, ex);
}

void circuit_breaker::dropped(era started_in) noexcept {
    if (started_in == era_ && state_ == circuit::half_open) --probes_started_;
}

bool circuit_breaker::is_failure(const std::exception_ptr& error) const {
    return !options_.is_failure || options_.is_failure(error);
}

bool circuit_breaker::too_bad(const detail::call_window::counts& calls) const noexcept {
    const auto of_all = [&](std::size_t n) { return static_cast<double>(n) / static_cast<double>(calls.calls); };
    return of_all(calls.failures) >= options_.failure_rate || of_all(calls.slow) >= options_.slow_rate;
}

void circuit_breaker::change(circuit to, executor& ex) noexcept {
    const circuit_change what{state_, to, ex.now()};
    state_ = to;
    ++era_;
    window_.clear();
    probes_started_ = 0;
    probes_ = {};
    if (to == circuit::open) half_opens_ = ex.time_after(options_.open_for);
    if (!options_.on_change) return;
    try {
        options_.on_change(what);
    } catch (...) {
        ex.report(std::current_exception(), place_, "on_change of a circuit_breaker");
    }
}

} // namespace weir
