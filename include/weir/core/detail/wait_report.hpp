// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <source_location>
#include <string_view>
#include <typeinfo>

namespace weir {
class stage_outline;
class waker;
} // namespace weir

namespace weir::detail {

class coroutine_state;

/// The mangled name of a type; null where the program has no type information.
template <class T>
constexpr const char* type_name() noexcept {
#if defined(__cpp_rtti)
    return typeid(T).name();
#else
    return nullptr;
#endif
}

/// Receives the description of what suspended code waits for. Everything that describes itself calls it.
class wait_report {
public:
    /// A stage or another object of that type, with its condition. What follows `cause` belongs below it.
    virtual void stage(const char* type, std::string_view condition) = 0;
    /// The same for an object that several waiters may share: a number tells which one it is.
    virtual void object(const void* which, std::string_view name, std::string_view condition) = 0;
    /// Everything that the waker waits for, below the last line.
    virtual void cause(waker& waiting) = 0;

protected:
    ~wait_report() = default;
};

/// A pipeline or another operation that can be drawn.
struct drawing {
    const char* type = nullptr; // its mangled name
    const void* object = nullptr;
    void (*outline)(const void* object, stage_outline& out) = nullptr;
};

/// An operation that the run queue runs, or has run, and a handle owns.
struct live_root {
    waker* self;
    coroutine_state* coroutine; // null for an operation that is no task
    drawing what;               // such an operation
    std::source_location place; // of its spawn
    const char* how;            // it was started
    bool ended = false;         // of an operation that is no task: only its result is left
};

/// Receives live operations.
class live_roots {
public:
    virtual void add(const live_root& one) = 0;

protected:
    ~live_roots() = default;
};

/// A member of an object that can describe itself: how, and where the object is. It stays valid when the object moves.
class described {
public:
    /// For an object that has a member function `describe(wait_report&)`, and `described` as its friend.
    template <class Object>
    explicit described(Object& object) noexcept
        : describe_{[](void* of, wait_report& report) { static_cast<Object*>(of)->describe(report); }},
          offset_{reinterpret_cast<char*>(this) - reinterpret_cast<char*>(&object)} {}

    void describe(wait_report& report) const {
        describe_(const_cast<char*>(reinterpret_cast<const char*>(this)) - offset_, report);
    }

private:
    void (*describe_)(void*, wait_report&);
    std::ptrdiff_t offset_;
};

} // namespace weir::detail
