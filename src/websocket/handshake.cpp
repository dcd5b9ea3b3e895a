// SPDX-License-Identifier: MIT
#include "handshake.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <random>

#include <weir/http/detail/syntax.hpp>
#include <weir/operators/base64.hpp>

namespace weir::websocket::detail {

namespace {

constexpr std::size_t key_size = 24; // 16 bytes in base64

/// SHA-1 (RFC 3174). It is no protection here: it shows that the server has understood the handshake.
std::array<char, 20> sha1(std::string text) {
    std::array<std::uint32_t, 5> state{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    const std::uint64_t bits = 8 * std::uint64_t{text.size()};
    text.push_back('\x80');
    while (text.size() % 64 != 56) text.push_back('\0');
    for (int shift = 56; shift >= 0; shift -= 8) text.push_back(static_cast<char>(bits >> shift & 0xff));
    for (std::size_t block = 0; block != text.size(); block += 64) {
        std::array<std::uint32_t, 80> w{};
        for (std::size_t i = 0; i != 64; ++i) w[i / 4] = w[i / 4] << 8 | static_cast<unsigned char>(text[block + i]);
        for (std::size_t i = 16; i != 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        auto [a, b, c, d, e] = state;
        for (std::size_t i = 0; i != 80; ++i) {
            std::uint32_t f = b ^ c ^ d;
            std::uint32_t k = i < 40 ? 0x6ed9eba1 : 0xca62c1d6;
            if (i < 20) {
                f = (b & c) | (~b & d);
                k = 0x5a827999;
            } else if (i >= 40 && i < 60) {
                f = (b & c) | (b & d) | (c & d);
                k = 0x8f1bbcdc;
            }
            const std::uint32_t next = std::rotl(a, 5) + f + e + k + w[i];
            e = d;
            d = c;
            c = std::rotl(b, 30);
            b = a;
            a = next;
        }
        state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
    }
    std::array<char, 20> digest{};
    for (std::size_t i = 0; i != digest.size(); ++i)
        digest[i] = static_cast<char>(state[i / 4] >> (24 - 8 * (i % 4)) & 0xff);
    return digest;
}

template <std::size_t N>
std::string base64(const std::array<char, N>& data) {
    weir::detail::base64_encoder encoder{base64_alphabet::standard};
    std::string text = encoder.recode({data.data(), data.size()});
    return text.append(encoder.finish());
}

} // namespace

std::string make_key() {
    std::random_device random;
    std::array<char, 16> key{};
    for (char& byte : key) byte = static_cast<char>(random() & 0xff);
    return base64(key);
}

bool is_key(std::string_view text) noexcept {
    const auto is_digit = [](char c) { return http::detail::is_alphanumeric(c) || c == '+' || c == '/'; };
    return text.size() == key_size && text.ends_with("==") && std::all_of(text.begin(), text.end() - 2, is_digit);
}

std::string accept_key(std::string_view key) {
    std::string text{key};
    return base64(sha1(text.append("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
}

} // namespace weir::websocket::detail
