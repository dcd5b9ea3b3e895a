// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/executor.hpp>
#include <weir/sync/broadcast.hpp>
#include <weir/sync/detail/shared_state.hpp>

namespace weir {

namespace detail {

template <stream S>
class shared_run;

/// The operation that reads a shared source and sends its items to the subscriptions. It asks for an item when there is
/// room for it.
template <stream S>
class shared_reader {
public:
    using result_type = unit;

    shared_reader(handle<shared_run<S>, role::other> run, S source)
        : run_{std::move(run)}, source_(std::move(source)) {}

    poll<unit> poll_result(context& outer) {
        nested_context cx{outer};
        std::exception_ptr error;
        try {
            const auto send = [&](item_t<S>&& item) {
                run_->send(item);
                return run_->hub().has_room();
            };
            for (;;) {
                if (!run_->hub().has_room()) {
                    if (!room_) room_.emplace(run_->hub().room());
                    if (room_->poll_result(cx).is_pending()) return pending;
                }
                const flow answer = poll_each_unless_dropped<true>(*source_, cx, send);
                if (answer == flow::pending || cx.stopping()) return pending;
                if (answer == flow::done) break;
                if (!cx.spend()) return cx.yield();
            }
        } catch (...) {
            if (cx.stopping()) return cx.yield();
            error = std::current_exception();
        }
        source_.reset();
        if (!cx.stopping()) run_->end(std::move(error));
        return unit{};
    }

private:
    handle<shared_run<S>, role::other> run_;
    detail::resettable<S> source_;
    std::optional<room_operation<item_t<S>>> room_;
};

/// One run of a shared source: from the first poll of a subscription until the source ends, or until the last
/// subscription is destroyed.
template <stream S>
class shared_run : public shared_state {
public:
    using value_type = item_t<S>;

    explicit shared_run(std::size_t replayed) : replayed_{replayed} {}

    const broadcast<value_type>& hub() const noexcept { return hub_; }
    bool started() const noexcept { return started_; }
    bool over() const noexcept { return hub_.closed(); }

    /// To be called once. make returns the source.
    template <class Make>
    void start(context& cx, Make& make) {
        started_ = true;
        const handle<shared_run, role::other> kept{*this}; // make may destroy every subscription
        try {
            S source(std::invoke(make));
            if (consumers() == 0) return;
            reader_.emplace(cx.executor().spawn(shared_reader<S>{kept, std::move(source)}));
        } catch (...) {
            end(std::current_exception());
        }
    }

    void send(const value_type& item) {
        if (replayed_ != 0) remember(item);
        hub_.try_send(item);
    }
    void end(std::exception_ptr error) noexcept { error == nullptr ? hub_.close() : hub_.fail(std::move(error)); }

    /// Calls f with each of the items that a new subscription receives first.
    template <class F>
    void replay(F f) const {
        for (std::size_t i = 0; i != history_.size(); ++i) f(history_[i]);
    }

    void consumers_left() noexcept {
        if (!started_ || over()) return;
        hub_.close(); // first: the end of the source may subscribe to the next run
        reader_.reset();
        history_.clear();
    }

    void outline(stage_outline& out) const {
        if (started_ && !over()) out.elsewhere<S>();
    }

private:
    void remember(const value_type& item) {
        if (history_.size() == replayed_) history_.drop_front();
        history_.push_back(item);
    }

    broadcast<value_type> hub_;
    ring_buffer<value_type> history_; // the last items
    std::size_t replayed_;
    std::optional<join_handle<shared_reader<S>>> reader_;
    bool started_ = false;
};

/// Returns a stream, once.
template <stream S>
class made_once {
public:
    static constexpr bool again = false;

    explicit made_once(S source) : source_(std::move(source)) {}

    S operator()() {
        S source(std::move(*source_));
        source_.reset();
        return source;
    }

    void outline(stage_outline& out) const { out.upstream(source_); }

private:
    detail::resettable<S> source_;
};

/// Returns a stream for each run.
template <class F>
class made_again {
public:
    static constexpr bool again = true;

    explicit made_again(F f) : f_(std::move(f)) {}

    auto operator()() { return std::invoke(f_); }

    void outline(stage_outline& out) const { out.holds({.inner_streams = 1}); }

private:
    [[no_unique_address]] F f_;
};

/// The state of a shared source: what makes its streams, and the present run.
template <class Make>
class shared_core : public shared_state {
public:
    using stream_type = std::invoke_result_t<Make&>;
    using run = shared_run<stream_type>;

    shared_core(Make make, std::size_t replayed)
        : make_(std::move(make)), replayed_{replayed}, run_{*new run{replayed}} {}

    Make& make() noexcept { return make_; }
    std::size_t replayed() const noexcept { return replayed_; }

    /// The run that a new subscription takes part in.
    run& present() {
        if (Make::again && run_->over()) run_ = handle<run, role::other>{*new run{replayed_}};
        return *run_;
    }

    void outline(stage_outline& out) const {
        out.holds(replayed_);
        if (!run_->started()) {
            make_.outline(out);
        } else {
            run_->outline(out);
        }
    }

private:
    Make make_;
    std::size_t replayed_;
    handle<run, role::other> run_;
};

} // namespace detail

template <class Make>
class shared_source;

/// A subscription of a shared source: a stream of its items. It may be moved at any time.
template <class Make>
class [[nodiscard("add a sink and co_await it")]] shared_subscription {
    using core = detail::shared_core<Make>;
    using run = typename core::run;

public:
    using value_type = typename run::value_type;

    poll<value_type> poll_next(context& cx) {
        if (!reads_run_) [[unlikely]] {
            if (!replayed_.empty()) return poll<value_type>(replayed_.pop_front());
            if (!run_->started()) run_->start(cx, core_->make());
            if (cx.stopping()) return cx.yield();
            reads_run_ = true;
        }
        return items_.poll_next(cx);
    }

    /// The number of items that were dropped between the last two received items.
    std::uint64_t missed() const noexcept { return items_.missed(); }
    /// The number of dropped items so far.
    std::uint64_t dropped() const noexcept { return items_.dropped(); }
    /// The number of held items: how far the subscriber is behind the source.
    std::size_t size() const noexcept { return replayed_.size() + items_.size(); }

    void outline(stage_outline& out) const {
        items_.outline(out);
        if (core_) {
            out.holds(core_->replayed());
            core_->outline(out);
        }
    }

private:
    friend class shared_source<Make>;

    shared_subscription(detail::handle<core, detail::role::other> source, subscribe_options<value_type> options)
        : core_{std::move(source)}, run_{core_->present()}, items_{run_->hub().subscribe(std::move(options))} {
        run_->replay([this](const value_type& item) { replayed_.push_back(item); });
    }

    detail::handle<core, detail::role::other> core_;
    detail::handle<run, detail::role::consumer> run_;
    subscription<value_type> items_;
    detail::ring_buffer<value_type> replayed_;
    bool reads_run_ = false; // everything was replayed, and the run has started
};

struct share_options {
    /// The maximum number of items held for a subscriber, >= 1; with overflow::latest it is one.
    std::size_t capacity = 64;
    /// What happens to an item when `capacity` items are held for a subscriber.
    weir::overflow overflow = weir::overflow::suspend;
};

/// A source for several consumers. Copies share one source.
template <class Make>
class [[nodiscard("call subscribe() for each consumer")]] shared_source {
    using core = detail::shared_core<Make>;

public:
    using value_type = typename core::run::value_type;

    /// A stream of the items from now on. The options are those that were given to share.
    /// @throws std::invalid_argument when the capacity is 0
    shared_subscription<Make> subscribe() const {
        subscribe_options<value_type> options;
        options.capacity = options_.capacity;
        options.overflow = options_.overflow;
        return subscribe(std::move(options));
    }
    /// The same with options of its own.
    shared_subscription<Make> subscribe(subscribe_options<value_type> options) const {
        return {detail::handle<core, detail::role::other>{core_}, std::move(options)};
    }

    shared_source(Make make, std::size_t replayed, share_options options)
        : core_{*new core{std::move(make), replayed}}, options_{options} {}

private:
    detail::handle<core, detail::role::other> core_;
    share_options options_;
};

namespace detail {

/// @throws std::invalid_argument for a capacity of 0
inline share_options checked_share(const char* what, share_options options) {
    if (options.capacity == 0) {
        throw std::invalid_argument{std::string{what} + "({.capacity}): capacity must be at least 1"};
    }
    return options;
}

} // namespace detail

template <class Make>
inline constexpr bool thread_bound<shared_source<Make>> = true;
template <class Make>
inline constexpr bool thread_bound<shared_subscription<Make>> = true;

} // namespace weir
