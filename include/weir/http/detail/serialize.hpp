// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <string>

#include <weir/http/message.hpp>

namespace weir::http::detail {

/// Appends the start line and the headers of a message. The caller may append further header lines, and then appends
/// the empty line.
/// @throws std::invalid_argument for a method, a target, a status or a reason that could not stand in a start line
void append_head(std::string& to, const request_head& head);
void append_head(std::string& to, const response_head& head);

/// The empty line behind a head.
void append_end_of_head(std::string& to);

/// Appends `Content-Length: size` as a header line.
void append_content_length(std::string& to, std::size_t size);

/// Appends the line before the data of a chunk. Behind the data stands CR LF.
void append_chunk_size(std::string& to, std::size_t size);

/// Appends the last chunk, the trailers and the empty line behind them.
void append_last_chunk(std::string& to, const headers& trailers);

} // namespace weir::http::detail
