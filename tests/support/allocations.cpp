// SPDX-License-Identifier: MIT
#include "allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t count = 0;

std::atomic<std::size_t> left = 0; // until one fails; 0: none does
std::atomic<bool> failed = false;
std::atomic<std::size_t> alive = 0;

bool fails() noexcept {
    std::size_t seen = left.load(std::memory_order_relaxed);
    while (seen != 0 && !left.compare_exchange_weak(seen, seen - 1)) {}
    if (seen != 1) return false;
    failed.store(true);
    return true;
}

void* counted(std::size_t size, std::size_t alignment = 0) noexcept {
    ++count;
    if (fails()) return nullptr;
    alive.fetch_add(1, std::memory_order_relaxed);
    if (alignment == 0) return std::malloc(size != 0 ? size : 1);
    return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

[[maybe_unused]] void* counted_or_throw(std::size_t size, std::size_t alignment = 0) {
    if (void* memory = counted(size, alignment)) return memory;
    throw std::bad_alloc{};
}

[[maybe_unused]] void give_back(void* memory) noexcept {
    if (memory == nullptr) return;
    alive.fetch_sub(1, std::memory_order_relaxed);
    std::free(memory);
}

} // namespace

std::size_t support::allocations() noexcept { return count; }

std::size_t support::blocks_alive() noexcept { return alive.load(); }

void support::fail_allocation(std::size_t n) noexcept {
    failed.store(false);
    left.store(n);
}

bool support::end_of_failure() noexcept {
    left.store(0);
    return failed.exchange(false);
}

// The runtime of clang's thread sanitizer has these itself, and cannot be linked beside others.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR_TESTS_KEEP_OPERATOR_NEW
#endif
#endif

#ifndef WEIR_TESTS_KEEP_OPERATOR_NEW
bool support::allocations_can_fail() noexcept { return true; }

void* operator new(std::size_t size) { return counted_or_throw(size); }
void* operator new[](std::size_t size) { return counted_or_throw(size); }
void* operator new(std::size_t size, std::align_val_t a) { return counted_or_throw(size, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t size, std::align_val_t a) {
    return counted_or_throw(size, static_cast<std::size_t>(a));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
#else
bool support::allocations_can_fail() noexcept { return false; }
#endif
