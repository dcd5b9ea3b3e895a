// SPDX-License-Identifier: MIT
#pragma once

// Ends a compilation that cannot succeed with one error. Compilers continue after #error, and thousands of errors would
// follow. They stop at a missing header, also where weir is a system header.

#if __cplusplus < 202002L
#include <weir needs C++20: compile with -std=c++20>
#endif

#include <version>

#if !defined(__cpp_impl_coroutine) || !defined(__cpp_concepts) || __cpp_concepts < 201907L ||                          \
    !defined(__cpp_lib_source_location)
#include <weir needs a newer compiler: g++ 12, clang 15 or a later version>
#endif

#if !defined(__cpp_lib_jthread)
#include <weir needs std::stop_token: with libc++ 19 compile with -fexperimental-library>
#endif
