// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <new>
#include <utility>

#include <weir/core/assert.hpp>

namespace weir::detail {

/// Storage for an object that is constructed in place: like an optional, but the result of a function is not moved.
template <class T>
class manual_lifetime {
public:
    manual_lifetime() noexcept : none_{} {}
    manual_lifetime(manual_lifetime&& other) noexcept : none_{} {
        WEIR_ASSERT(!other, "an operator was moved after its first poll");
        static_cast<void>(other);
    }
    manual_lifetime& operator=(manual_lifetime&&) = delete;
    ~manual_lifetime() { reset(); }

    /// Constructs the object from the result of make(). There must be none yet.
    template <class Make>
    void construct_with(Make&& make) {
        ::new (static_cast<void*>(std::addressof(object_))) T(std::forward<Make>(make)());
        filled_ = true;
    }
    void reset() noexcept {
        if (std::exchange(filled_, false)) std::destroy_at(std::addressof(object_));
    }

    explicit operator bool() const noexcept { return filled_; }
    T& operator*() noexcept { return object_; }
    const T& operator*() const noexcept { return object_; }
    T* operator->() noexcept { return std::addressof(object_); }

private:
    union {
        char none_;
        T object_;
    };
    bool filled_ = false;
};

} // namespace weir::detail
