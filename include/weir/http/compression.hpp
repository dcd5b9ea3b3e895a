// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>

#include <weir/http/client_message.hpp>

namespace weir::http {

/// What is wrong with a compressed body.
enum class compression_fault : std::uint8_t {
    garbage,   ///< it is not in the format, or its checksum is wrong
    truncated, ///< it ends too early
};

/// A compressed body that cannot be decoded: `weir::http: read from 10.0.0.1:80: gzip: incorrect header check`.
class bad_compression : public std::runtime_error {
public:
    bad_compression(const std::string& what, compression_fault reason) : std::runtime_error{what}, reason_{reason} {}

    compression_fault reason() const noexcept { return reason_; }

private:
    compression_fault reason_;
};

/// Whether the library was built with zlib (`-Dzlib=enabled`).
bool has_zlib() noexcept;

/// A response whose body is decoded while it is read, if its Content-Encoding is `gzip` or `deflate`. It then has no
/// Content-Encoding and no Content-Length. Any other response is returned as it is.
///
///     weir::http::client_request r{"GET", from, {}, {{"Accept-Encoding", "gzip"}}};
///     auto sending = client.send(std::move(r));
///     auto answer = weir::http::decompressed(co_await std::move(sending), 1 << 20);
///
/// Errors: of the body: bad_compression; message_too_large for a body that has more than `most` bytes when it is
/// decoded, however small it is when it arrives.
/// Cost: about 100 KiB for a response that is decoded.
/// See: client_options::compression, which does it for each response.
///
/// @throws std::logic_error if the library was built without zlib
client_response decompressed(client_response r, std::uint64_t most = std::uint64_t{256} << 20);

} // namespace weir::http
