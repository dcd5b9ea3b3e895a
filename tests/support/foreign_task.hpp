// SPDX-License-Identifier: MIT
#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

/// A coroutine library as others write them, without weir.
namespace support::foreign {

struct unit {};

/// Lazy, with symmetric transfer. Its result is moved out.
template <class T>
class task {
    using kept = std::conditional_t<std::is_void_v<T>, unit, T>;

    struct promise_base {
        auto initial_suspend() noexcept { return std::suspend_always{}; }
        void unhandled_exception() noexcept { error = std::current_exception(); }

        std::coroutine_handle<> continuation = std::noop_coroutine();
        std::optional<kept> value;
        std::exception_ptr error;
    };
    struct final_awaiter {
        bool await_ready() const noexcept { return false; }
        template <class P>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) const noexcept {
            return self.promise().continuation;
        }
        void await_resume() const noexcept {}
    };
    struct promise_of_value : promise_base {
        template <class U>
        void return_value(U&& v) {
            this->value.emplace(std::forward<U>(v));
        }
    };
    struct promise_of_nothing : promise_base {
        void return_void() noexcept { this->value.emplace(); }
    };

public:
    struct promise_type : std::conditional_t<std::is_void_v<T>, promise_of_nothing, promise_of_value> {
        task get_return_object() noexcept { return task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
        auto final_suspend() noexcept { return final_awaiter{}; }
    };

    task(task&& other) noexcept : self_{std::exchange(other.self_, nullptr)} {}
    ~task() {
        if (self_) self_.destroy();
    }

    auto operator co_await() && noexcept {
        struct awaiter {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) const noexcept {
                self.promise().continuation = waiting;
                return self;
            }
            T await_resume() const {
                if (self.promise().error) std::rethrow_exception(std::exchange(self.promise().error, nullptr));
                if constexpr (!std::is_void_v<T>) return *std::move(self.promise().value);
            }

            std::coroutine_handle<promise_type> self;
        };
        return awaiter{self_};
    }

    /// Runs it without an awaiter, up to where it waits.
    void start() { self_.resume(); }
    bool finished() const { return self_.done(); }
    T result() { return awaiter_result(); }

private:
    explicit task(std::coroutine_handle<promise_type> self) noexcept : self_{self} {}

    T awaiter_result() {
        if (self_.promise().error) std::rethrow_exception(std::exchange(self_.promise().error, nullptr));
        if constexpr (!std::is_void_v<T>) return *std::move(self_.promise().value);
    }

    std::coroutine_handle<promise_type> self_;
};

/// A loop: functions that any thread may add.
class loop {
public:
    void post(std::function<void()> f) {
        const std::lock_guard lock{mutex_};
        queue_.push_back(std::move(f));
    }
    /// Runs what has been posted. Returns how many functions that were.
    std::size_t run() {
        std::vector<std::function<void()>> ready;
        {
            const std::lock_guard lock{mutex_};
            ready.swap(queue_);
        }
        for (auto& f : ready) f();
        return ready.size();
    }
    /// `co_await l.turn()` goes on inside run().
    auto turn() {
        struct awaiter {
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<> h) const { self->post(h); }
            void await_resume() const noexcept {}

            loop* self;
        };
        return awaiter{this};
    }

private:
    std::mutex mutex_;
    std::vector<std::function<void()>> queue_;
};

} // namespace support::foreign
