// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <concepts>
#include <coroutine>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weir/core/detail/coroutine.hpp>
#include <weir/core/detail/deep_destruction.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

template <class T>
class async_stream;

namespace detail {

/// A consume of any type, which is called through a pointer.
template <class T>
class consume_ref {
    // Small items stay in registers.
    using argument = std::conditional_t<std::is_trivially_copyable_v<T> && sizeof(T) <= 2 * sizeof(void*), T, T&&>;

public:
    template <class Consume>
        requires(!std::same_as<Consume, consume_ref>)
    explicit consume_ref(Consume& consume) noexcept
        : object_{std::addressof(consume)}, call_{[](const void* object, argument item) {
              return (*static_cast<Consume*>(const_cast<void*>(object)))(std::move(item));
          }} {}

    bool operator()(T&& item) const { return call_(object_, std::move(item)); }

private:
    const void* object_;
    bool (*call_)(const void*, argument);
};

/// A stream of T behind an async_stream, other than a generator.
template <class T>
class boxed : public pooled {
public:
    virtual ~boxed() = default;

    virtual flow poll_each(context& cx, consume_ref<T> consume) = 0;
    virtual void outline(stage_outline& out) const = 0;

    static void destroy(boxed& box) noexcept {
        destroy_deep([](void* object) noexcept { delete static_cast<boxed*>(object); }, &box);
    }
};

template <class S>
class boxed_stream final : public boxed<item_t<S>> {
public:
    using value_type = item_t<S>;

    explicit boxed_stream(S upstream) : upstream_(std::move(upstream)) {}

    static poll<value_type> poll_next(boxed<value_type>& self, context& cx) {
        return static_cast<boxed_stream&>(self).upstream_.poll_next(cx);
    }
    flow poll_each(context& cx, consume_ref<value_type> consume) override {
        return weir::poll_each(upstream_, cx, consume);
    }
    void outline(stage_outline& out) const override { out.upstream(upstream_); }

private:
    S upstream_;
};

template <class T>
class generator_state final : public generator_state_base {
public:
    using value_type = T;

    generator_state() noexcept : generator_state_base{&keep} {}
    generator_state(const generator_state&) = delete;
    generator_state& operator=(const generator_state&) = delete;
    ~generator_state() {}

    /// Sets the item of the co_yield that is about to suspend. The consumer of the running poll takes it at once.
    void set_item(T& item) noexcept { item_ = std::addressof(item); }
    /// To be called at the end of the coroutine.
    void finish() noexcept {
        coroutine_state::finish([](waker& self) noexcept { dispose(static_cast<generator_state&>(self)); });
    }

    poll<T> poll_next(context& cx) {
        if (resume_to_yield(cx) && !cx.stopping()) [[likely]]
            return poll<T>(std::move(*item_));
        return poll_suspended(cx, cx.waker());
    }
    /// On behalf of a coroutine that runs.
    poll<T> poll_next(coroutine_state& consumer) {
        if (resume_to_yield(consumer.running_with())) [[likely]]
            return poll<T>(std::move(*item_));
        return poll_suspended(consumer.running_with(), consumer);
    }

    void drop() noexcept {
        if (is(finished) && !is(ending)) [[likely]] {
            dispose(*this);
            return;
        }
        if (phase_ == yielded) std::destroy_at(std::addressof(kept_));
        coroutine_state::drop();
    }

private:
    static bool keep(generator_state_base& self) noexcept {
        auto& me = static_cast<generator_state&>(self);
        try {
            ::new (static_cast<void*>(std::addressof(me.kept_))) T(std::move(*me.item_));
            return true;
        } catch (...) {
            me.fail(std::source_location::current());
            return false;
        }
    }

    bool resume_to_yield(context& cx) noexcept {
        if (phase_ != resumable) [[unlikely]]
            return false;
        resume(cx);
        if (phase_ != resumable) [[unlikely]]
            return false;
        cx_ = nullptr;
        return true;
    }

    [[gnu::noinline]] poll<T> poll_suspended(context& cx, waker& waiting) {
        if (cx.stopping()) [[unlikely]] { // a callee of the generator dropped the polling operation
            if (is(dropped)) return wait(cx, waiting);
            waiting.defer();
            return pending;
        }
        if (phase_ == yielded) {
            phase_ = resumable;
            const struct emptying {
                T& kept;
                ~emptying() { std::destroy_at(std::addressof(kept)); }
            } at_exit{kept_};
            return poll<T>(std::move(kept_));
        }
        if (!ended()) return wait(cx, waiting);
        checker_.check();
        checker_.ended();
        if (!frame_is_gone()) end_frame();
        if (is(failed)) std::rethrow_exception(take_error());
        return done;
    }

    T* item_ = nullptr;
    union {
        T kept_; // the item of a co_yield that was reached without a poll
    };
    poll_checker checker_;
};

template <class T>
class generator_promise : public coroutine_promise<generator_state<T>> {
public:
    std::suspend_always final_suspend() noexcept {
        this->state().finish();
        return {};
    }

    std::suspend_always yield_value(T&& item) noexcept {
        this->state().set_item(item);
        return {};
    }
    auto yield_value(const T& item) {
        if constexpr (std::is_trivially_copyable_v<T>) {
            this->state().set_item(const_cast<T&>(item)); // a move from it leaves it unchanged
            return std::suspend_always{};
        } else {
            return yield_copy{item, this->state()};
        }
    }
    void return_void() const noexcept {}

private:
    struct yield_copy {
        T copy;
        generator_state<T>& state;

        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<>) noexcept { state.set_item(copy); }
        void await_resume() const noexcept {}
    };
};

} // namespace detail

/// A type-erased stream of T: the return type of a generator coroutine. Any pipeline with the same item type converts
/// to it.
///
///     weir::async_stream<int> countdown(int from) {
///         for (; from > 0; --from) {
///             co_await weir::sleep_for(1s);
///             co_yield from;
///         }
///     }
///
/// A generator starts at the first poll. Once it was polled, it runs to its next `co_yield`, also while the consumer is
/// busy. A yielded object may be changed or destroyed after the co_yield. A lambda with captures must outlive its
/// coroutine; operators that take one keep it.
///
/// Ends: when the coroutine returns. Its parameters and locals are destroyed then. Errors: exceptions of the coroutine.
/// Dropped: destroys the coroutine at its present suspension.
/// Cost: one allocation per stream, none per item; an indirect call per poll.
/// See: task, generate, unfold.
template <class T>
class [[nodiscard("add a sink and co_await it")]] async_stream {
public:
    using value_type = T;

    struct promise_type final : detail::generator_promise<T> {
        static_assert(detail::fits_in_frame<T>,
                      "weir::async_stream<T>, as a coroutine: T is aligned more strictly than "
                      "its frame; yield a std::unique_ptr<T>");

        async_stream get_return_object() noexcept { return async_stream{&this->state()}; }
    };

    template <class S>
        requires(!std::same_as<S, async_stream> && requires { requires std::same_as<item_t<S>, T>; } && stream<S>)
    async_stream(S upstream)
        : source_{static_cast<detail::boxed<T>*>(new detail::boxed_stream<S>{std::move(upstream)})},
          poll_{&detail::boxed_stream<S>::poll_next} {}

    async_stream(async_stream&& other) noexcept
        : source_{std::exchange(other.source_, nullptr)}, poll_{other.poll_}, checker_{std::move(other.checker_)} {}
    async_stream& operator=(async_stream&& other) noexcept {
        async_stream moved{std::move(other)};
        std::swap(source_, moved.source_);
        std::swap(poll_, moved.poll_);
        checker_ = std::move(moved.checker_);
        return *this;
    }
    ~async_stream() {
        if (source_ == nullptr) return;
        if (is_generator()) {
            generator().drop();
        } else {
            detail::boxed<T>::destroy(box());
        }
    }

    poll<T> poll_next(context& cx) {
        check();
        if (is_generator()) return generator().poll_next(cx);
        return poll_(box(), cx);
    }
    /// The same on behalf of a running coroutine.
    poll<T> poll_next(detail::coroutine_state& consumer) {
        check();
        if (is_generator()) return generator().poll_next(consumer);
        nested_context own{consumer.running_with(), consumer};
        return poll_(box(), own);
    }
    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        check();
        if (is_generator()) return detail::poll_one_by_one(generator(), cx, consume);
        return box().poll_each(cx, detail::consume_ref<T>{consume});
    }

    void outline(stage_outline& out) const {
        if (is_generator()) {
            out.holds({.items = 1, .in_user_code = 1});
        } else if (source_ != nullptr) {
            box().outline(out);
        }
    }

private:
    using generator_type = detail::generator_state<T>;

    friend promise_type;
    friend detail::sole_waiter;

    const waker* waiting() noexcept { return is_generator() ? generator().waiting() : nullptr; }

    explicit async_stream(generator_type* generator) noexcept : source_{generator}, poll_{nullptr} {}

    void check() noexcept {
        WEIR_ASSERT(source_ != nullptr, "a stream was polled after it was moved away");
        checker_.check();
    }

    bool is_generator() const noexcept { return poll_ == nullptr; }
    generator_type& generator() noexcept { return *static_cast<generator_type*>(source_); }
    const detail::boxed<T>& box() const noexcept { return *static_cast<const detail::boxed<T>*>(source_); }
    detail::boxed<T>& box() noexcept { return *static_cast<detail::boxed<T>*>(source_); }

    void* source_;
    poll<T> (*poll_)(detail::boxed<T>&, context&); // null for a generator, which is called directly
    detail::poll_checker checker_;
};

template <stream S>
async_stream(S) -> async_stream<item_t<S>>;

} // namespace weir
