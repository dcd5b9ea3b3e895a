// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstdio>
#include <cstdlib>

namespace weir::detail {

[[noreturn]] inline void assertion_failed(const char* what, const char* file, int line) noexcept {
    std::fprintf(stderr, "%s:%d: weir: broken contract: %s\n", file, line, what);
    std::abort();
}

} // namespace weir::detail

/// Checks a contract of the caller; off when NDEBUG is defined.
#ifndef NDEBUG
#define WEIR_ASSERT(condition, what) ((condition) ? void() : ::weir::detail::assertion_failed(what, __FILE__, __LINE__))
#else
#define WEIR_ASSERT(condition, what) static_cast<void>(sizeof((condition) ? 1 : 0))
#endif
