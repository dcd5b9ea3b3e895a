// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <stdexcept>
#include <thread>

#include <weir/operators/map.hpp>
#include <weir/task.hpp>
#include <weir/threads/runtime.hpp>
#include <weir/threads/spawn_on.hpp>

namespace support {

/// The thread of a runtime's executor.
inline std::thread::id thread_of(weir::runtime& rt, std::size_t i) {
    return rt.spawn_on(i, []() -> weir::task<std::thread::id> { co_return std::this_thread::get_id(); }).get();
}

/// An operator that passes ints on, and fails on another thread than the expected one.
inline auto only_on(std::thread::id expected) {
    return weir::map([expected](int i) {
        if (std::this_thread::get_id() != expected) throw std::logic_error{"wrong thread"};
        return i;
    });
}

} // namespace support
