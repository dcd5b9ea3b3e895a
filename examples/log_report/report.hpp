// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <sstream>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "tally.hpp"

/// Returns a text for a terminal: at most `most` characters, with \xNN for bytes that are not printable ASCII.
inline std::string printable(std::string_view text, std::size_t most = 72) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string shown;
    for (const char c : text) {
        if (shown.size() >= most) return shown + "...";
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f) {
            shown += c;
        } else {
            shown.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
        }
    }
    return shown;
}

inline constexpr std::size_t top_size = 10;

inline std::string status_name(std::size_t code) {
    const std::string digits = std::to_string(1000 + code);
    return digits.substr(1);
}

inline std::string json_report(const tally& t) {
    using json = nlohmann::ordered_json;
    const auto top = [](const name_counts& names) {
        json list = json::array();
        for (const auto& [name, count] : names.top(top_size)) list.push_back(json::array({name, count}));
        return list;
    };
    json status = json::object();
    for (std::size_t code = 0; code != t.status.size(); ++code) {
        if (t.status[code] != 0) status[status_name(code)] = t.status[code];
    }
    const json report = {{"lines", t.lines}, {"malformed", t.malformed},  {"bytes", t.bytes},
                         {"status", status}, {"top_paths", top(t.paths)}, {"top_clients", top(t.clients)}};
    // U+FFFD replaces bytes that are not UTF-8.
    return report.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

/// Returns a size such as "1.5 MB".
inline std::string human_size(std::uint64_t bytes) {
    constexpr std::string_view units = "kMGTPE";
    if (bytes < 1000) return std::to_string(bytes) + " B";
    auto size = static_cast<double>(bytes) / 1000;
    std::size_t unit = 0;
    for (; size >= 999.95; size /= 1000) ++unit;
    std::ostringstream out;
    out << std::fixed << std::setprecision(1) << size << ' ' << units[unit] << 'B';
    return out.str();
}

inline std::string text_report(const tally& t) {
    std::ostringstream out;
    const auto row = [&](std::uint64_t count, std::string_view name) {
        const std::uint64_t hits = t.lines - t.malformed;
        out << std::setw(12) << count << std::setw(7) << std::fixed << std::setprecision(1)
            << 100 * static_cast<double>(count) / static_cast<double>(hits) << "%  " << name << '\n';
    };
    const auto top = [&](std::string_view title, const name_counts& names) {
        out << '\n' << title << '\n';
        for (const auto& [name, count] : names.top(top_size)) row(count, printable(name));
    };
    out << t.lines << " lines, " << t.malformed << " malformed, " << human_size(t.bytes) << " sent\n";
    if (t.lines == t.malformed) return out.str();
    out << "\nStatus\n";
    for (std::size_t code = 0; code != t.status.size(); ++code) {
        if (t.status[code] != 0) row(t.status[code], status_name(code));
    }
    top("Paths", t.paths);
    top("Clients", t.clients);
    return out.str();
}
