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

/// The limit of gunzip.
struct gunzip_options {
    /// The maximum size of the expanded data in bytes.
    std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
};

/// The bytes of an upstream, compressed as a gzip file.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] gzip_stream : public detail::coded_stream<S> {
public:
    gzip_stream(S upstream, int level, flushing f)
        : gzip_stream::coded_stream(std::move(upstream), detail::make_gzip(level), detail::hand_on_for(f)) {}
};

/// The bytes of which an upstream is the gzip file.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] gunzip_stream : public detail::coded_stream<S> {
public:
    gunzip_stream(S upstream, gunzip_options o)
        : gunzip_stream::coded_stream(std::move(upstream), detail::make_gunzip(o.limit), detail::hand_on::at_once) {}
};

struct gzip_fn : weir::detail::operator_fn<gzip_fn> {
    template <class S, class Level, class Flushing>
    using pipeline = gzip_stream<S>;

    template <class T, class Level, class Flushing>
    static consteval bool accepts() {
        constexpr bool ok = weir::detail::text_item<T>;
        static_assert(ok, "weir::compression::gzip(level): the items are neither weir::bytes nor what converts to "
                          "std::string_view");
        return ok;
    }

    constexpr auto operator()(int level = 6, flushing f = flushing::when_full) const {
        if (level < 0 || level > 9) throw std::invalid_argument{"weir::compression::gzip: the level is not in 0 to 9"};
        return with(level, f);
    }
};

struct gunzip_fn : weir::detail::operator_fn<gunzip_fn> {
    template <class S, class Options>
    using pipeline = gunzip_stream<S>;

    template <class T, class Options>
    static consteval bool accepts() {
        constexpr bool ok = weir::detail::text_item<T>;
        static_assert(ok, "weir::compression::gunzip(options): the items are neither weir::bytes nor what converts to "
                          "std::string_view");
        return ok;
    }

    constexpr auto operator()(gunzip_options o = {}) const { return with(o); }
};

/// gzip(level): the items, which are bytes, as one gzip file. gzip(level, flushing::each_item): the same for a live
/// stream.
///
///     in                              --a----b----|
///     gzip()                          ------------[z|]
///     gzip(6, flushing::each_item)    --y----z----[e|]
///
///     weir::read(path) | weir::compression::gzip() | weir::write(file)
///
/// The items are taken as one sequence of bytes. The result is handed on as weir::bytes of 64 KiB, and the rest at the
/// end. With flushing::each_item, what an item adds is handed on before the next item is asked for; a flush costs about
/// five bytes.
///
/// @param level  0 (no compression) to 9 (best); 6 as in the program gzip
///
/// Ends: with upstream, after the rest of the file. No items give a file of no bytes. Errors: upstream's; what was
/// taken and not handed on is then left out.
/// Dropped: frees everything; what was handed on is a file that is cut off.
/// Cost: 256 KiB while it lives; no allocation per item; at most 64 KiB of an item are compressed at a time.
/// See: gunzip, zstd_compress.
///
/// @throws std::invalid_argument for another level
inline constexpr gzip_fn gzip{};

/// gunzip(options): the bytes for which a gzip file stands, as weir::bytes of up to 64 KiB.
///
///     in        --y----z----e|
///     gunzip()  --a----b-----|
///
///     weir::read(path) | weir::compression::gunzip({.limit = 1 << 30}) | weir::lines()
///
/// A file may have several members, one behind the other, as `cat a.gz b.gz` makes them. An item is expanded as far as
/// the consumer asks: no more than 64 KiB are held, however large its content is.
///
/// Ends: with upstream. Errors: upstream's; truncated_data when the file is cut off, and for an upstream without any
/// byte; invalid_data for what is no gzip file, is damaged, or follows the last member, such as zeros; limit_exceeded
/// behind options.limit bytes. What stands before the error is handed on first.
/// Dropped: frees everything.
/// Cost: 40 KiB while it lives; no allocation per item.
/// See: gzip, zstd_decompress.
inline constexpr gunzip_fn gunzip{};

} // namespace weir::compression
