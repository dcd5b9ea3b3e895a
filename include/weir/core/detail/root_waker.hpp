// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/waker.hpp>

namespace weir::detail {

/// The waker of a root that is an object. It is a base class, so that it is destroyed after the members of the root.
class root_waker : public waker {
public:
    using waker::waker;
    root_waker(root_waker&&) noexcept = default;
    ~root_waker() { forget_root(); }
};

} // namespace weir::detail
