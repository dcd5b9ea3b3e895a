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
    std::size_t descriptors = 1024; ///< how many may be open; beyond: EMFILE
    /// Latencies are multiples of this, so that things happen at the same moment often.
    duration tick = std::chrono::microseconds{100};
    double slow_turn = 0.02;      ///< that a turn of the executor takes a tick, in which time passes for the others
    double late_completion = 0.5; ///< that an operation that need not wait is complete later, not at once
    double cancel_late = 0.1;     ///< that an operation that is cancelled was done just before
    std::string_view host = "10.0.0.1"; ///< where connections come from, and what 127.0.0.1 is
    std::size_t trace = 1000;           ///< entries that are kept
};

/// An executor in a world of its own, with virtual time, a network and files in memory, and faults as they are asked
/// for. Whatever is written against weir runs in it unchanged. A seed decides all that is left to chance: who of those
/// that are ready runs first, when operations are complete, latencies, faults. The same seed gives the same history.
///
///     weir::testing::simulation sim{17, {.network = {.reset = 0.01}}};
///     sim.spawn(server()).detach();
///     sim.run(client());
///     print(sim.trace().to_string(20));
///
/// No threads: what is offloaded is done at once, and what is posted by other threads makes the history depend on them.
/// There are no programs to start and no changes to `watch` (ENOSYS; `follow` looks by the clock), no descriptors are
/// passed through Unix sockets, and names of hosts are looked up in the real world.
class simulation : public virtual_time_executor {
public:
    /// @throws std::invalid_argument for options that make no sense
    explicit simulation(std::uint64_t seed, const simulation_options& options = {});
    ~simulation() override;

    std::uint64_t seed() const noexcept { return seed_; }

    testing::network network() noexcept;
    testing::files files() noexcept;

    /// A signal comes to the program: to each `signals` stream that waits for it.
    void raise(int signal);
    /// What was written to standard output and standard error. Standard input is empty.
    const std::string& output() const noexcept;

    /// Descriptors that are open.
    std::size_t descriptors() const noexcept;

    const testing::trace& trace() const noexcept;
    /// Adds to the trace.
    void note(std::string text);

private:
    simulation(std::uint64_t seed, std::shared_ptr<detail::world> w);

    std::uint64_t seed_;
    std::shared_ptr<detail::world> world_;
};

namespace detail {

/// What to do with the error that one seed has brought about: says so on stderr.
void report_failed_seed(const simulation& sim, std::exception_ptr error) noexcept;
/// The seed that WEIR_SEED names, or none.
bool only_seed(std::uint64_t& seed);

} // namespace detail

/// Calls f with a simulation for each of the seeds 1 to n. What f throws is thrown again, after the seed, the end of
/// the trace and the command that runs this seed alone were printed on stderr.
///
///     weir::testing::for_each_seed(1000, options, [](weir::testing::simulation& sim) { sim.run(test()); });
///
/// With WEIR_SEED=17 in the environment: calls it for that seed only.
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
