// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <weir/executor/executor.hpp>
#include <weir/testing/simulation/files.hpp>
#include <weir/testing/simulation/network.hpp>
#include <weir/testing/simulation/trace.hpp>
#include <weir/testing/virtual_time_executor.hpp>

namespace weir::testing {

struct simulation_options {
    network_options network = {};
    file_options files = {};
    std::size_t descriptors = 1024; ///< the maximum number of open descriptors; more fail with EMFILE
    /// The unit of latencies. With a long tick, many events happen at the same time.
    duration tick = std::chrono::microseconds{100};
    double slow_turn = 0.02;            ///< the probability that a turn of the executor takes a tick
    double late_completion = 0.5;       ///< the probability that a ready operation completes later
    double cancel_late = 0.1;           ///< the probability that a cancelled operation has completed before
    std::string_view host = "10.0.0.1"; ///< the host of the program, to which 127.0.0.1 refers
    std::size_t trace = 1000;           ///< the number of entries that are kept
};

/// An executor with virtual time, a network and files in memory, and configurable faults. Programs that use weir run in
/// it unchanged. A seed decides everything that depends on chance: which ready waker runs first, when operations
/// complete, latencies, and faults. The same seed produces the same history.
///
///     weir::testing::simulation sim{17, {.network = {.reset = 0.01}}};
///     sim.spawn(server()).detach();
///     sim.run(client());
///     print(sim.trace().to_string(20));
///
/// Limits: there are no threads, so that offloaded functions run at once; functions that other threads post make the
/// history depend on those threads. Starting a program and `watch` fail with ENOSYS, and `follow` checks its file at
/// intervals. Unix sockets pass no descriptors. Host names are resolved by the real system.
class simulation : public virtual_time_executor {
public:
    /// @throws std::invalid_argument for invalid options
    explicit simulation(std::uint64_t seed, const simulation_options& options = {});
    ~simulation() override;

    std::uint64_t seed() const noexcept { return seed_; }

    testing::network network() noexcept;
    testing::files files() noexcept;

    /// Sends a signal to the program. Each `signals` stream that waits for it receives it.
    void raise(int signal);
    /// Returns the bytes that were written to standard output and standard error. Standard input is empty.
    const std::string& output() const noexcept;

    /// Returns the number of open descriptors.
    std::size_t descriptors() const noexcept;

    const testing::trace& trace() const noexcept;
    /// Adds an entry to the trace.
    void note(std::string text);

private:
    simulation(std::uint64_t seed, std::shared_ptr<detail::world> w);

    std::uint64_t seed_;
    std::shared_ptr<detail::world> world_;
};

namespace detail {

/// Prints the error of one seed on stderr.
void report_failed_seed(const simulation& sim, std::exception_ptr error) noexcept;
/// Reads the seed from WEIR_SEED. Returns false if the variable is not set.
bool only_seed(std::uint64_t& seed);

} // namespace detail

/// Calls f with a simulation for each of the seeds 1 to n. When f throws, prints the seed, the end of the trace and the
/// command that runs this seed alone on stderr, and rethrows the exception.
///
///     weir::testing::for_each_seed(1000, options, [](weir::testing::simulation& sim) { sim.run(test()); });
///
/// With WEIR_SEED=17 in the environment, calls f for that seed only.
template <std::invocable<simulation&> F>
void for_each_seed(std::uint64_t n, const simulation_options& options, F f) {
    const auto once = [&](std::uint64_t seed) {
        simulation sim{seed, options};
        try {
            f(sim);
        } catch (...) {
            detail::report_failed_seed(sim, std::current_exception());
            throw;
        }
    };
    if (std::uint64_t seed = 0; detail::only_seed(seed)) return once(seed);
    for (std::uint64_t seed = 1; seed <= n; ++seed) once(seed);
}
template <std::invocable<simulation&> F>
void for_each_seed(std::uint64_t n, F f) {
    for_each_seed(n, simulation_options{}, std::move(f));
}

} // namespace weir::testing
