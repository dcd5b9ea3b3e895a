// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <utility>

// Minimal coroutines for floors: no errors, no cancellation, one thread. Functions that return one must not be inlined,
// because clang would then eliminate the coroutine.
namespace bare {

/// The coroutine frames of the program. Freed frames are kept by size and never returned.
class frames {
public:
    static void* take(std::size_t size) {
        node*& head = heads[size / 64];
        if (head == nullptr) return ::operator new((size / 64 + 1) * 64);
        return std::exchange(head, head->next);
    }
    static void give(void* memory, std::size_t size) noexcept {
        node*& head = heads[size / 64];
        head = ::new (memory) node{head};
    }

private:
    struct node {
        node* next;
    };
    static inline std::array<node*, 64> heads{};
};

struct promise_base {
    static void* operator new(std::size_t size) { return frames::take(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { frames::give(memory, size); }

    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { std::terminate(); }
};

template <class Promise>
class owner {
public:
    using promise_type = Promise;
    using handle_type = std::coroutine_handle<Promise>;

    explicit owner(handle_type handle) noexcept : handle_{handle} {}
    owner(owner&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
    owner& operator=(owner&&) = delete;
    ~owner() {
        if (handle_) handle_.destroy();
    }

    handle_type handle() const noexcept { return handle_; }

private:
    handle_type handle_;
};

template <class T>
struct generator_promise : promise_base {
    owner<generator_promise> get_return_object() noexcept {
        return owner<generator_promise>{std::coroutine_handle<generator_promise>::from_promise(*this)};
    }
    std::suspend_always yield_value(T value) noexcept {
        item = value;
        return {};
    }
    void return_void() noexcept {}

    T item{};
};

template <class T>
using generator = owner<generator_promise<T>>;

/// Returns the next item, or null at the end.
template <class T>
T* pull(const generator<T>& g) {
    g.handle().resume();
    return g.handle().done() ? nullptr : &g.handle().promise().item;
}

template <class T>
struct task_promise : promise_base {
    owner<task_promise> get_return_object() noexcept {
        return owner<task_promise>{std::coroutine_handle<task_promise>::from_promise(*this)};
    }
    void return_value(T value) noexcept { result = value; }

    T result{};
    std::coroutine_handle<> waiting; // resumed when the task is done; null where it completes at once
};

template <class T>
using task = owner<task_promise<T>>;

/// Awaits a task that completes at once, and runs it in place.
template <class T>
struct run_in_place {
    const task<T>& what;

    bool await_ready() const {
        what.handle().resume();
        return true;
    }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    T await_resume() const noexcept { return what.handle().promise().result; }
};

/// A run queue in a ring that is large enough for all entries.
class queue {
public:
    void push(std::coroutine_handle<> handle) noexcept { ring_[last_++ % ring_.size()] = handle; }
    void run() {
        while (first_ != last_) ring_[first_++ % ring_.size()].resume();
    }

    auto yield() noexcept {
        struct operation {
            queue& to;

            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<> handle) const noexcept { to.push(handle); }
            void await_resume() const noexcept {}
        };
        return operation{*this};
    }

private:
    std::array<std::coroutine_handle<>, 64> ring_{};
    std::size_t first_ = 0;
    std::size_t last_ = 0;
};

} // namespace bare
