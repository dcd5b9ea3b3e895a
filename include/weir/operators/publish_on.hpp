// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/executor.hpp>
#include <weir/threads/detail/executor_queue.hpp>
#include <weir/threads/spawn_on.hpp>

namespace weir {

namespace detail {

/// The operation of a pipeline whose right part runs on another executor.
template <stream S, operation Far>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] published_operation {
public:
    using result_type = typename Far::result_type;

    published_operation(executor& ex, executor_queue<item_t<S>>& queue, executor_queue_sender<S> near, Far far,
                        bool waits)
        : ex_{&ex},
          inbox_{detail::executor_access::inbox(ex)},
          queue_{&queue},
          near_(std::in_place, std::move(near)),
          far_(std::move(far)),
          waits_{waits} {}

    poll<result_type> poll_result(context& cx) {
        if (!handle_) [[unlikely]]
            start(cx);
        if (near_) {
            const auto sent = near_->poll_result(cx);
            if (cx.stopping()) return pending;
            if (sent.is_item()) near_.reset();
        }
        return handle_->poll_result(cx);
    }

    void outline(stage_outline& out) const {
        if (handle_) {
            out.elsewhere<S>();
            out.elsewhere<Far>();
        } else {
            near_->outline(out);
            out.upstream(far_);
        }
    }

private:
    /// Returns the right part, once.
    struct give {
        explicit give(Far f) : far(std::move(f)) {}
        Far operator()() { return std::move(far); }

        Far far;
    };

    void start(context& cx) {
        queue_->bind_sender(detail::executor_access::inbox(cx.executor()));
        handle_.emplace(spawn_at(inbox_, *ex_, give(std::move(far_)), std::source_location::current()), waits_);
    }

    executor* ex_; // may have ended, while its inbox still exists
    std::shared_ptr<inbox> inbox_;
    executor_queue<item_t<S>>* queue_; // valid as long as near_
    std::optional<executor_queue_sender<S>> near_;
    Far far_; // moved from in the first poll
    bool waits_;
    std::optional<blocking_join_handle<result_type>>
        handle_; // destroyed first, so that nothing runs there that uses the other members
};

} // namespace detail

/// What happens when a pipeline with publish_on is dropped.
struct publish_on_options {
    /// The destructor waits until the right part was dropped on the other executor.
    bool wait_when_dropped = true;
};

/// A pipeline that continues on another executor and has no sink yet. Operators to the right of it, and the sink, run
/// there.
template <stream S, class Far>
class [[nodiscard("add a sink and co_await it")]] published {
public:
    published(executor& ex, detail::executor_queue<item_t<S>>& queue, detail::executor_queue_sender<S> near, Far far,
              bool waits)
        : ex_{&ex}, queue_{&queue}, near_(std::move(near)), far_(std::move(far)), waits_{waits} {}

    template <class F>
    auto then(closure<F> next) && {
        using longer = decltype(std::move(far_) | std::move(next));
        if constexpr (std::same_as<longer, detail::invalid_pipeline>) {
            return detail::invalid_pipeline{};
        } else if constexpr (operation<longer>) {
            static_assert(detail::crossable<typename longer::result_type>,
                          "weir::publish_on(executor, n): the result of the sink crosses threads, and is bound to its "
                          "thread, as weir::bytes are, or borrows its memory; put to_owned() before the sink");
            return detail::published_operation<S, longer>(*ex_, *queue_, std::move(near_),
                                                          std::move(far_) | std::move(next), waits_);
        } else {
            return published<S, longer>(*ex_, *queue_, std::move(near_), std::move(far_) | std::move(next), waits_);
        }
    }

    void outline(stage_outline& out) const {
        near_.outline(out);
        out.upstream(far_);
    }

private:
    executor* ex_;
    detail::executor_queue<item_t<S>>* queue_;
    detail::executor_queue_sender<S> near_;
    Far far_;
    bool waits_;
};

template <class S, class Far, class F>
auto operator|(published<S, Far>&& left, closure<F> right) {
    return std::move(left).then(std::move(right));
}

struct publish_on_fn : detail::operator_fn<publish_on_fn> {
    template <class T, class...>
    static consteval bool accepts() {
        constexpr bool ok = detail::crossable<T>;
        static_assert(ok, "weir::publish_on(executor, n): items cross threads, and these are bound to their thread, as "
                          "weir::bytes are, or borrow their memory; put to_owned() before it");
        return ok;
    }

    template <stream S>
    static auto attach(S upstream, executor& ex, std::size_t n, publish_on_options options) {
        using item = item_t<S>;
        auto* const queue = new detail::executor_queue<item>{n, detail::demand::ahead};
        detail::executor_queue_receiver<item> far{*queue};
        return published<S, detail::executor_queue_receiver<item>>(
            ex, *queue, detail::executor_queue_sender<S>(std::move(upstream), *queue), std::move(far),
            options.wait_when_dropped);
    }

    template <std::integral N>
    auto operator()(executor& ex, N given, publish_on_options options = {}) const {
        const std::size_t n = detail::checked_queue_capacity(
            detail::at_least_one(given, "weir::publish_on(executor, n): n must be at least 1"),
            "weir::publish_on(executor, n): n");
        return with(std::ref(ex), n, options);
    }
    template <std::derived_from<executor> Executor>
    auto operator()(Executor&) const {
        static_assert(detail::always_false<Executor>,
                      "weir::publish_on(executor, n): say how many items may wait for the other executor");
        return detail::invalid_closure();
    }
};

/// publish_on(ex, n): runs the operators to its right, and the sink, on another executor. The sink's result is returned
/// to this executor.
///
///     ex.run(lines("log") | to_owned() | publish_on(rt[1], 256) | map(parse) | for_each(store)); // parsed on rt[1]
///
///     ex                --1-2-3--|
///     rt[1]             ---1-2-3--|
///
/// It does what Reactor's publishOn does. Up to n items wait for the other executor; upstream is polled for more when
/// three quarters of them were taken. A pipeline may contain several, each for the part to its right. The right part
/// moves to the other executor at the first poll. subscribe_on runs the part to its left elsewhere.
///
/// Ends: with the sink. The end of upstream arrives after the items; when the sink ends earlier, upstream is dropped.
/// Errors: upstream's, after the items; those of the right part; `stopped` when the other executor ends first. The
/// right part is destroyed on its thread before the result or the error comes back.
/// Dropped: waits until the right part was dropped on the other executor. A running callable finishes, and none is
/// called afterwards. It does not wait when no thread runs the other executor, which then drops the part before it runs
/// anything else; when this thread runs it; or when its thread waits for this one in the same way. publish_on(ex, n,
/// {.wait_when_dropped = false}) never waits; the right part is then dropped soon.
/// Threads: items, the result, the right operators and the sink cross threads, with everything that their functions
/// refer to. Items that were not taken are destroyed on either thread. The other executor must exist until the pipeline
/// is built.
/// Cost: two allocations; n items held.
/// See: subscribe_on, parallel, buffer.
///
/// @throws std::invalid_argument when n is less than 1 or too large
inline constexpr publish_on_fn publish_on{};

} // namespace weir
