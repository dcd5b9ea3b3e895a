// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

/// Appends an item to a vector. A move that throws leaves no item that was moved from.
template <class T>
void append_item(std::vector<T>& items, T&& item) {
    if constexpr (std::is_nothrow_move_constructible_v<T> || std::copy_constructible<T>) {
        items.push_back(std::move(item));
    } else {
        const bool grows = items.size() == items.capacity();
        try {
            items.push_back(std::move(item));
        } catch (...) {
            if (grows) items.clear(); // after a failed move the items are in both
            throw;
        }
    }
}

/// Base of an operator that collects items of upstream in a vector and emits the vector.
///
///     auto adder(context&);         // a function that takes an item, and returns false when a vector is complete
///     std::vector<item_t<S>> take();   // the vector to emit: when it is complete, and at the end; optional
///     bool holds();                 // whether there is a vector to emit at the end; optional
///     bool due(context&);           // called while upstream is pending: whether to emit what is held; optional
///     void upstream_ended();        // optional
///
/// What is held is emitted before the end and before an error, after upstream has been destroyed. Callables are the
/// types of the user's functions that the adder calls.
template <class Operator, stream S, class... Callables>
class collecting_operator {
public:
    using value_type = std::vector<item_t<S>>;

    poll<value_type> poll_next(context& outer) {
        if (!upstream_) return finish();
        nested_context cx{outer};
        try {
            auto add = self().adder(cx);
            const flow answer = poll_each_unless_dropped<(may_drop<Callables> || ...)>(*upstream_, cx, add);
            if (answer == flow::stopped) return self().take();
            if (answer == flow::pending) {
                if (cx.leaving()) return cx.yield();
                if (!self().due(cx)) return pending;
                return self().take();
            }
        } catch (...) {
            error_ = std::current_exception();
        }
        upstream_.reset();
        self().upstream_ended();
        if (!self().holds()) return finish();
        return self().take();
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

protected:
    explicit collecting_operator(S upstream) : upstream_(std::move(upstream)) {}

    /// Whether upstream has neither ended nor failed.
    bool open() const noexcept { return upstream_.has_value(); }

    value_type take() noexcept { return std::exchange(held_, {}); }
    bool holds() const noexcept { return !held_.empty(); }
    bool due(context&) const noexcept { return false; }
    void upstream_ended() const noexcept {}

    /// Allocates memory for n items. A vector with a large limit does not reserve all its memory at once.
    static void reserve(value_type& items, std::size_t n) {
        constexpr std::size_t most = std::max<std::size_t>(1, (std::size_t{1} << 16) / sizeof(item_t<S>));
        items.reserve(std::min(n, most));
    }

    void append(item_t<S>&& item) { append_item(held_, std::move(item)); }

    value_type held_;

private:
    Operator& self() noexcept { return static_cast<Operator&>(*this); }

    done_t finish() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return done;
    }

    resettable<S> upstream_;
    std::exception_ptr error_;
};

} // namespace weir::detail
