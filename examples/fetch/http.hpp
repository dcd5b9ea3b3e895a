// SPDX-License-Identifier: MIT
#pragma once

// HTTP/1.1 over a TCP connection, parsed by http_parser.

#include <array>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <http_parser.h>

#include <weir/io/resolve.hpp>
#include <weir/threads/offload.hpp>
#include <weir/weir.hpp>

#include "url.hpp"

/// A message is not HTTP, or is incomplete, or is too long.
class http_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The connection ended before the message was complete. Another attempt may succeed.
class connection_lost : public http_error {
public:
    connection_lost() : http_error{"the connection ended before the message"} {}
};

/// The parts of a request or a response that the examples need.
struct message {
    unsigned status = 0;
    std::string target;     ///< the target of a request
    std::string location;   ///< the Location header of a response
    std::uint64_t size = 0; ///< the size of the body
    std::string body;       ///< the body, if it is wanted
    bool complete = false;
};

struct body_options {
    std::uint64_t longest = 64 << 20; ///< the maximum size of the body in bytes; a longer body is an error
    enum { count, keep } what = count;
};

/// Parses one message from the pieces that are read.
class message_reader {
public:
    message_reader(http_parser_type type, body_options body) : body_{body} {
        http_parser_init(&parser_, type);
        parser_.data = this;
    }
    message_reader(const message_reader&) = delete;
    message_reader& operator=(const message_reader&) = delete;

    /// @param piece  the bytes that were read; empty at the end of the input
    /// @throws http_error
    void feed(std::string_view piece) {
        const std::size_t used = http_parser_execute(&parser_, &callbacks(), piece.data(), piece.size());
        if (too_long_) throw http_error{"the body is longer than " + std::to_string(body_.longest) + " bytes"};
        const auto error = static_cast<http_errno>(parser_.http_errno);
        if (error == HPE_INVALID_EOF_STATE) throw connection_lost{};
        if (error != HPE_OK && error != HPE_PAUSED) {
            throw http_error{std::string{"malformed HTTP: "} + http_errno_description(error)};
        }
        if (result_.complete) return;
        if (used != piece.size()) throw http_error{"malformed HTTP: something else follows"};
        if (piece.empty()) throw connection_lost{};
    }
    const message& result() const noexcept { return result_; }

private:
    static message_reader& self(http_parser* parser) { return *static_cast<message_reader*>(parser->data); }

    static const http_parser_settings& callbacks() {
        static const http_parser_settings made = [] {
            http_parser_settings s;
            http_parser_settings_init(&s);
            s.on_url = [](http_parser* p, const char* at, std::size_t size) {
                self(p).result_.target.append(at, size);
                return 0;
            };
            s.on_header_field = [](http_parser* p, const char* at, std::size_t size) {
                message_reader& me = self(p);
                if (me.in_value_) me.field_.clear();
                me.in_value_ = false;
                for (const char c : std::string_view{at, size}) {
                    me.field_ += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
                }
                return 0;
            };
            s.on_header_value = [](http_parser* p, const char* at, std::size_t size) {
                message_reader& me = self(p);
                if (me.field_ == "location") {
                    if (!me.in_value_) me.result_.location.clear(); // the last header counts
                    me.result_.location.append(at, size);
                }
                me.in_value_ = true;
                return 0;
            };
            s.on_headers_complete = [](http_parser* p) {
                // Whatever their headers announce, these have no body (RFC 9112, 6.3).
                const unsigned status = p->status_code;
                constexpr int no_body = 1;
                if (p->type == HTTP_RESPONSE && (status / 100 == 1 || status == 204 || status == 304)) return no_body;
                constexpr auto unknown = static_cast<std::uint64_t>(-1);
                const std::uint64_t announced = p->content_length;
                return announced == unknown ? 0 : self(p).check_length(announced);
            };
            s.on_body = [](http_parser* p, const char* at, std::size_t size) {
                message_reader& me = self(p);
                me.result_.size += size;
                if (me.body_.what == body_options::keep) me.result_.body.append(at, size);
                return me.check_length(me.result_.size);
            };
            s.on_message_complete = [](http_parser* p) {
                message_reader& me = self(p);
                if (p->type == HTTP_RESPONSE && p->status_code / 100 == 1) {
                    me.result_ = {}; // an interim response: the final one follows
                    return 0;
                }
                me.result_.status = p->status_code;
                me.result_.complete = true;
                http_parser_pause(p, 1); // the next response was not requested
                return 0;
            };
            return s;
        }();
        return made;
    }

    int check_length(std::uint64_t size) {
        too_long_ = size > body_.longest;
        return too_long_ ? -1 : 0;
    }

    http_parser parser_;
    message result_;
    body_options body_;
    std::string field_;
    bool in_value_ = false;
    bool too_long_ = false;
};

/// Reads one message.
/// @throws http_error, std::system_error
inline weir::task<message> read_message(weir::tcp_stream& connection, http_parser_type type, body_options body) {
    message_reader reader{type, body};
    std::array<char, 16 * 1024> block;
    while (!reader.result().complete) {
        const std::size_t size = co_await connection.read(block);
        reader.feed({block.data(), size});
    }
    co_return reader.result();
}

/// Sends one request on a new connection and returns the answer.
/// @throws http_error, std::system_error
inline weir::task<message> get(url from, body_options body) {
    weir::tcp_stream server = co_await weir::tcp_connect(from.host, from.port);
    const std::string request = "GET " + from.target + " HTTP/1.1\r\nHost: " + from.authority() +
                                "\r\nUser-Agent: weir-example\r\nAccept: */*\r\nConnection: close\r\n\r\n";
    co_await server.write(request);
    co_return co_await read_message(server, HTTP_RESPONSE, body);
}

/// Returns the text of an answer with a status, an additional header field unless it is empty, and a body.
inline std::string response(int status, const std::string& field, std::string_view body) {
    std::ostringstream made;
    made << "HTTP/1.1 " << status << " As Is\r\nConnection: close\r\nContent-Length: " << body.size() << "\r\n";
    if (!field.empty()) made << field << "\r\n";
    made << "\r\n" << body;
    return made.str();
}
