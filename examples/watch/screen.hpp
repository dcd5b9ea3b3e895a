// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

/// The terminal of a program that draws frames: without a cursor while it exists, and afterwards as before.
class screen {
public:
    screen() { write("\033[?1049h\033[?25l"); }
    screen(const screen&) = delete;
    screen& operator=(const screen&) = delete;
    ~screen() { write("\033[?25h\033[?1049l"); }

    static bool is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
    static int width() {
        winsize size{};
        return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : 80;
    }
    /// What draws a text in place of the last one, its lines cut to the width. Lines that begin with "> " are marked.
    static std::string drawing(std::string_view text) {
        std::string result{"\033[H"};
        while (!text.empty()) {
            const std::string_view line = text.substr(0, text.find('\n'));
            const bool marked = line.starts_with("> ");
            result += marked ? "\033[1;33m" : "";
            result += line.substr(0, static_cast<std::size_t>(width()));
            result += marked ? "\033[0m\033[K\n" : "\033[K\n";
            text.remove_prefix(line.size() + 1);
        }
        return result + "\033[J";
    }

private:
    static void write(std::string_view code) {
        [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, code.data(), code.size());
    }
};
