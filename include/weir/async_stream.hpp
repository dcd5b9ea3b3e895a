#pragma once

#include <concepts>
#include <coroutine>
#include <memory>
#include <type_traits>
#include <utility>

#include <weir/core/coroutine.hpp>
#include <weir/core/stream.hpp>

namespace weir {

template <class T>
class async_stream;

namespace detail {

template <class T>
class generator_promise;

/// What an async_stream points to: a generator's promise, or any other stream in a box.
template <class T>
class stream_node {
public:
    virtual poll<T> poll_boxed(context& cx) = 0;
    virtual void destroy() noexcept = 0;

    bool is_generator() const noexcept { return is_generator_; }

protected:
    explicit stream_node(bool is_generator) noexcept : is_generator_{is_generator} {}
    ~stream_node() = default;

private:
    const bool is_generator_;
};

template <class S>
class boxed_stream final : public stream_node<item_t<S>>, public pooled {
public:
    explicit boxed_stream(S upstream) : stream_node<item_t<S>>{false}, upstream_{std::move(upstream)} {}

    poll<item_t<S>> poll_boxed(context& cx) override { return upstream_.poll_next(cx); }
    void destroy() noexcept override { delete this; }

private:
    S upstream_;
};

template <class T>
class generator_promise final : public resumable<generator_promise<T>>, public stream_node<T> {
public:
    generator_promise() noexcept : stream_node<T>{true} {}

    async_stream<T> get_return_object() noexcept { return async_stream<T>{this}; }

    /// The item stays where the generator has it until the consumer moves it out.
    std::suspend_always yield_value(T&& item) noexcept {
        item_ = std::addressof(item);
        return {};
    }
    auto yield_value(const T& item) {
        if constexpr (std::is_trivially_copyable_v<T>) {
            item_ = const_cast<T*>(std::addressof(item)); // moving from it leaves it as it is
            return std::suspend_always{};
        } else {
            return yield_copy{item, item_};
        }
    }
    void return_void() const noexcept {}

    poll<T> poll_next(context& cx) {
        if (this->phase_ == phase::resumable && !this->resume(cx)) [[unlikely]]
            return pending;
        switch (this->phase_) {
        [[likely]] case phase::resumable:
            return poll<T>{std::move(*item_)};
        case phase::yielded:
            this->phase_ = phase::resumable;
            return poll<T>{std::move(*item_)};
        case phase::awaiting:
        case phase::queued:
            return this->wait(cx);
        case phase::finished:
            break;
        }
        pin_.check();
        pin_.ended();
        if (this->failed()) this->rethrow();
        return done;
    }

    poll<T> poll_boxed(context& cx) override { return poll_next(cx); }
    void destroy() noexcept override { this->drop(); }

private:
    using phase = typename coroutine_promise::phase;

    struct yield_copy {
        T copy;
        T*& item;

        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<>) noexcept { item = std::addressof(copy); }
        void await_resume() const noexcept {}
    };

    T* item_ = nullptr;
    pin pin_;
};

} // namespace detail

/// A stream of T whose making is hidden: what a generator coroutine returns, and what any pipeline of the same item
/// type converts to.
///
///     weir::async_stream<int> countdown(int from) {
///         for (; from > 0; --from) {
///             co_await weir::sleep_for(1s);
///             co_yield from;
///         }
///     }
///
/// A generator starts at the first poll, runs to its next `co_yield` on its own once it was pulled, and is destroyed,
/// wherever it stands, with the stream. An exception that leaves it ends the stream. One allocation for the stream,
/// none an item.
///
/// As an argument, a lambda with captures must outlive its coroutine; operators that take one keep it for you.
template <class T>
class [[nodiscard]] async_stream {
public:
    using value_type = T;
    using promise_type = detail::generator_promise<T>;

    template <class S>
        requires(!std::same_as<S, async_stream> && requires { requires std::same_as<item_t<S>, T>; } && stream<S>)
    async_stream(S upstream) : node_{new detail::boxed_stream<S>{std::move(upstream)}} {}

    async_stream(async_stream&& other) noexcept
        : node_{std::exchange(other.node_, nullptr)}, pin_{std::move(other.pin_)} {}
    async_stream& operator=(async_stream&& other) noexcept {
        const detail::pin moved{std::move(other.pin_)};
        if (detail::stream_node<T>* old = std::exchange(node_, std::exchange(other.node_, nullptr))) old->destroy();
        return *this;
    }
    ~async_stream() {
        if (node_ != nullptr) node_->destroy();
    }

    poll<T> poll_next(context& cx) {
        WEIR_ASSERT(node_ != nullptr, "a stream was polled after it was moved away");
        pin_.check();
        // The common case without the virtual call.
        if (node_->is_generator()) return static_cast<promise_type*>(node_)->poll_next(cx);
        return node_->poll_boxed(cx);
    }

private:
    friend promise_type;

    explicit async_stream(detail::stream_node<T>* node) noexcept : node_{node} {}

    detail::stream_node<T>* node_;
    detail::pin pin_;
};

template <stream S>
async_stream(S) -> async_stream<item_t<S>>;

} // namespace weir
