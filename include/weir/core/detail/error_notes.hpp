// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <exception>
#include <source_location>
#include <string>

#include <weir/core/detail/locals.hpp>

namespace weir::detail {

/// Receives the operations, coroutines and task-locals that each error of the process passes. Called on any thread.
class error_listener {
public:
    /// The error leaves an awaited operation of that type, or a coroutine when the type is null.
    /// @param place  of the co_await, with line 0 where it is not known; or in the coroutine
    virtual void passes(const std::exception_ptr& error, const char* type, std::source_location place) noexcept = 0;
    /// The error leaves code that has these task-locals.
    virtual void passes(const std::exception_ptr& error, const locals_ref& locals) noexcept = 0;
    /// The error passes a checkpoint of a pipeline.
    virtual void passes_checkpoint(const std::exception_ptr& error, const std::string& name,
                                   std::source_location place) noexcept = 0;

protected:
    ~error_listener() = default;
};

/// Sets the listener; null removes it. Returns the previous one. No error may be in flight.
error_listener* listen_to_errors(error_listener* listener) noexcept;

// To be called in a handler of the exception. They do nothing without a listener.
void note_error(const char* type, std::source_location place = {}) noexcept;
void note_error(const locals_ref& locals) noexcept;
void note_checkpoint(const std::string& name, std::source_location place) noexcept;

} // namespace weir::detail
