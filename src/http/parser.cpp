// SPDX-License-Identifier: MIT
#include <weir/http/detail/parser.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include <llhttp.h>

#include <weir/http/detail/syntax.hpp>
#include <weir/http/error.hpp>

namespace weir::http::detail {

namespace {

/// The bytes of chunk sizes and extensions that may stand between the data of two chunks.
constexpr std::size_t most_chunking = 4096;

constexpr std::size_t npos = std::string_view::npos;

/// Characters of a host and its port, of which a name, an IPv4 address or an IPv6 address in brackets consists.
bool is_host(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || (c != '\0' && std::string_view{"-._~%!$&'()*+,;=:[]"}.find(c) != npos);
    });
}

/// The 19 digits that are accepted fit in 63 bits, apart from the largest numbers.
std::optional<std::uint64_t> length_of(std::string_view text) noexcept {
    constexpr std::size_t most_digits = 19;
    if (text.empty() || text.size() > most_digits || !std::all_of(text.begin(), text.end(), is_digit))
        return std::nullopt;
    std::uint64_t length = 0;
    for (const char digit : text) length = 10 * length + static_cast<std::uint64_t>(digit - '0');
    return length >> 63 == 0 ? std::optional{length} : std::nullopt;
}

bool is_chunked(std::string_view coding) noexcept { return equal_without_case(coding, "chunked"); }

} // namespace

/// The lines of heads and trailers are checked and taken apart here, and llhttp checks them again: it is what knows
/// where the message ends. Bodies are left to llhttp.
struct parser::state {
    enum class phase : std::uint8_t { start_line, headers, body, trailers, ended };

    state(message_kind k, std::string n, const head_limits& l) : kind{k}, limits{l}, name{std::move(n)} {
        request.method.clear();
        request.target.clear();
    }
    state(const state&) = delete;
    state& operator=(const state&) = delete;

    message_kind kind;
    phase at = phase::ended;
    bool complete = false; // llhttp has seen the end of the message
    bool empty_line_skipped = false;
    bool is_head_request = false;
    bool is_connect_request = false;

    // What the headers say.
    bool has_host = false;
    bool has_transfer_encoding = false;
    bool says_close = false;
    bool says_keep_alive = false;
    std::optional<std::uint64_t> length;
    // What the head says, which may have been moved away.
    bool no_body = false;
    bool is_http_1_1 = true;

    head_limits limits;
    std::string name;
    request_head request;
    response_head response;
    headers trailers;
    std::string partial;         // the beginning of a line whose end has not arrived
    std::uint64_t position = 0;  // bytes of the message that were parsed, without the partial line
    std::size_t section = 0;     // those of the head, or of the trailers
    std::size_t chunking = 0;    // bytes since the data of the last chunk
    std::span<const char> piece; // of the body
    llhttp_t machine{};

    // Steps.
    void begin();
    bool take_line(std::span<const char>& input);
    void on_line(std::string_view line);
    parse_step take_body(std::span<const char>& input);

    // Parts of a line.
    void on_request_line(std::string_view line);
    void on_status_line(std::string_view line);
    void on_field(std::string_view line);
    void on_head_field(std::string_view field_name, std::string_view value);
    void on_head_end();
    http::version version_of(std::string_view text, std::size_t offset);
    bool has_no_body() const noexcept;
    void execute(std::string_view line);

    std::string_view subject() const noexcept { return at == phase::trailers ? "trailer" : "header"; }
    /// @param offset  from the beginning of the line
    [[noreturn]] void fail(fault reason, std::size_t offset, std::string_view what) const;
    [[noreturn]] void fail_size(message_part part, std::size_t limit) const;
    fault fault_of(llhttp_errno error) const noexcept;

    static const llhttp_settings_t settings;
    static state& of(llhttp_t* machine) noexcept { return *static_cast<state*>(machine->data); }
};

const llhttp_settings_t parser::state::settings = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_headers_complete = [](llhttp_t* machine) { return state::of(machine).no_body ? 1 : 0; };
    s.on_body = [](llhttp_t* machine, const char* data, std::size_t size) -> int {
        state::of(machine).piece = {data, size};
        return HPE_PAUSED;
    };
    s.on_chunk_header = [](llhttp_t* machine) -> int {
        if (machine->content_length != 0) return HPE_OK;
        state& self = state::of(machine);
        self.at = phase::trailers;
        self.section = 0;
        return HPE_PAUSED;
    };
    s.on_message_complete = [](llhttp_t* machine) -> int {
        state::of(machine).complete = true;
        return HPE_PAUSED;
    };
    return s;
}();

void parser::state::begin() {
    request.method.clear();
    request.target.clear();
    request.headers.clear();
    response.reason.clear();
    response.headers.clear();
    trailers.clear();
    at = phase::start_line;
    complete = false;
    empty_line_skipped = false;
    has_host = false;
    has_transfer_encoding = false;
    says_close = false;
    says_keep_alive = false;
    length.reset();
    position = 0;
    section = 0;
    chunking = 0;
    llhttp_init(&machine, kind == message_kind::request ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    machine.data = this;
}

void parser::state::fail(fault reason, std::size_t offset, std::string_view what) const {
    const std::uint64_t byte = position + offset;
    std::string text{"weir::http: read from "};
    text.append(name).append(": byte ").append(std::to_string(byte)).append(": ").append(what);
    throw bad_message{text, reason, byte};
}

void parser::state::fail_size(message_part part, std::size_t limit) const {
    std::string text{"weir::http: read from "};
    text.append(name).append(": ");
    switch (part) {
    case message_part::start_line:
        text.append("the start line has");
        break;
    case message_part::headers:
        text.append(at == phase::trailers ? "there are" : "the head has");
        break;
    case message_part::chunking:
        text.append("the line of a chunk's size has");
        break;
    default:
        text.append(at == phase::trailers ? "the trailers have" : "the head has");
        break;
    }
    text.append(" more than ").append(std::to_string(limit));
    if (part == message_part::headers) {
        text.append(" ").append(subject()).append("s");
    } else {
        text.append(" bytes");
    }
    throw message_too_large{text, part};
}

/// Returns false when the end of the line has not arrived.
bool parser::state::take_line(std::span<const char>& input) {
    if (input.empty()) return false;
    const void* const newline = std::memchr(input.data(), '\n', input.size());
    const std::size_t size = newline == nullptr
                                 ? input.size()
                                 : static_cast<std::size_t>(static_cast<const char*>(newline) - input.data()) + 1;
    // Before anything else, so that the error is the same however the line is split.
    const std::size_t line_size = partial.size() + size;
    if (at == phase::start_line && line_size > 2 &&
        (line_size - 2 > limits.start_line || line_size > limits.head - section)) {
        fail_size(message_part::start_line, std::min(limits.start_line, limits.head));
    }
    if (line_size > limits.head - section) fail_size(message_part::head, limits.head);
    const std::string_view part{input.data(), size};
    input = input.subspan(size);
    if (newline == nullptr) {
        partial.append(part);
        return false;
    }
    if (partial.empty()) {
        on_line(part);
    } else {
        partial.append(part);
        on_line(partial);
        partial.clear();
    }
    return true;
}

void parser::state::on_line(std::string_view line) {
    const std::string_view text = line.substr(0, line.size() - (line.ends_with("\r\n") ? 2 : 1));
    if (const std::size_t bad = find_control(text); bad != npos) {
        if (text[bad] == '\r') fail(fault::line_end, bad, "a CR without an LF");
        fail(at == phase::start_line ? fault::start_line : fault::header_value, bad,
             at == phase::start_line ? "a control character in the start line" : "a control character in a header");
    }
    if (!line.ends_with("\r\n")) fail(fault::line_end, text.size(), "an LF without a CR");
    const bool starts = at == phase::start_line;
    if (starts && text.empty() && kind == message_kind::request && !empty_line_skipped) {
        empty_line_skipped = true; // as RFC 9112 advises: some clients end a body with an empty line
    } else {
        if (starts && kind == message_kind::request) {
            on_request_line(text);
        } else if (starts) {
            on_status_line(text);
        } else if (!text.empty()) {
            on_field(text);
        } else if (at == phase::headers) {
            on_head_end();
        }
        execute(line);
        if (starts) {
            at = phase::headers;
        } else if (at == phase::headers && text.empty()) {
            at = phase::body;
        }
    }
    position += line.size();
    section += line.size();
}

http::version parser::state::version_of(std::string_view text, std::size_t offset) {
    if (text == "HTTP/1.1") return version::http_1_1;
    if (text == "HTTP/1.0") return version::http_1_0;
    if (text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' && is_digit(text[7]))
        fail(fault::unsupported_version, offset, "another version than HTTP/1.0 and HTTP/1.1");
    fail(fault::start_line, offset, "no version of HTTP");
}

void parser::state::on_request_line(std::string_view line) {
    const std::string_view method = line.substr(0, line.find(' '));
    if (!is_token(method)) fail(fault::start_line, std::min(find_non_token(method), method.size()), "no method");
    const std::size_t begin = std::min(method.size() + 1, line.size());
    const std::string_view target = line.substr(begin, line.find(' ', begin) - begin);
    if (!is_target(target)) fail(fault::start_line, begin, "no target, or one with a character that is not allowed");
    const std::size_t end = std::min(begin + target.size() + 1, line.size());
    request.version = version_of(line.substr(end), end);
    const bool has_form = target == "*" ? method == "OPTIONS" : method == "CONNECT" || target.find('/') != npos;
    if (!has_form) fail(fault::start_line, begin, "the target does not fit the method");
    // Parsers differ in what `http://a@b/` and `http:///` are requests for.
    if (const auto absolute = split_absolute(target);
        absolute && (absolute->authority.empty() || !is_host(absolute->authority)))
        fail(fault::host, begin, "a target whose host is empty or has a character that is not allowed");
    request.method = method;
    request.target = target;
}

void parser::state::on_status_line(std::string_view line) {
    response.version = version_of(line.substr(0, line.find(' ')), 0);
    line.remove_prefix(8);
    if (line.size() < 4 || !std::all_of(line.begin() + 1, line.begin() + 4, is_digit) || line[1] < '1' ||
        line[1] > '5' || (line.size() > 4 && line[4] != ' ')) {
        fail(fault::start_line, 8, "no status between 100 and 599");
    }
    response.status = static_cast<unsigned>((line[1] - '0') * 100 + (line[2] - '0') * 10 + (line[3] - '0'));
    response.reason = line.substr(std::min<std::size_t>(line.size(), 5));
}

void parser::state::on_field(std::string_view line) {
    if (is_blank(line.front())) fail(fault::folded_line, 0, "white space at the beginning of a header line");
    const std::string_view field_name = line.substr(0, line.find(':'));
    if (field_name.size() == line.size()) fail(fault::header_name, line.size(), "a header line without a colon");
    if (field_name.empty()) fail(fault::header_name, 0, "a header without a name");
    if (const std::size_t bad = find_non_token(field_name); bad != npos) {
        fail(fault::header_name, bad,
             is_blank(field_name[bad]) ? "white space in the name of a header, or behind it"
                                       : "a character that is not allowed in the name of a header");
    }
    const std::string_view value = trimmed(line.substr(field_name.size() + 1));
    headers& to = at == phase::trailers ? trailers : kind == message_kind::request ? request.headers : response.headers;
    if (to.size() >= limits.headers) fail_size(message_part::headers, limits.headers);
    if (at == phase::headers) {
        on_head_field(field_name, value);
    } else if (must_be_header(field_name)) {
        fail(fault::trailer, 0, "a trailer that must be a header");
    }
    to.append(field_name, value);
}

void parser::state::on_head_field(std::string_view field_name, std::string_view value) {
    const auto is = [&](std::string_view other) { return equal_without_case(field_name, other); };
    switch (field_name.size()) {
    case 4:
        if (!is("Host") || kind == message_kind::response) break;
        if (std::exchange(has_host, true)) fail(fault::host, 0, "a second Host header");
        if (!is_host(value)) fail(fault::host, field_name.size() + 1, "a host with a character that is not allowed");
        break;
    case 10:
        if (!is("Connection")) break;
        says_close = says_close || list_has_token(value, "close");
        says_keep_alive = says_keep_alive || list_has_token(value, "keep-alive");
        break;
    case 14:
        if (!is("Content-Length")) break;
        if (length) fail(fault::content_length, 0, "a second Content-Length header");
        length = length_of(value);
        if (!length) fail(fault::content_length, field_name.size() + 1, "a Content-Length that is not one number");
        break;
    case 17: {
        if (!is("Transfer-Encoding")) break;
        if (std::exchange(has_transfer_encoding, true))
            fail(fault::transfer_encoding, 0, "a second Transfer-Encoding header");
        if (is_chunked(value)) break;
        std::string_view list = value;
        std::string_view coding;
        bool chunked_before_last = false;
        while (!list.empty()) {
            chunked_before_last = chunked_before_last || is_chunked(coding);
            coding = take_element(list);
        }
        if (!is_chunked(coding) || chunked_before_last || value.ends_with(','))
            fail(fault::transfer_encoding, field_name.size() + 1,
                 "chunked is not the last coding, or not the only one");
        fail(fault::unsupported_coding, field_name.size() + 1, "another transfer coding than chunked");
    }
    default:
        break;
    }
}

void parser::state::on_head_end() {
    if (has_transfer_encoding) {
        if (length) fail(fault::transfer_encoding, 0, "both Transfer-Encoding and Content-Length");
        const auto v = kind == message_kind::request ? request.version : response.version;
        if (v == version::http_1_0) fail(fault::transfer_encoding, 0, "Transfer-Encoding in HTTP/1.0");
    }
    if (kind == message_kind::request && request.version == version::http_1_1 && !has_host)
        fail(fault::host, 0, "no Host header");
    no_body = has_no_body();
    is_http_1_1 = (kind == message_kind::request ? request.version : response.version) == version::http_1_1;
}

bool parser::state::has_no_body() const noexcept {
    if (kind == message_kind::request) return !has_transfer_encoding && !length;
    const unsigned status = response.status;
    return is_head_request || status / 100 == 1 || status == 204 || status == 304 ||
           (is_connect_request && status / 100 == 2);
}

fault parser::state::fault_of(llhttp_errno error) const noexcept {
    switch (error) {
    case HPE_INVALID_URL:
        return fault::start_line;
    case HPE_INVALID_VERSION:
        return fault::unsupported_version;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_CONTENT_LENGTH:
        return fault::content_length;
    case HPE_INVALID_TRANSFER_ENCODING:
        return fault::transfer_encoding;
    default:
        break;
    }
    switch (at) {
    case phase::start_line:
        return kind == message_kind::request ? fault::unknown_method : fault::start_line;
    case phase::body:
        return fault::chunk;
    default:
        return fault::header_value;
    }
}

/// Shows llhttp a line that was found to be valid.
void parser::state::execute(std::string_view line) {
    const llhttp_errno error = llhttp_execute(&machine, line.data(), line.size());
    if (error == HPE_OK || (complete && error == HPE_PAUSED)) return;
    const char* const place = llhttp_get_error_pos(&machine);
    const std::size_t offset = place == nullptr ? 0 : static_cast<std::size_t>(place - line.data());
    const fault reason = fault_of(error);
    fail(reason, std::min(offset, line.size()),
         reason == fault::unknown_method ? "an unknown method" : llhttp_get_error_reason(&machine));
}

parse_step parser::state::take_body(std::span<const char>& input) {
    if (complete) {
        at = phase::ended;
        return parse_step::end;
    }
    piece = {};
    if (llhttp_get_errno(&machine) == HPE_PAUSED) {
        llhttp_resume(&machine); // behind the last byte of the body, it needs no more bytes
    } else if (input.empty()) {
        return parse_step::more;
    }
    const char* const data = input.empty() ? "" : input.data(); // llhttp forgets that it is in a body at a null pointer
    const llhttp_errno error = llhttp_execute(&machine, data, input.size());
    std::size_t size = input.size();
    if (error != HPE_OK) {
        size = static_cast<std::size_t>(llhttp_get_error_pos(&machine) - data);
        if (error != HPE_PAUSED) fail(fault_of(error), size, llhttp_get_error_reason(&machine));
    }
    chunking += size - piece.size();
    if (chunking > most_chunking) fail_size(message_part::chunking, most_chunking);
    position += size;
    input = input.subspan(size);
    if (!piece.empty()) {
        chunking = 0;
        return parse_step::body;
    }
    if (at == phase::trailers && llhttp_get_errno(&machine) == HPE_PAUSED) llhttp_resume(&machine);
    return parse_step::more;
}

parser::parser(message_kind kind, std::string name, const head_limits& limits)
    : state_{std::make_unique<state>(kind, std::move(name), limits)} {}
parser::parser(parser&&) noexcept = default;
parser& parser::operator=(parser&&) noexcept = default;
parser::~parser() = default;

parse_step parser::next(std::span<const char>& input) {
    state& s = *state_;
    using enum state::phase;
    if (s.at == ended) {
        if (input.empty()) return parse_step::more;
        s.begin();
    }
    for (;;) {
        const auto before = s.at;
        if (before == body) {
            const parse_step step = s.take_body(input);
            // The step may have consumed the end of one chunk only.
            if (step != parse_step::more || (input.empty() && !s.complete)) return step;
        } else if (!s.take_line(input)) {
            return parse_step::more;
        } else if (before == headers && s.at == body) {
            return parse_step::head;
        } else if (s.complete) {
            s.at = ended;
            return parse_step::end;
        }
    }
}

parse_step parser::end_of_input() {
    state& s = *state_;
    if (between_messages()) return parse_step::more;
    const bool until_end = s.at == state::phase::body && !s.has_transfer_encoding && !s.length;
    if (!s.complete && !until_end)
        s.fail(fault::truncated, s.partial.size(), "the connection has ended within a message");
    s.at = state::phase::ended;
    return parse_step::end;
}

bool parser::between_messages() const noexcept {
    const state& s = *state_;
    return s.at == state::phase::ended || (s.at == state::phase::start_line && s.partial.empty());
}

request_head& parser::request() noexcept { return state_->request; }
response_head& parser::response() noexcept { return state_->response; }
std::span<const char> parser::body() const noexcept { return state_->piece; }
headers& parser::trailers() noexcept { return state_->trailers; }

bool parser::has_body() const noexcept {
    const state& s = *state_;
    return !s.no_body && s.length != 0U;
}

std::optional<std::uint64_t> parser::content_length() const noexcept { return state_->length; }

bool parser::keeps_alive() const noexcept {
    const state& s = *state_;
    if (s.says_close) return false;
    const bool until_end = has_body() && !s.has_transfer_encoding && !s.length; // of responses alone
    return !until_end && (s.is_http_1_1 || s.says_keep_alive);
}

void parser::set_request_method(std::string_view method) noexcept {
    state_->is_head_request = method == "HEAD";
    state_->is_connect_request = method == "CONNECT";
}

} // namespace weir::http::detail
