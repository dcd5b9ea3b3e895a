// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <memory>
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
    std::string directory = {};                ///< where it begins; empty: in that of this process
    std::vector<std::string> environment = {}; ///< beside that of this process: `NAME=value` sets, `NAME` removes
    bool inherit_environment = true;           ///< false: `environment` is all that there is
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

/// A program that was started. When this is destroyed before `wait` has told how it ended, it is killed (SIGKILL) and
/// gone; what it has started itself is not.
///
///     auto start = weir::spawn_process({"sort", "-u"}, {.in = weir::stdio::pipe, .out = weir::stdio::pipe});
///     auto sort = co_await std::move(start);
///     co_await sort.in().write("b\na\nb\n");
///     sort.in().close();
///     co_await (weir::lines(sort.out()) | weir::for_each(print));
///     const weir::exit_status how = co_await sort.wait();
///
/// A program that writes much to two pipes waits until both are read: read them at the same time, as
/// `merge(read(p.out()), read(p.err()))` does.
///
/// Lifetime: it outlives, and stays where it is during, operations on it; it may outlive the executor.
class child_process {
public:
    child_process(std::shared_ptr<process_system> processes, const process_descriptors& made, std::string name,
                  const std::shared_ptr<descriptor_closer>& closer);
    child_process(child_process&& other) noexcept
        : processes_{std::move(other.processes_)},
          process_{std::exchange(other.process_, -1)},
          id_{other.id_},
          status_{other.status_},
          name_{std::move(other.name_)},
          in_{std::move(other.in_)},
          out_{std::move(other.out_)},
          err_{std::move(other.err_)} {}
    child_process& operator=(child_process&&) = delete;
    ~child_process() { release(); }

    /// What the kernel calls it; may be that of another process once it has ended and `wait` told so.
    int id() const noexcept { return id_; }
    /// The program, as it was given.
    const std::string& name() const noexcept { return name_; }

    /// The ends of its pipes that are here; not open where there is none.
    file& in() noexcept { return in_; }
    file& out() noexcept { return out_; }
    file& err() noexcept { return err_; }

    /// `co_await p.wait()`: how it ended, when it has. May be abandoned, and may be asked again.
    /// @throws std::system_error when the process does not keep its children's ends (SIGCHLD is ignored)
    auto wait() noexcept { return detail::wait_operation{*this}; }
    /// Whether `wait` has told.
    bool ended() const noexcept { return process_ < 0; }

    /// Nothing happens to one that has ended.
    /// @throws std::system_error for a number that is none, `signal 99 to sort: Invalid argument`
    void signal(int number);
    /// SIGTERM: asks it to end.
    void terminate();
    /// SIGKILL
    void kill();

private:
    friend detail::wait_operation;

    void release() noexcept {
        if (const int process = std::exchange(process_, -1); process >= 0) processes_->release(process);
    }

    std::shared_ptr<process_system> processes_;
    int process_; // a descriptor, until it is known how it ended
    int id_;
    exit_status status_;
    std::string name_;
    file in_;
    file out_;
    file err_;
};

namespace detail {

inline poll<exit_status> wait_operation::poll_result(context& cx) {
    while (!child_->ended()) {
        if (!operation_.in_flight()) {
            const int r = child_->processes_->status(child_->process_, child_->status_);
            if (r == 0) child_->release();
            if (r == 0) break;
            if (r != -EAGAIN) throw_io_error(r, "wait for", child_->name());
        }
        const auto r = operation_.run(cx, {.what = io_request::kind::readable, .fd = child_->process_});
        if (r.is_pending()) return pending;
        if (*r < 0) throw_io_error(*r, "wait for", child_->name());
    }
    return child_->status_;
}

/// The strings of a request.
class process_recipe {
public:
    /// @throws std::invalid_argument naming the function
    process_recipe(std::vector<std::string> arguments, process_options options, std::string_view function);

    /// Starts it.
    child_process spawn(backend& io) const;
    const std::string& program() const noexcept { return arguments_.front(); }

private:
    std::vector<std::string> environment() const;

    std::vector<std::string> arguments_;
    process_options options_;
};

} // namespace detail

/// `co_await spawn_process({program, arguments...}, options)`: a program that runs beside this one. It is looked for in
/// PATH (that of this process) unless its name has a slash. There is no shell, unless it is `{"sh", "-c", "..."}`.
///
/// It has no descriptors but its standard streams, and those that were opened without close-on-exec by code other than
/// weir's. No signal is blocked in it, and SIGPIPE ends it.
///
/// Starting it holds the executor's thread until the program is loaded, about half a millisecond.
///
/// @throws std::system_error `spawn sotr: No such file or directory`,
///     `spawn sort in /tmp/none: No such file or directory`
/// @throws std::invalid_argument without a program, for strings with a zero in them, for variables without a name, and
/// for stdio::output where it is not for err
inline auto spawn_process(std::vector<std::string> arguments, process_options options = {}) {
    return detail::immediate_operation{
        [recipe = detail::process_recipe{std::move(arguments), std::move(options), "spawn_process"}](backend& io) {
            return recipe.spawn(io);
        }};
}

} // namespace weir
