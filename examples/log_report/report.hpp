// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <sstream>
#include <string>
#include <string_view>

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

/// Returns the size of the UTF-8 character at the start of a text, or 0 if there is none. `broken` is then the number
/// of bytes that one U+FFFD replaces: the longest valid prefix of a character, as Unicode recommends and WHATWG
/// requires.
inline std::size_t utf8_character(std::string_view text, std::size_t& broken) noexcept {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const unsigned first = byte(0);
    std::size_t size = 1;
    unsigned lowest = 0x80, highest = 0xbf; // limits for the second byte
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) {
        size = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        size = 3;
        if (first == 0xe0) lowest = 0xa0;  // rejects overlong forms
        if (first == 0xed) highest = 0x9f; // rejects surrogates
    } else if (first >= 0xf0 && first <= 0xf4) {
        size = 4;
        if (first == 0xf0) lowest = 0x90;
        if (first == 0xf4) highest = 0x8f; // up to U+10FFFF
    } else {
        broken = 1;
        return 0;
    }
    for (std::size_t i = 1; i != size; ++i) {
        if (byte(i) < lowest || byte(i) > highest) {
            broken = i;
            return 0;
        }
        lowest = 0x80;
        highest = 0xbf;
    }
    return size;
}

/// Appends a JSON string. U+FFFD replaces bytes that are not UTF-8.
inline void append_json(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += '"';
    while (!text.empty()) {
        std::size_t size = 0;
        const std::size_t whole = utf8_character(text, size);
        if (whole == 0) {
            out += "\\ufffd";
        } else if (size = whole; whole == 1 && (text[0] == '"' || text[0] == '\\')) {
            out.append(1, '\\').append(1, text[0]);
        } else if (whole == 1 && static_cast<unsigned char>(text[0]) < 0x20) {
            out.append("\\u00").append(1, text[0] < 0x10 ? '0' : '1').append(1, digits[text[0] & 15]);
        } else {
            out += text.substr(0, whole);
        }
        text.remove_prefix(size);
    }
    out += '"';
}

inline constexpr std::size_t top_size = 10;

inline std::string status_name(std::size_t code) {
    const std::string digits = std::to_string(1000 + code);
    return digits.substr(1);
}

inline std::string json_report(const tally& t) {
    const auto top = [](const name_counts& names) {
        std::string list;
        for (const auto& [name, count] : names.top(top_size)) {
            list += list.empty() ? "[" : ",[";
            append_json(list, name);
            list += ',' + std::to_string(count) + ']';
        }
        return list;
    };
    std::string status;
    for (std::size_t code = 0; code != t.status.size(); ++code) {
        if (t.status[code] == 0) continue;
        if (!status.empty()) status += ',';
        status += '"' + status_name(code) + "\":" + std::to_string(t.status[code]);
    }
    return "{\"lines\":" + std::to_string(t.lines) + ",\"malformed\":" + std::to_string(t.malformed) +
           ",\"bytes\":" + std::to_string(t.bytes) + ",\"status\":{" + status + "},\"top_paths\":[" + top(t.paths) +
           "],\"top_clients\":[" + top(t.clients) + "]}\n";
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
