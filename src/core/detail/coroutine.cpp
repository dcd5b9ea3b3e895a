// SPDX-License-Identifier: MIT
#include <weir/core/detail/coroutine.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <source_location>
#include <utility>

#include <weir/core/detail/deep_destruction.hpp>

namespace weir::detail {

coroutine_state::progress coroutine_state::look(suspension& where) noexcept {
    switch (phase_) {
    case awaiting: {
        // The awaiter's type is known to the function that a wake calls.
        suspension* const outer = std::exchange(looked_at_, &where);
        phase_ = looked_at;
        on_wake()(*this);
        phase_ = awaiting;
        looked_at_ = outer;
        return progress::awaits;
    }
    case queued:
        return progress::ready;
    case yielded:
        return progress::holds_item;
    case resumable:
        return cx_ != nullptr ? progress::runs : progress::not_polled;
    default:
        return is(finished) ? progress::has_ended : progress::runs;
    }
}

void coroutine_state::fail(std::source_location place) noexcept {
    note_error(nullptr, place);
    note_error(run_queue::locals_of(*this));
    ::new (static_cast<void*>(&error_)) std::exception_ptr{std::current_exception()};
    enter(failed);
}

coroutine_state& coroutine_state::awaited_through(slot_base& slot) noexcept {
// The offset is a constant: no base is virtual.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
    return *reinterpret_cast<coroutine_state*>(reinterpret_cast<char*>(&slot) - offsetof(coroutine_state, consumer_));
#pragma GCC diagnostic pop
}

void coroutine_state::drop_root() noexcept {
    if (is(ending)) {
        enter(dropped); // end_frame checks the flag
    } else if (is(finished) && !is(dropped)) {
        on_wake()(*this);
    } else if (!queue().drop(*this, &destroy_root)) {
        enter(dropped);
    }
}

void coroutine_state::destroy_root(waker& self) noexcept {
    auto& state = static_cast<coroutine_state&>(self);
    if (state.last_ == known::owner) {
        state.owner_->die();
    } else {
        state.destroy();
    }
}

void coroutine_state::end_dropped() noexcept {
    if (is_root()) {
        on_wake(&destroy_root); // the run queue holds the root, and destroys it
    } else {
        destroy();
    }
}

void coroutine_state::at_yield() noexcept {
    cx_ = nullptr;
    auto& generator = static_cast<generator_state_base&>(*this);
    if (generator.keep_(generator)) {
        enter(yielded);
    } else {
        retire();
        enter(finished);
    }
}

void coroutine_state::destroy() noexcept {
    void* const memory = handle().address();
    const std::size_t size = frame_is_gone() ? memory_size_ : destroy_frame();
    this->~coroutine_state();
    if (size != 0) frame_pool::deallocate(memory, size);
}

std::size_t coroutine_state::destroy_frame() noexcept {
    frame_memory memory{handle().address()};
    destroy_deep([](void* frame) noexcept { std::coroutine_handle<>::from_address(frame).destroy(); },
                 handle().address());
    return memory.size();
}

} // namespace weir::detail
