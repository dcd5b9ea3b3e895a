// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace weir::detail {

/// An object that its owner may destroy early, such as the upstream of an operator that has ended. It cannot be
/// constructed again. A std::optional has three times as many functions, which each pipeline would instantiate.
template <class T>
class resettable {
public:
    explicit resettable(T&& object) : object_(std::move(object)) {}
    template <class... Args>
    explicit resettable(std::in_place_t, Args&&... args) : object_(std::forward<Args>(args)...) {}
    resettable(resettable&& other) noexcept(std::is_nothrow_move_constructible_v<T>) : none_{}, filled_{false} {
        if (!other.filled_) return;
        ::new (static_cast<void*>(std::addressof(object_))) T(std::move(other.object_));
        filled_ = true;
    }
    resettable& operator=(resettable&&) = delete;
    ~resettable() {
        if (filled_) object_.~T();
    }

    void reset() noexcept {
        if (!filled_) return;
        filled_ = false;
        object_.~T();
    }

    bool has_value() const noexcept { return filled_; }
    explicit operator bool() const noexcept { return filled_; }
    T& operator*() & noexcept { return object_; }
    const T& operator*() const& noexcept { return object_; }
    T&& operator*() && noexcept { return std::move(object_); }
    T* operator->() noexcept { return std::addressof(object_); }

private:
    union {
        char none_;
        T object_;
    };
    bool filled_ = true;
};

} // namespace weir::detail
