// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstdint>
#include <new>
#include <utility>

#include <weir/core/detail/locals.hpp>

namespace weir {
class waker;
}

namespace weir::detail {

/// How a waker relates to a root. A root is an operation that has a handle as its owner and that the run queue runs.
/// The values are sets of bits, so that one test covers several.
enum class root_kind : std::uint8_t {
    none = 0,    ///< not a root; it belongs to the root that polled it last
    known = 1,   ///< a root with a record of its own, since other wakers belong to it
    spawned = 2, ///< a root without a record: its record is that of the root that spawned it
    member = 4,  ///< a root without a record: its record is that of its task group
    locals = 8,  ///< with none or known: the record is a local_record
};

constexpr root_kind operator|(root_kind a, root_kind b) noexcept {
    return static_cast<root_kind>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
/// Whether a kind has at least one of those bits.
constexpr bool has_any(root_kind kind, root_kind bits) noexcept {
    return (static_cast<unsigned>(kind) & static_cast<unsigned>(bits)) != 0;
}

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
    std::uint32_t generation = 0; // how often it was removed: shows a waker with locals whether the record was reused
    locals_ref values;
};

/// The memory of the records of a run queue.
template <class Record>
class record_pool {
public:
    record_pool() noexcept = default;
    record_pool(const record_pool&) = delete;
    record_pool& operator=(const record_pool&) = delete;
    ~record_pool() {
        while (blocks_ != nullptr) delete std::exchange(blocks_, blocks_->next);
    }

    /// Returns null if no memory is left.
    Record* take() noexcept {
        if (unused_ == nullptr && !grow()) [[unlikely]]
            return nullptr;
        return static_cast<Record*>(std::exchange(unused_, unused_->parent));
    }
    void put(Record* record) noexcept {
        record->id = root_record::unused;
        record->parent = std::exchange(unused_, record);
    }

private:
    struct block {
        block* next;
        Record records[60];
    };

    [[gnu::noinline]] bool grow() noexcept {
        block* const more = new (std::nothrow) block{blocks_, {}};
        if (more == nullptr) return false;
        blocks_ = more;
        for (Record& record : more->records) put(&record);
        return true;
    }

    block* blocks_ = nullptr;
    root_record* unused_ = nullptr;
};

} // namespace weir::detail
