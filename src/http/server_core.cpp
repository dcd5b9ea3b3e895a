// SPDX-License-Identifier: MIT
#include <weir/http/detail/server_core.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <limits>
#include <stdexcept>
#include <utility>

#include <weir/core/timed_out.hpp>
#include <weir/http/detail/serialize.hpp>
#include <weir/http/detail/syntax.hpp>
#include <weir/http/error.hpp>

namespace weir::http::detail {

namespace {

/// Read before the connection is closed, so that the peer reads the answer before it learns that it was not heard.
constexpr std::uint64_t most_lingered = 256 * 1024;

/// The memory for output that a connection keeps while it waits for a request.
constexpr std::size_t most_idle_output = 4 * 1024;

unsigned status_of(fault reason) noexcept {
    switch (reason) {
    case fault::unknown_method:
    case fault::unsupported_coding:
        return 501;
    case fault::unsupported_version:
        return 505;
    default:
        return 400;
    }
}

unsigned status_of(message_part part) noexcept {
    switch (part) {
    case message_part::start_line:
        return 414;
    case message_part::head:
    case message_part::headers:
        return 431;
    default:
        return 413;
    }
}

unsigned status_of(const std::exception_ptr& failure) noexcept {
    try {
        std::rethrow_exception(failure);
    } catch (const bad_message& e) {
        return status_of(e.reason());
    } catch (const message_too_large& e) {
        return status_of(e.part());
    } catch (const timed_out&) {
        return 408;
    } catch (...) {
        return 500;
    }
}

response plain_answer(unsigned status) {
    std::string text{std::to_string(status)};
    text.append(" ").append(reason_phrase(status)).append("\n");
    response answer{status, std::move(text)};
    answer.headers.add("Content-Type", "text/plain");
    return answer;
}

/// Appends `Date: Sun, 06 Nov 1994 08:49:37 GMT`, which is formatted once a second.
void append_date(std::string& to) {
    struct formatted {
        std::time_t at = -1;
        std::array<char, 40> line{};
        std::size_t size = 0;
    };
    static thread_local formatted last;
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    if (now != last.at) {
        std::tm parts{};
        gmtime_r(&now, &parts);
        constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        const int size =
            std::snprintf(last.line.data(), last.line.size(), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                          days[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                          months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900, parts.tm_hour,
                          parts.tm_min, parts.tm_sec);
        last.size = static_cast<std::size_t>(size);
        last.at = now;
    }
    to.append(last.line.data(), last.size);
}

void check_timeout(duration d, const char* what) {
    if (d <= duration::zero()) throw std::invalid_argument{what};
}

bool has_no_content(unsigned status) noexcept { return status == 101 || status == 204 || status == 304; }

} // namespace

server_core::server_core(std::string name, const server_options& options)
    : options_{options},
      name_{std::move(name)},
      parser_{message_kind::request, name_, options.limits},
      request_{*this, parser_.trailers(), name_} {
    check_timeout(options.head_timeout, "weir::http::serve(stream, handler, options): head_timeout must be positive");
    check_timeout(options.body_timeout, "weir::http::serve(stream, handler, options): body_timeout must be positive");
    check_timeout(options.write_timeout, "weir::http::serve(stream, handler, options): write_timeout must be positive");
    check_timeout(options.idle_timeout, "weir::http::serve(stream, handler, options): idle_timeout must be positive");
}

std::optional<next_request> server_core::parse_head() {
    if (rest_.empty()) return std::nullopt;
    std::span<const char> input{rest_.data(), rest_.size()};
    try {
        const parse_step step = parser_.next(input);
        rest_.remove_prefix(rest_.size() - input.size());
        if (step == parse_step::more) {
            rest_ = {};
            return std::nullopt;
        }
        begin_request();
        if (request_.method == "CONNECT") {
            std::string what{"weir::http: read from "};
            throw bad_message{what.append(name_).append(": CONNECT, which this server does not serve"),
                              fault::unknown_method, 0};
        }
        return next_request::arrived;
    } catch (const std::exception&) {
        return refuse(std::current_exception());
    }
}

next_request server_core::refuse(std::exception_ptr error) {
    // The head of an earlier request must not decide about the answer.
    request_.method.clear();
    request_.version = version::http_1_1;
    failure_ = std::move(error);
    report(failure_);
    return next_request::refused;
}

void server_core::begin_request() {
    // The other head keeps the memory of the request before.
    std::swap(static_cast<request_head&>(request_), parser_.request());
    request_.most_body_ = options_.max_body;
    read_ = 0;
    body_waited_ = duration::zero();
    body_asked_ = false;
    continues_ = false;
    response_started_ = false;
    draining_ = false;
    body_ended_ = !parser_.has_body();
    expects_continue_ =
        !body_ended_ && request_.version == version::http_1_1 && request_.headers.has_token("Expect", "100-continue");
    if (body_ended_) {
        std::span<const char> nothing;
        parser_.next(nothing); // the end of the message
    }
}

std::optional<bytes> server_core::parse_body() {
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    if (body_ended_) return bytes{};
    body_asked_ = true;
    const auto check_size = [&](std::uint64_t size) {
        if (size <= request_.most_body_) return;
        std::string what{"weir::http: read from "};
        what.append(name_).append(": the body has more than ").append(std::to_string(request_.most_body_));
        fail_body(std::make_exception_ptr(message_too_large{what.append(" bytes"), message_part::body}));
    };
    check_size(parser_.content_length().value_or(0));
    std::span<const char> input{rest_.data(), rest_.size()};
    parse_step step{};
    try {
        step = parser_.next(input);
    } catch (const std::exception&) {
        fail_body(std::current_exception());
    }
    bytes part;
    if (step == parse_step::body) {
        const auto found = parser_.body();
        part = rest_.slice(static_cast<std::size_t>(found.data() - rest_.data()), found.size());
        read_ += found.size();
        check_size(read_);
    }
    rest_.remove_prefix(rest_.size() - input.size());
    if (rest_.empty()) rest_ = {};
    if (step == parse_step::more) return std::nullopt;
    body_ended_ = step == parse_step::end;
    return part;
}

void server_core::fail_body(std::exception_ptr error) {
    failure_ = std::move(error);
    report(failure_);
    std::rethrow_exception(failure_);
}

next_request server_core::end_of_input() {
    try {
        parser_.end_of_input();
    } catch (const std::exception&) {
        report(std::current_exception());
    }
    return next_request::none;
}

next_request server_core::head_timed_out() {
    if (is_idle()) return next_request::none;
    std::string what{"weir::http: read from "};
    what.append(name_).append(": no whole head");
    return refuse(std::make_exception_ptr(timed_out{what, options_.head_timeout}));
}

time_point server_core::body_deadline(executor& ex) noexcept {
    body_waits_since_ = ex.now();
    body_rate_counts_ = false;
    const std::uint64_t rate = options_.min_body_rate;
    if (rate == 0) return ex.time_after(options_.body_timeout);
    // How much longer the handler may have waited for so many bytes. A day's worth is as good as more.
    constexpr std::uint64_t day = 24 * 60 * 60;
    const auto earned = std::chrono::milliseconds{1000 * std::min(read_ / rate, day) + (read_ % rate) * 1000 / rate};
    const duration left = earned - body_waited_;
    body_rate_counts_ = left < duration::zero();
    return ex.time_after(body_rate_counts_ ? std::max(options_.body_timeout + left, duration::zero())
                                           : options_.body_timeout);
}

void server_core::body_timed_out() {
    std::string what{"weir::http: read from "};
    if (body_rate_counts_) {
        what.append(name_).append(": fewer than ").append(std::to_string(options_.min_body_rate));
        what.append(" bytes per second of the body");
        fail_body(std::make_exception_ptr(timed_out{what, body_waited_ + options_.body_timeout}));
    }
    what.append(name_).append(": no more of the body");
    fail_body(std::make_exception_ptr(timed_out{what, options_.body_timeout}));
}

void server_core::body_truncated() {
    try {
        parser_.end_of_input();
    } catch (const std::exception&) {
        fail_body(std::current_exception());
    }
    std::terminate(); // a request does not end with its connection
}

time_point server_core::head_deadline(executor& ex) noexcept {
    const bool begun = !is_idle();
    // A peer that sends nothing at first has no more time than one that sends a head slowly.
    if (!head_time_runs_ || (served_one_ && begun != head_has_begun_))
        head_until_ = ex.time_after(begun || !served_one_ ? options_.head_timeout : options_.idle_timeout);
    head_time_runs_ = true;
    head_has_begun_ = begun;
    return head_until_;
}

std::span<char> server_core::input_room() {
    // A connection without a request holds little memory.
    constexpr std::size_t for_head = 4 * 1024;
    constexpr std::size_t for_body = 64 * 1024;
    input_.make_room(body_ended_ ? for_head : for_body, for_head / 2);
    return {input_.room(), input_.room_size()};
}

bool server_core::waits_for_continue() const noexcept {
    return expects_continue_ && !continues_ && read_ == 0 && rest_.empty();
}

bool server_core::must_send_continue() const noexcept {
    return waits_for_continue() && body_asked_ && !response_started_;
}

bool server_core::has_locals() const noexcept {
    return request_.headers.contains("traceparent") || request_.headers.contains("X-Request-Id");
}

response server_core::refusal() { return plain_answer(status_of(failure_)); }

response server_core::answer_to_failure(std::exception_ptr error) {
    if (error == failure_) return refusal();
    report(std::move(error));
    return plain_answer(500);
}

void server_core::check(const response& answer) const {
    if (answer.status == 101 && answer.upgrade && body_ended_ && request_.version == version::http_1_1) return;
    if (answer.status < 200 || answer.status > 599) {
        std::string what{"weir::http::serve: the handler has returned a response with the status "};
        throw std::invalid_argument{what.append(std::to_string(answer.status))};
    }
    if (find_control(answer.reason) != std::string_view::npos)
        throw std::invalid_argument{"weir::http::serve: the handler has returned a reason with a control character"};
    for (const char* const name : {"Content-Length", "Transfer-Encoding"}) {
        if (!answer.headers.contains(name)) continue;
        std::string what{"weir::http::serve: the handler has returned a response with the header "};
        throw std::invalid_argument{what.append(name).append(", which the server writes")};
    }
}

bool server_core::may_keep_connection(const response& answer) const noexcept {
    if (closing_ || failure_ != nullptr || !parser_.keeps_alive()) return false;
    if (answer.headers.has_token("Connection", "close")) return false;
    if (body_ended_ || answer.body.is_stream()) return true; // which may read the request's body
    return !waits_for_continue() && parser_.content_length().value_or(read_) - read_ <= options_.max_unread;
}

framing server_core::start_response(response& answer, bool stopping) {
    answer.version = version::http_1_1; // the server's own, also when a response from elsewhere is passed on
    const auto length = answer.body.length();
    const bool changes_protocol = answer.status == 101;
    bool keep = changes_protocol || (!stopping && may_keep_connection(answer));
    framing how = framing::length;
    if (has_no_content(answer.status) || request_.method == "HEAD") {
        how = framing::none;
    } else if (!length && request_.version == version::http_1_1) {
        how = framing::chunked;
    } else if (!length) {
        how = framing::until_end;
        keep = false;
    }
    closing_ = !keep;
    const bool says_close = answer.headers.has_token("Connection", "close");
    if (closing_ && !says_close) answer.headers.erase("Connection"); // which may say the opposite
    output_.clear();
    append_head(output_, answer);
    if (length && !has_no_content(answer.status)) append_content_length(output_, *length);
    if (how == framing::chunked) output_.append("Transfer-Encoding: chunked\r\n");
    if (closing_) {
        if (!says_close) output_.append("Connection: close\r\n");
    } else if (request_.version == version::http_1_0 && !answer.headers.has_token("Connection", "keep-alive")) {
        output_.append("Connection: keep-alive\r\n");
    }
    if (options_.date == date_header::sent && !answer.headers.contains("Date")) append_date(output_);
    append_end_of_head(output_);
    return how;
}

bool server_core::may_drain() noexcept {
    if (!std::exchange(draining_, true)) {
        drained_from_ = read_;
        request_.limit_body(std::numeric_limits<std::uint64_t>::max()); // max_unread is the limit now
    }
    return !closing_ && failure_ == nullptr && !body_ended_ && !waits_for_continue() &&
           read_ - drained_from_ <= options_.max_unread;
}

bool server_core::may_linger(std::size_t size) noexcept {
    rest_ = {};
    lingered_ += size;
    return lingered_ <= most_lingered;
}

bool server_core::finish_request(bool reading) noexcept {
    if (closing_ || failure_ != nullptr || !body_ended_) return false;
    head_time_runs_ = false;
    served_one_ = true;
    if (rest_.empty()) {
        // The connection may be idle for long.
        if (!reading) input_.reset();
        if (output_.capacity() > most_idle_output) output_ = {};
    }
    return true;
}

void server_core::report(std::exception_ptr error) const {
    if (options_.on_error) options_.on_error(std::move(error));
}

std::optional<std::string> valid_traceparent(const request_head& head) {
    const auto value = head.headers.get("traceparent");
    // version-trace-parent-flags in lower-case hexadecimal digits; later versions may have more behind a dash
    constexpr std::string_view form = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    if (!value || value->size() < form.size()) return std::nullopt;
    for (std::size_t i = 0; i < form.size(); ++i) {
        const char c = (*value)[i];
        if (form[i] == '-' ? c != '-' : !is_digit(c) && (c < 'a' || c > 'f')) return std::nullopt;
    }
    if (value->size() > form.size() && (value->starts_with("00") || (*value)[form.size()] != '-')) return std::nullopt;
    if (value->starts_with("ff") || value->size() > 256) return std::nullopt;
    return std::string{*value};
}

std::optional<std::string> valid_request_id(const request_head& head) {
    constexpr std::size_t longest = 128;
    const auto value = head.headers.get("X-Request-Id");
    if (!value || value->empty() || value->size() > longest) return std::nullopt;
    if (!std::all_of(value->begin(), value->end(), [](char c) { return c > ' ' && c < 0x7f; })) return std::nullopt;
    return std::string{*value};
}

} // namespace weir::http::detail
