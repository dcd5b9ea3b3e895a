// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include <weir/core/assert.hpp>

namespace weir {

/// Not yet: the waker given to the poll is woken when another poll is worthwhile.
struct pending_t {};
inline constexpr pending_t pending{};

/// The end of a stream.
struct done_t {};
inline constexpr done_t done{};

/// The value of an operation that has none.
struct unit {
    friend bool operator==(unit, unit) = default;
};

/// What one poll answers: an item, `pending`, or `done`.
///
/// As cheap to pass as its item: trivially copyable when T is.
template <class T>
class [[nodiscard("it may hold an item or the result")]] poll {
    static_assert(std::is_object_v<T>, "weir::poll<T>: items are objects; wrap a reference in a pointer");

public:
    using value_type = T;

    constexpr poll(pending_t) noexcept : none_{}, state_{state::waiting} {}
    constexpr poll(done_t) noexcept : none_{}, state_{state::ended} {}
    constexpr poll(T item) noexcept(std::is_nothrow_move_constructible_v<T>)
        : item_(std::move(item)), state_{state::item} {}

    constexpr poll(const poll&)
        requires std::is_trivially_copy_constructible_v<T>
    = default;
    constexpr poll(poll&&)
        requires std::is_trivially_move_constructible_v<T>
    = default;
    constexpr poll(poll&& other) noexcept(std::is_nothrow_move_constructible_v<T>) : none_{}, state_{other.state_} {
        if (state_ == state::item) std::construct_at(std::addressof(item_), std::move(other.item_));
    }

    constexpr poll& operator=(const poll&)
        requires(std::is_trivially_copyable_v<T> && std::is_copy_assignable_v<T>)
    = default;
    constexpr poll& operator=(poll&&)
        requires(std::is_trivially_copyable_v<T> && std::is_move_assignable_v<T>)
    = default;
    constexpr poll& operator=(poll&& other) noexcept(std::is_nothrow_move_constructible_v<T>) {
        if (this == &other) return *this;
        reset();
        if (other.state_ == state::item) std::construct_at(std::addressof(item_), std::move(other.item_));
        state_ = other.state_;
        return *this;
    }

    constexpr ~poll()
        requires std::is_trivially_destructible_v<T>
    = default;
    constexpr ~poll() { reset(); }

    constexpr bool is_item() const noexcept { return state_ == state::item; }
    constexpr bool is_pending() const noexcept { return state_ == state::waiting; }
    constexpr bool is_done() const noexcept { return state_ == state::ended; }

    constexpr T& operator*() & noexcept {
        WEIR_ASSERT(is_item(), "poll: there is no item");
        return item_;
    }
    constexpr const T& operator*() const& noexcept {
        WEIR_ASSERT(is_item(), "poll: there is no item");
        return item_;
    }
    constexpr T&& operator*() && noexcept {
        WEIR_ASSERT(is_item(), "poll: there is no item");
        return std::move(item_);
    }
    constexpr T* operator->() noexcept { return std::addressof(**this); }

    /// The same answer with f(item) for the item.
    template <class F>
    constexpr auto transform(F& f) && -> poll<std::invoke_result_t<F&, T>> {
        if (is_item()) return std::invoke(f, std::move(item_));
        return rebind<std::invoke_result_t<F&, T>>();
    }

    /// The same answer for another item type, when there is no item.
    template <class U>
    constexpr poll<U> rebind() const noexcept {
        if (is_done()) return done;
        return pending;
    }

private:
    // As wide as the item is aligned: a state narrower than its padding is stored narrow and copied wide, which stalls
    // the processor: with one byte, creating and awaiting a task took a third longer.
    using width =
        std::conditional_t<alignof(T) >= 8, std::uint64_t,
                           std::conditional_t<alignof(T) == 4, std::uint32_t,
                                              std::conditional_t<alignof(T) == 2, std::uint16_t, std::uint8_t>>>;
    enum class state : width { waiting, ended, item };

    constexpr void reset() noexcept {
        if (state_ == state::item) std::destroy_at(std::addressof(item_));
        state_ = state::waiting;
    }

    // As large as the item where that costs nothing, so that an answer is copied whole and stays in registers.
    using nothing =
        std::conditional_t<std::is_trivially_copyable_v<T> && std::is_trivially_default_constructible_v<T>, T, char>;

    union {
        nothing none_;
        T item_;
    };
    state state_;
};

} // namespace weir
