// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/recoded.hpp>

namespace weir {

/// The digits of base64, as in RFC 4648.
enum class base64_alphabet : std::uint8_t {
    standard, ///< with + and /, padded with =
    url,      ///< with - and _; the encoder does not pad, and the decoder takes both
};

/// Thrown when a text is not base64.
class invalid_base64 : public detail::invalid_code {
public:
    explicit invalid_base64(std::uint64_t position)
        : invalid_code{"weir::base64_decode: invalid base64 at character ", position} {}
};

namespace detail {

constexpr std::string_view base64_digits(base64_alphabet which) noexcept {
    return which == base64_alphabet::standard ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                                              : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
}

class base64_encoder {
public:
    explicit base64_encoder(base64_alphabet which) noexcept
        : digits_{base64_digits(which)}, pads_{which == base64_alphabet::standard} {}

    std::string recode(std::string_view part) {
        std::string text;
        text.reserve((part.size() + held_) / 3 * 4);
        for (const char c : part) {
            bits_ = bits_ << 8 | static_cast<unsigned char>(c);
            if (++held_ == 3) take(text, 4);
        }
        return text;
    }
    std::string finish() {
        std::string text;
        if (held_ == 0) return text;
        const std::size_t missing = 3 - held_;
        bits_ <<= 8 * missing;
        take(text, 4 - missing);
        if (pads_) text.append(missing, '=');
        return text;
    }

private:
    /// Appends the first n digits of three bytes.
    void take(std::string& text, std::size_t n) {
        for (int shift = 18; n-- != 0; shift -= 6) text.push_back(digits_[bits_ >> shift & 63]);
        bits_ = 0;
        held_ = 0;
    }

    std::string_view digits_;
    bool pads_;
    std::uint32_t bits_ = 0; // of the bytes held
    std::size_t held_ = 0;   // the number of bytes that are not encoded yet
};

class base64_decoder {
public:
    explicit base64_decoder(base64_alphabet which) noexcept : must_pad_{which == base64_alphabet::standard} {
        values_.fill(none);
        const std::string_view digits = base64_digits(which);
        for (std::size_t i = 0; i != digits.size(); ++i) {
            values_[static_cast<unsigned char>(digits[i])] = static_cast<std::uint8_t>(i);
        }
    }

    /// @throws invalid_base64
    std::string recode(std::string_view part) {
        std::string bytes;
        bytes.reserve(part.size() / 4 * 3 + 3);
        for (const char c : part) {
            if (!is_blank(c)) add(c, bytes);
            ++position_;
        }
        return bytes;
    }
    /// @throws invalid_base64 when digits or their padding are missing
    std::string finish() {
        std::string bytes;
        if (missing_padding_ != 0 || (must_pad_ && held_ != 0)) fail();
        if (held_ != 0) take(bytes);
        return bytes;
    }

private:
    static constexpr std::uint8_t none = 255;

    void add(char c, std::string& bytes) {
        if (c == '=') {
            if (!padded_) {
                padded_ = true;
                missing_padding_ = 4 - held_;
                take(bytes);
            }
            if (missing_padding_ == 0) fail();
            --missing_padding_;
            return;
        }
        const std::uint8_t value = values_[static_cast<unsigned char>(c)];
        if (padded_ || value == none) fail();
        bits_ = bits_ << 6 | value;
        if (++held_ == 4) take(bytes);
    }
    /// Appends the bytes of two, three or four digits, of which the last has no bits that no byte needs.
    void take(std::string& bytes) {
        if (held_ < 2) fail();
        const int rest = held_ * 6 % 8;
        if ((bits_ & ((1U << rest) - 1)) != 0) fail();
        bits_ >>= rest;
        for (int left = held_ - 1; left-- != 0;) bytes.push_back(static_cast<char>(bits_ >> 8 * left));
        bits_ = 0;
        held_ = 0;
    }
    [[noreturn, gnu::cold, gnu::noinline]] void fail() const { throw invalid_base64{position_}; }

    std::array<std::uint8_t, 256> values_;
    bool must_pad_;
    std::uint64_t position_ = 0;
    std::uint32_t bits_ = 0;  // of the digits held
    int held_ = 0;            // the number of digits that are not decoded yet
    int missing_padding_ = 0; // the number of = that must follow
    bool padded_ = false;     // nothing else follows
};

} // namespace detail

/// The bytes of an upstream in base64.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] base64_encode_stream
    : public detail::recoded<S, detail::base64_encoder> {
public:
    base64_encode_stream(S upstream, base64_alphabet which)
        : base64_encode_stream::recoded(std::move(upstream), detail::base64_encoder{which}) {}
};

/// The bytes for which the base64 of an upstream stands.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] base64_decode_stream
    : public detail::recoded<S, detail::base64_decoder> {
public:
    base64_decode_stream(S upstream, base64_alphabet which)
        : base64_decode_stream::recoded(std::move(upstream), detail::base64_decoder{which}) {}
};

struct base64_encode_fn : detail::operator_fn<base64_encode_fn> {
    template <class S, class Alphabet>
    using pipeline = base64_encode_stream<S>;

    template <class T, class Alphabet>
    static consteval bool accepts() {
        constexpr bool ok = detail::text_item<T>;
        static_assert(ok, "weir::base64_encode(): the items are neither weir::bytes nor what converts to "
                          "std::string_view");
        return ok;
    }

    constexpr auto operator()(base64_alphabet which = base64_alphabet::standard) const { return with(which); }
};

struct base64_decode_fn : detail::operator_fn<base64_decode_fn> {
    template <class S, class Alphabet>
    using pipeline = base64_decode_stream<S>;

    template <class T, class Alphabet>
    static consteval bool accepts() {
        constexpr bool ok = detail::text_item<T>;
        static_assert(ok, "weir::base64_decode(): the items are not text: neither weir::bytes nor what converts to "
                          "std::string_view");
        return ok;
    }

    constexpr auto operator()(base64_alphabet which = base64_alphabet::standard) const { return with(which); }
};

/// base64_encode(): the items, which are bytes, in base64, as a std::string for each item. base64_encode(alphabet): the
/// same with the digits for URLs.
///
///     in               --"abcd"----"e"----|
///     base64_encode()  --"YWJj"-----------["ZGU="|]
///
///     weir::read(path) | weir::base64_encode() | weir::write(weir::standard_output())
///
/// The items are taken as one sequence of bytes, so that the text has padding at the end alone, and no line breaks. An
/// item that completes no three bytes gives none.
///
/// Ends: with upstream, after the last digits. Errors: upstream's.
/// Cost: an allocation per item; two bytes held.
/// See: base64_decode, hex_encode.
inline constexpr base64_encode_fn base64_encode{};

/// base64_decode(): the bytes for which base64 stands, as a std::string for each item. base64_decode(alphabet): the
/// same with the digits for URLs.
///
///     in               --"YWJjZ"----"GU="----|
///     base64_decode()  --"abc"------"de"-----|
///
/// The items are taken as one text: digits that belong together may span items. White space, such as the line breaks of
/// MIME, is left out. An item that completes no byte gives none.
///
/// Ends: with upstream. Errors: upstream's; invalid_base64, in place of the item with a character that is no digit,
/// follows the padding, or ends the text with bits that no byte needs; in place of the end when digits or padding are
/// missing. The digits for URLs need no padding.
/// Cost: an allocation per item; three digits held.
/// See: base64_encode, hex_decode.
inline constexpr base64_decode_fn base64_decode{};

} // namespace weir
