// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <utility>

#include <weir/backend/backend.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/executor/executor.hpp>
#include <weir/threads/spawn_on.hpp>

namespace weir {

/// Where the threads of a runtime run.
enum class cpus : std::uint8_t {
    any,  ///< where the kernel puts them
    each, ///< each on one processor, in the order of the processors that the process may use
};

struct runtime_options {
    cpus pin = cpus::any;
    backend_kind backend = backend_kind::automatic;
    /// For errors that have no other place to go, on each executor; called on its thread. By default a message on
    /// stderr and std::terminate.
    executor::error_handler on_error = {};
};

/// Executors, each on a thread of its own. What runs where is said by whoever starts it.
///
///     weir::runtime rt; // an executor a processor
///     auto a = rt.spawn_on(0, [] { return serve(8080); });
///     auto b = rt.spawn_on(1, [] { return serve(8081); });
///     co_await a;
///
/// Destroying it stops the executors, has each drop what is spawned on it, on its own thread, and joins the threads.
/// Whoever awaits a part of that elsewhere gets `stopped`. It waits for nothing but what runs at that moment, and what
/// async_finally guards have left to do. The executors live until each of them has dropped what it had, so that what
/// runs on one may refer to another.
///
/// Threads: all but the constructor and the destructor may be called from any thread. It is not destroyed by what runs
/// on it.
class runtime {
public:
    /// An executor for each processor that this process may use.
    /// @throws std::system_error when a backend or a thread cannot be had, or cannot be pinned
    explicit runtime(runtime_options options = {});
    /// @param n  executors, > 0; where there are fewer processors to pin them to, they share them
    /// @throws std::invalid_argument, and as above
    template <std::integral N>
    explicit runtime(N n, runtime_options options = {})
        : runtime{of_size{detail::at_least_one(n, "weir::runtime(n): there must be at least 1 executor")},
                  std::move(options)} {}
    runtime(const runtime&) = delete;
    runtime& operator=(const runtime&) = delete;
    ~runtime();

    std::size_t size() const noexcept { return size_; }

    /// @param i  < size()
    executor& operator[](std::size_t i) const noexcept;
    /// @throws std::out_of_range
    executor& at(std::size_t i) const;

    /// `spawn_on(at(i), f)`: calls f on the thread of the executor with that number, and runs the operation that it
    /// makes.
    template <class F>
    auto spawn_on(std::size_t i, F make, std::source_location place = std::source_location::current()) {
        return weir::spawn_on(at(i), std::move(make), place);
    }

private:
    class threads;
    struct of_size {
        std::size_t n;
    };

    runtime(of_size size, runtime_options options);

    std::size_t size_;
    std::unique_ptr<threads> threads_;
};

} // namespace weir
