// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <cstdint>

#include <weir/core/detail/locals.hpp>

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
    std::uint8_t flags = 0;

    static constexpr std::uint8_t on_stack = 1; // an object that belongs to it is being destroyed
    static constexpr std::uint8_t dead = 2;     // the record was removed during that destruction
    static constexpr std::uint8_t carries = 4;  // it is a local_record
    static constexpr std::uint8_t scope = 8;    // of a with_local, which is a part of its parent and no root

    bool is(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }
};

/// The record of a root, a task group or a with_local that has task-locals.
struct local_record : root_record {
    locals_ref values;
};

/// The records of a run queue.
class root_records {
public:
    root_records() noexcept = default;
    root_records(const root_records&) = delete;
    root_records& operator=(const root_records&) = delete;
    ~root_records();

    /// Returns null if no memory is left.
    root_record* add(root_record* parent, std::uint32_t group) noexcept;
    void remove(root_record* record) noexcept;
    std::uint64_t next_id() noexcept { return ++last_id_; }

private:
    struct block;

    block* blocks_ = nullptr;
    root_record* unused_ = nullptr;
    std::uint64_t last_id_ = 0;
};

/// The records with task-locals. A removed record is used again only after many others were removed, since a waker that
/// has outlived its root should not find the locals of another one.
class local_records {
public:
    local_records() noexcept = default;
    local_records(const local_records&) = delete;
    local_records& operator=(const local_records&) = delete;
    ~local_records();

    /// Returns null if no memory is left.
    local_record* add(std::uint64_t id, root_record* parent, std::uint32_t group, locals_ref values) noexcept;
    void remove(local_record* record) noexcept;

private:
    struct block;

    static constexpr std::size_t removals_before_reuse = 1024;

    block* blocks_ = nullptr;
    std::size_t fresh_ = 0; // the records of the first block that were never used
    root_record* first_removed_ = nullptr;
    root_record* last_removed_ = nullptr;
    std::size_t removed_ = 0;
};

} // namespace weir::detail
