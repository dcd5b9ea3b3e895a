// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/backend/process_system.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/io/bytes.hpp>
#include <weir/io/detail/device.hpp>
#include <weir/io/process.hpp>
#include <weir/source/read.hpp>

namespace weir {

/// Thrown when a program did not exit with 0.
class process_failed : public std::runtime_error {
public:
    process_failed(const std::string& program, const exit_status& status, std::string error_output);

    const exit_status& status() const noexcept { return status_; }
    /// The last part of the program's error output; empty when `err` was not stdio::pipe.
    const std::string& error_output() const noexcept { return error_output_; }

private:
    exit_status status_;
    std::string error_output_;
};

struct process_output_options {
    stdio in = stdio::null;     ///< not a pipe
    stdio err = stdio::pipe;    ///< pipe: the last part is kept for the error; output: it is merged into the output
    std::string directory = {}; ///< as in process_options
    std::vector<std::string> environment = {};                 ///< as in process_options
    bool inherit_environment = true;                           ///< as in process_options
    process_group group = process_group::inherit;              ///< as in process_options
    on_parent_exit parent_exit = on_parent_exit::keep_running; ///< as in process_options
    std::optional<std::uint32_t> uid = {};                     ///< as in process_options
    std::optional<std::uint32_t> gid = {};                     ///< as in process_options
    std::vector<process_limit> limits = {};                    ///< as in process_options
    std::size_t block = 64 * 1024;                             ///< the maximum size of one read
};

/// The stream of a program's output.
class [[nodiscard("add a sink and co_await it")]] process_output_stream {
public:
    using value_type = bytes;

    process_output_stream(std::vector<std::string> arguments, process_output_options options);

    poll<bytes> poll_next(context& cx);

    void outline(stage_outline& out) const { out.holds({.bytes = block_.block}); }

private:
    using reader = read_stream<detail::borrowed_device<file>>;

    poll<bytes> next(context& cx);
    bool keep_errors(context& cx);

    detail::process_recipe recipe_;
    read_options block_;
    std::string errors_;
    detail::poll_checker checker_;
    std::optional<child_process> child_;
    // Declared after the process, so that they are destroyed before it.
    std::optional<reader> out_;
    std::optional<reader> err_;
    std::optional<detail::wait_operation> wait_;
};

/// process_output({program, arguments...}): the standard output of a program, as it arrives. The program is started at
/// the first poll, as by spawn_process.
///
///     weir::process_output({"journalctl", "-f"}) | weir::lines() | weir::for_each(print)
///
/// Ends: when the program has closed its output and exited with 0.
/// Errors: process_failed when the program ended otherwise. Its message says how, and contains the last 4 KiB of the
/// program's error output: `weir::process_output: ls exited with 2: ls: cannot access 'none'`. Also the errors of
/// spawn_process and read.
/// Dropped: kills the program, and its own children if `group` is `process_group::own`.
/// Cost: a steady state allocates nothing. A program that writes faster than the stream is polled has to wait.
/// See: spawn_process, lines.
///
/// @throws std::invalid_argument as spawn_process, and for in = stdio::pipe
inline process_output_stream process_output(std::vector<std::string> arguments, process_output_options options = {}) {
    return {std::move(arguments), std::move(options)};
}

} // namespace weir
