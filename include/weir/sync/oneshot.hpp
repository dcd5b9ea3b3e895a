// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/sole_waiter.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/waker.hpp>
#include <weir/sync/closed.hpp>
#include <weir/sync/detail/pending_send.hpp>
#include <weir/sync/detail/shared_state.hpp>
#include <weir/sync/detail/wait_queue.hpp>

namespace weir {

template <class T>
struct oneshot_options {
    /// Called with a value that was sent and not received before the receiver was destroyed.
    drop_function<T> on_drop = {};
};

namespace detail {

template <class T>
class oneshot_core : public shared_state {
public:
    explicit oneshot_core(drop_function<T> on_drop) : on_drop_{std::move(on_drop)} {}

    /// Whether the receiver exists.
    bool open() const noexcept { return consumers() != 0; }

    bool send(T& value) {
        if (!open()) return false;
        value_.emplace(std::move(value));
        receiver_.wake();
        return true;
    }
    void fail(std::exception_ptr error) noexcept {
        error_ = std::move(error);
        receiver_.wake();
    }

    poll<T> receive(context& cx) {
        if (value_) {
            poll<T> value{*std::move(value_)};
            value_.reset();
            return value;
        }
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        if (producers() == 0) throw closed{"weir::oneshot"};
        receiver_.arm(cx.waker());
        return pending;
    }

    const waker* waiting() const noexcept { return receiver_.waiting(); }
    void producers_left() noexcept { receiver_.wake(); }
    void consumers_left() noexcept {
        closing_.release_all(wait_state::granted);
        if (!value_) return;
        if (on_drop_) on_drop_(std::move(*value_), drop_reason::consumer_gone);
        value_.reset();
    }

    wait_queue<waiter>& closing() noexcept { return closing_; }

private:
    friend described;

    void describe(wait_report& report) const {
        report.object(this, "weir::oneshot", receiver_.armed() ? "nothing was sent" : "its receiver exists");
    }

    std::optional<T> value_;
    std::exception_ptr error_;
    described_slot receiver_{*this};
    wait_queue<waiter> closing_{*this};
    drop_function<T> on_drop_;
};

} // namespace detail

template <class T>
struct oneshot_ends;
template <class T>
oneshot_ends<T> oneshot(oneshot_options<T> options = {});

/// The sending end of a oneshot.
template <class T>
class [[nodiscard("keep it: the receiver fails when it dies")]] oneshot_sender {
    using core = detail::oneshot_core<T>;

public:
    oneshot_sender(oneshot_sender&&) noexcept = default;
    oneshot_sender& operator=(oneshot_sender&&) noexcept = default;

    /// Sends without waiting, and uses up the sender. Returns false, without moving from value, when the receiver was
    /// destroyed.
    bool send(T&& value) && {
        const producer used = std::move(producer_);
        return used->send(value);
    }
    bool send(const T& value) &&
        requires std::copy_constructible<T>
    {
        T copy(value);
        return std::move(*this).send(std::move(copy));
    }
    /// Makes the receiver fail with an error.
    void fail(std::exception_ptr error) && noexcept {
        const producer used = std::move(producer_);
        used->fail(std::move(error));
    }

    /// Whether the receiver was destroyed.
    bool closed() const noexcept { return !producer_->open(); }

    /// `co_await tx.closing()`: waits until the receiver is destroyed.
    detail::closing_operation<core> closing() const noexcept {
        return detail::closing_operation<core>{detail::handle<core, detail::role::other>{producer_}};
    }

private:
    template <class U>
    friend oneshot_ends<U> oneshot(oneshot_options<U>);

    using producer = detail::handle<core, detail::role::producer>;

    explicit oneshot_sender(core& c) noexcept : producer_{c} {}

    producer producer_;
};

/// The receiving end of a oneshot: `co_await rx` returns the value, once. It may be moved at any time. Await
/// `rx.receive()` to be able to stop waiting without losing the value.
template <class T>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] oneshot_receiver {
public:
    using result_type = T;

    oneshot_receiver(oneshot_receiver&&) noexcept = default;
    oneshot_receiver& operator=(oneshot_receiver&&) noexcept = default;

    poll<T> poll_result(context& cx) { return consumer_->receive(cx); }

    /// `co_await rx.receive()`: the same, as an operation that may be dropped and started again.
    /// Lifetime: borrows the receiver, which must not be moved.
    auto receive() noexcept { return receive_operation{*this}; }

private:
    template <class U>
    friend oneshot_ends<U> oneshot(oneshot_options<U>);

    class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] receive_operation {
    public:
        using result_type = T;

        explicit receive_operation(oneshot_receiver& from) noexcept : from_{&from} {}

        poll<T> poll_result(context& cx) { return from_->poll_result(cx); }

    private:
        oneshot_receiver* from_;
    };

    friend detail::sole_waiter;

    const waker* waiting() const noexcept { return consumer_->waiting(); }

    explicit oneshot_receiver(detail::oneshot_core<T>& core) noexcept : consumer_{core} {}

    detail::handle<detail::oneshot_core<T>, detail::role::consumer> consumer_;
};

/// The result of `oneshot`: both ends.
template <class T>
struct [[nodiscard("keep both ends: auto [tx, rx] = ...")]] oneshot_ends {
    oneshot_sender<T> sender;
    oneshot_receiver<T> receiver;
};

/// oneshot<T>(): one value from one task to another, on one executor.
///
///     auto [answer, question] = weir::oneshot<int>();
///     requests.try_send({"6 * 7", std::move(answer)});          // there: std::move(request.answer).send(42)
///     const int n = co_await question;
///
/// Errors: `closed` for the receiver when the sender is destroyed without having sent.
/// Dropped: the ends may be destroyed in any order. A value that cannot be delivered stays with its sender. A value
/// that was sent and not received is passed to options.on_drop.
/// Threads: both ends belong to one executor.
/// Cost: one allocation.
/// See: channel, event.
template <class T>
oneshot_ends<T> oneshot(oneshot_options<T> options) {
    static_assert(detail::keepable<T>, "weir::oneshot<T>() keeps what is sent, and a T borrows its memory; send what "
                                       "owns it, such as std::string, or outlives(view)");
    auto* core = new detail::oneshot_core<T>{std::move(options.on_drop)};
    return {oneshot_sender<T>{*core}, oneshot_receiver<T>{*core}};
}

template <class T>
inline constexpr bool thread_bound<oneshot_sender<T>> = true;
template <class T>
inline constexpr bool thread_bound<oneshot_receiver<T>> = true;

} // namespace weir
