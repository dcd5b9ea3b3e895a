// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/backend/process_system.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/io/bytes.hpp>
#include <weir/io/detail/device.hpp>
#include <weir/io/process.hpp>
#include <weir/source/read.hpp>

namespace weir {

/// A program ended otherwise than with 0.
class process_failed : public std::runtime_error {
public:
    process_failed(const std::string& program, const exit_status& status, std::string error_output);

    const exit_status& status() const noexcept { return status_; }
    /// The end of what it wrote to its error stream, if that was kept.
    const std::string& error_output() const noexcept { return error_output_; }

private:
    exit_status status_;
    std::string error_output_;
};

struct process_output_options {
    stdio in = stdio::null;     ///< not a pipe
    stdio err = stdio::pipe;    ///< pipe: its end is kept for the error; output: it comes out with the output
    std::string directory = {}; ///< as of process_options
    std::vector<std::string> environment = {}; ///< the same
    bool inherit_environment = true;           ///< the same
    std::size_t block = 64 * 1024;             ///< what one read asks for
};

/// What a program writes.
class [[nodiscard("add a sink and co_await it")]] process_output_stream {
public:
    using value_type = bytes;

    process_output_stream(std::vector<std::string> arguments, process_output_options options);

    poll<bytes> poll_next(context& cx);

private:
    using reader = read_stream<detail::borrowed_device<file>>;

    poll<bytes> next(context& cx);
    bool keep_errors(context& cx);

    detail::process_recipe recipe_;
    read_options block_;
    std::string errors_;
    detail::poll_checker checker_;
    std::optional<child_process> child_;
    // After what they read from and wait for: dropped before it.
    std::optional<reader> out_;
    std::optional<reader> err_;
    std::optional<detail::wait_operation> wait_;
};

/// process_output({program, arguments...}): what a program writes to its standard output, as it comes, until its end.
/// It is started at the first poll, as by spawn_process.
///
///     weir::process_output({"journalctl", "-f"}) | weir::lines() | weir::for_each(print)
///
/// When it has closed its output and ended, with 0, the stream ends. Otherwise the stream fails with process_failed,
/// which says how it ended, and what it wrote last (of 4 KiB) to its error stream:
/// `weir::process_output: ls exited with 2: ls: cannot access 'none'`. A program that writes faster than it is asked
/// waits. When the stream is dropped the program is killed. Errors of starting and of reading as of spawn_process and
/// read. A steady state allocates nothing.
///
/// @throws std::invalid_argument as of spawn_process, and for in = stdio::pipe
inline process_output_stream process_output(std::vector<std::string> arguments, process_output_options options = {}) {
    return {std::move(arguments), std::move(options)};
}

} // namespace weir
