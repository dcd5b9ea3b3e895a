// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <weir/core/detail/frame_pool.hpp>

namespace weir::detail {

/// What a handle is to the others: the last giver that goes closes what they share, and the last taker too; the rest,
/// such as operations that wait, only keep it in memory.
enum class role : std::uint8_t { giver, taker, other };

/// Base of what handles share on one executor. It goes with the last of them, whichever that is.
///
/// It is told by `givers_left()` and `takers_left()`, each once at most, when there are no more of a kind that there were.
class shared : public pooled {
public:
    shared() noexcept = default;
    shared(const shared&) = delete;
    shared& operator=(const shared&) = delete;

    std::size_t givers() const noexcept { return givers_; }
    std::size_t takers() const noexcept { return takers_; }

    void givers_left() noexcept {}
    void takers_left() noexcept {}

private:
    template <class, role>
    friend class handle;

    bool unused() const noexcept { return (givers_ | takers_ | others_) == 0; }

    // One of them is counted a handle, no more: a send is a handle, and short.
    std::size_t givers_ = 0;
    std::size_t takers_ = 0;
    std::size_t others_ = 0;
};

/// A counted pointer to what is shared; null when it was moved away.
template <class Shared, role Role>
class handle {
public:
    handle() noexcept : shared_{nullptr} {}
    explicit handle(Shared& s) noexcept : shared_{&s} { enter(); }
    /// The same thing, in another role.
    template <role Other>
    explicit handle(const handle<Shared, Other>& other) noexcept : shared_{other.get()} {
        if (shared_ != nullptr) enter();
    }
    handle(const handle& other) noexcept : shared_{other.shared_} {
        if (shared_ != nullptr) enter();
    }
    handle(handle&& other) noexcept : shared_{std::exchange(other.shared_, nullptr)} {}
    handle& operator=(handle other) noexcept {
        std::swap(shared_, other.shared_);
        return *this;
    }
    ~handle() {
        if (shared_ != nullptr) leave();
    }

    void reset() noexcept {
        if (shared_ != nullptr) leave();
        shared_ = nullptr;
    }

    explicit operator bool() const noexcept { return shared_ != nullptr; }
    Shared* get() const noexcept { return shared_; }
    Shared* operator->() const noexcept { return shared_; }
    Shared& operator*() const noexcept { return *shared_; }

private:
    static std::size_t& count(shared& s) noexcept {
        return Role == role::giver ? s.givers_ : Role == role::taker ? s.takers_ : s.others_;
    }

    void enter() noexcept { ++count(*shared_); }
    void leave() noexcept {
        if (--count(*shared_) == 0) [[unlikely]]
            last_left();
    }
    [[gnu::noinline]] void last_left() noexcept {
        ++shared_->others_; // what is called may let go of all the rest
        if constexpr (Role == role::giver) shared_->givers_left();
        if constexpr (Role == role::taker) shared_->takers_left();
        --shared_->others_;
        if (shared_->unused()) delete shared_;
    }

    Shared* shared_;
};

} // namespace weir::detail
