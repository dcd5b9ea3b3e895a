// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/recoded.hpp>

namespace weir {

/// Thrown when a text is not hexadecimal.
class invalid_hex : public detail::invalid_code {
public:
    explicit invalid_hex(std::uint64_t position)
        : invalid_code{"weir::hex_decode: no hexadecimal digit at character ", position} {}
};

namespace detail {

class hex_encoder {
public:
    std::string recode(std::string_view part) const {
        constexpr std::string_view digits = "0123456789abcdef";
        std::string text;
        text.reserve(part.size() * 2);
        for (const char c : part) {
            const auto byte = static_cast<unsigned char>(c);
            text.push_back(digits[byte >> 4]);
            text.push_back(digits[byte & 15]);
        }
        return text;
    }
    std::string finish() const { return {}; }
};

class hex_decoder {
public:
    /// @throws invalid_hex
    std::string recode(std::string_view part) {
        std::string bytes;
        bytes.reserve(part.size() / 2 + 1);
        for (const char c : part) {
            if (!is_blank(c)) {
                const int value = value_of(c);
                if (value < 0) throw invalid_hex{position_};
                if (half_) bytes.push_back(static_cast<char>(first_ << 4 | value));
                first_ = value;
                half_ = !half_;
            }
            ++position_;
        }
        return bytes;
    }
    /// @throws invalid_hex when half of a byte is missing
    std::string finish() const {
        if (half_) throw invalid_hex{position_};
        return {};
    }

private:
    static int value_of(char c) noexcept {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        if (c >= 'A' && c <= 'F') return c - 'A' + 10;
        return -1;
    }

    std::uint64_t position_ = 0;
    int first_ = 0;     // the first digit of a byte
    bool half_ = false; // whether the second one is missing
};

} // namespace detail

/// The bytes of an upstream as hexadecimal digits.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] hex_encode_stream : public detail::recoded<S, detail::hex_encoder> {
public:
    explicit hex_encode_stream(S upstream) : hex_encode_stream::recoded(std::move(upstream), {}) {}
};

/// The bytes for which the hexadecimal digits of an upstream stand.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] hex_decode_stream : public detail::recoded<S, detail::hex_decoder> {
public:
    explicit hex_decode_stream(S upstream) : hex_decode_stream::recoded(std::move(upstream), {}) {}
};

struct hex_encode_fn : detail::operator_fn<hex_encode_fn> {
    template <class S>
    using pipeline = hex_encode_stream<S>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool ok = detail::text_item<T>;
        static_assert(ok, "weir::hex_encode(): the items are neither weir::bytes nor what converts to "
                          "std::string_view");
        return ok;
    }

    constexpr auto operator()() const { return with(); }
};

struct hex_decode_fn : detail::operator_fn<hex_decode_fn> {
    template <class S>
    using pipeline = hex_decode_stream<S>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool ok = detail::text_item<T>;
        static_assert(ok, "weir::hex_decode(): the items are not text: neither weir::bytes nor what converts to "
                          "std::string_view");
        return ok;
    }

    constexpr auto operator()() const { return with(); }
};

/// hex_encode(): each item, which are bytes, as a std::string with two hexadecimal digits per byte, in lower case.
///
///     in            --"ab"------"\xff"--|
///     hex_encode()  --"6162"----"ff"----|
///
///     weir::read(path) | weir::hex_encode() | weir::write(weir::standard_output())
///
/// An empty item is left out.
///
/// Ends: with upstream. Errors: upstream's.
/// Cost: an allocation per item.
/// See: hex_decode, base64_encode.
inline constexpr hex_encode_fn hex_encode{};

/// hex_decode(): the bytes for which hexadecimal digits stand, in either case, as a std::string for each item.
///
///     in            --"616"----"2 f"----"f"-----|
///     hex_decode()  --"a"------"b"------"\xff"--|
///
/// The items are taken as one text: a byte may span two items. White space is left out, and an item that completes no
/// byte gives none.
///
/// Ends: with upstream. Errors: upstream's; invalid_hex, in place of the item with another character, or in place of
/// the end when the second digit of a byte is missing.
/// Cost: an allocation per item; half a byte held.
/// See: hex_encode, base64_decode.
inline constexpr hex_decode_fn hex_decode{};

} // namespace weir
