// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/waker.hpp>

namespace weir::detail {

/// The waker that waits for an object for which only one may wait. Such a class has a private function `waiting()`, and
/// this one as its friend.
struct sole_waiter {
    template <class X>
    static const waker* of(X& object) noexcept {
        if constexpr (requires { object.waiting(); }) {
            return object.waiting();
        } else {
            return nullptr;
        }
    }
};

} // namespace weir::detail
