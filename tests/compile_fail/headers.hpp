// SPDX-License-Identifier: MIT
// What the cases include, compiled ahead of them (meson.build).
#pragma once

#include <weir/weir.hpp>
