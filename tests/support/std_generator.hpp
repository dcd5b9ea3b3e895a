// SPDX-License-Identifier: MIT
#pragma once

#include <version>

// A header of its own: tests/together.py takes the #includes of a test out of their conditions.
#if defined(__cpp_lib_generator)
#include <generator>
#endif
