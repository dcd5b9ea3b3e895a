// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

namespace weir::detail {

/// The `on_drop` of an operator whose user passed none.
struct drop_silently {
    template <class T>
    void operator()(T&&) const noexcept {}
};

} // namespace weir::detail
