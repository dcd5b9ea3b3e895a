// SPDX-License-Identifier: MIT
// Follows many log files, counts the lines for each key, and prints a table of the most frequent keys per window.
//
//     log_table [--seconds N] FIELD FILE...        log_table 9 /var/log/nginx/*.log
//
// The key of a line is its word number FIELD, from 1; without that word it is (none). After 10 000 keys in a window,
// further ones count as (other). Rotated files are followed. A file that cannot be read is reported. SIGINT and SIGTERM
// end the program after a last table, and a second signal ends it at once.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <ranges>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <weir/weir.hpp>

#include "arguments.hpp"

namespace {

using table = std::map<std::string, std::uint64_t, std::less<>>;

std::string_view key_of(std::string_view line, int field) {
    for (;; --field) {
        line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
        const std::string_view word = line.substr(0, line.find_first_of(" \t"));
        if (word.empty()) return "(none)";
        if (field == 1) return word.substr(0, 60);
        line.remove_prefix(word.size());
    }
}

std::string text(const table& counts) {
    std::multimap<std::uint64_t, std::string, std::greater<>> rows;
    for (const auto& [key, lines] : counts) rows.emplace(lines, key);
    std::ostringstream result;
    result << rows.size() << " keys\n";
    for (auto& [lines, key] : rows | std::views::take(20)) {
        std::ranges::replace_if(key, [](char c) { return c < ' ' || c > '~'; }, '?');
        result << std::setw(10) << lines << "  " << key << '\n';
    }
    return result.str() + '\n';
}

weir::task<int> show(int field, std::chrono::seconds period, const std::vector<std::string>& paths) {
    int status = 0;
    const auto give_up = [&](const std::system_error& e) {
        std::cerr << "log_table: " << e.what() << '\n';
        status = 1;
        return weir::empty<weir::bytes>();
    };
    const auto open = [&](const std::string& path) {
        return weir::follow(path) | weir::lines({.limit = 65536, .on_long = weir::long_lines::truncate}) |
               weir::on_error_resume<std::system_error>(give_up);
    };
    const auto count_line = [field](table counts, const weir::bytes& line) {
        const std::string_view key = key_of(line, field);
        const auto known = counts.find(key);
        ++(known != counts.end() ? known->second : counts[counts.size() < 10'000 ? std::string{key} : "(other)"]);
        return counts;
    };
    const auto count_lines = [&](auto lines) { return std::move(lines) | weir::fold(table{}, count_line); };
    auto tables = weir::from_range(paths) | weir::flat_map(paths.size(), open) |
                  weir::take_until(weir::signals(SIGINT, SIGTERM)) | weir::window(weir::interval(period), count_lines) |
                  weir::map(text);
    co_await weir::when_any(std::move(tables) | weir::write(weir::standard_output()),
                            weir::signals(SIGINT, SIGTERM) | weir::skip(1) | weir::first());
    co_return status;
}

} // namespace

int main(int argc, char** argv) {
    int field = 0;
    int seconds = 5;
    std::vector<std::string> paths;
    CLI::App app{"Shows how often each key occurs in log files, per window.", "log_table"};
    app.add_option("--seconds", seconds, "length of a window (5)")->check(CLI::Range(1, 86'400));
    app.add_option("FIELD", field)->required()->check(CLI::Range(1, 1000));
    app.add_option("FILE", paths)->required();
    parse_arguments(app, argc, argv, "[--seconds N] FIELD FILE...", [] {});
    return run_program(app, show(field, std::chrono::seconds{seconds}, paths));
}
