// SPDX-License-Identifier: MIT
#include <weir/core/detail/error_notes.hpp>

#include <atomic>

namespace weir::detail {

namespace {

constinit std::atomic<error_listener*> current_listener{nullptr};

} // namespace

// acq_rel and acquire: a thread that finds the listener sees it constructed.
error_listener* listen_to_errors(error_listener* next) noexcept {
    return current_listener.exchange(next, std::memory_order_acq_rel);
}

void note_error(const char* type, std::source_location place) noexcept {
    if (error_listener* const to = current_listener.load(std::memory_order_acquire); to != nullptr) {
        to->passes(std::current_exception(), type, place);
    }
}

void note_error(const locals_ref& locals) noexcept {
    if (!locals) return;
    if (error_listener* const to = current_listener.load(std::memory_order_acquire); to != nullptr) {
        to->passes(std::current_exception(), locals);
    }
}

void note_checkpoint(const std::string& name, std::source_location place) noexcept {
    if (error_listener* const to = current_listener.load(std::memory_order_acquire); to != nullptr) {
        to->passes_checkpoint(std::current_exception(), name, place);
    }
}

} // namespace weir::detail
