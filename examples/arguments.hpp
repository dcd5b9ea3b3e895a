// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <CLI/CLI.hpp>

#include <weir/core/time.hpp>
#include <weir/executor/executor.hpp>

/// Parses the arguments of a program. Wrong ones end it with exit status 2 and its usage.
/// @param check  called after that; throws CLI::ParseError for what the options alone do not show to be wrong
template <class Check>
void parse_arguments(CLI::App& app, int argc, char** argv, std::string_view usage, Check check) {
    for (CLI::Option* const option : app.get_options()) {
        if (!option->get_positional()) option->take_last(); // as most programs do
    }
    try {
        app.parse(argc, argv);
        check();
    } catch (const CLI::ParseError& e) {
        if (e.get_exit_code() == 0) std::exit(app.exit(e)); // --help
        std::cerr << app.get_name() << ": " << e.what() << "\nusage: " << app.get_name() << ' ' << usage << '\n';
        std::exit(2);
    }
}

/// Runs a program's operation, whose result is the exit status if it has one. An error is printed, and the status is 1.
template <class Operation>
int run_program(const CLI::App& app, Operation operation) {
    try {
        if constexpr (std::is_same_v<typename Operation::result_type, int>) {
            return weir::run(std::move(operation));
        } else {
            weir::run(std::move(operation));
            return 0;
        }
    } catch (const std::exception& e) {
        std::cerr << app.get_name() << ": " << e.what() << '\n';
        return 1;
    }
}

/// A check for a number of seconds.
inline std::string seconds_text(const std::string& text) {
    double value = 0;
    const bool ok = CLI::detail::lexical_cast(text, value) && value >= 1e-3 && value < 1e9;
    return ok ? "" : "not a number of seconds: " + text;
}

inline weir::duration seconds(double number) {
    return std::chrono::ceil<weir::duration>(std::chrono::duration<double>{number});
}
