// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <stdexcept>
#include <utility>

#include <weir/core/timed_out.hpp>
#include <weir/resilience/concurrency_limit.hpp>

namespace weir {

/// The algorithm of an adaptive_limit: an initial limit, and the new limit after each sample.
template <class A>
concept limit_algorithm = std::move_constructible<A> && requires(A& a, const limit_sample& seen) {
    { a.initial() } -> std::convertible_to<std::size_t>;
    { a.update(seen) } noexcept -> std::convertible_to<std::size_t>;
};

struct aimd_options {
    std::size_t initial = 10;
    std::size_t min = 1;
    std::size_t max = 200;
    double backoff = 0.9;                        ///< the factor of the limit after an overload, in (0, 1)
    duration too_long = std::chrono::seconds{5}; ///< a call that takes longer counts as an overload
};

/// Additive increase, multiplicative decrease: a success adds one to the limit, and an overload multiplies it by
/// `backoff`. The limit does not grow while less than half of it is used, as AIMDLimit of Netflix' concurrency-limits.
/// Calls that started before the last decrease do not decrease it again, so that calls that were in flight together
/// decrease it once (as TCP does; Netflix' decreases for each).
class aimd {
public:
    /// @throws std::invalid_argument when an option is out of range
    explicit aimd(aimd_options options = {}) : options_{options} {
        const auto& o = options_;
        if (o.min < 1 || o.min > o.initial || o.initial > o.max) {
            throw std::invalid_argument{"weir::aimd: needs 1 <= min <= initial <= max"};
        }
        if (!(o.backoff > 0 && o.backoff < 1)) throw std::invalid_argument{"weir::aimd: needs 0 < backoff < 1"};
        if (o.too_long <= duration::zero()) throw std::invalid_argument{"weir::aimd: too_long is not positive"};
    }

    std::size_t initial() const noexcept { return options_.initial; }

    std::size_t update(const limit_sample& seen) noexcept {
        if (seen.started < decreased_) return seen.limit;
        if (seen.verdict == verdict::overload || seen.took() > options_.too_long) {
            decreased_ = seen.ended;
            const auto part = static_cast<std::size_t>(static_cast<double>(seen.limit) * options_.backoff);
            return std::max(options_.min, std::min(part, seen.limit - 1));
        }
        if (2 * seen.in_flight < seen.limit) return seen.limit;
        return std::min(options_.max, seen.limit + 1);
    }

private:
    aimd_options options_;
    time_point decreased_{}; // when the limit was last decreased
};

struct gradient_options {
    std::size_t initial = 20;
    std::size_t min = 1;
    std::size_t max = 200;
    std::size_t queue = 4;    ///< calls that may queue at the server; the largest growth while calls are not slower
    double smoothing = 0.2;   ///< the weight of a new estimate, in (0, 1]
    std::size_t window = 600; ///< the approximate number of samples in the long-term average
    double tolerance = 1.0;   ///< the factor of that average up to which a call is not slow, >= 1
};

/// Follows the durations of calls. The limit grows while they are not longer than the long-term average. When they
/// become longer, the limit shrinks in proportion, at most by half, before calls fail (as Gradient2Limit of Netflix'
/// concurrency-limits). An overload counts as the steepest gradient, whatever its duration.
class gradient {
public:
    /// @throws std::invalid_argument when an option is out of range
    explicit gradient(gradient_options options = {})
        : options_{options}, estimate_{static_cast<double>(options.initial)} {
        const auto& o = options_;
        if (o.min < 1 || o.min > o.initial || o.initial > o.max) {
            throw std::invalid_argument{"weir::gradient: needs 1 <= min <= initial <= max"};
        }
        if (!(o.smoothing > 0 && o.smoothing <= 1)) {
            throw std::invalid_argument{"weir::gradient: needs 0 < smoothing <= 1"};
        }
        if (o.window < 1) throw std::invalid_argument{"weir::gradient: window must be at least 1"};
        if (!(o.tolerance >= 1)) throw std::invalid_argument{"weir::gradient: tolerance is less than 1"};
    }

    std::size_t initial() const noexcept { return options_.initial; }

    std::size_t update(const limit_sample& seen) noexcept {
        double next = estimate_ * steepest;
        if (seen.verdict == verdict::success) {
            const double took = std::max(1.0, static_cast<double>(seen.took().count()));
            average(took);
            const double slope = std::clamp(options_.tolerance * usual_ / took, steepest, 1.0);
            // Calls have become faster for good: adapt the average soon.
            if (usual_ > 2 * took) usual_ *= 0.9;
            if (static_cast<double>(seen.in_flight) < estimate_ / 2) return whole();
            next = estimate_ * slope + static_cast<double>(options_.queue);
        }
        estimate_ = std::clamp(estimate_ + (next - estimate_) * options_.smoothing, static_cast<double>(options_.min),
                               static_cast<double>(options_.max));
        return whole();
    }

private:
    static constexpr double steepest = 0.5;
    static constexpr std::size_t warm_up = 10;

    /// An exponentially weighted average; a plain one of the first samples.
    void average(double took) noexcept {
        if (samples_ < warm_up) ++samples_;
        const double weight =
            samples_ < warm_up ? 1 / static_cast<double>(samples_) : 2 / (static_cast<double>(options_.window) + 1);
        usual_ += (took - usual_) * weight;
    }
    std::size_t whole() const noexcept { return static_cast<std::size_t>(estimate_); }

    gradient_options options_;
    double estimate_;
    double usual_ = 0; // the long-term average duration in nanoseconds
    std::size_t samples_ = 0;
};

/// A concurrency_limit that adapts itself to the durations and the overload errors of calls.
///
///     weir::adaptive_limit limit{weir::aimd{{.initial = 10, .max = 100}}};
///     urls | weir::map_async(limit, fetch) | ...
///
///     weir::adaptive_limit admission{weir::gradient{}, {.max_queued = 0}};       // sheds load
///     auto answer = co_await admission.run(handle(request));                     // or throws overloaded
///
/// The errors timed_out and overloaded count as overload. Other errors and dropped calls are ignored. A predicate as
/// the third argument can decide otherwise, for instance by a status code. A user's algorithm is a class with
/// `initial()` and a noexcept `update(sample)`.
///
/// Errors: overloaded, by the queue limits; those of the calls.
/// Lifetime: cannot be moved, and must outlive its permits and waiters.
/// See: concurrency_limit, bulkhead.
template <limit_algorithm Algorithm>
class adaptive_limit : public concurrency_limit {
public:
    /// @throws std::invalid_argument when waiting.max_wait is negative, or the algorithm's initial limit is 0
    explicit adaptive_limit(Algorithm algorithm, queue_limits waiting = {},
                            std::function<bool(std::exception_ptr)> is_overload = {})
        : concurrency_limit{detail::at_least_one(static_cast<std::size_t>(algorithm.initial()),
                                                 "weir::adaptive_limit: the limit must be at least 1"),
                            waiting, "weir::adaptive_limit"},
          algorithm_{std::move(algorithm)},
          is_overload_{std::move(is_overload)} {}

private:
    void learn(const limit_sample& seen) noexcept override {
        change_limit(std::max<std::size_t>(1, algorithm_.update(seen)));
    }

    verdict judge(const std::exception_ptr& error) override {
        const bool overload = is_overload_ ? is_overload_(error) : says_overload(error);
        return overload ? verdict::overload : verdict::ignored;
    }
    static bool says_overload(const std::exception_ptr& error) noexcept {
        try {
            std::rethrow_exception(error);
        } catch (const overloaded&) {
            return true;
        } catch (const timed_out&) {
            return true;
        } catch (...) {
            return false;
        }
    }

    Algorithm algorithm_;
    std::function<bool(std::exception_ptr)> is_overload_;
};

} // namespace weir
