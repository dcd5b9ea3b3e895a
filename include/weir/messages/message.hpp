// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weir/core/time.hpp>
#include <weir/messages/detail/promise.hpp>
#include <weir/messages/record.hpp>

namespace weir::messages {

/// A message that is dropped without an answer is rejected: it is delivered again.
struct redeliver {
    static constexpr detail::answer when_dropped = detail::answer::rejected;
};
/// A message that is dropped without an answer is acknowledged.
struct ack_on_drop {
    static constexpr detail::answer when_dropped = detail::answer::acknowledged;
};
/// The stream of the partition fails with dropped_message when a message is dropped without an answer. The message is
/// not acknowledged.
struct fail_on_drop {
    static constexpr detail::answer when_dropped = detail::answer::failed;
};

/// What becomes of a message that is dropped: redeliver, ack_on_drop or fail_on_drop.
template <class P>
concept drop_policy = requires {
    { P::when_dropped } -> std::convertible_to<detail::answer>;
};

/// A message of a broker, and the promise to answer it.
///
///     weir::task<> handle(weir::messages::message<order> m) {
///         co_await store(m.value());
///         m.ack();
///     }
///
/// `ack` says that the message has been dealt with. `nack` says that it has not: it is delivered again, after a wait,
/// up to the attempts of consumer_options.redelivery. The first answer counts. A message that is destroyed without an
/// answer is treated as Policy says, which is the same as `nack` by default. An answer to a message whose partition has
/// been taken away has no effect, and is no error; statistics count it.
///
/// A message that was constructed from a value alone has no broker, and its answers have no effect. Tests of code that
/// takes messages use it.
///
/// Threads: the executor of its consumer.
/// Cost: the size of its parts; no allocation for a message without headers whose texts have up to 15 bytes.
/// See: consumer, map_value, for_each_message.
template <class T, drop_policy Policy = redeliver>
class message {
public:
    using body_type = T;
    using policy_type = Policy;

    explicit message(T value, std::string key = {}) : value_(std::move(value)) { about_.key = std::move(key); }
    /// For consumers.
    message(T value, record about, detail::promise p)
        : value_(std::move(value)), about_{std::move(about)}, promise_{std::move(p)} {}
    message(message&&) noexcept(std::is_nothrow_move_constructible_v<T>) = default;
    message& operator=(message&& other) noexcept(std::is_nothrow_move_assignable_v<T>) {
        if (this == &other) return *this;
        promise_.give(Policy::when_dropped);
        value_ = std::move(other.value_);
        about_ = std::move(other.about_);
        promise_ = std::move(other.promise_);
        return *this;
    }
    ~message() { promise_.give(Policy::when_dropped); }

    T& value() & noexcept { return value_; }
    const T& value() const& noexcept { return value_; }
    T&& value() && noexcept { return std::move(value_); }

    const std::string& key() const noexcept { return about_.key; }
    const header_list& headers() const noexcept { return about_.headers; }
    /// The value of the first header of that name, or "".
    std::string_view header(std::string_view name) const noexcept {
        for (const auto& [n, v] : about_.headers) {
            if (n == name) return v;
        }
        return {};
    }
    const messages::position& position() const noexcept { return about_.position; }
    /// When the message was published, by the clock of its broker.
    std::chrono::system_clock::time_point timestamp() const noexcept { return about_.timestamp; }
    /// The number of this delivery, from 1.
    std::uint32_t attempt() const noexcept { return about_.attempt; }
    /// The name and the epoch of its partition, until it has been answered; then "" and 0.
    std::string_view partition() const noexcept { return promise_.partition(); }
    std::uint64_t epoch() const noexcept { return promise_.epoch(); }

    void ack() noexcept { promise_.give(detail::answer::acknowledged); }
    void nack() noexcept { promise_.give(detail::answer::rejected); }
    /// @param wait  until it is delivered again, instead of that of the consumer's options
    void nack(duration wait) noexcept { promise_.give(detail::answer::rejected, wait); }

    /// The same message with another value: `std::move(m).with_value(v)`.
    template <class U>
    message<std::remove_cvref_t<U>, Policy> with_value(U&& value) && {
        return {std::forward<U>(value), std::move(about_), std::move(promise_)};
    }
    /// The same message with another policy: `std::move(m).template when_dropped<ack_on_drop>()`.
    template <drop_policy P>
    message<T, P> when_dropped() && {
        return {std::move(value_), std::move(about_), std::move(promise_)};
    }

private:
    T value_;
    record about_; // without a value
    detail::promise promise_;
};

namespace detail {

template <class M>
inline constexpr bool is_message = false;
template <class T, class P>
inline constexpr bool is_message<message<T, P>> = true;

/// The type of a message with another value.
template <class M, class U>
using with_value_t = decltype(std::declval<M>().with_value(std::declval<U>()));

} // namespace detail

} // namespace weir::messages
