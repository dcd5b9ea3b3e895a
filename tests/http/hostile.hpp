// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <weir/http/error.hpp>

namespace support {

/// A request that must be refused.
struct hostile_request {
    std::string bytes;
    unsigned status; ///< of the server's answer
    std::optional<weir::http::fault> fault = std::nullopt;
    std::optional<weir::http::message_part> too_large = std::nullopt;
};

inline std::vector<hostile_request> hostile_requests() {
    using namespace std::string_literals;
    using enum weir::http::fault;
    using weir::http::message_part;
    std::vector<hostile_request> rows{
        // The request line.
        {"GET /\r\n\r\n", 400, start_line},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, start_line},
        {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, start_line},
        {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400, start_line},
        {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, start_line},
        {"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400, start_line},
        {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, start_line},
        {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400, line_end},
        {"GET / HTTP/1.1\rHost: a\r\n\r\n", 400, line_end},
        {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400, line_end},
        {"G\0T / HTTP/1.1\r\nHost: a\r\n\r\n"s, 400, start_line},
        {"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400, start_line},
        {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, start_line},
        {"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400, start_line},
        {"GET /#top HTTP/1.1\r\nHost: a\r\n\r\n", 400, start_line},
        {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, start_line},
        {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, start_line},
        {"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, host},
        {"GET http://b:1@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, host},
        {"GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET a/b HTTP/1.1\r\nHost: a\r\n\r\n", 400, start_line},
        {"GET / http/1.1\r\nHost: a\r\n\r\n", 400, start_line},
        {"GET / HTTP/1.1x\r\nHost: a\r\n\r\n", 400, start_line},
        {"GET / HTTP/11\r\nHost: a\r\n\r\n", 400, start_line},
        {"GET / RTSP/1.0\r\nHost: a\r\n\r\n", 400, start_line},
        {"SOURCE / ICE/1.0\r\nHost: a\r\n\r\n", 400, start_line},
        {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, start_line},
        {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, line_end},
        {"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n"s, 400, start_line},
        {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505, unsupported_version},
        {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, unsupported_version},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, unsupported_version},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, unsupported_version},
        {"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501, unknown_method},
        {"GETS / HTTP/1.1\r\nHost: a\r\n\r\n", 501, unknown_method},
        {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501, unknown_method},
        {"DESCRIBE / HTTP/1.1\r\nHost: a\r\n\r\n", 501, unknown_method},
        {"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        // Lines of headers.
        {"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400, line_end},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n", 400, line_end},
        {"GET / HTTP/1.1\r\nHost: a\r\nX:\r\r\n\r\n", 400, line_end},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: \rTransfer-Encoding: chunked\r\n\r\n", 400, line_end},
        {"GET / HTTP/1.1\r\nHost: a\r\n\n", 400, line_end},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, header_name},
        {"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", 400, header_name},
        {"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", 400, header_name},
        {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400, header_name},
        {"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400, header_name},
        {"GET / HTTP/1.1\r\nHost: a\r\nX[: b\r\n\r\n", 400, header_name},
        {"GET / HTTP/1.1\r\nHost: a\r\nX\xe4: b\r\n\r\n", 400, header_name},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400, folded_line},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tTransfer-Encoding: chunked\r\n\r\n", 400, folded_line},
        {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, folded_line},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"s, 400, header_value},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: b\x1b[0m\r\n\r\n", 400, header_value},
        {"GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"s, 400, header_value},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400, header_value},
        // The host.
        {"GET / HTTP/1.1\r\n\r\n", 400, host},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, host},
        {"GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", 400, host},
        {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, host},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, host},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, host},
        {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, host},
        {"GET http://b/ HTTP/1.1\r\n\r\n", 400, host},
        // The length.
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, content_length},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\ncontent-length: 5\r\n\r\nabc", 400, content_length},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", 400, content_length},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3,5\r\n\r\nabc", 400, content_length},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400, content_length},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc", 400, content_length},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc", 400, content_length},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3 0\r\n\r\nabc", 400, content_length},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3.0\r\n\r\nabc", 400, content_length},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabc", 400, content_length},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n", 400, content_length},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551619\r\n\r\nabc", 400, content_length},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 00000000000000000003\r\n\r\nabc", 400, content_length},
        // Transfer-Encoding.
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
         transfer_encoding},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, transfer_encoding},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400, transfer_encoding},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400, transfer_encoding},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400, transfer_encoding},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", 400, transfer_encoding},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, transfer_encoding},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400, transfer_encoding},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 400, transfer_encoding},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n", 400, transfer_encoding},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b"
         "chunked\r\n\r\n0\r\n\r\n",
         400, header_value},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
         transfer_encoding},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400,
         transfer_encoding},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, unsupported_coding},
    };
    // Chunks.
    const std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const char* body : {"\r\n",
                             "x\r\n",
                             "3\nabc\r\n0\r\n\r\n",
                             "3\r\nabc\n0\r\n\r\n",
                             "3\r\nabcd\r\n0\r\n\r\n",
                             "3\r\nabcX\r\n",
                             "3 \r\nabc\r\n0\r\n\r\n",
                             " 3\r\nabc\r\n0\r\n\r\n",
                             "3\t\r\nabc\r\n",
                             "+3\r\nabc\r\n",
                             "-3\r\nabc\r\n",
                             "0x3\r\nabc\r\n",
                             "3;\r\nabc\r\n",
                             "3; a=b\r\nabc\r\n",
                             "3;a=\"b\nc\"\r\nabc\r\n",
                             "3;a=b\nabc\r\n",
                             "ffffffffffffffff1\r\nabc\r\n",
                             "10000000000000000\r\nabc\r\n",
                             "3\rabc\r\n",
                             "3\r\nabc\r\r\n0\r\n\r\n",
                             "3\r\nabc0\r\n\r\n"}) {
        rows.push_back({chunked + body, 400, chunk});
    }
    rows.push_back(
        {chunked + "3;a=" + std::string(5000, 'b') + "\r\nabc\r\n0\r\n\r\n", 413, {}, message_part::chunking});
    rows.push_back({chunked + std::string(5000, '0') + "3\r\nabc\r\n0\r\n\r\n", 413, {}, message_part::chunking});
    // Trailers.
    rows.push_back({chunked + "0\r\nContent-Length: 3\r\n\r\n", 400, trailer});
    rows.push_back({chunked + "0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, trailer});
    rows.push_back({chunked + "0\r\nHost: b\r\n\r\n", 400, trailer});
    rows.push_back({chunked + "0\r\nX : y\r\n\r\n", 400, header_name});
    rows.push_back({chunked + "0\r\nX: y\n\r\n", 400, line_end});
    rows.push_back({chunked + "0\r\n\n", 400, line_end});
    // Limits.
    rows.push_back(
        {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414, {}, message_part::start_line});
    rows.push_back({std::string(70'000, 'A'), 414, {}, message_part::start_line});
    rows.push_back(
        {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(70'000, 'b') + "\r\n\r\n", 431, {}, message_part::head});
    std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < 100; ++i) many += "X: y\r\n";
    rows.push_back({many + "\r\n", 431, {}, message_part::headers});
    std::string trailers = chunked + "0\r\n";
    for (int i = 0; i < 101; ++i) trailers += "X: y\r\n";
    rows.push_back({trailers + "\r\n", 431, {}, message_part::headers});
    rows.push_back({chunked + "0\r\nX: " + std::string(70'000, 'b') + "\r\n\r\n", 431, {}, message_part::head});
    return rows;
}

} // namespace support
