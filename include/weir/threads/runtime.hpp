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

/// How the threads of a runtime are placed on processors.
enum class cpus : std::uint8_t {
    any,  ///< by the kernel
    each, ///< each pinned to one processor, in the order of the processors that the process may use
};

struct runtime_options {
    cpus pin = cpus::any;
    backend_kind backend = backend_kind::automatic;
    /// The handler for errors without a receiver, called on the executor's thread. By default it prints to stderr and
    /// calls std::terminate.
    executor::error_handler on_error = {};
};

/// Executors, each on its own thread. The caller of spawn_on decides which executor runs what.
///
///     weir::runtime rt; // one executor per processor
///     auto a = rt.spawn_on(0, [] { return serve(8080); });
///     auto b = rt.spawn_on(1, [] { return serve(8081); });
///     co_await a;
///
/// Errors: handles of operations that the destructor drops throw `stopped`.
/// Dropped: the destructor stops the executors. Each drops its operations on its own thread; then the threads are
/// joined. The destructor waits only for functions that are running, and for cleanups of async_finally. All executors
/// exist until each of them has dropped its operations, so that operations of one may refer to another executor.
/// Threads: all members except the constructor and the destructor may be called on any thread. A runtime must not be
/// destroyed by its own operations.
/// See: spawn_on, publish_on, parallel.
class runtime {
public:
    /// Creates an executor for each processor that the process may use.
    /// @throws std::system_error when a backend or a thread cannot be created, or cannot be pinned
    explicit runtime(runtime_options options = {});
    /// @param n  the number of executors, > 0; with fewer processors to pin them to, they share processors
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

    /// `spawn_on(at(i), f)`: calls f on the thread of executor i, and runs the operation that it returns.
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
