// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>

#include <weir/compression/detail/codec.hpp>
#include <weir/compression/detail/coded_stream.hpp>
#include <weir/compression/error.hpp>
#include <weir/compression/flushing.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/limit_exceeded.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/recoded.hpp>

namespace weir::compression {

/// The limits of zstd_decompress.
struct zstd_options {
    /// The maximum size of the expanded data in bytes.
    std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
    /// The maximum size of the window, which is memory: 2^window_log bytes; 10 to 30. Data of levels up to 19 needs 23,
    /// and the program zstd takes 27.
    int window_log = 27;
};

/// The bytes of an upstream, compressed as a frame of zstd.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] zstd_compress_stream : public detail::coded_stream<S> {
public:
    zstd_compress_stream(S upstream, int level, flushing f)
        : zstd_compress_stream::coded_stream(std::move(upstream), detail::make_zstd_compressor(level),
                                             detail::hand_on_for(f)) {}
};

/// The bytes for which the frames of zstd in an upstream stand.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] zstd_decompress_stream : public detail::coded_stream<S> {
public:
    zstd_decompress_stream(S upstream, zstd_options o)
        : zstd_decompress_stream::coded_stream(
              std::move(upstream), detail::make_zstd_decompressor(o.limit, o.window_log), detail::hand_on::at_once) {}
};

struct zstd_compress_fn : weir::detail::operator_fn<zstd_compress_fn> {
    template <class S, class Level, class Flushing>
    using pipeline = zstd_compress_stream<S>;

    template <class T, class Level, class Flushing>
    static consteval bool accepts() {
        constexpr bool ok = weir::detail::text_item<T>;
        static_assert(ok,
                      "weir::compression::zstd_compress(level): the items are neither weir::bytes nor what converts "
                      "to std::string_view");
        return ok;
    }

    constexpr auto operator()(int level = 3, flushing f = flushing::when_full) const {
        if (level < 1 || level > 22) {
            throw std::invalid_argument{"weir::compression::zstd_compress: the level is not in 1 to 22"};
        }
        return with(level, f);
    }
};

struct zstd_decompress_fn : weir::detail::operator_fn<zstd_decompress_fn> {
    template <class S, class Options>
    using pipeline = zstd_decompress_stream<S>;

    template <class T, class Options>
    static consteval bool accepts() {
        constexpr bool ok = weir::detail::text_item<T>;
        static_assert(ok, "weir::compression::zstd_decompress(options): the items are neither weir::bytes nor what "
                          "converts to std::string_view");
        return ok;
    }

    constexpr auto operator()(zstd_options o = {}) const {
        if (o.window_log < 10 || o.window_log > 30) {
            throw std::invalid_argument{"weir::compression::zstd_decompress: window_log is not in 10 to 30"};
        }
        return with(o);
    }
};

/// zstd_compress(level): the items, which are bytes, as one frame of zstd with a checksum. zstd_compress(level,
/// flushing::each_item): the same for a live stream.
///
///     in                                       --a----b----|
///     zstd_compress()                          ------------[z|]
///     zstd_compress(3, flushing::each_item)    --y----z----[e|]
///
///     weir::read(path) | weir::compression::zstd_compress() | weir::write(file)
///
/// The items are taken as one sequence of bytes. The result is handed on as weir::bytes of 64 KiB, and the rest at the
/// end. With flushing::each_item, what an item adds is handed on before the next item is asked for.
///
/// @param level  1 (fastest) to 22 (best); 3 as in the program zstd
///
/// Ends: with upstream, after the rest of the frame. No items give a frame of no bytes. Errors: upstream's; what was
/// taken and not handed on is then left out.
/// Dropped: frees everything; what was handed on is a frame that is cut off.
/// Cost: a few MiB while it lives, and hundreds of them from level 20 on; no allocation per item.
/// See: zstd_decompress, gzip.
///
/// @throws std::invalid_argument for another level
inline constexpr zstd_compress_fn zstd_compress{};

/// zstd_decompress(options): the bytes for which frames of zstd stand, as weir::bytes of up to 64 KiB.
///
///     in                 --y----z----e|
///     zstd_decompress()  --a----b-----|
///
///     weir::read(path) | weir::compression::zstd_decompress({.window_log = 23}) | weir::lines()
///
/// There may be several frames, one behind the other; skippable frames are left out. An item is expanded as far as the
/// consumer asks: no more than the window and 64 KiB are held, however large its content is.
///
/// Ends: with upstream. Errors: upstream's; truncated_data when a frame is cut off, and for an upstream without any
/// byte; invalid_data for what is no frame, is damaged, needs a larger window or a dictionary, or follows the last
/// frame; its position is the start of the block or the checksum. limit_exceeded behind options.limit bytes. What
/// stands before the error is handed on first.
/// Dropped: frees everything.
/// Cost: the window of the data, and about 300 KiB, while it lives; no allocation per item.
/// See: zstd_compress, gunzip.
///
/// @throws std::invalid_argument when window_log is out of range
inline constexpr zstd_decompress_fn zstd_decompress{};

} // namespace weir::compression
