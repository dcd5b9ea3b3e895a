// SPDX-License-Identifier: MIT
#include <weir/observe/log.hpp>

#include <iostream>

#include <weir/core/detail/one_line.hpp>
#include <weir/observe/what_happened.hpp>

namespace weir::detail {

std::string log_line(std::string_view name, std::string_view event, std::string_view text) {
    std::string line{name};
    line.append(": ").append(event);
    if (!text.empty()) line += ' ';
    append_in_one_line(line, text);
    return line;
}

std::string log_line(std::string_view name, const stream_ending& ending) {
    if (ending.failed()) return log_line(name, "error", what_happened(ending.error()));
    return log_line(name, ending.ended() ? "end" : "dropped");
}

void write_log_line(std::ostream& out, std::string line) {
    line += '\n';
    out.write(line.data(), static_cast<std::streamsize>(line.size())).flush();
}

std::ostream& standard_log() noexcept { return std::cerr; }

} // namespace weir::detail
