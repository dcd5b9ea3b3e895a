// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <weir/async_stream.hpp>
#include <weir/core/stream.hpp>
#include <weir/http/message.hpp>
#include <weir/io/byte_stream.hpp>
#include <weir/io/bytes.hpp>

namespace weir::http {

namespace detail {

template <byte_stream S, class Gate>
class message_writer;

template <class S>
concept part_stream = stream<S> && (std::same_as<item_t<S>, std::string> || std::same_as<item_t<S>, bytes>);

} // namespace detail

/// The body of a message that is to be sent: nothing, a text, or a stream of parts, which are std::string or bytes.
///
///     weir::http::body nothing;
///     weir::http::body text{"hello\n"};
///     weir::http::body page{weir::read("page.html")};           // sent in chunks
///     weir::http::body file{weir::read(path), size};            // with Content-Length
///
/// A stream is asked for a part when the earlier ones were sent. One with a size must deliver exactly so many bytes.
/// Empty parts are skipped.
///
/// Cost: one allocation for a stream.
class body {
public:
    body() noexcept = default;
    body(std::string text) noexcept : content_{std::move(text)} {}
    body(std::string_view text) : content_{std::string{text}} {}
    body(const char* text) : content_{std::string{text}} {}
    body(bytes part) noexcept : content_{std::move(part)} {}
    template <detail::part_stream S>
    body(S parts) : content_{async_stream<item_t<S>>{std::move(parts)}} {}
    /// @param length  of all parts together
    template <detail::part_stream S>
    body(S parts, std::uint64_t length) : content_{async_stream<item_t<S>>{std::move(parts)}}, length_{length} {}

    /// Calls f when the body has ended and sends its result behind the body, if that is sent in chunks. The body fails
    /// when f does, and when the result has a header that must not be there: Content-Length, Transfer-Encoding, Host or
    /// Connection.
    body& with_trailers(std::function<headers()> f) {
        trailers_ = std::move(f);
        return *this;
    }

    /// The number of bytes, if it is known.
    std::optional<std::uint64_t> length() const noexcept;
    /// Whether it is a stream, which can be sent once. Otherwise `text` returns all of it.
    bool is_stream() const noexcept {
        return std::holds_alternative<async_stream<std::string>>(content_) ||
               std::holds_alternative<async_stream<bytes>>(content_);
    }
    /// The text of a body that is no stream.
    std::string_view text() const noexcept;

private:
    template <byte_stream S, class Gate>
    friend class detail::message_writer;

    std::variant<std::monostate, std::string, bytes, async_stream<std::string>, async_stream<bytes>> content_;
    std::optional<std::uint64_t> length_; // of a stream
    std::function<headers()> trailers_;
};

} // namespace weir::http
