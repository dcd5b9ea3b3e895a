// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace weir::compression::detail {

enum class codec_action : std::uint8_t {
    more,   ///< may keep bytes for better results
    flush,  ///< writes all that the bytes so far stand for
    finish, ///< ends the data
};

struct codec_step {
    std::size_t written = 0;
    bool complete = false; ///< the input is used up, and what the action asks for has been written
};

/// Compresses or expands bytes, without any I/O.
class codec {
public:
    codec() = default;
    codec(const codec&) = delete;
    codec& operator=(const codec&) = delete;
    virtual ~codec() = default;

    /// Takes bytes off the front of the input and writes into the room, which is not empty. To be called again until it
    /// is complete, and then with more input or to finish. An error is thrown when what was expanded before it has been
    /// handed out.
    virtual codec_step run(std::string_view& input, std::span<char> room, codec_action action) = 0;

    /// The maximum number of bytes in its window.
    virtual std::size_t window() const noexcept = 0;
};

std::unique_ptr<codec> make_gzip(int level);
std::unique_ptr<codec> make_gunzip(std::uint64_t limit);
std::unique_ptr<codec> make_zstd_compressor(int level);
std::unique_ptr<codec> make_zstd_decompressor(std::uint64_t limit, int window_log);

} // namespace weir::compression::detail
