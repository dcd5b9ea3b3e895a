// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// How a loop over the items of a stream has ended.
enum class flow : unsigned char {
    pending, ///< nothing more is ready; the waker is stored or deferred, as after a poll that answered `pending`
    done,    ///< the stream has ended
    stopped, ///< consume wants no more
};

namespace detail {

template <class S, class Consume>
concept polls_each = requires(S& source, context& cx, Consume& consume) {
    { source.poll_each(cx, consume) } -> std::same_as<flow>;
};

/// Returns from a loop over items and schedules the rest of it for the executor's next turn.
inline flow yield_loop(context& cx) noexcept {
    static_cast<void>(cx.yield());
    return flow::pending;
}

/// Polls for each item.
template <class S, class Consume>
flow poll_one_by_one(S& source, context& cx, Consume& consume) {
    for (;;) {
        {
            auto item = source.poll_next(cx);
            if (item.is_pending()) return flow::pending;
            if (item.is_done()) return flow::done;
            if (!consume(*std::move(item))) return flow::stopped;
        }
        if (!cx.spend()) return yield_loop(cx);
        if constexpr (may_drop_at_end<item_t<S>>) {
            if (cx.leaving()) [[unlikely]]
                return yield_loop(cx);
        }
    }
}

} // namespace detail

struct poll_each_fn {
    template <stream S, class Consume>
    flow operator()(S& source, context& cx, Consume& consume) const {
        if constexpr (detail::polls_each<S, Consume>) {
            return source.poll_each(cx, consume);
        } else {
            return detail::poll_one_by_one(source, cx, consume);
        }
    }
};

/// poll_each(stream, cx, consume): calls consume(item) with each item that is ready, an rvalue, as long as consume
/// returns true. Returns why the loop has ended.
///
/// It is the same demand as that of as many polls. The stream hands on nothing that was not asked for, and pulls
/// nothing more when consume has returned false. The stream spends one unit of the budget for each item after which
/// another is asked for; consume spends none. What consume throws passes through the stream, which is not polled again.
///
/// A stream that can do better than a poll for each item has a member `flow poll_each(context&, Consume&)`, a template.
/// Its calls may alternate with those of `poll_next`.
inline constexpr poll_each_fn poll_each{};

namespace detail {

/// The same for a consume that calls a function of the user's: when that has dropped what runs, nothing more is
/// pulled or called. A consume that sees the drop itself returns true.
template <bool MayDrop, class S, class Consume>
flow poll_each_unless_dropped(S& source, context& cx, Consume& consume) {
    if constexpr (!MayDrop) {
        return poll_each(source, cx, consume);
    } else {
        bool leaving = false;
        auto checked = [&](item_t<S>&& item) {
            if (!consume(std::move(item))) return false;
            leaving = cx.leaving();
            return !leaving;
        };
        const flow answer = poll_each(source, cx, checked);
        return leaving ? yield_loop(cx) : answer;
    }
}

/// Keeps exceptions of a consume from an operator that catches those of its upstream. It stores the exception and
/// answers with a stop; the operator calls `rethrow` behind its own catch.
template <class Consume>
class fenced {
public:
    explicit fenced(Consume& consume) noexcept : consume_{consume} {}

    template <class T>
    bool operator()(T&& item) {
        try {
            return consume_(std::forward<T>(item));
        } catch (...) {
            error_ = std::current_exception();
            return false;
        }
    }
    void rethrow() {
        if (error_ != nullptr) [[unlikely]]
            std::rethrow_exception(std::move(error_));
    }

private:
    Consume& consume_;
    std::exception_ptr error_;
};

} // namespace detail

} // namespace weir
