// SPDX-License-Identifier: MIT
// Reads several logs, pipes and standard input at once and prints one report, with one pipeline from bytes to a
// summary.
//
//     log_report [--follow] [--json] [--idle-timeout SECONDS] PATH... | -
//
// The logs are access logs of web servers (parse.hpp defines an entry). Memory does not grow with their length
// (tally.hpp bounds the number of different paths). SIGINT and SIGTERM end the program with a report on the lines read
// so far.
//
// Exit status: 0; 1 when an input cannot be read, after the report on the others; 2 for wrong arguments.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include <weir/weir.hpp>

#include "../arguments.hpp"
#include "parse.hpp"
#include "report.hpp"
#include "tally.hpp"

namespace {

using namespace std::chrono_literals;

struct options {
    bool follow = false;
    bool json = false;
    std::string idle_seconds;
    weir::duration idle_timeout = weir::duration::max();
    std::vector<std::string> paths;
};

/// Prints notes and progress on stderr.
class console {
public:
    void note(std::string_view text) {
        clear_progress();
        std::cerr << "log_report: " << text << '\n';
    }

    void malformed(std::string_view file, std::uint64_t number, std::string_view line) {
        if (++malformed_ > 3) return;
        note(printable(file, 200) + ':' + std::to_string(number) + ": malformed: " + printable(line));
    }

    void progress(const tally& so_far) const {
        std::cerr << '\r' << so_far.lines << " lines, " << so_far.malformed << " malformed" << std::flush;
    }
    void clear_progress() const {
        if (on_terminal) std::cerr << "\r\033[K";
    }

    const bool on_terminal = ::isatty(STDERR_FILENO) == 1;

private:
    int malformed_ = 0;
};

/// The state that the parts of the pipeline share. All of them run on one thread.
struct session {
    options wanted;
    console err;
    tally counts;
    bool failed = false;
};

/// The item of the merged stream. The lines of an input are counted where they are read, and are not passed on.
using line_counted = weir::unit;

/// Reads one input. An input that fails ends with a message, and the others go on.
template <weir::stream Bytes>
weir::async_stream<line_counted> count_lines(Bytes input, std::string name, session& s) {
    auto count = [&s, name = std::move(name), number = std::uint64_t{0}](const weir::bytes& line) mutable {
        ++number;
        if (number == 1 && line.view().starts_with("\x1f\x8b")) {
            throw std::system_error{EOPNOTSUPP, std::generic_category(),
                                    "read " + name + ", which gzip has compressed (zcat decompresses it)"};
        }
        const std::optional<hit> content = parse(line);
        if (!content) s.err.malformed(name, number, line);
        s.counts.add(content);
        return line_counted{};
    };
    auto give_up = [&s](const std::system_error& e) {
        s.failed = true;
        s.err.note(e.what());
        return weir::empty<line_counted>();
    };
    // One byte more than the longest line, so that a longer line can be recognised.
    auto lines = std::move(input) | weir::lines({.limit = longest_line + 1, .on_long = weir::long_lines::truncate});
    return std::move(lines) | weir::map(std::move(count)) | weir::on_error_resume<std::system_error>(give_up);
}

weir::async_stream<line_counted> open(const std::string& path, session& s) {
    if (path == "-") {
        if (::isatty(STDIN_FILENO) == 1) s.err.note("reading standard input, to its end (ctrl-D)");
        return count_lines(weir::read(weir::standard_input()), "standard input", s);
    }
    if (s.wanted.follow) return count_lines(weir::follow(path), path, s);
    return count_lines(weir::read(path), path, s);
}

weir::task<> report(session& s) {
    auto open_input = [&s](const std::string& path) { return open(path, s); };
    auto interrupted = weir::signals(SIGINT, SIGTERM) | weir::inspect([&s](int) { s.err.note("interrupted"); });
    // Limits the number of open files. Followed files do not end, so all of them are open.
    const std::size_t at_once = s.wanted.follow ? s.wanted.paths.size() : 32;

    auto counted = weir::from_range(s.wanted.paths) |        // the inputs;
                   weir::flat_map(at_once, open_input) |     // their lines in order of arrival;
                   weir::timeout(s.wanted.idle_timeout) |    // ends when no line arrives in time,
                   weir::take_until(std::move(interrupted)); // or when a signal arrives
    try {
        if (s.err.on_terminal) {
            auto show = [&s](line_counted) { s.err.progress(s.counts); };
            co_await (std::move(counted) | weir::throttle(100ms) | weir::for_each(show));
        } else {
            co_await (std::move(counted) | weir::drain());
        }
    } catch (const weir::timed_out&) {
        s.err.note("no input for " + s.wanted.idle_seconds + " s");
    }

    s.err.clear_progress();
    for (const auto& [names, what] : {std::pair{&s.counts.paths, "paths"}, std::pair{&s.counts.clients, "clients"}}) {
        if (names->error() == 0) continue;
        s.err.note("top " + std::string{what} +
                   " are approximate: there were too many to count each, and counts may be " +
                   std::to_string(names->error()) + " too low");
    }
    std::string text = s.wanted.json ? json_report(s.counts) : text_report(s.counts);
    co_await (weir::just(std::move(text)) | weir::write(weir::standard_output()));
}

options parsed(int argc, char** argv) {
    options o;
    double idle = 0;
    CLI::App app{"Reports the requests of web server logs, their clients and their answers.", "log_report"};
    app.add_flag("--follow", o.follow, "waits for more lines");
    app.add_flag("--json", o.json, "reports as JSON");
    auto* const idle_option = app.add_option("--idle-timeout", idle, "ends when no line comes")->check(seconds_text);
    app.add_option("PATH", o.paths, "files, or - for standard input");
    parse_arguments(app, argc, argv, "[--follow] [--json] [--idle-timeout SECONDS] PATH... | -", [&] {
        if (o.paths.empty() && ::isatty(STDIN_FILENO) == 0) o.paths.emplace_back("-");
        if (o.paths.empty()) throw CLI::ParseError{"no PATH", 2};
        if (std::ranges::count(o.paths, "") != 0) throw CLI::ParseError{"an empty PATH", 2};
        if (std::ranges::count(o.paths, "-") > 1) throw CLI::ParseError{"standard input can be read once", 2};
    });
    if (idle_option->count() != 0) {
        o.idle_seconds = idle_option->results().back();
        o.idle_timeout = seconds(idle);
    }
    return o;
}

} // namespace

int main(int argc, char** argv) {
    session s;
    try {
        s.wanted = parsed(argc, argv);
        weir::run(report(s));
    } catch (const std::exception& e) {
        s.err.note(e.what());
        return 1;
    }
    return s.failed ? 1 : 0;
}
