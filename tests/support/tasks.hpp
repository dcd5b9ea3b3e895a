// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>

#include <weir/core/time.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/task.hpp>

namespace support {

template <class T>
weir::task<T> value_after(weir::duration d, T value) {
    co_await weir::sleep_for(d);
    co_return value;
}

inline weir::task<int> failure_after(weir::duration d, const char* what) {
    co_await weir::sleep_for(d);
    throw std::runtime_error{what};
}

} // namespace support
