// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/coroutine.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>

namespace weir {

namespace detail {

template <stream S>
class [[nodiscard("write co_await next(s)")]] next_operation {
public:
    using result_type = std::optional<item_t<S>>;

    explicit next_operation(S& source) noexcept : source_{&source} {}

    poll<result_type> poll_result(context& cx) {
        auto item = source_->poll_next(cx);
        if (item.is_item()) [[likely]]
            return poll<result_type>(result_type(std::in_place, *std::move(item)));
        if (item.is_done()) return poll<result_type>(std::nullopt);
        return pending;
    }

    void outline(stage_outline& out) const { out.upstream(*source_); }

private:
    friend await_traits<next_operation>;

    S* source_;
};

/// The coroutine keeps the stream's answer, and converts it to an optional when it resumes.
template <stream S>
struct await_traits<next_operation<S>> {
    using answer = poll<item_t<S>>;

    static S& source(const next_operation<S>& operation) noexcept { return *operation.source_; }
    static answer ask(next_operation<S>& operation, context& cx) { return operation.source_->poll_next(cx); }
    static answer ask(next_operation<S>& operation, coroutine_state& self)
        requires requires(S& s) { s.poll_next(self); }
    {
        return operation.source_->poll_next(self);
    }
    static std::optional<item_t<S>> result(next_operation<S>&, answer&& a) {
        if (a.is_done()) return std::nullopt;
        return std::optional<item_t<S>>(std::in_place, *std::move(a));
    }
};

} // namespace detail

/// `co_await next(s)`: the next item of s, or std::nullopt at its end.
///
///     while (auto item = co_await weir::next(numbers)) use(*item);
///
/// It must not be awaited again after the end or an error. A call may be abandoned at any time; an item that arrives
/// later is the result of the next call.
///
/// Errors: those of s.
/// Lifetime: borrows s, which must not be moved. After the end or an error an operator of s may still hold an upstream
/// or items; the owner of s destroys them together with s.
/// See: for_each, as_range.
template <class S>
auto next(S& source) noexcept {
    static_assert(stream<S>, "weir::next(s): s is not a stream");
    return detail::next_operation<S>{source};
}

} // namespace weir
