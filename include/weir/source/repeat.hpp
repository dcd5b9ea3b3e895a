// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of the streams that a function returns, stream after stream.
template <class F>
class [[nodiscard("add a sink and co_await it")]] repeat_stream {
    using stream_t = std::remove_cvref_t<std::invoke_result_t<F&>>;

public:
    using value_type = item_t<stream_t>;

    repeat_stream(F f, std::size_t times) : f_(std::move(f)), left_{times} {}

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            if (!stream_ && !make_next(cx)) return left_ == 0 ? poll<value_type>(done) : poll<value_type>(cx.yield());
            auto item = stream_->poll_next(cx);
            if (!item.is_done()) return item;
            if (!end_one(cx)) return cx.yield();
        }
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        for (;;) {
            if (!stream_ && !make_next(cx)) return left_ == 0 ? flow::done : detail::yield_loop(cx);
            const flow answer = weir::poll_each(*stream_, cx, consume);
            if (answer != flow::done) return answer;
            if (!end_one(cx)) return detail::yield_loop(cx);
        }
    }

    void outline(stage_outline& out) const {
        if (stream_) {
            out.upstream(stream_);
        } else {
            out.holds({.inner_streams = 1});
        }
    }

private:
    static constexpr std::size_t for_ever = std::numeric_limits<std::size_t>::max();

    /// False when there is to be no further stream, or when the function has dropped what runs.
    bool make_next(context& cx) {
        if (left_ == 0) return false;
        stream_.construct_with([this] { return std::invoke(f_); });
        return !cx.stopping();
    }
    /// False when the loop has to yield.
    bool end_one(context& cx) {
        stream_.reset();
        if (left_ != for_ever) --left_;
        return cx.spend() && !cx.leaving();
    }

    [[no_unique_address]] F f_; // outlives the coroutines that it starts
    std::size_t left_;
    detail::manual_lifetime<stream_t> stream_;
};

struct repeat_fn {
    /// Repeats for ever.
    template <class F>
    constexpr auto operator()(F f) const {
        return make(std::move(f), std::numeric_limits<std::size_t>::max());
    }
    template <class F, std::integral N>
    constexpr auto operator()(F f, N times) const {
        return make(std::move(f), detail::checked_count(times, "weir::repeat(f, times): times is negative"));
    }

private:
    template <class F>
    static constexpr auto make(F f, std::size_t times) {
        if constexpr (stream<F>) {
            static_assert(detail::always_false<F>,
                          "weir::repeat(f): a stream is used once; pass a function that makes it: write "
                          "repeat([] { return ...; })");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::gives_stream<F&>) {
            static_assert(detail::always_false<F>,
                          "weir::repeat(f): f cannot be called without arguments, or does not return a stream");
            return detail::invalid_pipeline{};
        } else {
            return repeat_stream<F>{std::move(f), times};
        }
    }
};

/// repeat(f, times): all items of the stream that f returns, then those of the stream that it returns next, and so on.
/// repeat(f): for ever.
///
///     f()           -1-2|
///     repeat(f, 2)  -1-2-1-2|
///
/// f is called when the stream before has ended and another item is wanted. A stream without items is allowed; a
/// repetition of such streams that runs for ever yields to the rest of the executor.
///
/// Ends: after the last stream. Errors: those of the present stream, and what f throws.
/// Cost: no allocation. f lives as long as the streams, which may be coroutines with captures.
/// See: defer, concat, retry.
///
/// @throws std::invalid_argument when times is negative
inline constexpr repeat_fn repeat{};

} // namespace weir
