// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>

namespace weir {

// GCC 12 finds that an enumerator hides the type of that name.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
/// Why an operator or a channel has dropped an item. It is the second argument of on_drop(item, drop_reason).
///
/// Items that an operator is asked to leave out, such as those of filter, skip, take_last or distinct, are not dropped
/// in this sense.
enum class drop_reason : std::uint8_t {
    overflow,      ///< there was no room: a buffer, or the number of groups, was full
    replaced,      ///< a newer item has taken its place: debounce, throttle, sample, latest_per_key, zip_latest,
                   ///< with_latest_from
    suppressed,    ///< no item passes at present: throttle with edge::leading, exhaust_map
    expired,       ///< it has waited for too long: expire
    late,          ///< all windows that it belongs to were emitted: event_windows
    unmatched,     ///< it found no partner: zip, zip_latest, combine_latest, with_latest_from
    failed,        ///< it is an error: skip_errors
    consumer_gone, ///< its consumer has ended, takes no more items, or was destroyed
    refused,       ///< it was sent, and the channel was closed
    cancelled,     ///< its send was dropped
};
#pragma GCC diagnostic pop

namespace detail {

/// Passes an exception of an on_drop to the error handler of the executor that runs on this thread. Without an executor
/// the program ends.
void report_error_of_on_drop(std::exception_ptr error) noexcept;

/// The `on_drop` of an operator whose user passed none.
struct drop_silently {
    template <class T>
    void operator()(T&&) const noexcept {}
};

template <class OnDrop, class T>
concept drops_with_reason = std::invocable<OnDrop&, T, drop_reason>;

/// A function that can be called with an item of each of these types, alone or with a drop_reason, and returns no
/// operation or stream, which nothing would await.
template <class OnDrop, class... T>
concept drops_items = (((drops_with_reason<OnDrop, T> && !returns_work<OnDrop&, T, drop_reason>) ||
                        (std::invocable<OnDrop&, T> && !drops_with_reason<OnDrop, T> && !returns_work<OnDrop&, T>)) &&
                       ...);

/// Calls on_drop with a dropped item, and with the reason if it takes one. What it throws goes to the executor's error
/// handler.
template <class OnDrop, class T>
void drop_item(OnDrop& on_drop, T&& item, drop_reason why) noexcept {
    if constexpr (!std::is_same_v<OnDrop, drop_silently>) {
        try {
            if constexpr (drops_with_reason<OnDrop, T>) {
                static_cast<void>(std::invoke(on_drop, std::forward<T>(item), why));
            } else {
                static_cast<void>(std::invoke(on_drop, std::forward<T>(item)));
            }
        } catch (...) {
            report_error_of_on_drop(std::current_exception());
        }
    }
}

} // namespace detail

/// The on_drop of a channel, or nothing: made of a function that can be called with (item) or (item, drop_reason).
///
/// What the function throws goes to the error handler of the executor that runs on the thread.
template <class T>
class drop_function {
public:
    drop_function() = default;

    template <class F>
        requires(!std::same_as<F, drop_function>)
    drop_function(F f) {
        constexpr bool ok = detail::drops_items<F, T> && std::copy_constructible<F>;
        static_assert(ok, "weir: on_drop cannot be called with (item) or (item, weir::drop_reason), cannot be copied, "
                          "or returns an operation or a stream, which nothing would await");
        if constexpr (requires { static_cast<bool>(f == nullptr); }) {
            if (f == nullptr) return; // an empty std::function
        }
        if constexpr (ok && !std::is_same_v<F, detail::drop_silently>) {
            call_ = caller<F>{std::move(f)};
        }
    }

    explicit operator bool() const noexcept { return static_cast<bool>(call_); }

    /// Must not be empty.
    void operator()(T&& item, drop_reason why) const noexcept { call_(std::move(item), why); }

private:
    // Its destructor is not trivial, so that std::function keeps it in memory of its own. g++ 12 finds in some source
    // files that a lambda can be copied trivially, and in others that it cannot: std::function would keep the same type
    // in two ways.
    template <class F>
    struct caller {
        explicit caller(F f) : on_drop{std::move(f)} {}
        caller(const caller&) = default;
        ~caller() {} // NOLINT(modernize-use-equals-default)

        void operator()(T&& item, drop_reason why) noexcept { detail::drop_item(on_drop, std::move(item), why); }

        F on_drop;
    };

    std::function<void(T&&, drop_reason)> call_;
};

} // namespace weir
