// SPDX-License-Identifier: MIT
#include <weir/source/process_output.hpp>

#include <string_view>

#include <weir/executor/executor.hpp>
#include <weir/io/detail/device.hpp>

namespace weir {

namespace {

constexpr std::size_t most_errors = 4096;

std::string message_of(const std::string& program, const exit_status& status, std::string_view error_output) {
    std::string text = "weir::process_output: " + program + ' ' + status.to_string();
    while (!error_output.empty() && error_output.back() == '\n') error_output.remove_suffix(1);
    if (!error_output.empty()) (text += ": ") += error_output;
    return text;
}

process_options options_of(process_output_options& from) {
    if (from.in == stdio::pipe) {
        throw std::invalid_argument{"weir::process_output: in is a pipe, which nothing could write to"};
    }
    return {.in = from.in,
            .out = stdio::pipe,
            .err = from.err,
            .directory = std::move(from.directory),
            .environment = std::move(from.environment),
            .inherit_environment = from.inherit_environment,
            .group = from.group,
            .parent_exit = from.parent_exit,
            .uid = from.uid,
            .gid = from.gid,
            .limits = std::move(from.limits)};
}

} // namespace

process_failed::process_failed(const std::string& program, const exit_status& status, std::string error_output)
    : std::runtime_error{message_of(program, status, error_output)},
      status_{status},
      error_output_{std::move(error_output)} {}

process_output_stream::process_output_stream(std::vector<std::string> arguments, process_output_options options)
    : recipe_{std::move(arguments), options_of(options), "process_output"}, block_{options.block} {}

poll<bytes> process_output_stream::poll_next(context& cx) {
    checker_.check();
    return checker_.checked([&] { return next(cx); });
}

/// Returns true when there are no more errors to read.
bool process_output_stream::keep_errors(context& cx) {
    while (err_) {
        auto part = err_->poll_next(cx);
        if (part.is_pending()) return false;
        if (part.is_done()) {
            err_.reset();
            break;
        }
        errors_ += part->view();
        if (errors_.size() > most_errors) errors_.erase(0, errors_.size() - most_errors);
        if (!cx.spend()) {
            static_cast<void>(cx.yield());
            return false;
        }
    }
    return true;
}

poll<bytes> process_output_stream::next(context& cx) {
    if (!child_) {
        child_.emplace(recipe_.spawn(cx.executor().io()));
        out_.emplace(detail::borrowed_device<file>{child_->out()}, block_);
        if (child_->err().is_open()) err_.emplace(detail::borrowed_device<file>{child_->err()}, block_);
    }
    // Reads both, so that the program never blocks on an unread pipe.
    const bool errors_ended = keep_errors(cx);
    if (out_) {
        auto part = out_->poll_next(cx);
        if (!part.is_done()) return part;
        out_.reset();
    }
    if (!errors_ended) return pending;
    if (!wait_) wait_.emplace(*child_);
    const auto status = wait_->poll_result(cx);
    if (status.is_pending()) return pending;
    wait_.reset();
    if (!(*status).success()) throw process_failed{child_->name(), *status, std::move(errors_)};
    return done;
}

} // namespace weir
