// SPDX-License-Identifier: MIT
#include <weir/compression/detail/codec.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string_view>

#define ZLIB_CONST
#include <zlib.h>

#include "compression/expander.hpp"

namespace weir::compression::detail {

namespace {

constexpr int largest_window = 15; // the logarithm of its size
constexpr int as_gzip = 16;

/// Lets zlib use the input and the room, and tells both how far it came.
struct zlib_buffers {
    zlib_buffers(z_stream& z, std::string_view input, std::span<char> room) noexcept : zlib{z} {
        constexpr std::size_t most = std::numeric_limits<uInt>::max();
        z.next_in = reinterpret_cast<const Bytef*>(input.data());
        z.avail_in = input_size = static_cast<uInt>(std::min(input.size(), most));
        z.next_out = reinterpret_cast<Bytef*>(room.data());
        z.avail_out = room_size = static_cast<uInt>(std::min(room.size(), most));
    }
    std::size_t taken() const noexcept { return input_size - zlib.avail_in; }
    std::size_t written() const noexcept { return room_size - zlib.avail_out; }

    z_stream& zlib;
    uInt input_size = 0;
    uInt room_size = 0;
};

class gzip_codec final : public codec {
public:
    explicit gzip_codec(int level) {
        constexpr int memory = 8; // zlib's default
        if (deflateInit2(&zlib_, level, Z_DEFLATED, largest_window + as_gzip, memory, Z_DEFAULT_STRATEGY) != Z_OK) {
            throw std::bad_alloc{};
        }
    }
    ~gzip_codec() override { deflateEnd(&zlib_); }

    codec_step run(std::string_view& input, std::span<char> room, codec_action action) override {
        const zlib_buffers buffers{zlib_, input, room};
        const bool all = buffers.input_size == input.size();
        const int result = deflate(&zlib_, !all || action == codec_action::more ? Z_NO_FLUSH
                                           : action == codec_action::flush      ? Z_SYNC_FLUSH
                                                                                : Z_FINISH);
        input.remove_prefix(buffers.taken());
        const bool ended = action == codec_action::finish ? result == Z_STREAM_END : zlib_.avail_out != 0;
        return {buffers.written(), input.empty() && ended};
    }

    std::size_t window() const noexcept override { return std::size_t{1} << largest_window; }

private:
    z_stream zlib_{};
};

class gunzip_codec final : public expander {
public:
    explicit gunzip_codec(std::uint64_t limit)
        : expander{"weir::compression::gunzip", "the data is no gzip file", limit} {
        if (inflateInit2(&zlib_, largest_window + as_gzip) != Z_OK) throw std::bad_alloc{};
    }
    ~gunzip_codec() override { inflateEnd(&zlib_); }

    std::size_t window() const noexcept override { return std::size_t{1} << largest_window; }

private:
    bool may_start(char first) const noexcept override { return first == '\x1f'; }
    void begin() override { inflateReset(&zlib_); }

    progress expand(std::string_view& input, std::span<char> room, bool delay) override {
        const zlib_buffers buffers{zlib_, input, room};
        const int result = inflate(&zlib_, Z_NO_FLUSH);
        const std::size_t taken = buffers.taken();
        const std::size_t written = buffers.written();
        input.remove_prefix(taken);
        if (result == Z_STREAM_END) return {written, stop::at_end};
        if (result == Z_MEM_ERROR) throw std::bad_alloc{};
        if (result != Z_OK && result != Z_BUF_ERROR) {
            // zlib gives the same error again when it is called again.
            if (delay || written != 0) return {written, stop::at_error};
            fail(zlib_.msg != nullptr ? zlib_.msg : "the data needs a dictionary", position() + taken);
        }
        return {written, zlib_.avail_out == 0 ? stop::for_room : stop::for_input};
    }

    z_stream zlib_{};
};

} // namespace

std::unique_ptr<codec> make_gzip(int level) { return std::make_unique<gzip_codec>(level); }
std::unique_ptr<codec> make_gunzip(std::uint64_t limit) { return std::make_unique<gunzip_codec>(limit); }

} // namespace weir::compression::detail
