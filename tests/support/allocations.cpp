#include "allocations.hpp"

#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t count = 0;

void* counted(std::size_t size) noexcept {
    ++count;
    return std::malloc(size != 0 ? size : 1);
}

[[maybe_unused]] void* counted_or_throw(std::size_t size) {
    if (void* memory = counted(size)) return memory;
    throw std::bad_alloc{};
}

} // namespace

std::size_t support::allocations() noexcept { return count; }

// The runtime of clang's thread sanitizer has these itself, and cannot be linked beside others.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR_TESTS_KEEP_OPERATOR_NEW
#endif
#endif

#ifndef WEIR_TESTS_KEEP_OPERATOR_NEW
void* operator new(std::size_t size) { return counted_or_throw(size); }
void* operator new[](std::size_t size) { return counted_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
#endif
