// SPDX-License-Identifier: MIT
#include <weir/compression/detail/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include <zstd.h>
#include <zstd_errors.h>

#include "compression/expander.hpp"

namespace weir::compression::detail {

namespace {

/// The logarithm of the window's size: zstd's own choice for data of unknown size. What zstd uses is set to it, so that
/// the memory of a level is the same with each version.
constexpr int window_log_of(int level) noexcept {
    if (level <= 2) return 18 + level;
    if (level <= 8) return 21;
    if (level <= 18) return 22;
    return level == 19 ? 23 : level + 5;
}

class zstd_compressor final : public codec {
public:
    explicit zstd_compressor(int level) : window_log_{window_log_of(level)}, context_{ZSTD_createCCtx()} {
        if (!context_) throw std::bad_alloc{};
        set(ZSTD_c_compressionLevel, level);
        set(ZSTD_c_windowLog, window_log_);
        set(ZSTD_c_checksumFlag, 1);
    }

    codec_step run(std::string_view& input, std::span<char> room, codec_action action) override {
        ZSTD_inBuffer in{input.data(), input.size(), 0};
        ZSTD_outBuffer out{room.data(), room.size(), 0};
        const std::size_t left = ZSTD_compressStream2(context_.get(), &out, &in,
                                                      action == codec_action::more    ? ZSTD_e_continue
                                                      : action == codec_action::flush ? ZSTD_e_flush
                                                                                      : ZSTD_e_end);
        check(left);
        input.remove_prefix(in.pos);
        return {out.pos, input.empty() && (left == 0 || action == codec_action::more)};
    }

    std::size_t window() const noexcept override { return std::size_t{1} << window_log_; }

private:
    static void check(std::size_t result) {
        if (!ZSTD_isError(result)) return;
        if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) throw std::bad_alloc{};
        throw std::runtime_error{std::string{"weir::compression::zstd_compress: "} + ZSTD_getErrorName(result)};
    }
    void set(ZSTD_cParameter what, int value) { check(ZSTD_CCtx_setParameter(context_.get(), what, value)); }

    struct freed {
        void operator()(ZSTD_CCtx* c) const noexcept { ZSTD_freeCCtx(c); }
    };

    int window_log_;
    std::unique_ptr<ZSTD_CCtx, freed> context_;
};

/// The units of a frame: its header, its blocks and its checksum. zstd is given no more than one of them in a call:
/// what it has expanded before an error would be lost with the error, and how much that is would depend on the parts in
/// which the data arrives.
class frame_units {
public:
    frame_units() noexcept = default;
    explicit frame_units(std::uint64_t position) noexcept : position_{position}, start_{position} {}

    /// The number of bytes up to a place at which a call may end; 0 behind the frame.
    std::size_t left() const noexcept { return left_; }
    /// The position of the unit.
    std::uint64_t start() const noexcept { return start_; }

    /// @param taken  the next bytes, no more than `left`
    void pass(std::string_view taken) noexcept {
        for (const char c : taken.substr(0, sizeof field_ - read_)) {
            field_ |= std::uint64_t{static_cast<unsigned char>(c)} << 8 * read_++;
        }
        position_ += taken.size();
        left_ -= taken.size();
        while (left_ == 0 && part_ != part::none) next();
    }

private:
    enum class part : std::uint8_t { descriptor, header, block_header, block, checksum, skipped_size, skipped, none };

    void next() noexcept {
        switch (part_) {
        case part::descriptor: {
            if ((field_ & 0xf0U) == 0x50) return follow(part::skipped_size, 3);
            const auto descriptor = static_cast<unsigned>(field_ >> 32);
            checksum_ = (descriptor & 4U) != 0;
            const bool has_window = (descriptor & 0x20U) == 0;
            const unsigned dictionary = (1U << (descriptor & 3U)) >> 1;
            const unsigned size_flag = descriptor >> 6 & 3U;
            const unsigned size = size_flag != 0 ? 1U << size_flag : has_window ? 0 : 1;
            return follow(part::header, (has_window ? 1 : 0) + dictionary + size);
        }
        case part::block_header: {
            last_ = (field_ & 1U) != 0;
            const bool one_byte_repeated = (field_ >> 1 & 3U) == 1;
            return follow(part::block, one_byte_repeated ? 1 : static_cast<std::size_t>(field_ >> 3));
        }
        case part::header:
            return begin(part::block_header, 3);
        case part::block:
            if (!last_) return begin(part::block_header, 3);
            return checksum_ ? begin(part::checksum, 4) : begin(part::none, 0);
        case part::skipped_size:
            return follow(part::skipped, static_cast<std::size_t>(field_ >> 32));
        case part::checksum:
        case part::skipped:
        case part::none:
            return begin(part::none, 0);
        }
    }
    void follow(part p, std::size_t size) noexcept {
        part_ = p;
        left_ = size;
    }
    void begin(part p, std::size_t size) noexcept {
        follow(p, size);
        start_ = position_;
        field_ = 0;
        read_ = 0;
    }

    std::uint64_t position_ = 0;
    std::uint64_t start_ = 0;
    std::size_t left_ = 5;
    std::uint64_t field_ = 0; // the first bytes since a unit began
    std::size_t read_ = 0;    // their number
    part part_ = part::descriptor;
    bool checksum_ = false;
    bool last_ = false; // the block is
};

class zstd_decompressor final : public expander {
public:
    zstd_decompressor(std::uint64_t limit, int window_log)
        : expander{"weir::compression::zstd_decompress", "the data is no frame of zstd", limit},
          window_log_{window_log},
          context_{ZSTD_createDCtx()} {
        if (!context_) throw std::bad_alloc{};
        if (ZSTD_isError(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, window_log))) {
            throw std::invalid_argument{"weir::compression::zstd_decompress: window_log is too large for this system"};
        }
    }

    std::size_t window() const noexcept override { return std::size_t{1} << window_log_; }

private:
    /// The first byte of a frame, and of a skippable frame.
    bool may_start(char first) const noexcept override { return first == '\x28' || (first & '\xf0') == '\x50'; }
    void begin() override { units_ = frame_units{position()}; }

    progress expand(std::string_view& input, std::span<char> room, bool delay) override {
        if (error_ == 0) {
            const std::string_view unit = input.substr(0, units_.left());
            ZSTD_inBuffer in{unit.data(), unit.size(), 0};
            ZSTD_outBuffer out{room.data(), room.size(), 0};
            const std::size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
            units_.pass(unit.substr(0, in.pos));
            input.remove_prefix(in.pos);
            if (!ZSTD_isError(result)) {
                if (result == 0) return {out.pos, stop::at_end};
                return {out.pos, out.pos == room.size() ? stop::for_room : stop::for_input};
            }
            if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) throw std::bad_alloc{};
            error_ = result;
            if (delay) return {0, stop::at_error};
        }
        fail(ZSTD_getErrorName(error_), units_.start());
    }

    struct freed {
        void operator()(ZSTD_DCtx* c) const noexcept { ZSTD_freeDCtx(c); }
    };

    int window_log_;
    std::unique_ptr<ZSTD_DCtx, freed> context_;
    frame_units units_;
    std::size_t error_ = 0; // which is not thrown yet
};

} // namespace

std::unique_ptr<codec> make_zstd_compressor(int level) { return std::make_unique<zstd_compressor>(level); }
std::unique_ptr<codec> make_zstd_decompressor(std::uint64_t limit, int window_log) {
    return std::make_unique<zstd_decompressor>(limit, window_log);
}

} // namespace weir::compression::detail
