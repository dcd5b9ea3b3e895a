// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/executor.hpp>
#include <weir/threads/detail/executor_queue.hpp>
#include <weir/threads/spawn_on.hpp>

namespace weir {

/// The stream of an upstream that runs on another executor.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] subscribe_on_stream {
public:
    using value_type = item_t<S>;

    subscribe_on_stream(S upstream, executor& ex, std::size_t n, detail::demand asks)
        : ex_{&ex}, inbox_{detail::executor_access::inbox(ex)}, n_{n}, asks_{asks}, upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        start();
        return items_->poll_next(cx);
    }

    /// To be called in the first poll: moves upstream to the other executor.
    void start() {
        if (items_) [[likely]]
            return;
        auto* const queue = new detail::executor_queue<value_type>{n_, asks_};
        items_.emplace(*queue);
        queue->bind_sender(inbox_);
        detail::executor_queue_sender<S> sender{*std::move(upstream_), *queue};
        upstream_.reset();
        detail::remote_spawn<detail::executor_queue_sender<S>>::create(*ex_, std::move(sender),
                                                                       std::source_location::current())
            .start(inbox_);
    }

    void outline(stage_outline& out) const {
        out.holds(n_);
        if (items_) {
            out.elsewhere<S>();
        } else {
            out.upstream(upstream_);
        }
    }

private:
    executor* ex_; // may have ended, while its inbox still exists
    std::shared_ptr<detail::inbox> inbox_;
    std::size_t n_;
    detail::demand asks_;
    detail::resettable<S> upstream_; // empty after the first poll
    std::optional<detail::executor_queue_receiver<value_type>> items_;
};

struct subscribe_on_fn : detail::operator_fn<subscribe_on_fn> {
    template <class S, class Executor, class N, class Asks>
    using pipeline = subscribe_on_stream<S>;

    template <class T, class Executor, class N, class Asks>
    static consteval bool accepts() {
        constexpr bool ok = detail::crossable<T>;
        static_assert(ok, "weir::subscribe_on(executor): items cross threads, and these are bound to their thread, as "
                          "weir::bytes are, or borrow their memory; put to_owned() before it");
        return ok;
    }

    auto operator()(executor& ex) const { return with(std::ref(ex), std::size_t{1}, detail::demand::on_demand); }
    template <std::integral N>
    auto operator()(executor& ex, N given) const {
        const std::size_t n = detail::checked_queue_capacity(
            detail::at_least_one(given, "weir::subscribe_on(executor, n): n must be at least 1"),
            "weir::subscribe_on(executor, n): n");
        return with(std::ref(ex), n, detail::demand::ahead);
    }
};

/// subscribe_on(ex): runs everything to its left on another executor. The items arrive on the executor that polls.
///
///     ex.run(walk("/") | map(parse) | subscribe_on(rt[1], 256) | for_each(print)); // parse on rt[1], print on ex
///
///     rt[1]              --1-2-3--|
///     subscribe_on       ---1-2-3--|
///
/// subscribe_on(ex) polls upstream once per poll: nothing runs ahead, and each item costs a round trip.
/// subscribe_on(ex, n) lets upstream run ahead by n items, and asks for more when three quarters of them were taken, so
/// that many items share a trip. Upstream moves to the other executor at the first poll.
///
/// Ends: with upstream. Errors: upstream's; `stopped` when the other executor ends first. Either arrives after the
/// items, after upstream has been destroyed on its thread.
/// Dropped: upstream is dropped on its executor, soon, without a wait. The items in between are lost.
/// Threads: upstream and its items cross threads, with everything that its functions refer to. Items that were not
/// taken are destroyed on either thread. The other executor must exist until the pipeline is built.
/// Cost: one allocation; n items held.
/// See: publish_on, parallel, spawn_on.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr subscribe_on_fn subscribe_on{};

} // namespace weir
