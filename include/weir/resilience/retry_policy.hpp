// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/executor/executor.hpp>

namespace weir {

/// The random part of a wait, so that clients that failed together do not retry together.
enum class jitter {
    full, ///< a random time from zero to the whole wait
    none, ///< the whole wait
};

/// A source of random numbers from 0 to 1: a standard generator, such as std::mt19937{seed}, or a function that returns
/// a double.
class random_numbers {
public:
    random_numbers() noexcept = default;

    template <class G>
        requires(!std::same_as<G, random_numbers> && std::copy_constructible<G> &&
                 (std::uniform_random_bit_generator<G> || std::is_invocable_r_v<double, G&>))
    random_numbers(G generator) {
        if constexpr (std::uniform_random_bit_generator<G>) {
            draw_ = [generator = std::move(generator)]() mutable { return from_bits(generator); };
        } else {
            draw_ = std::move(generator);
        }
    }

    /// The next number; of the executor's generator if none was given.
    double operator()(executor& ex) { return draw_ ? draw_() : from_bits(ex.random()); }

private:
    template <class G>
    static double from_bits(G& generator) {
        return std::uniform_real_distribution<double>{}(generator);
    }

    std::function<double()> draw_;
};

/// The number of attempts and the waits between them.
///
///     {.attempts = 5, .delay = 200ms}   // waits of at most 200, 400, 800 and 1600 ms
///
/// The waits grow from `delay` by `factor` up to `max_delay`; then jitter shortens each.
struct retry_policy {
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    /// The number of attempts that may fail in a row, including the first.
    std::size_t attempts = 3;
    duration delay = std::chrono::milliseconds{100};
    double factor = 2;
    duration max_delay = std::chrono::seconds{30};
    weir::jitter jitter = weir::jitter::full;
    random_numbers random = {};
    /// The time limit of an attempt, up to its result or its first item. An attempt that exceeds it fails with
    /// timed_out.
    duration attempt_timeout = duration::max();
    /// The time limit of all attempts and waits together. It cuts off an attempt; a wait that would exceed it is not
    /// started.
    duration total_timeout = duration::max();
    /// Returns whether an error is worth another attempt. By default all are.
    std::function<bool(std::exception_ptr)> when = {};
};

namespace detail {

/// Counts failures in a row and decides what to do after each.
class backoff {
public:
    /// @throws std::invalid_argument when the policy is out of range
    explicit backoff(retry_policy policy) : policy_{std::move(policy)}, wait_{policy_.delay} {
        if (policy_.attempts == 0) throw std::invalid_argument{"weir::retry: policy.attempts is 0"};
        if (policy_.delay < duration::zero()) throw std::invalid_argument{"weir::retry: policy.delay is negative"};
        if (!(policy_.factor >= 1)) throw std::invalid_argument{"weir::retry: policy.factor is less than 1"};
        if (policy_.max_delay < policy_.delay) {
            throw std::invalid_argument{"weir::retry: policy.max_delay is less than policy.delay"};
        }
        if (policy_.attempt_timeout <= duration::zero()) {
            throw std::invalid_argument{"weir::retry: policy.attempt_timeout is not positive"};
        }
        if (policy_.total_timeout <= duration::zero()) {
            throw std::invalid_argument{"weir::retry: policy.total_timeout is not positive"};
        }
    }

    const retry_policy& policy() const noexcept { return policy_; }

    /// Counts a failure. Returns whether to try again. Without an error the policy decides by the number only.
    bool again(const std::exception_ptr& error) {
        if (failures_ != retry_policy::unlimited) ++failures_;
        if (failures_ >= policy_.attempts && policy_.attempts != retry_policy::unlimited) return false;
        return error == nullptr || !policy_.when || policy_.when(error);
    }

    /// The wait before the next attempt.
    duration wait(executor& ex) {
        const duration longest = wait_;
        wait_ = scaled(longest, policy_.factor, policy_.max_delay);
        if (policy_.jitter == jitter::none) return longest;
        return scaled(longest, policy_.random(ex), longest);
    }

    void succeeded() noexcept {
        if (failures_ == 0) [[likely]]
            return;
        failures_ = 0;
        wait_ = policy_.delay;
    }

private:
    static duration scaled(duration d, double by, duration most) noexcept {
        const double ticks = static_cast<double>(d.count()) * by;
        if (!(ticks < static_cast<double>(most.count()))) return most;
        return duration{static_cast<duration::rep>(std::max(ticks, 0.0))};
    }

    retry_policy policy_;
    duration wait_;
    std::size_t failures_ = 0;
};

} // namespace detail

} // namespace weir
