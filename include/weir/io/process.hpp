// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/backend/backend.hpp>
#include <weir/backend/process_system.hpp>
#include <weir/core/assert.hpp>
#include <weir/executor/executor.hpp>
#include <weir/io/detail/error.hpp>
#include <weir/io/detail/transfer.hpp>
#include <weir/io/file.hpp>

namespace weir {

struct process_options {
    stdio in = stdio::inherit;
    stdio out = stdio::inherit;
    stdio err = stdio::inherit;
    std::string directory = {};                   ///< its working directory; empty for that of this process
    std::vector<std::string> environment = {};    ///< changes to the environment: `NAME=value` sets, `NAME` removes
    bool inherit_environment = true;              ///< false: `environment` is the whole environment
    process_group group = process_group::inherit; ///< own: signals reach the program's own children, too
    on_parent_exit parent_exit = on_parent_exit::keep_running;
    std::optional<std::uint32_t> uid = {};  ///< the user to run as; without supplementary groups if this one is root
    std::optional<std::uint32_t> gid = {};  ///< the group to run as
    std::vector<process_limit> limits = {}; ///< resources that the program may use
};

class child_process;

namespace detail {

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] wait_operation {
public:
    using result_type = exit_status;

    explicit wait_operation(child_process& child) noexcept : child_{&child} {}
    poll<exit_status> poll_result(context& cx);

private:
    child_process* child_;
    io_operation operation_;
};

} // namespace detail

/// A running program. The destructor kills it (SIGKILL) unless `wait` has reported its end. The program's own children
/// are killed with it only if it was started with `process_group::own`: then all processes of the group are, even if
/// the program itself has ended. A process that has left the group is not.
///
/// Signals are sent by a process descriptor, and never reach another process that has got the same number.
///
///     auto start = weir::spawn_process({"sort", "-u"}, {.in = weir::stdio::pipe, .out = weir::stdio::pipe});
///     auto sort = co_await std::move(start);
///     co_await sort.in().write("b\na\nb\n");
///     sort.in().close();
///     co_await (weir::lines(sort.out()) | weir::for_each(print));
///     const weir::exit_status how = co_await sort.wait();
///
/// A program that writes to two pipes may block until both are read. Read them at the same time, as
/// `merge(read(p.out()), read(p.err()))` does.
///
/// Lifetime: it must outlive its operations and must not be moved while they run. It may outlive the executor.
class child_process {
public:
    child_process(std::shared_ptr<process_system> processes, const process_descriptors& made, std::string name,
                  const std::shared_ptr<descriptor_closer>& closer);
    child_process(child_process&& other) noexcept
        : processes_{std::move(other.processes_)},
          process_{std::exchange(other.process_, {})},
          id_{other.id_},
          status_{other.status_},
          name_{std::move(other.name_)},
          in_{std::move(other.in_)},
          out_{std::move(other.out_)},
          err_{std::move(other.err_)} {}
    child_process& operator=(child_process&&) = delete;
    ~child_process() { release(); }

    /// The process id. Another process may get it after `wait` has reported the end.
    int id() const noexcept { return id_; }
    /// The program's name as passed to spawn_process.
    const std::string& name() const noexcept { return name_; }

    /// This side of the program's pipes; not open for streams without a pipe.
    file& in() noexcept { return in_; }
    file& out() noexcept { return out_; }
    file& err() noexcept { return err_; }

    /// `co_await p.wait()`: waits for the end and returns how the process ended. It may be abandoned and called again.
    /// @throws std::system_error when the exit status is not kept, because SIGCHLD is ignored
    auto wait() noexcept { return detail::wait_operation{*this}; }
    /// Whether `wait` has reported the end.
    bool ended() const noexcept { return status_.has_value(); }

    /// Sends a signal: to the program until it has ended, or to all processes of a group of its own.
    /// @throws std::system_error for an invalid number, such as `signal 99 to sort: Invalid argument`
    void signal(int number);
    /// Sends SIGTERM.
    void terminate();
    /// Sends SIGKILL.
    void kill();

private:
    friend detail::wait_operation;

    bool held() const noexcept { return process_.descriptor >= 0; }
    void release() noexcept {
        if (held()) processes_->release(std::exchange(process_, {}));
    }
    void on_end(const exit_status& status) noexcept {
        status_ = status;
        // The number of a group is not reused while its leader has not been reaped.
        if (process_.group == process_group::inherit) release();
    }

    std::shared_ptr<process_system> processes_;
    process_reference process_; // until `wait` has reported the end; to the last if it leads a group of its own
    int id_;
    std::optional<exit_status> status_;
    std::string name_;
    file in_;
    file out_;
    file err_;
};

namespace detail {

inline poll<exit_status> wait_operation::poll_result(context& cx) {
    while (!child_->ended()) {
        if (!operation_.in_flight()) {
            exit_status status;
            const int r = child_->processes_->status(child_->process_, status);
            if (r == 0) {
                child_->on_end(status);
                break;
            }
            if (r != -EAGAIN) throw_io_error(r, "wait for", child_->name());
        }
        const auto r = operation_.run(cx, {.what = io_request::kind::readable, .fd = child_->process_.descriptor});
        if (r.is_pending()) return pending;
        if (*r < 0) throw_io_error(*r, "wait for", child_->name());
    }
    return *child_->status_;
}

/// The strings of a request.
class process_recipe {
public:
    /// @throws std::invalid_argument naming the function
    process_recipe(std::vector<std::string> arguments, process_options options, std::string_view function);

    /// Starts the program.
    child_process spawn(backend& io) const;
    const std::string& program() const noexcept { return arguments_.front(); }

private:
    std::vector<std::string> environment() const;

    std::vector<std::string> arguments_;
    process_options options_;
};

} // namespace detail

/// `co_await spawn_process({program, arguments...}, options)`: starts a program. It is searched in this process's PATH
/// unless its name contains a slash. No shell is involved, unless it is `{"sh", "-c", "..."}`.
///
/// The program inherits its standard streams, and descriptors that other code has opened without close-on-exec. No
/// signal is blocked in it, and SIGPIPE has its default effect.
///
/// Cost: blocks the executor's thread until the program is loaded, for about half a millisecond. `on_parent_exit::kill`
/// costs a thread that waits as long as the program runs.
///
/// @throws std::system_error that names the program and what failed: `spawn sotr: No such file or directory`,
///     `spawn sort in /tmp/none: No such file or directory`, `spawn sort as user 0: Operation not permitted`
/// @throws std::invalid_argument without a program, for strings with a zero byte, for variables without a name, and for
/// stdio::output other than for err
inline auto spawn_process(std::vector<std::string> arguments, process_options options = {}) {
    return detail::immediate_operation{
        [recipe = detail::process_recipe{std::move(arguments), std::move(options), "spawn_process"}](backend& io) {
            return recipe.spawn(io);
        }};
}

} // namespace weir
