// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <atomic>
#include <cstddef>
#include <string>
#include <utility>

namespace weir::detail {

class local_value;

/// The task-locals of some code: the value that was set last, which refers to the values set around it. Empty if none
/// is set.
class locals_ref {
public:
    locals_ref() noexcept = default;
    /// Takes ownership of a new value.
    explicit locals_ref(const local_value* first) noexcept : first_{first} {}
    inline locals_ref(const locals_ref& other) noexcept;
    locals_ref(locals_ref&& other) noexcept : first_{std::exchange(other.first_, nullptr)} {}
    locals_ref& operator=(locals_ref other) noexcept {
        std::swap(first_, other.first_);
        return *this;
    }
    inline ~locals_ref();

    const local_value* first() const noexcept { return first_; }
    explicit operator bool() const noexcept { return first_ != nullptr; }

private:
    const local_value* first_ = nullptr;
};

/// A value of one task-local. It does not change, so that threads may share it.
class local_value {
public:
    local_value(const void* key, locals_ref outer) noexcept : key_{key}, outer_{std::move(outer)} {}
    local_value(const local_value&) = delete;
    local_value& operator=(const local_value&) = delete;
    virtual ~local_value() = default;

    const void* key() const noexcept { return key_; }
    const local_value* outer() const noexcept { return outer_.first(); }
    /// "name = value"
    virtual std::string text() const = 0;

private:
    friend class locals_ref;

    mutable std::atomic<std::size_t> owners_ = 1;
    const void* key_;
    mutable locals_ref outer_; // taken by who destroys the value
};

inline locals_ref::locals_ref(const locals_ref& other) noexcept : first_{other.first_} {
    // Relaxed: the copied reference keeps the value alive.
    if (first_ != nullptr) first_->owners_.fetch_add(1, std::memory_order_relaxed);
}

inline locals_ref::~locals_ref() {
    // acq_rel: the last owner destroys after all uses by the others. A loop and not a recursion, since a task that
    // spawns its successor under another value makes a chain without end.
    while (first_ != nullptr && first_->owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        const local_value* const last = std::exchange(first_, std::exchange(first_->outer_.first_, nullptr));
        delete last;
    }
}

/// "request id = 17, user = anna": the innermost value of each task-local, the last set first.
std::string text_of(const locals_ref& locals);

} // namespace weir::detail
