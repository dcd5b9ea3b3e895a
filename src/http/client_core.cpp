// SPDX-License-Identifier: MIT
#include <weir/http/detail/client_core.hpp>

#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include <weir/http/detail/serialize.hpp>
#include <weir/http/error.hpp>

namespace weir::http::detail {

const char* why_refused(const headers& fields, protocol_change change) noexcept {
    if (fields.contains("Content-Length")) return "the header Content-Length is the library's";
    if (fields.contains("Transfer-Encoding")) return "the header Transfer-Encoding is the library's";
    if (fields.contains("Expect")) return "the header Expect is written for expect_continue::yes";
    if (change == protocol_change::refused && fields.contains("Upgrade")) return "the header Upgrade";
    return nullptr;
}

void check(const client_request& r, protocol_change change) {
    const char* why = r.method == "CONNECT" ? "the method CONNECT" : why_refused(r.headers, change);
    if (r.body_timeout && *r.body_timeout <= duration::zero()) why = "a body_timeout that is not positive";
    if (why == nullptr) return;
    std::string what{"weir::http: a request to "};
    throw std::invalid_argument{what.append(r.url.authority()).append(": ").append(why)};
}

namespace {

/// Whether a request without a body says so: servers expect it of these methods.
bool announces_no_body(std::string_view method) noexcept {
    return method == "POST" || method == "PUT" || method == "PATCH";
}

} // namespace

void check(const exchange_options& options, const char* call) {
    const auto positive = [call](duration d, std::string_view name) {
        if (d > duration::zero()) return;
        std::string what{call};
        throw std::invalid_argument{what.append(": ").append(name).append(" must be positive")};
    };
    positive(options.write_timeout, "write_timeout");
    positive(options.head_timeout, "head_timeout");
    positive(options.body_timeout, "body_timeout");
    positive(options.continue_timeout, "continue_timeout");
}

client_core::client_core(std::string name) : name_{std::move(name)}, parser_{message_kind::response, name_, {}} {}

void client_core::start(client_request& request, const exchange_options& options, protocol_change change) {
    check(request, change);
    const auto length = request.body.length();
    const bool is_empty = length == 0U && !request.body.is_stream();
    request_head head{.method = request.method, .target = std::string{request.url.target()}};
    if (!request.headers.contains("Host")) head.headers.add("Host", request.url.authority());
    for (const auto [name, value] : request.headers) head.headers.add(name, value);
    output_.clear();
    append_head(output_, head);
    if (length && (!is_empty || announces_no_body(request.method))) append_content_length(output_, *length);
    if (!length) output_.append("Transfer-Encoding: chunked\r\n");
    const bool asks = request.expect == expect_continue::yes && !is_empty;
    if (asks) output_.append("Expect: 100-continue\r\n");
    append_end_of_head(output_);

    how_ = is_empty ? framing::none : length ? framing::length : framing::chunked;
    at_ = asks ? sending::head_alone : sending::message;
    body_ = std::exchange(request.body, {});
    if (options.limits != options_.limits) parser_ = parser{message_kind::response, name_, options.limits};
    options_ = options;
    if (request.body_timeout) options_.body_timeout = *request.body_timeout;
    parser_.set_request_method(request.method);
    says_close_ = request.headers.has_token("Connection", "close");
    offers_change_ = change == protocol_change::offered;
    may_continue_ = false;
    answered_ = false;
    reusable_ = false;
    body_ended_ = false;
    read_ = 0;
    trailers_.clear();
}

std::optional<response_head> client_core::parse_head() {
    for (;;) {
        std::span<const char> input{rest_.data(), rest_.size()};
        const parse_step step = parser_.next(input);
        rest_.remove_prefix(rest_.size() - input.size());
        if (rest_.empty()) rest_ = {};
        if (step == parse_step::more) return std::nullopt;
        if (step == parse_step::end) { // of an interim response
            interim_ = false;
            continue;
        }
        response_head head = std::exchange(parser_.response(), {});
        interim_ = head.status < 200;
        if (head.status == 101 && offers_change_) return head;
        if (head.status == 101) {
            std::string what{"weir::http: read from "};
            what.append(name_).append(": 101 Switching Protocols, which was not asked for");
            throw bad_message{what, fault::start_line, 0};
        }
        if (interim_) {
            may_continue_ = may_continue_ || head.status == 100;
            if (options_.on_interim) options_.on_interim(head);
            continue;
        }
        if (at_ == sending::head_alone || at_ == sending::permission) {
            // The body is not sent. The server may expect it all the same, so that the connection is of no more use.
            stop_writing();
            at_ = sending::failed;
        }
        if (!parser_.has_body()) {
            std::span<const char> nothing;
            parser_.next(nothing); // the end of the message
            finish();
        }
        return head;
    }
}

void client_core::check_size(std::uint64_t size) const {
    if (size <= options_.max_body) return;
    std::string what{"weir::http: read from "};
    what.append(name_).append(": the body has more than ").append(std::to_string(options_.max_body)).append(" bytes");
    throw message_too_large{what, message_part::body};
}

std::optional<bytes> client_core::parse_body() {
    check_size(parser_.content_length().value_or(0));
    std::span<const char> input{rest_.data(), rest_.size()};
    const parse_step step = parser_.next(input);
    bytes part;
    if (step == parse_step::body) {
        part = part_of(parser_.body());
        read_ += part.size();
        check_size(read_);
    }
    rest_.remove_prefix(rest_.size() - input.size());
    if (rest_.empty()) rest_ = {};
    if (step == parse_step::more) return std::nullopt;
    if (step == parse_step::end) {
        trailers_ = std::move(parser_.trailers());
        finish();
    }
    return part;
}

void client_core::finish() noexcept {
    body_ended_ = true;
    // A connection that is kept holds little memory.
    read_ = 0;
    input_.reset();
    reusable_ = at_ == sending::nothing && rest_.empty() && !says_close_ && parser_.keeps_alive();
}

void client_core::on_end_of_head_input() {
    if (write_error_ != nullptr) std::rethrow_exception(write_error_);
    parser_.end_of_input();
    std::string what{"weir::http: read from "};
    throw no_response{what.append(name_).append(": the connection has ended before a response")};
}

void client_core::on_end_of_body_input() {
    parser_.end_of_input();
    finish();
}

void client_core::fail_time(request_phase phase, time_point until) const {
    std::string what{phase == request_phase::write ? "weir::http: write to " : "weir::http: read from "};
    what.append(name_);
    if (deadline_ <= until) phase = request_phase::total;
    switch (phase) {
    case request_phase::total:
        throw request_timed_out{what.append(": no whole response"), phase, deadline_limit_};
    case request_phase::write:
        throw request_timed_out{what.append(": the peer has taken no data"), phase, options_.write_timeout};
    case request_phase::head:
        throw request_timed_out{what.append(": no head of a response"), phase, options_.head_timeout};
    default:
        throw request_timed_out{what.append(": no more of the body"), phase, options_.body_timeout};
    }
}

void client_core::on_write_error(std::exception_ptr error) {
    at_ = sending::failed;
    try {
        std::rethrow_exception(error);
    } catch (const std::system_error& e) {
        // The server may have answered before it has closed the connection.
        if (e.code() != std::errc::broken_pipe && e.code() != std::errc::connection_reset) throw;
    }
    write_error_ = std::move(error);
}

std::span<char> client_core::input_room() {
    // A connection that waits for a response holds little memory.
    constexpr std::size_t for_head = 4 * 1024;
    constexpr std::size_t for_body = 64 * 1024;
    input_.make_room(read_ == 0 ? for_head : for_body, for_head / 2);
    return {input_.room(), input_.room_size()};
}

} // namespace weir::http::detail
