// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// Thrown when a text is not UTF-8.
class invalid_utf8 : public std::runtime_error {
public:
    explicit invalid_utf8(std::uint64_t position)
        : runtime_error{"weir::utf8_validate: invalid UTF-8 at byte " + std::to_string(position)},
          position_{position} {}

    /// The number of bytes before the first that is wrong or missing.
    std::uint64_t position() const noexcept { return position_; }

private:
    std::uint64_t position_;
};

namespace detail {

/// Checks text that arrives in parts.
class utf8_checker {
public:
    /// @throws invalid_utf8
    void check(std::string_view part) {
        for (const char c : part) {
            const auto byte = static_cast<unsigned char>(c);
            if (missing_ == 0) {
                if (byte >= 0x80) start(byte);
            } else {
                if (byte < low_ || byte > high_) fail();
                low_ = 0x80;
                high_ = 0xbf;
                --missing_;
            }
            ++position_;
        }
    }
    /// @throws invalid_utf8 when the text ends inside a character
    void end() const {
        if (missing_ != 0) fail();
    }

private:
    /// The first byte of a character says how many follow, and which may follow: no longer form than is needed, no
    /// surrogate, and nothing above U+10FFFF.
    void start(unsigned char byte) {
        if (byte < 0xc2 || byte > 0xf4) fail();
        missing_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        if (byte == 0xe0) low_ = 0xa0;
        if (byte == 0xed) high_ = 0x9f;
        if (byte == 0xf0) low_ = 0x90;
        if (byte == 0xf4) high_ = 0x8f;
    }
    [[noreturn, gnu::cold, gnu::noinline]] void fail() const { throw invalid_utf8{position_}; }

    std::uint64_t position_ = 0;
    unsigned char low_ = 0x80; // the bounds of the next byte of a character
    unsigned char high_ = 0xbf;
    unsigned char missing_ = 0; // the number of bytes that the character lacks
};

} // namespace detail

/// Texts that are UTF-8 together.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] utf8_validate_stream {
public:
    using value_type = item_t<S>;

    explicit utf8_validate_stream(S upstream) : upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        auto item = upstream_.poll_next(cx);
        if (item.is_item()) checker_.check(*item);
        if (item.is_done()) checker_.end();
        return item;
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        auto pass_on = [&](value_type&& item) {
            checker_.check(item);
            return consume(std::move(item));
        };
        const flow answer = weir::poll_each(upstream_, cx, pass_on);
        if (answer == flow::done) checker_.end();
        return answer;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    S upstream_;
    detail::utf8_checker checker_;
};

struct utf8_validate_fn : detail::operator_fn<utf8_validate_fn> {
    template <class S>
    using pipeline = utf8_validate_stream<S>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool ok = std::convertible_to<const T&, std::string_view>;
        static_assert(ok, "weir::utf8_validate(): the items are not text: neither weir::bytes nor what converts to "
                          "std::string_view");
        return ok;
    }

    constexpr auto operator()() const { return with(); }
};

/// utf8_validate(): the items, which are text, unchanged. Fails when the text is not UTF-8.
///
///     in               --"caf\xC3"----"\xA9"----"\xFF"--|
///     utf8_validate()  --"caf\xC3"----"\xA9"----#
///
///     weir::read(socket) | weir::utf8_validate() | weir::lines()
///
/// The items are taken as one text: a character may span several items. As the Unicode standard demands, overlong
/// forms, surrogates and code points above U+10FFFF are refused.
///
/// Ends: with upstream. Errors: upstream's; invalid_utf8, in place of the item with the invalid byte. When the input
/// ends inside a character, invalid_utf8 comes in place of the end.
/// Cost: no allocation; nothing held.
/// See: lines, to_owned.
inline constexpr utf8_validate_fn utf8_validate{};

} // namespace weir
