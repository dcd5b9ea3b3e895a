#pragma once

#include <weir/core/detail/requirements.hpp>

#include <concepts>
#include <coroutine>
#include <memory>
#include <type_traits>
#include <utility>

#include <weir/core/detail/coroutine.hpp>
#include <weir/core/detail/pin.hpp>
#include <weir/core/stream.hpp>

namespace weir {

template <class T>
class async_stream;

namespace detail {

/// Any stream of T but a generator, behind an async_stream.
class boxed : public pooled {
public:
    virtual ~boxed() = default;
};

template <class S>
class boxed_stream final : public boxed {
public:
    explicit boxed_stream(S upstream) : upstream_(std::move(upstream)) {}

    static poll<item_t<S>> poll_next(boxed& self, context& cx) {
        return static_cast<boxed_stream&>(self).upstream_.poll_next(cx);
    }

private:
    S upstream_;
};

template <class T>
class generator_promise final : public coroutine_promise {
public:
    async_stream<T> get_return_object() noexcept {
        static_assert(fits_in_frame<T>, "weir::async_stream<T>, as a coroutine: T is aligned more strictly than its "
                                        "frame; yield a std::unique_ptr<T>");
        return async_stream<T>{this};
    }

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
        if (runs_to_item(cx)) [[likely]]
            return poll<T>{std::move(*item_)};
        return without_running(cx, cx.wk);
    }
    /// On behalf of a coroutine that runs.
    poll<T> poll_next(coroutine_promise& consumer) {
        if (runs_to_item(consumer.running_with())) [[likely]]
            return poll<T>{std::move(*item_)};
        return without_running(consumer.running_with(), consumer);
    }

private:
    struct yield_copy {
        T copy;
        T*& item;

        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<>) noexcept { item = std::addressof(copy); }
        void await_resume() const noexcept {}
    };

    bool runs_to_item(context& cx) noexcept {
        if (this->phase_ != resumable) [[unlikely]]
            return false;
        this->resume(cx);
        if (this->phase_ != resumable) [[unlikely]]
            return false;
        this->cx_ = nullptr;
        return true;
    }

    [[gnu::noinline]] poll<T> without_running(const context& cx, waker& waiting) {
        if (this->phase_ == yielded) {
            this->phase_ = resumable;
            return poll<T>{std::move(*item_)};
        }
        if (!this->ended()) return this->wait(cx, waiting);
        pin_.check();
        pin_.ended();
        if (this->is(failed)) this->rethrow();
        return done;
    }

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
    async_stream(S upstream)
        : source_{static_cast<detail::boxed*>(new detail::boxed_stream<S>{std::move(upstream)})},
          poll_{&detail::boxed_stream<S>::poll_next} {}

    async_stream(async_stream&& other) noexcept
        : source_{std::exchange(other.source_, nullptr)}, poll_{other.poll_}, pin_{std::move(other.pin_)} {}
    async_stream& operator=(async_stream&& other) noexcept {
        async_stream moved{std::move(other)};
        std::swap(source_, moved.source_);
        std::swap(poll_, moved.poll_);
        pin_ = std::move(moved.pin_);
        return *this;
    }
    ~async_stream() {
        if (source_ == nullptr) return;
        if (is_generator()) {
            generator().drop();
        } else {
            delete &box();
        }
    }

    poll<T> poll_next(context& cx) {
        check();
        if (is_generator()) return generator().poll_next(cx);
        return poll_(box(), cx);
    }
    /// The same on behalf of a coroutine that runs.
    poll<T> poll_next(detail::coroutine_promise& consumer) {
        check();
        if (is_generator()) return generator().poll_next(consumer);
        nested_context own{consumer.running_with(), consumer};
        return poll_(box(), own);
    }

private:
    friend promise_type;

    explicit async_stream(promise_type* generator) noexcept : source_{generator}, poll_{nullptr} {}

    void check() noexcept {
        WEIR_ASSERT(source_ != nullptr, "a stream was polled after it was moved away");
        pin_.check();
    }

    bool is_generator() const noexcept { return poll_ == nullptr; }
    promise_type& generator() noexcept { return *static_cast<promise_type*>(source_); }
    detail::boxed& box() noexcept { return *static_cast<detail::boxed*>(source_); }

    void* source_;
    poll<T> (*poll_)(detail::boxed&, context&); // null for a generator, which is called without it
    detail::pin pin_;
};

template <stream S>
async_stream(S) -> async_stream<item_t<S>>;

} // namespace weir
