// SPDX-License-Identifier: MIT
#include <weir/core/detail/deep_destruction.hpp>

#include <cstddef>

#include <sys/mman.h>
#include <unistd.h>

#if __has_include(<ucontext.h>) && defined(__GLIBC__)
#include <ucontext.h>
#define WEIR_MORE_STACKS 1
#endif

#if defined(__SANITIZE_ADDRESS__)
#define WEIR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEIR_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define WEIR_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR_TSAN 1
#endif
#endif
#if WEIR_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if WEIR_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace weir::detail {

namespace {

// The number of links that are destroyed on one stack, and the size of each further stack: 16 KiB per link. Untouched
// pages of a stack take no memory.
constexpr std::size_t links_per_stack = 256;
constexpr std::size_t stack_size = links_per_stack * 16 * 1024;

thread_local std::size_t depth = 0;

#if WEIR_MORE_STACKS

class stack {
public:
    stack() noexcept
        : memory_{::mmap(nullptr, stack_size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0)} {}
    stack(const stack&) = delete;
    stack& operator=(const stack&) = delete;
    ~stack() {
        if (*this) ::munmap(memory_, stack_size);
    }

    explicit operator bool() const noexcept { return memory_ != MAP_FAILED; }
    void* begin() const noexcept { return memory_; }

private:
    void* memory_;
};

/// A call on another stack. Announces the switch to the sanitizers.
class call_elsewhere {
public:
    call_elsewhere(void (*destroy)(void*) noexcept, void* object, const stack& where) noexcept
        : destroy_{destroy}, object_{object}, where_{where} {}

    bool run() noexcept {
        if (::getcontext(&there_) != 0) return false;
        there_.uc_stack.ss_sp = where_.begin();
        there_.uc_stack.ss_size = stack_size;
        there_.uc_link = &here_;
        current_ = this;
        ::makecontext(&there_, &call_elsewhere::entered, 0);
#if WEIR_TSAN
        fiber_here_ = __tsan_get_current_fiber();
        fiber_there_ = __tsan_create_fiber(0);
        __tsan_switch_to_fiber(fiber_there_, 0);
#endif
#if WEIR_ASAN
        __sanitizer_start_switch_fiber(&fake_stack_, where_.begin(), stack_size);
#endif
        const bool called = ::swapcontext(&here_, &there_) == 0;
#if WEIR_ASAN
        __sanitizer_finish_switch_fiber(fake_stack_, nullptr, nullptr);
#endif
#if WEIR_TSAN
        __tsan_destroy_fiber(fiber_there_);
#endif
        return called;
    }

private:
    static void entered() noexcept {
        call_elsewhere& call = *current_;
#if WEIR_ASAN
        __sanitizer_finish_switch_fiber(nullptr, &call.bottom_here_, &call.size_here_);
#endif
        call.destroy_(call.object_);
#if WEIR_ASAN
        __sanitizer_start_switch_fiber(nullptr, call.bottom_here_, call.size_here_);
#endif
#if WEIR_TSAN
        __tsan_switch_to_fiber(call.fiber_here_, 0);
#endif
    }

    void (*destroy_)(void*) noexcept;
    void* object_;
    const stack& where_;
    ucontext_t here_;
    ucontext_t there_;
#if WEIR_ASAN
    void* fake_stack_ = nullptr;
    const void* bottom_here_ = nullptr;
    std::size_t size_here_ = 0;
#endif
#if WEIR_TSAN
    void* fiber_here_ = nullptr;
    void* fiber_there_ = nullptr;
#endif

    static thread_local call_elsewhere* current_;
};

thread_local call_elsewhere* call_elsewhere::current_ = nullptr;

/// Returns false when there is no memory for another stack. The caller then stays on its own stack.
[[gnu::noinline]] bool destroy_elsewhere(void (*destroy)(void*) noexcept, void* object) noexcept {
    const stack more;
    if (!more) return false;
    call_elsewhere call{destroy, object, more};
    return call.run();
}

#else

bool destroy_elsewhere(void (*)(void*) noexcept, void*) noexcept { return false; }

#endif

} // namespace

void destroy_deep(void (*destroy)(void*) noexcept, void* object) noexcept {
    const bool stack_is_used_up = depth != 0 && depth % links_per_stack == 0;
    ++depth;
    if (!stack_is_used_up || !destroy_elsewhere(destroy, object)) destroy(object);
    --depth;
}

} // namespace weir::detail
