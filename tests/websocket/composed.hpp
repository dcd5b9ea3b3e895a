// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace support {

/// How a test composes a frame, valid or not.
struct frame {
    unsigned code = 1; // the opcode
    std::string payload = {};
    bool fin = true;
    unsigned reserved = 0; // three bits
    bool masked = true;
    int length_bytes = -1;           // of the extended length: 0, 2 or 8; -1: the shortest
    std::uint64_t says = UINT64_MAX; // a length other than that of the payload

    operator std::string() const { return text(); }
    std::string text() const {
        const std::uint64_t size = says == UINT64_MAX ? payload.size() : says;
        const int more = length_bytes >= 0 ? length_bytes : size < 126 ? 0 : size < 65536 ? 2 : 8;
        std::string made;
        made += static_cast<char>((fin ? 0x80U : 0U) | reserved << 4 | code);
        made += static_cast<char>((masked ? 0x80U : 0U) | (more == 0 ? size : more == 2 ? 126U : 127U));
        for (int i = more - 1; i >= 0; --i) made += static_cast<char>(size >> (8 * i) & 0xff);
        if (!masked) return made.append(payload);
        constexpr std::string_view mask{"\x37\xfa\x21\x3d"};
        made.append(mask);
        for (std::size_t i = 0; i != payload.size(); ++i) made += static_cast<char>(payload[i] ^ mask[i % 4]);
        return made;
    }
};

inline std::string operator+(const frame& a, const frame& b) { return a.text() + b.text(); }
inline std::string operator+(const std::string& a, const frame& b) { return a + b.text(); }

/// A close frame's payload.
inline std::string code(unsigned n, std::string_view text = "") {
    std::string made;
    made += static_cast<char>(n >> 8);
    made += static_cast<char>(n & 0xff);
    return made.append(text);
}

} // namespace support
