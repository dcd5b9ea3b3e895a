#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/executor.hpp>
#include <weir/threads/detail/hop.hpp>
#include <weir/threads/spawn_on.hpp>

namespace weir {

/// The items of an upstream that runs on another executor.
template <stream S>
class subscribe_on_stream {
public:
    using value_type = item_t<S>;

    subscribe_on_stream(S upstream, executor& ex, std::size_t n, detail::demand asks)
        : ex_{&ex}, inbox_{ex.inbox()}, n_{n}, asks_{asks}, upstream_{std::in_place, std::move(upstream)} {}

    poll<value_type> poll_next(context& cx) {
        start();
        return items_->poll_next(cx);
    }

    /// What the first poll does first: sends upstream over.
    void start() {
        if (items_) [[likely]]
            return;
        auto* const queue = new detail::hop<value_type>{n_, asks_};
        items_.emplace(*queue);
        queue->bind_sender(inbox_);
        detail::hop_sender<S> sender{*std::move(upstream_), *queue};
        upstream_.reset();
        detail::starter<detail::hop_sender<S>>::start(inbox_, *ex_, std::move(sender), std::source_location::current());
    }

private:
    executor* ex_; // which may be gone, when its inbox is not
    std::shared_ptr<detail::inbox> inbox_;
    std::size_t n_;
    detail::demand asks_;
    std::optional<S> upstream_; // until the first poll
    std::optional<detail::hop_receiver<value_type>> items_;
};

struct subscribe_on_fn : operator_needs_its_arguments_in_parentheses {
private:
    static auto make(executor& ex, std::size_t n, detail::demand asks) {
        return closure{[&ex, n, asks]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>,
                              "weir::subscribe_on(executor): what is left of | is not a stream");
            } else {
                static_assert(
                    detail::crossable<item_t<S>>,
                    "weir::subscribe_on(executor): items cross threads, and these are bound to their thread, as "
                    "weir::bytes are, or borrow their memory; put to_owned() before it");
                return subscribe_on_stream<S>{std::move(upstream), ex, n, asks};
            }
        }};
    }

public:
    auto operator()(executor& ex) const { return make(ex, 1, detail::demand::on_demand); }
    /// @throws std::invalid_argument when n is less than 1
    template <std::integral N>
    auto operator()(executor& ex, N n) const {
        return make(ex, detail::at_least_one(n, "weir::subscribe_on(executor, n): n must be at least 1"),
                    detail::demand::ahead);
    }
};

/// subscribe_on(ex): what stands left of it runs on another executor; its items come out on the one that polls.
///
///     ex.run(walk("/") | map(parse) | subscribe_on(rt[1], 256) | for_each(print)); // parse on rt[1], print on ex
///
///     rt[1]              --1-2-3--|
///     subscribe_on       ---1-2-3--|
///
/// subscribe_on(ex) asks for an item when its consumer does: nothing runs ahead, and each item costs a way there and
/// back. subscribe_on(ex, n) lets upstream run ahead by n items, and asks for more when three quarters of them were
/// taken: then many items share the way.
///
/// Upstream goes to the other executor at the first poll, and is destroyed on its thread, before the end or its error
/// comes out. The end and an error come after the items. Dropping the stream drops upstream there, soon: nobody waits
/// for that. When the other executor dies first, the stream fails with `stopped`, after the items that had crossed.
///
/// Threads: upstream and its items cross, with all that the functions in it refer to. Items that nobody takes are
/// destroyed on either thread. The other executor must live until the pipeline is built.
/// @param n  items, > 0
inline constexpr subscribe_on_fn subscribe_on{};

} // namespace weir
