// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <cstdint>

namespace weir {
class waker;
}

namespace weir::detail {

/// How a waker relates to a root. A root is an operation that has a handle as its owner and that the run queue runs.
enum class root_kind : std::uint8_t {
    none,    ///< not a root; it belongs to the root that polled it last
    spawned, ///< a root without a record: its record is that of the root that spawned it
    member,  ///< a root without a record: its record is that of its task group
    known,   ///< a root with a record of its own, since other wakers belong to it
};

/// Identifies a root or a task group to everything that belongs to it.
///
/// A record belongs to the pool of its run queue and its memory is reused, but never returned before the queue dies, so
/// that a waker which has outlived its root may still read it. Ids only grow: a parent that is not older than its child
/// is a record that was reused.
struct root_record {
    static constexpr std::uint64_t unused = static_cast<std::uint64_t>(-1);

    std::uint64_t id = unused;
    root_record* parent = nullptr; // while unused: the next unused record
    std::uint32_t group = 0;       // the task group, as the executor numbers them; 0 for none
    bool on_stack = false;         // an object that belongs to it is being destroyed
    bool dead = false;             // the record was removed during that destruction
};

/// The records of a run queue.
class root_records {
public:
    root_records() noexcept = default;
    root_records(const root_records&) = delete;
    root_records& operator=(const root_records&) = delete;
    ~root_records();

    /// Returns null when there is no memory.
    root_record* add(root_record* parent, std::uint32_t group) noexcept;
    void remove(root_record* record) noexcept;

private:
    struct block;

    block* blocks_ = nullptr;
    root_record* unused_ = nullptr;
    std::uint64_t last_id_ = 0;
};

} // namespace weir::detail
