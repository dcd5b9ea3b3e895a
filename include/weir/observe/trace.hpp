// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>

#include <weir/core/time.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

/// Something that took time on an executor, or happened at one moment.
struct trace_span {
    enum class kind : std::uint8_t {
        turn,  ///< the wakers of one turn ran
        run,   ///< one waker ran, within a turn; the name is its line of the dump; "run" if it has none or was short
        idle,  ///< between two turns: the executor visited timers and I/O, and waited for them
        stage, ///< the consumer of a metered stage waited for it; the name is that of the meter
        stage_begins, ///< a metered stage was polled for the first time; the text is the operators in front of it
        stage_ends,   ///< the text is "ended", "dropped", or "failed" with the message of the error
        item,         ///< an item came to a meter; the text is that of its function, if it has one
    };

    kind what = kind::run;
    std::string_view name;
    time_point begin;           ///< by the clock of the executor
    duration length{};          ///< zero for the last three kinds
    std::uint64_t stage = 0;    ///< for the last four kinds: the number of the stage on its executor
    std::uint64_t asked_by = 0; ///< for stage_begins: the number of the next metered stage downstream; 0 if not known
    std::string_view text;
    std::string_view locals; ///< "request = 17": the values of `local` for the code that ran; empty for turns and idle
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

/// Writes spans into a file: a web page when the path ends in ".html", else what https://ui.perfetto.dev and
/// chrome://tracing open.
///
/// The page replays the run: the metered stages as boxes, the items between them, who waits for whom, and a diagram of
/// marbles for each stage. It needs no network. It contains the same events as the other format, which is the JSON of
/// Chrome's trace events, and opens files of that format as well. A page takes the first 64 MiB of events.
///
/// The destructor completes the file. The file of a process that has crashed can be opened, too.
/// Threads: may be used on any thread.
class trace_file final : public trace_receiver {
public:
    using failure_function = std::function<void(const std::system_error&)>;

    /// @param on_failure  is called at the first write that fails, such as on a full disk; the file ends there. By
    /// default the error is printed to stderr. It is called on the thread that writes, must not throw, and must not use
    /// the file.
    /// @throws std::system_error when the file cannot be opened for writing
    explicit trace_file(const std::string& path, failure_function on_failure = {});
    trace_file(const trace_file&) = delete;
    trace_file& operator=(const trace_file&) = delete;
    ~trace_file() override;

    void receive(std::uint64_t track, const trace_span& span) noexcept override;

private:
    void write(std::string_view event) noexcept;
    void write_text(std::string_view text) noexcept;
    void check(bool written) noexcept;

    const std::string path_;
    const failure_function on_failure_;
    const bool page_;
    std::mutex lock_;
    std::FILE* file_;
    std::uint64_t waits_ = 0; // that were written
    std::size_t size_ = 0;    // of the events
    bool first_ = true;
    bool failed_ = false;
};

struct trace_options {
    /// One in so many turns is recorded, with all its runs, and one in so many waits of each metered stage. 1 records
    /// everything: also each item of the metered stages, and their beginning and end. > 0
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
///     WEIR_TRACE=server.html ./server
///
/// A sample is recorded, so that a trace may stay on in production. `{.one_in = 1}` records everything, as a page needs
/// it. WEIR_TRACE does so when its file is a page.
///
/// Threads: created and destroyed on the executor's thread, or while no thread runs the executor. It must not outlive
/// the executor.
/// Cost: without a trace, nothing. With one, two calls for each run; in a recorded turn, two readings of the clock for
/// each run, and a dump for each run that is named. When everything is recorded, three readings of the clock for each
/// item of a metered stage.
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
