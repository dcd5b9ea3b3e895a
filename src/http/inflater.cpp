// SPDX-License-Identifier: MIT
#include "inflater.hpp"

#include <new>
#include <stdexcept>

#ifdef WEIR_HTTP_ZLIB
#include <algorithm>
#include <limits>

#define ZLIB_CONST
#include <zlib.h>
#endif

namespace weir::http::detail {

#ifdef WEIR_HTTP_ZLIB

struct inflater::state {
    explicit state(compressed_format f) noexcept : format{f} {}
    state(const state&) = delete;
    state& operator=(const state&) = delete;
    ~state() {
        if (begun) inflateEnd(&zlib);
    }

    /// Some servers send `deflate` without the header of zlib, which starts with a byte that ends with 8.
    void begin(char first_byte) {
        constexpr int largest_window = 15;
        constexpr int with_gzip_header = 16;
        const auto byte = static_cast<unsigned char>(first_byte);
        const bool has_header = (byte & 0x0fU) == 8 && (byte >> 4U) <= 7;
        const int bits = format == compressed_format::gzip ? largest_window + with_gzip_header
                         : has_header                      ? largest_window
                                                           : -largest_window;
        if (inflateInit2(&zlib, bits) != Z_OK) throw std::bad_alloc{};
        begun = true;
    }

    compressed_format format;
    z_stream zlib{};
    bool begun = false;
    bool ended = false;
};

inflater::inflater(compressed_format format) : state_{std::make_unique<state>(format)} {}

std::size_t inflater::decode(std::span<const char>& input, std::span<char> room) {
    state& s = *state_;
    z_stream& z = s.zlib;
    std::size_t written = 0;
    while (written != room.size()) {
        if (input.empty() && (!s.begun || s.ended)) break;
        if (s.ended) {
            // RFC 1952 allows several members one after the other.
            if (s.format != compressed_format::gzip) throw std::runtime_error{"something follows the end"};
            inflateReset(&z);
            s.ended = false;
        }
        if (!s.begun) s.begin(input.front());
        constexpr std::size_t most = std::numeric_limits<uInt>::max();
        z.next_in = reinterpret_cast<const Bytef*>(input.data());
        z.avail_in = static_cast<uInt>(std::min(input.size(), most));
        z.next_out = reinterpret_cast<Bytef*>(room.data() + written);
        z.avail_out = static_cast<uInt>(std::min(room.size() - written, most));
        const uInt in_before = z.avail_in;
        const uInt out_before = z.avail_out;
        const int result = inflate(&z, Z_NO_FLUSH);
        input = input.subspan(in_before - z.avail_in);
        written += out_before - z.avail_out;
        if (result == Z_STREAM_END) {
            s.ended = true;
        } else if (result == Z_BUF_ERROR) {
            break; // there is no more input
        } else if (result == Z_MEM_ERROR) {
            throw std::bad_alloc{};
        } else if (result != Z_OK) {
            throw std::runtime_error{z.msg != nullptr ? z.msg : "a dictionary is needed"};
        }
    }
    return written;
}

bool inflater::complete() const noexcept { return !state_->begun || state_->ended; }

#else

struct inflater::state {};

inflater::inflater(compressed_format) { throw std::logic_error{"weir::http: this library was built without zlib"}; }
std::size_t inflater::decode(std::span<const char>&, std::span<char>) { return 0; }
bool inflater::complete() const noexcept { return true; }

#endif

inflater::~inflater() = default;

} // namespace weir::http::detail
