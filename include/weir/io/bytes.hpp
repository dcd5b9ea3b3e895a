// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <weir/core/assert.hpp>
#include <weir/core/detail/this_thread.hpp>
#include <weir/core/item_traits.hpp>

namespace weir {

namespace detail {

/// Memory that several `bytes` share, recycled through a pool per thread.
class byte_block {
public:
    /// Creates a block with one owner.
    static byte_block* make(std::size_t at_least);

    byte_block(const byte_block&) = delete;
    byte_block& operator=(const byte_block&) = delete;

    char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
    std::size_t capacity() const noexcept { return capacity_; }
    bool shared() const noexcept { return owners_ != 1; }

    void retain() noexcept {
        check_thread();
        ++owners_;
    }
    void release() noexcept {
        check_thread();
        if (--owners_ == 0) recycle(this);
    }
    /// Releases on another thread, after the block's own thread has ended.
    void release_elsewhere() noexcept {
        if (--owners_ == 0) recycle(this);
    }

private:
    friend class byte_pool;

    explicit byte_block(std::size_t capacity) noexcept : capacity_{capacity} {}

    static void recycle(byte_block* block) noexcept;

    void check_thread() const noexcept {
        WEIR_ASSERT(thread_ == this_thread(), "bytes stay on their thread; take to_string() to another");
    }

    std::size_t capacity_;
    const void* thread_ = this_thread();
    byte_block* next_free_ = nullptr;
    std::size_t owners_ = 1;
};

} // namespace detail

/// A part of the input: immutable characters in shared memory.
///
///     weir::bytes line = ...;
///     std::string_view name = line.slice(0, 8);   // valid while line, or another part of its block, exists
///
/// Copying and slicing increment a counter, which is not atomic.
///
/// Threads: bytes stay on the thread that created them, which debug builds check; operators that cross threads reject
/// them. `to_string()` and `to_owned()` return copies for other threads.
/// Lifetime: each part keeps its whole block, of 64 KiB by default, in memory. Use `to_string()` to keep a small part
/// for long.
class bytes {
public:
    using value_type = char;
    using iterator = const char*;
    using const_iterator = const char*;
    static constexpr std::size_t npos = std::string_view::npos;

    bytes() noexcept = default;
    /// Copies text.
    explicit bytes(std::string_view text);
    /// A part of a block, of which it becomes an owner.
    bytes(detail::byte_block& block, const char* data, std::size_t size) noexcept
        : data_{data}, size_{size}, block_{&block} {
        block.retain();
    }

    bytes(const bytes& other) noexcept : data_{other.data_}, size_{other.size_}, block_{other.block_} {
        if (block_ != nullptr) block_->retain();
    }
    bytes(bytes&& other) noexcept
        : data_{std::exchange(other.data_, nullptr)},
          size_{std::exchange(other.size_, 0)},
          block_{std::exchange(other.block_, nullptr)} {}
    bytes& operator=(bytes other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(block_, other.block_);
        return *this;
    }
    ~bytes() {
        if (block_ != nullptr) block_->release();
    }

    const char* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    const char* begin() const noexcept { return data_; }
    const char* end() const noexcept { return data_ + size_; }
    char operator[](std::size_t i) const noexcept {
        WEIR_ASSERT(i < size_, "bytes: index beyond the end");
        return data_[i];
    }

    std::string_view view() const noexcept { return {data_, size_}; }
    operator std::string_view() const noexcept { return view(); }
    std::string to_string() const { return std::string{view()}; }
    std::span<const std::byte> as_span() const noexcept { return std::as_bytes(std::span{data_, size_}); }

    /// At most `length` bytes from `position` on; fewer at the end.
    bytes slice(std::size_t position, std::size_t length = npos) const noexcept {
        bytes part{*this};
        part.remove_prefix(position);
        if (length < part.size_) part.size_ = length;
        return part;
    }
    void remove_prefix(std::size_t n) noexcept {
        if (n > size_) n = size_;
        data_ += n;
        size_ -= n;
    }
    void remove_suffix(std::size_t n) noexcept { size_ -= n < size_ ? n : size_; }

    friend bool operator==(const bytes& a, const bytes& b) noexcept { return a.view() == b.view(); }
    friend bool operator==(const bytes& a, std::string_view b) noexcept { return a.view() == b; }
    friend std::strong_ordering operator<=>(const bytes& a, const bytes& b) noexcept { return a.view() <=> b.view(); }
    friend std::strong_ordering operator<=>(const bytes& a, std::string_view b) noexcept { return a.view() <=> b; }

    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const bytes& b) {
        return out << b.view();
    }

private:
    const char* data_ = nullptr;
    std::size_t size_ = 0;
    detail::byte_block* block_ = nullptr;
};

template <>
inline constexpr bool thread_bound<bytes> = true;
template <>
struct owned<bytes> {
    static std::string copy(const bytes& text) { return text.to_string(); }
};

namespace detail {

/// A block that is being filled. Filled parts are handed out as `bytes` and do not change afterwards.
class byte_filler {
public:
    byte_filler() noexcept = default;
    byte_filler(byte_filler&& other) noexcept
        : block_{std::exchange(other.block_, nullptr)}, used_{std::exchange(other.used_, 0)} {}
    byte_filler& operator=(byte_filler&&) = delete;
    ~byte_filler() { reset(); }

    void reset() noexcept {
        if (block_ != nullptr) std::exchange(block_, nullptr)->release();
        used_ = 0;
    }
    /// Releases on another thread, after the block's own thread has ended.
    void reset_elsewhere() noexcept {
        if (block_ != nullptr) std::exchange(block_, nullptr)->release_elsewhere();
    }

    /// Makes room for at least `size` bytes after the handed-out part: in the same block if enough is left or no other
    /// owner uses it.
    void make_room(std::size_t wanted, std::size_t least) {
        if (block_ != nullptr && !block_->shared()) used_ = 0;
        if (block_ != nullptr && block_->capacity() - used_ >= least) return;
        reset();
        block_ = byte_block::make(wanted);
    }

    char* room() noexcept { return block_->data() + used_; }
    std::size_t room_size() const noexcept { return block_->capacity() - used_; }

    bytes take(std::size_t size) noexcept {
        bytes filled{*block_, room(), size};
        used_ += size;
        return filled;
    }

private:
    byte_block* block_ = nullptr;
    std::size_t used_ = 0;
};

/// Builds `bytes` by appending.
class byte_builder {
public:
    byte_builder() noexcept = default;
    byte_builder(byte_builder&& other) noexcept
        : block_{std::exchange(other.block_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
    byte_builder& operator=(byte_builder&&) = delete;
    ~byte_builder() { clear(); }

    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }
    const char* data() const noexcept { return block_ == nullptr ? nullptr : block_->data(); }
    char back() const noexcept { return block_->data()[size_ - 1]; }

    void append(std::string_view text);
    void shorten(std::size_t size) noexcept { size_ = size; }
    void clear() noexcept {
        if (block_ != nullptr) std::exchange(block_, nullptr)->release();
        size_ = 0;
    }
    bytes take() noexcept {
        if (block_ == nullptr) return {};
        bytes result{*block_, block_->data(), size_};
        clear();
        return result;
    }

private:
    byte_block* block_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace detail

} // namespace weir

template <>
struct std::hash<weir::bytes> {
    std::size_t operator()(const weir::bytes& b) const noexcept { return std::hash<std::string_view>{}(b.view()); }
};
