// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <utility>

/// Item types that break code which treats all types alike. Each of them is made of a number, and `value()` gives it
/// back, so that one test can send each through the same places.
namespace support::items {

/// Wraps what braces hold in a list of one, as nlohmann::json and std::vector<std::any> do with g++. `value()` of one
/// that was wrapped differs from the number that it was made of.
class greedy {
public:
    explicit greedy(int n) : value_(n) {}
    greedy(std::initializer_list<greedy> list) : value_(-1000), wraps_(1) {
        for (const greedy& g : list) wraps_ += g.wraps_;
    }

    int value() const noexcept { return value_; }
    int wraps() const noexcept { return wraps_; }

private:
    int value_;
    int wraps_ = 0;
};

/// Cannot be copied, and is empty when it was moved from.
class move_only {
public:
    explicit move_only(int n) : value_(std::make_unique<int>(n)) {}

    int value() const noexcept { return value_ != nullptr ? *value_ : -1; }

private:
    std::unique_ptr<int> value_;
};

/// Aligned more strictly than `operator new` aligns. It knows each constructor that finds it misaligned.
class alignas(64) over_aligned {
public:
    explicit over_aligned(int n) : value_(n) { look(); }
    over_aligned(const over_aligned& other) noexcept : value_(other.value_) { look(); }
    over_aligned& operator=(const over_aligned&) = default;

    int value() const noexcept { return value_; }

    static int misaligned() noexcept { return misaligned_; }

private:
    void look() noexcept {
        const volatile std::uintptr_t address = reinterpret_cast<std::uintptr_t>(this);
        if (address % 64 != 0) ++misaligned_;
    }

    static inline thread_local int misaligned_ = 0;

    int value_;
};

/// 64 KiB.
class large {
public:
    explicit large(int n) {
        first_ = n;
        last_ = n;
    }

    int value() const noexcept { return first_ == last_ ? first_ : -1; }

private:
    int first_;
    [[maybe_unused]] std::array<std::byte, 64 * 1024 - 2 * sizeof(int)> between_{};
    int last_;
};

/// Its moves may throw, and do so when they were told to.
class throwing_move {
public:
    class thrown : public std::runtime_error {
    public:
        thrown() : std::runtime_error{"a move has thrown"} {}
    };

    explicit throwing_move(int n) : value_(n) { ++alive_; }
    throwing_move(const throwing_move& other) : value_(other.value_) {
        may_throw();
        ++alive_;
    }
    throwing_move(throwing_move&& other) : value_(other.value_) { // NOLINT: it is here to throw
        may_throw();
        ++alive_;
    }
    throwing_move& operator=(const throwing_move& other) {
        may_throw();
        value_ = other.value_;
        return *this;
    }
    throwing_move& operator=(throwing_move&& other) { // NOLINT
        may_throw();
        value_ = other.value_;
        return *this;
    }
    ~throwing_move() {
        --alive_;
        static_cast<volatile int&>(value_) = -1; // shows a use after its end
    }

    int value() const noexcept { return value_; }

    /// The n-th copy or move from now on throws, on this thread; none when n is 0.
    static void throw_at(int n) noexcept { left_ = n; }
    /// How many there are on this thread.
    static int alive() noexcept { return alive_; }

private:
    static void may_throw() {
        if (left_ != 0 && --left_ == 0) throw thrown{};
    }

    static inline thread_local int left_ = 0;
    static inline thread_local int alive_ = 0;

    int value_;
};

/// Can be copied and moved, and cannot be assigned.
class const_member {
public:
    explicit const_member(int n) : value_(n) {}

    int value() const noexcept { return value_; }

private:
    const int value_;
};

} // namespace support::items
