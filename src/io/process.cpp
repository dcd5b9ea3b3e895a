// SPDX-License-Identifier: MIT
#include <weir/io/process.hpp>

#include <algorithm>
#include <csignal>
#include <stdexcept>

extern char** environ;

namespace weir {

namespace {

std::string_view name_of(std::string_view variable) { return variable.substr(0, variable.find('=')); }

std::vector<const char*> pointers_to(const std::vector<std::string>& strings) {
    std::vector<const char*> pointers;
    pointers.reserve(strings.size() + 1);
    for (const std::string& s : strings) pointers.push_back(s.c_str());
    pointers.push_back(nullptr);
    return pointers;
}

std::string_view name_of(process_resource resource) {
    switch (resource) {
    case process_resource::address_space:
        return "address_space";
    case process_resource::core_size:
        return "core_size";
    case process_resource::cpu_time:
        return "cpu_time";
    case process_resource::file_size:
        return "file_size";
    case process_resource::open_files:
        return "open_files";
    case process_resource::processes:
        return "processes";
    case process_resource::stack:
        return "stack";
    }
    return "resource";
}

/// What of a request has failed, to follow the name of the program.
std::string failed_part(const process_descriptors& made, const process_options& options) {
    switch (made.failed) {
    case process_step::program:
        break;
    case process_step::streams:
        return " with its standard streams";
    case process_step::group:
        return " in a process group of its own";
    case process_step::limit: {
        const process_limit& limit = options.limits.at(made.failed_limit);
        return " with the limit " + std::to_string(limit.value) + " of " + std::string{name_of(limit.resource)};
    }
    case process_step::gid:
        return " as group " + std::to_string(options.gid.value_or(0));
    case process_step::uid:
        return " as user " + std::to_string(options.uid.value_or(0));
    case process_step::directory:
        return " in " + options.directory;
    }
    return {};
}

bool has_nul(const std::string& s) { return s.find('\0') != s.npos; }

} // namespace

child_process::child_process(std::shared_ptr<process_system> processes, const process_descriptors& made,
                             std::string name, const std::shared_ptr<descriptor_closer>& closer)
    : processes_{std::move(processes)}, process_{made.process}, id_{made.process.id}, name_{std::move(name)} {
    const auto own = [&](int fd, const char* what) {
        return fd < 0 ? file{} : file{detail::descriptor{fd, closer}, what + name_};
    };
    in_ = own(made.in, "standard input of ");
    out_ = own(made.out, "standard output of ");
    err_ = own(made.err, "standard error of ");
}

void child_process::signal(int number) {
    if (!held()) return;
    const int r = processes_->send_signal(process_, number);
    if (r < 0 && r != -ESRCH) detail::throw_io_error(r, "signal " + std::to_string(number) + " to", name_);
}

void child_process::terminate() { signal(SIGTERM); }
void child_process::kill() { signal(SIGKILL); }

namespace detail {

process_recipe::process_recipe(std::vector<std::string> arguments, process_options options, std::string_view function)
    : arguments_{std::move(arguments)}, options_{std::move(options)} {
    const auto require = [&](bool holds, const char* problem) {
        if (!holds) throw std::invalid_argument{"weir::" + std::string{function} + ": " + problem};
    };
    require(!arguments_.empty() && !arguments_.front().empty(), "there is no program");
    require(std::none_of(arguments_.begin(), arguments_.end(), has_nul), "an argument contains a NUL character");
    require(!has_nul(options_.directory), "the directory contains a NUL character");
    for (const std::string& variable : options_.environment) {
        require(!has_nul(variable), "the environment contains a NUL character");
        require(!name_of(variable).empty(), "there is a variable without a name in the environment");
    }
    require(options_.in != stdio::output && options_.out != stdio::output, "stdio::output is for err");
}

std::vector<std::string> process_recipe::environment() const {
    std::vector<std::string> all;
    for (char** own = environ; options_.inherit_environment && own != nullptr && *own != nullptr; ++own)
        all.emplace_back(*own);
    for (const std::string& variable : options_.environment) {
        std::erase_if(all, [&](const std::string& other) { return name_of(other) == name_of(variable); });
        if (variable.find('=') != variable.npos) all.push_back(variable);
    }
    return all;
}

child_process process_recipe::spawn(backend& io) const {
    const bool other_environment = !options_.inherit_environment || !options_.environment.empty();
    const auto variables = other_environment ? environment() : std::vector<std::string>{};
    const auto arguments = pointers_to(arguments_);
    const auto environment = pointers_to(variables);
    const auto processes = io.processes();
    process_descriptors made;
    const int r = processes->spawn({.arguments = arguments.data(),
                                    .environment = other_environment ? environment.data() : nullptr,
                                    .directory = options_.directory.empty() ? nullptr : options_.directory.c_str(),
                                    .in = options_.in,
                                    .out = options_.out,
                                    .err = options_.err,
                                    .group = options_.group,
                                    .parent_exit = options_.parent_exit,
                                    .uid = options_.uid,
                                    .gid = options_.gid,
                                    .limits = options_.limits.data(),
                                    .number_of_limits = options_.limits.size()},
                                   made);
    if (r < 0) throw_io_error(r, "spawn", program() + failed_part(made, options_));
    return {processes, made, program(), io.closer()};
}

} // namespace detail

} // namespace weir
