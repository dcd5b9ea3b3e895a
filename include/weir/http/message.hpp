// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

namespace detail {
class parser;
} // namespace detail

/// The header fields of a message, in their order. Names are compared without regard to case, and a name may occur
/// several times.
///
///     weir::http::headers h{{"Content-Type", "text/plain"}};
///     h.add("Set-Cookie", "a=1").add("Set-Cookie", "b=2");
///     h.get("content-type");                    // "text/plain"
///     for (auto [name, value] : h) print(name, value);
///
/// A name or a value that could end its line and start another one is refused, so that data of a user cannot become
/// headers. White space around a value is removed.
///
/// Errors: std::invalid_argument for a name that is not a token, and for a value with a control character.
/// Lifetime: names and values are views, which are valid until the object changes.
/// Cost: two blocks of memory, which `clear` keeps. A look-up compares every name.
class headers {
public:
    struct field {
        std::string_view name;
        std::string_view value;

        friend bool operator==(const field&, const field&) = default;
    };

private:
    struct place {
        std::uint32_t line; // where it begins in the text
        std::uint32_t name_size;
        std::uint32_t value_size;
    };

public:
    using value_type = field;

    class iterator {
    public:
        using iterator_concept = std::forward_iterator_tag;
        using iterator_category = std::input_iterator_tag; // it returns values
        using value_type = field;
        using difference_type = std::ptrdiff_t;
        using reference = field;
        using pointer = void;

        iterator() noexcept = default;

        field operator*() const noexcept { return owner_->at(*place_); }
        iterator& operator++() noexcept {
            ++place_;
            return *this;
        }
        iterator operator++(int) noexcept {
            const iterator old{*this};
            ++place_;
            return old;
        }
        friend bool operator==(const iterator&, const iterator&) = default;

    private:
        friend class headers;

        iterator(const headers& owner, const place* p) noexcept : owner_{&owner}, place_{p} {}

        const headers* owner_ = nullptr;
        const place* place_ = nullptr;
    };
    using const_iterator = iterator;

    headers() noexcept = default;
    headers(std::initializer_list<field> fields);

    /// Adds a field behind the others.
    headers& add(std::string_view name, std::string_view value);
    /// Replaces all fields of this name by one, which stands last.
    headers& set(std::string_view name, std::string_view value);
    /// Removes all fields of this name, and returns their number.
    std::size_t erase(std::string_view name);
    void clear() noexcept;

    std::size_t size() const noexcept { return places_.size(); }
    bool empty() const noexcept { return places_.empty(); }
    iterator begin() const noexcept { return {*this, places_.data()}; }
    iterator end() const noexcept { return {*this, places_.data() + places_.size()}; }

    /// The value of the first field of this name.
    std::optional<std::string_view> get(std::string_view name) const noexcept;
    bool contains(std::string_view name) const noexcept { return get(name).has_value(); }
    std::size_t count(std::string_view name) const noexcept;
    /// Whether one of the comma-separated lists in fields of this name has the token, without regard to case:
    /// `has_token("Connection", "close")`.
    bool has_token(std::string_view name, std::string_view token) const noexcept;

    /// The fields as they stand in a message: `Name: value` and CR LF for each.
    std::string_view text() const noexcept { return text_; }

    /// Whether two objects have the same fields in the same order. Names are compared with regard to case.
    friend bool operator==(const headers& a, const headers& b) noexcept { return a.text_ == b.text_; }

private:
    friend class detail::parser;

    field at(const place& p) const noexcept;
    /// Adds a field that is known to be valid.
    void append(std::string_view name, std::string_view value);

    std::string text_;
    std::vector<place> places_;
};

enum class version : std::uint8_t { http_1_0, http_1_1 };

/// The request line and the headers of a request.
struct request_head {
    std::string method = "GET";
    std::string target = "/"; ///< as it stands in the request line, with percent signs
    http::version version = http::version::http_1_1;
    http::headers headers = {};

    /// The path of the target: `/a%20b` for `/a%20b?c=d` and for `http://host/a%20b?c=d`.
    std::string_view path() const noexcept;
    /// The query of the target, without its question mark: `c=d`. Empty if there is none.
    std::string_view query() const noexcept;
    /// The host and the port that the request is for: of the target if that has them, or else of the header.
    std::string_view host() const noexcept;
};

/// The status line and the headers of a response.
struct response_head {
    unsigned status = 200;
    std::string reason = {}; ///< empty: `reason_phrase(status)`
    http::version version = http::version::http_1_1;
    http::headers headers = {};
};

/// `Not Found` for 404. Empty for a status that no standard defines.
std::string_view reason_phrase(unsigned status) noexcept;

/// Limits for the heads of messages that arrive. What exceeds one is refused with a message_too_large.
struct head_limits {
    std::size_t start_line = 8 * 1024; ///< the bytes of the request line or status line
    std::size_t head = 64 * 1024;      ///< the bytes of the start line and the headers; also those of the trailers
    std::size_t headers = 100;         ///< the number of headers; also that of trailers

    friend bool operator==(const head_limits&, const head_limits&) = default;
};

} // namespace weir::http
