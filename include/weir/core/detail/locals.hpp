// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <atomic>
#include <cstddef>
#include <string>
#include <utility>

namespace weir::detail {

class local_link;

/// The task-locals of some code: a list with the value of each, the last set first. Empty if none is set.
class locals_ref {
public:
    locals_ref() noexcept = default;
    /// Takes ownership of a new link.
    explicit locals_ref(const local_link* first) noexcept : first_{first} {}
    inline locals_ref(const locals_ref& other) noexcept;
    locals_ref(locals_ref&& other) noexcept : first_{std::exchange(other.first_, nullptr)} {}
    locals_ref& operator=(locals_ref other) noexcept {
        std::swap(first_, other.first_);
        return *this;
    }
    inline ~locals_ref();

    const local_link* first() const noexcept { return first_; }
    explicit operator bool() const noexcept { return first_ != nullptr; }

    /// The same list without the value of one task-local.
    locals_ref without(const void* key) const;

private:
    const local_link* first_ = nullptr;
};

class local_value;

/// A link of a list of task-locals. Lists share links, and links share values.
class local_link {
public:
    local_link(const local_value& value, locals_ref outer) noexcept : value_{value}, outer_{std::move(outer)} {}
    local_link(const local_link&) = delete;
    local_link& operator=(const local_link&) = delete;

    inline const void* key() const noexcept;
    const local_value& value() const noexcept { return value_; }
    const locals_ref& outer() const noexcept { return outer_; }

private:
    friend class locals_ref;

    mutable std::atomic<std::size_t> owners_ = 1;
    const local_value& value_;
    mutable locals_ref outer_; // taken by who destroys the link
};

/// A value of one task-local. It does not change, so that threads may share it.
class local_value {
public:
    /// @param outer  the other task-locals of the code for which it is set
    local_value(const void* key, locals_ref outer) noexcept : key_{key}, link_{*this, std::move(outer)} {}
    local_value(const local_value&) = delete;
    local_value& operator=(const local_value&) = delete;
    virtual ~local_value() = default;

    const void* key() const noexcept { return key_; }
    /// "name = value"
    virtual std::string text() const = 0;

    /// The first link to this value, which is in the same memory.
    const local_link& link() const noexcept { return link_; }
    /// Makes another link an owner.
    void share() const noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
    /// Removes a link from the owners. acq_rel: the last one destroys the value after all uses by the others.
    void release() const noexcept {
        if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

private:
    mutable std::atomic<std::size_t> owners_ = 1;
    const void* key_;
    local_link link_;
};

inline const void* local_link::key() const noexcept { return value_.key(); }

inline locals_ref::locals_ref(const locals_ref& other) noexcept : first_{other.first_} {
    // Relaxed: the copied reference keeps the link alive.
    if (first_ != nullptr) first_->owners_.fetch_add(1, std::memory_order_relaxed);
}

inline locals_ref::~locals_ref() {
    // acq_rel: the last owner destroys after all uses by the others. A loop and not a recursion, since the list may be
    // long.
    while (first_ != nullptr && first_->owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        const local_link* const last = std::exchange(first_, std::exchange(first_->outer_.first_, nullptr));
        const local_value& value = last->value_;
        if (last != &value.link()) delete last;
        value.release();
    }
}

/// "request id = 17, user = anna": the last set first, in one line.
std::string text_of(const locals_ref& locals);

} // namespace weir::detail
