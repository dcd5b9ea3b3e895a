// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <new>
#include <utility>

#include <weir/core/assert.hpp>

namespace weir::detail {

/// A place for an object that is made where it stays: like an optional, but what a function gives is not moved.
template <class T>
class slot {
public:
    slot() noexcept : none_{} {}
    slot(slot&& other) noexcept : none_{} {
        WEIR_ASSERT(!other, "an operator was moved after its first poll");
        static_cast<void>(other);
    }
    slot& operator=(slot&&) = delete;
    ~slot() { reset(); }

    /// Fills the place, which is empty, with what make() gives.
    template <class Make>
    void fill(Make&& make) {
        ::new (static_cast<void*>(std::addressof(object_))) T(std::forward<Make>(make)());
        filled_ = true;
    }
    void reset() noexcept {
        if (!filled_) return;
        filled_ = false;
        std::destroy_at(std::addressof(object_));
    }

    explicit operator bool() const noexcept { return filled_; }
    T& operator*() noexcept { return object_; }
    T* operator->() noexcept { return std::addressof(object_); }

private:
    union {
        char none_;
        T object_;
    };
    bool filled_ = false;
};

} // namespace weir::detail
