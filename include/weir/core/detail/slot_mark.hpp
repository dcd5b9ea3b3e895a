// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstdint>

namespace weir::detail {

/// What a waker_slot is in. An armed slot keeps it in unused bits of a pointer, so that a dump can follow what a waker
/// waits for.
enum class slot_mark : std::uint8_t {
    none,      ///< a waker_slot: something that the dump does not know
    coroutine, ///< a coroutine_state: the waker waits for its item or its end
    timer,     ///< a deadline_timer
    io,        ///< an io_operation
    described, ///< a described_slot: the object that contains it describes itself
    referring, ///< a referring_slot: it points to what describes itself
    thread,    ///< a result or a wake of another thread
};

class slot_base;
struct slot_access; // for a dump

} // namespace weir::detail
