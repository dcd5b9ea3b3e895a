// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <weir/core/time.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

/// Something that took time on an executor.
struct trace_span {
    enum class kind : std::uint8_t {
        turn,  ///< the wakers of one turn ran
        run,   ///< one waker ran, within a turn; the name is its line of the dump; "run" if it has none or was short
        idle,  ///< between two turns: the executor visited timers and I/O, and waited for them
        stage, ///< the consumer of a metered stage waited for it; the name is that of the meter
    };

    kind what = kind::run;
    std::string_view name;
    time_point begin; ///< by the clock of the executor
    duration length{};
};

/// Receives the spans of traces, and of several executors at the same time.
class trace_receiver {
public:
    virtual ~trace_receiver() = default;

    /// @param track  the number of the trace: each executor that is traced has one
    /// Threads: called on the threads of the executors. It must neither throw nor destroy a trace, and it should be
    /// quick.
    virtual void receive(std::uint64_t track, const trace_span& span) noexcept = 0;
};

/// Writes spans into a file that https://ui.perfetto.dev and chrome://tracing open: the JSON of Chrome's trace events.
///
/// The destructor completes the file. The viewers also read the file of a process that has crashed.
/// A failed write, such as one on a full disk, is not reported: events are missing then.
/// Threads: may be used on any thread.
class trace_file final : public trace_receiver {
public:
    /// @throws std::system_error when the file cannot be opened for writing
    explicit trace_file(const std::string& path);
    trace_file(const trace_file&) = delete;
    trace_file& operator=(const trace_file&) = delete;
    ~trace_file() override;

    void receive(std::uint64_t track, const trace_span& span) noexcept override;

private:
    void write(std::string_view event) noexcept;

    std::mutex lock_;
    std::FILE* file_;
    std::uint64_t waits_ = 0; // that were written
    bool first_ = true;
};

struct trace_options {
    /// One in so many turns is recorded, with all its runs, and one in so many waits of each metered stage. > 0
    std::uint32_t one_in = 64;
    /// Runs that take at least as long are named after what ran. That costs as much as a dump.
    duration named_from = std::chrono::microseconds{100};
};

/// Records what an executor does, while it exists, and passes it to a receiver.
///
///     weir::trace recorded{ex, std::make_shared<weir::trace_file>("server.json")};
///     ex.run(server());
///
/// The environment variable WEIR_TRACE has the same effect for every executor of a program, without a change to it:
///
///     WEIR_TRACE=server.json ./server
///
/// A sample is recorded, so that a trace may stay on in production. `{.one_in = 1}` records everything.
///
/// Threads: created and destroyed on the executor's thread, or while no thread runs the executor. It must not outlive
/// the executor.
/// Cost: without a trace, nothing. With one, two calls for each run; in a recorded turn, two readings of the clock for
/// each run, and a dump for each run that is named.
/// See: run_watch, meter, dump.
/// @throws std::invalid_argument for one_in = 0; std::logic_error when the executor has a trace already, or is a
/// simulation that tries orders of wakes
class trace {
public:
    trace(executor& ex, std::shared_ptr<trace_receiver> receiver, trace_options options = {});
    trace(const trace&) = delete;
    trace& operator=(const trace&) = delete;
    ~trace();

private:
    class recording;

    std::unique_ptr<recording> recording_;
};

} // namespace weir
