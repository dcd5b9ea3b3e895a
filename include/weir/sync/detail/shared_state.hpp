// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <weir/core/detail/frame_pool.hpp>

namespace weir::detail {

/// The role of a handle. The shared state is notified when its last producer and when its last consumer is destroyed;
/// other handles, such as those of waiting operations, only keep it in memory.
enum class role : std::uint8_t { producer, consumer, other };

/// Base of the state that handles share on one executor. The last handle, whatever its role, destroys it.
///
/// `producers_left()` is called when the last producer is destroyed, and `consumers_left()` when the last consumer is,
/// each at most once.
class shared_state : public pooled {
public:
    shared_state() noexcept = default;
    shared_state(const shared_state&) = delete;
    shared_state& operator=(const shared_state&) = delete;

    std::size_t producers() const noexcept { return producers_; }
    std::size_t consumers() const noexcept { return consumers_; }

    void producers_left() noexcept {}
    void consumers_left() noexcept {}

private:
    template <class, role>
    friend class handle;

    bool unused() const noexcept { return (producers_ | consumers_ | others_) == 0; }

    // Each handle costs one increment and no more, because every send creates one.
    std::size_t producers_ = 0;
    std::size_t consumers_ = 0;
    std::size_t others_ = 0;
};

/// A counted pointer to the shared state; null after a move.
template <class Shared, role Role>
class handle {
public:
    handle() noexcept : shared_{nullptr} {}
    explicit handle(Shared& s) noexcept : shared_{&s} { enter(); }
    /// Shares the same state in another role.
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
    static std::size_t& count(shared_state& s) noexcept {
        return Role == role::producer ? s.producers_ : Role == role::consumer ? s.consumers_ : s.others_;
    }

    void enter() noexcept { ++count(*shared_); }
    void leave() noexcept {
        if (--count(*shared_) == 0) [[unlikely]]
            last_left();
    }
    [[gnu::noinline]] void last_left() noexcept {
        ++shared_->others_; // the call below may destroy all other handles
        if constexpr (Role == role::producer) shared_->producers_left();
        if constexpr (Role == role::consumer) shared_->consumers_left();
        --shared_->others_;
        if (shared_->unused()) delete shared_;
    }

    Shared* shared_;
};

} // namespace weir::detail
