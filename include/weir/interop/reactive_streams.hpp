// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/executor.hpp>
#include <weir/threads/detail/remote_waker.hpp>
#include <weir/threads/spawn_on.hpp>

/// The interfaces of Reactive Streams 1.0.4 (https://www.reactive-streams.org), and bridges from and to weir's streams.
/// A § followed by a number is a rule of that specification.
namespace weir::rs {

/// The link between one publisher and one subscriber.
///
/// Threads: the subscriber calls both functions, one at a time (§2.7). Those of weir's subscriptions may be called on
/// any thread, concurrently.
class subscription {
public:
    virtual ~subscription() = default;

    /// Asks for n more items. A sum of 2^63 - 1 or more asks for all (§3.17). When n is less than 1 the subscriber
    /// receives an error (§3.9).
    virtual void request(std::int64_t n) noexcept = 0;
    /// Asks the publisher to send nothing more and to release the subscriber.
    virtual void cancel() noexcept = 0;
};

/// The receiver of the signals of one publisher: on_subscribe, then on_next as often as was requested, then on_error or
/// on_complete. Signals do not overlap.
///
/// The functions throw only when they are passed a null pointer (§2.13); a subscriber that fails cancels its
/// subscription.
template <class T>
class subscriber {
public:
    virtual ~subscriber() = default;

    virtual void on_subscribe(std::shared_ptr<subscription> link) = 0;
    virtual void on_next(T item) = 0;
    virtual void on_error(std::exception_ptr error) = 0;
    virtual void on_complete() = 0;
};

/// A source of items for subscribers.
template <class T>
class publisher {
public:
    virtual ~publisher() = default;

    /// Calls on_subscribe, and later the other functions of the subscriber. Each call needs another subscriber (§1.10).
    /// @throws std::invalid_argument when the subscriber is null; all other failures go to on_error (§1.9)
    virtual void subscribe(std::shared_ptr<subscriber<T>> to) = 0;
};

/// A subscriber to Ts that is a publisher of Rs.
template <class T, class R>
class processor : public subscriber<T>, public publisher<R> {};

} // namespace weir::rs

namespace weir {

namespace detail {

/// What a subscription and the run that serves it share.
///
/// Threads: members of the first group may be called on any thread, those of the second by the run.
class subscription_state final : public atomic_ref_counted {
public:
    static constexpr std::int64_t unbounded = std::numeric_limits<std::int64_t>::max();

    enum flag : unsigned {
        cancelled = 1,
        invalid = 2,   ///< less than one item was requested
        abandoned = 4, ///< the subscription was destroyed: no further request will come
        ended = 8,     ///< a processor's upstream has ended or failed
    };

    explicit subscription_state(std::shared_ptr<inbox> home) noexcept : atomic_ref_counted{1} {
        waker_.bind(std::move(home));
    }

    void request(std::int64_t n) noexcept;
    /// Sets a flag and wakes the run.
    void set(flag what) noexcept;

    unsigned flags() const noexcept { return flags_.load(); }
    /// Whether there must be no further item.
    bool halted() const noexcept { return (flags() & (cancelled | invalid)) != 0; }
    /// Returns what was requested since the last call.
    std::int64_t take_demand() noexcept { return demand_.exchange(0); }
    /// Waits for a flag that is not among `known`, and for demand if all of it is used up. Returns false when such a
    /// flag or demand exists already.
    bool wait(context& cx, unsigned known, bool for_demand) noexcept;
    /// To be called when the run continues, and when it ends.
    void stop_waiting() noexcept { waits_.store(waits::no); }
    void leave() noexcept {
        stop_waiting();
        waker_.leave();
    }

    bool subscribed = false;      // on_subscribe was called. Set before the run starts
    std::exception_ptr violation; // thrown by the subscriber

private:
    enum class waits { no, for_demand, for_flags };

    std::atomic<std::int64_t> demand_ = 0;
    std::atomic<unsigned> flags_ = 0;
    std::atomic<waits> waits_ = waits::no;
    remote_waker waker_{*this};
};

/// The subscription that a subscriber gets.
class served_subscription final : public rs::subscription {
public:
    explicit served_subscription(counted_pointer<subscription_state> state) noexcept : state_{std::move(state)} {}
    ~served_subscription() override { state_->set(subscription_state::abandoned); }

    void request(std::int64_t n) noexcept override { state_->request(n); }
    void cancel() noexcept override { state_->set(subscription_state::cancelled); }

private:
    counted_pointer<subscription_state> state_;
};

/// Throws for a null argument.
template <class Pointer>
void must_not_be_null(const Pointer& argument, const char* what) {
    if (argument == nullptr) throw std::invalid_argument{what};
}

/// The part of a publisher that runs on its executor: pulls from a stream what a subscriber has requested.
/// @tparam Source  a function object that returns the stream, and is kept as long as that
template <class Source>
class publisher_run {
    using stream_type = std::invoke_result_t<Source&>;
    using item = item_t<stream_type>;

public:
    using result_type = unit;

    /// @param refusal  null, or the error that the subscriber gets instead of items
    publisher_run(counted_pointer<subscription_state> state, std::shared_ptr<rs::subscriber<item>> to, Source source,
                  std::exception_ptr refusal)
        : state_{std::move(state)},
          to_{std::move(to)},
          source_{std::in_place, std::move(source)},
          refusal_{std::move(refusal)} {}
    publisher_run(publisher_run&& other) = default;
    /// Ends the subscription when the executor ends before the stream.
    ~publisher_run() {
        if (to_ == nullptr || !state_->subscribed) return;
        drop_stream();
        last_signal([this] { to_->on_error(std::make_exception_ptr(stopped{})); });
        state_->leave();
    }

    poll<unit> poll_result(context& cx) {
        state_->stop_waiting();
        for (;;) {
            const unsigned flags = state_->flags();
            if ((flags & subscription_state::cancelled) != 0 || state_->violation != nullptr) return stop();
            if ((flags & subscription_state::invalid) != 0) {
                return fail(std::make_exception_ptr(
                    std::invalid_argument{"weir::rs: request(n) with n < 1: Reactive Streams §3.9 forbids it"}));
            }
            if (refusal_ != nullptr) return fail(std::move(refusal_));

            if (left_ == 0) left_ = state_->take_demand();
            if (left_ != 0 && held_) {
                item first(std::move(*held_));
                held_.reset();
                pass(std::move(first));
                continue;
            }
            // A processor looks for the end of its upstream without demand.
            const bool ahead = left_ == 0 && (flags & subscription_state::ended) != 0 && !held_;
            if (left_ == 0 && !ahead) {
                if ((flags & subscription_state::abandoned) != 0) return stop();
                if (state_->wait(cx, flags, true)) return pending;
                continue;
            }

            flow answer = flow::pending;
            try {
                answer = pull(cx);
            } catch (...) {
                return fail(std::current_exception());
            }
            if (answer == flow::done) return complete();
            if (answer == flow::stopped && !cx.spend()) return cx.yield();
            if (answer == flow::pending && state_->wait(cx, flags, left_ == 0)) return pending;
        }
    }

private:
    flow pull(context& cx) {
        if (!stream_) stream_.construct_with([this] { return std::invoke(*source_); });
        auto take = [this](item&& next) {
            if (left_ == 0) {
                held_.emplace(std::move(next));
                return false;
            }
            return pass(std::move(next));
        };
        return weir::poll_each(*stream_, cx, take);
    }

    /// Returns whether the subscriber wants another item.
    bool pass(item&& next) {
        if (state_->halted()) return false;
        if (left_ != subscription_state::unbounded) --left_;
        signal([&] { to_->on_next(std::move(next)); });
        if (left_ == 0) left_ = state_->take_demand();
        return left_ != 0 && !state_->halted() && state_->violation == nullptr;
    }

    /// A subscriber that throws counts as cancelled, and the executor reports what it threw (§2.13).
    template <class F>
    void signal(F f) noexcept {
        try {
            f();
        } catch (...) {
            state_->violation = std::current_exception();
        }
    }

    /// on_error or on_complete, unless the subscriber wants no signals.
    template <class F>
    void last_signal(F f) noexcept {
        if ((state_->flags() & subscription_state::cancelled) == 0 && state_->violation == nullptr) signal(f);
    }

    // Each ends the run. The stream is destroyed before the subscriber hears of it.

    unit stop() {
        drop_stream();
        return end();
    }
    unit complete() {
        drop_stream();
        last_signal([this] { to_->on_complete(); });
        return end();
    }
    unit fail(std::exception_ptr error) {
        drop_stream();
        last_signal([&] { to_->on_error(std::move(error)); });
        return end();
    }

    void drop_stream() noexcept {
        held_.reset();
        stream_.reset();
        source_.reset();
    }
    unit end() {
        state_->leave();
        to_.reset();
        if (state_->violation != nullptr) std::rethrow_exception(std::exchange(state_->violation, nullptr));
        return {};
    }

    counted_pointer<subscription_state> state_;
    std::shared_ptr<rs::subscriber<item>> to_; // null at the end
    std::optional<Source> source_;
    manual_lifetime<stream_type> stream_;
    std::optional<item> held_; // found when a processor looked for the end of its upstream
    std::exception_ptr refusal_;
    std::int64_t left_ = 0; // demand that was taken from the state and not met
};

/// The executor on which the runs of a publisher are started.
class publisher_home {
public:
    publisher_home(executor& ex, std::source_location place)
        : ex_{ex}, inbox_{executor_access::inbox(ex)}, place_{place} {}

    /// Subscribes. The run starts when on_subscribe has returned, so that no signal overlaps with it.
    /// @param prepare  is called with the state of the subscription before on_subscribe
    template <class T, class Source, class Prepare>
    void serve(std::shared_ptr<rs::subscriber<T>> to, Source source, std::exception_ptr refusal, Prepare prepare) {
        using run = publisher_run<Source>;
        counted_pointer<subscription_state> state{new subscription_state{inbox_}};
        auto link = std::make_shared<served_subscription>(state);
        auto& started = remote_spawn<run>::create(ex_, run(state, to, std::move(source), std::move(refusal)), place_);
        prepare(*state);
        const std::shared_ptr<inbox> home = inbox_; // a copy: on_subscribe may destroy the publisher
        state->subscribed = true;
        try {
            to->on_subscribe(std::move(link));
        } catch (...) {
            state->violation = std::current_exception();
        }
        started.start(home);
    }

private:
    executor& ex_; // may have ended, while its inbox still exists
    std::shared_ptr<inbox> inbox_;
    std::source_location place_;
};

inline void no_preparation(subscription_state&) noexcept {}

/// Gives each subscriber a stream of its own.
template <class F>
class factory_publisher final : public rs::publisher<item_t<std::invoke_result_t<F&>>> {
    using item = item_t<std::invoke_result_t<F&>>;

    /// Keeps the function as long as a stream that it returned.
    struct source {
        std::shared_ptr<F> make;
        auto operator()() { return std::invoke(*make); }
    };

public:
    factory_publisher(F make, executor& ex, std::source_location place)
        : home_{ex, place}, make_{std::make_shared<F>(std::move(make))} {}

    void subscribe(std::shared_ptr<rs::subscriber<item>> to) override {
        must_not_be_null(to, "weir::rs: subscribe: the subscriber is null");
        home_.serve(std::move(to), source{make_}, nullptr, no_preparation);
    }

private:
    publisher_home home_;
    std::shared_ptr<F> make_;
};

/// Gives the first subscriber the stream, and refuses the others.
template <stream S>
class single_publication {
    struct source {
        std::optional<S> given;
        S operator()() { return *std::move(given); }
    };

public:
    single_publication(S given, executor& ex, std::source_location place)
        : home_{ex, place}, stream_{std::in_place, std::move(given)} {}

    template <class Prepare>
    void serve(std::shared_ptr<rs::subscriber<item_t<S>>> to, Prepare prepare) {
        must_not_be_null(to, "weir::rs: subscribe: the subscriber is null");
        if (given_.exchange(true)) {
            static constexpr const char* why =
                "weir::rs: subscribe: the stream has gone to an earlier subscriber; pass to_publisher a function that "
                "returns a stream, so that each subscriber gets one";
            home_.serve(std::move(to), source{}, std::make_exception_ptr(std::logic_error{why}), no_preparation);
        } else {
            source first{std::move(stream_)};
            stream_.reset();
            home_.serve(std::move(to), std::move(first), nullptr, prepare);
        }
    }

private:
    publisher_home home_;
    std::optional<S> stream_;
    std::atomic<bool> given_ = false;
};

template <stream S>
class stream_publisher final : public rs::publisher<item_t<S>> {
public:
    stream_publisher(S given, executor& ex, std::source_location place) : one_(std::move(given), ex, place) {}

    void subscribe(std::shared_ptr<rs::subscriber<item_t<S>>> to) override {
        one_.serve(std::move(to), no_preparation);
    }

private:
    single_publication<S> one_;
};

/// The items between a publisher and the stream that subscribes to it.
///
/// The stream alone calls the subscription, on its executor's thread, so that calls are serial (§2.7) and a publisher
/// that signals inside `request` causes no recursion.
template <class T>
class subscriber_link final : public atomic_ref_counted {
public:
    /// @param prefetch  at least 1
    explicit subscriber_link(std::size_t prefetch) noexcept
        : atomic_ref_counted{1},
          prefetch_{std::min(prefetch, static_cast<std::size_t>(subscription_state::unbounded))},
          refill_{prefetch_ - prefetch_ / 4} {}

    std::size_t capacity() const noexcept { return prefetch_; }

    // The signals, on any thread.

    void on_subscribe(std::shared_ptr<rs::subscription> link) {
        must_not_be_null(link, "weir::rs: on_subscribe: the subscription is null");
        {
            const std::lock_guard lock{mutex_};
            if (!subscribed_ && !gone_) {
                subscribed_ = true;
                link_ = std::move(link);
                notify();
                return;
            }
        }
        link->cancel(); // §2.5
    }
    void on_next(T&& item) noexcept {
        const std::lock_guard lock{mutex_};
        if (closed_ || gone_) return;
        if (expected_ == 0) {
            return close(std::make_exception_ptr(std::logic_error{
                "weir::rs: on_next: the publisher sent more items than were requested, against §1.1"}));
        }
        --expected_;
        try {
            held_.push_back(std::move(item));
            notify();
        } catch (...) {
            close(std::current_exception());
        }
    }
    void on_end(std::exception_ptr error) noexcept {
        const std::lock_guard lock{mutex_};
        terminated_ = true;
        if (!closed_) close(std::move(error));
    }
    /// The publisher has released its subscriber.
    void on_release() noexcept {
        const std::lock_guard lock{mutex_};
        if (closed_ || gone_) return;
        close(std::make_exception_ptr(
            std::runtime_error{"weir::rs: the publisher released its subscriber without an end or an error"}));
    }

    // For the stream.

    void bind(context& cx) noexcept { waker_.bind(executor_access::inbox(cx.executor())); }

    poll<T> take(context& cx) {
        const flow answer = fetch(cx);
        if (answer == flow::done) return done;
        if (answer == flow::pending) return pending;
        poll<T> item(std::move(ready_.front()));
        if (!drop_front(cx)) return cx.yield();
        return item;
    }
    template <class Consume>
    flow take_each(context& cx, Consume& consume) {
        for (;;) {
            const flow answer = fetch(cx);
            if (answer != flow::stopped) return answer;
            {
                T item(std::move(ready_.front()));
                if (!drop_front(cx)) return yield_loop(cx);
                if (!consume(std::move(item))) return flow::stopped;
            }
            if (!cx.spend() || cx.leaving()) return yield_loop(cx);
        }
    }

    /// Sets the state of a subscription to notify of the end of this one.
    void watch(subscription_state& state) noexcept {
        const std::lock_guard lock{mutex_};
        state.retain();
        watcher_ = counted_pointer<subscription_state>{&state};
        if (closed_) state.set(subscription_state::ended);
    }

    /// To be called when the stream is destroyed. Cancels the subscription, unless it has ended.
    void abandon() noexcept {
        waker_.leave();
        ready_.clear();
        ring_buffer<T> unwanted; // destroyed after the mutex was unlocked
        std::shared_ptr<rs::subscription> link;
        counted_pointer<subscription_state> watcher;
        bool cancels = false;
        {
            const std::lock_guard lock{mutex_};
            gone_ = true;
            waiting_ = false;
            unwanted.swap(held_);
            link.swap(link_);
            std::swap(watcher, watcher_);
            cancels = link != nullptr && !terminated_;
        }
        if (cancels) link->cancel();
    }

private:
    // With the mutex locked.

    void notify() noexcept {
        if (std::exchange(waiting_, false)) waker_.wake();
    }
    void close(std::exception_ptr error) noexcept {
        closed_ = true;
        error_ = std::move(error);
        notify();
        if (watcher_) watcher_->set(subscription_state::ended);
    }

    // For the stream.

    /// Takes over what has arrived. Returns `stopped` when there is an item.
    flow fetch(context& cx) {
        for (;;) {
            if (!ready_.empty()) return flow::stopped;
            {
                const std::lock_guard lock{mutex_};
                ready_.swap(held_);
                if (!ready_.empty()) return flow::stopped;
                if (closed_) {
                    if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
                    return flow::done;
                }
                if (link_ == nullptr || asked_) {
                    waiting_ = true;
                    waker_.wait(cx);
                    return flow::pending;
                }
                asked_ = true;
            }
            if (!ask(prefetch_, cx)) return yield_loop(cx);
        }
    }
    /// Removes the item that was taken, and requests more when it is time. Returns false when that has dropped what
    /// runs.
    bool drop_front(context& cx) {
        ready_.drop_front();
        if (++taken_ != refill_) return true;
        taken_ = 0;
        return ask(refill_, cx);
    }

    /// Requests items, unless upstream has ended. Returns false when that has dropped what runs.
    bool ask(std::size_t n, context& cx) {
        std::shared_ptr<rs::subscription> link;
        {
            const std::lock_guard lock{mutex_};
            if (closed_) return true;
            expected_ += n;
            link = link_;
        }
        link->request(static_cast<std::int64_t>(n));
        return !cx.stopping();
    }

    const std::size_t prefetch_;
    const std::size_t refill_; // how many items are requested at once: three quarters
    std::mutex mutex_;         // guards what follows
    ring_buffer<T> held_;
    std::shared_ptr<rs::subscription> link_;
    std::exception_ptr error_;
    counted_pointer<subscription_state> watcher_;
    std::size_t expected_ = 0; // items that were requested and have not arrived
    bool subscribed_ = false;
    bool waiting_ = false;    // the stream waits
    bool closed_ = false;     // nothing more is taken
    bool terminated_ = false; // by a signal of upstream
    bool gone_ = false;       // the stream was destroyed
    remote_waker waker_{*this};

    // For the stream only.
    ring_buffer<T> ready_;  // taken from held_, all at once
    std::size_t taken_ = 0; // since the last request
    bool asked_ = false;
};

/// The subscriber of a link. The publisher owns it.
template <class T>
class linked_subscriber final : public rs::subscriber<T> {
public:
    explicit linked_subscriber(counted_pointer<subscriber_link<T>> link) noexcept : link_{std::move(link)} {}
    ~linked_subscriber() override { link_->on_release(); }

    void on_subscribe(std::shared_ptr<rs::subscription> link) override { link_->on_subscribe(std::move(link)); }
    void on_next(T item) override { link_->on_next(std::move(item)); }
    void on_error(std::exception_ptr error) override {
        must_not_be_null(error, "weir::rs: on_error: the error is null");
        link_->on_end(std::move(error));
    }
    void on_complete() override { link_->on_end(nullptr); }

private:
    counted_pointer<subscriber_link<T>> link_;
};

/// The item type of a publisher: overload resolution finds the base class.
template <class T>
T published_item(const rs::publisher<T>*);
template <class P>
using published_item_t = decltype(published_item(static_cast<P*>(nullptr)));

} // namespace detail

namespace rs {

/// The items of a publisher.
template <class T>
class [[nodiscard("add a sink and co_await it")]] publisher_stream {
public:
    using value_type = T;

    /// @param from  null when `link` is subscribed elsewhere
    publisher_stream(std::shared_ptr<publisher<T>> from, detail::counted_pointer<detail::subscriber_link<T>> link)
        : from_{std::move(from)}, link_{std::move(link)} {}
    publisher_stream(publisher_stream&&) noexcept = default;
    ~publisher_stream() {
        if (link_) link_->abandon();
    }

    poll<T> poll_next(context& cx) {
        return checker_.checked([&]() -> poll<T> {
            if (!start(cx)) return cx.yield();
            return link_->take(cx);
        });
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        checker_.check();
        if (!start(cx)) return detail::yield_loop(cx);
        const flow answer = link_->take_each(cx, consume);
        if (answer == flow::done) checker_.ended();
        return answer;
    }

    void outline(stage_outline& out) const {
        if (link_) out.holds(link_->capacity());
    }

private:
    /// Subscribes at the first poll. Returns false when that has dropped what runs.
    bool start(context& cx) {
        if (started_) return true;
        started_ = true;
        link_->bind(cx);
        if (from_ != nullptr) from_->subscribe(std::make_shared<detail::linked_subscriber<T>>(link_));
        return !cx.stopping();
    }

    std::shared_ptr<publisher<T>> from_;
    detail::counted_pointer<detail::subscriber_link<T>> link_;
    bool started_ = false;
    detail::poll_checker checker_;
};

} // namespace rs

namespace detail {

template <class T>
counted_pointer<subscriber_link<T>> make_link(std::size_t prefetch) {
    return counted_pointer<subscriber_link<T>>{new subscriber_link<T>{prefetch}};
}

/// A stream that consumes what the processor receives, and that the first subscriber gets.
template <class T, stream S>
class stream_processor final : public rs::processor<T, item_t<S>> {
public:
    stream_processor(counted_pointer<subscriber_link<T>> link, S pipeline, executor& ex, std::source_location place)
        : in_{link}, link_{std::move(link)}, out_(std::move(pipeline), ex, place) {}

    void on_subscribe(std::shared_ptr<rs::subscription> link) override { in_.on_subscribe(std::move(link)); }
    void on_next(T item) override { in_.on_next(std::move(item)); }
    void on_error(std::exception_ptr error) override { in_.on_error(std::move(error)); }
    void on_complete() override { in_.on_complete(); }

    void subscribe(std::shared_ptr<rs::subscriber<item_t<S>>> to) override {
        out_.serve(std::move(to), [this](subscription_state& state) { link_->watch(state); });
    }

private:
    linked_subscriber<T> in_;
    counted_pointer<subscriber_link<T>> link_;
    single_publication<S> out_;
};

} // namespace detail

namespace rs {

/// to_publisher(f, executor): a publisher whose subscribers each get a stream that f returns. It runs on the executor.
/// to_publisher(stream, executor): the first subscriber gets the stream, and later ones an error.
///
///     auto lines = weir::rs::to_publisher([] { return weir::lines("access.log"); }, ex);
///     lines->subscribe(reader); // a std::shared_ptr<weir::rs::subscriber<std::string>>
///
/// The stream is asked for as many items as were requested and for no more. f is called with the first request.
///
/// Ends: on_complete when the stream has ended. The stream has to be asked for that: a subscriber that has received all
/// it requested learns of the end with its next request.
/// Errors: those of f and of the stream go to on_error, as do std::invalid_argument after request(n) with n < 1 (§3.9),
/// std::logic_error for the second subscriber to one stream, and `stopped` when the executor ends first. An exception
/// that a subscriber throws cancels its subscription and goes to the executor's error handler.
/// Dropped: cancel() destroys the stream and releases the subscriber, on the executor's thread and soon; no on_next
/// begins that sees the cancel. A subscription that is destroyed counts as cancelled once the requested items were
/// sent. Destroying the publisher ends no run.
/// Threads: all signals come on the executor's thread, but for on_subscribe, which `subscribe` calls, and `stopped`. f
/// is called there too. request, cancel and subscribe may be called on any thread, and inside a signal. A request
/// inside on_next does not recurse.
/// Cost: three allocations per subscriber, none per item.
/// See: from_publisher, to_processor, share.
template <class F>
auto to_publisher(F make, executor& ex, std::source_location place = std::source_location::current()) {
    if constexpr (!stream<F> && !detail::gives_stream<F&>) {
        static_assert(detail::always_false<F>, "weir::rs::to_publisher(f, executor): takes a stream, or a function of "
                                               "no arguments that returns one");
    } else {
        constexpr auto kind = [] {
            if constexpr (stream<F>) {
                return std::type_identity<detail::stream_publisher<F>>{};
            } else {
                return std::type_identity<detail::factory_publisher<F>>{};
            }
        }();
        using implementation = typename decltype(kind)::type;
        using item = detail::published_item_t<implementation>;
        static_assert(detail::crossable<item>,
                      "weir::rs::to_publisher(f, executor): items cross threads, and these are bound to their thread, "
                      "as weir::bytes are, or borrow their memory; put to_owned() before it");
        return std::shared_ptr<publisher<item>>{std::make_shared<implementation>(std::move(make), ex, place)};
    }
}

/// from_publisher(publisher, prefetch): the items of a publisher as a stream.
///
///     auto parsed = weir::rs::from_publisher(lines, 64) | weir::map(parse);
///
/// The first poll subscribes and requests `prefetch` items. When three quarters of them were taken, as many are
/// requested again. Never more than `prefetch` items are held or under way.
///
/// Ends: with on_complete, after the held items.
/// Errors: those of on_error, after the held items. std::logic_error when the publisher sends more than was requested;
/// std::runtime_error when it releases the subscriber without an end. The subscription is then cancelled.
/// Dropped: cancels the subscription and destroys the held items. After its end or its error the publisher is not
/// called any more.
/// Threads: the publisher may signal on any thread; its subscription is called on the executor's.
/// Cost: three allocations, none per item; `prefetch` items held.
/// See: to_publisher, from_callback.
///
/// @throws std::invalid_argument when prefetch is less than 1 or the publisher is null
template <class P, std::integral N>
auto from_publisher(std::shared_ptr<P> from, N prefetch) {
    if constexpr (!requires { typename detail::published_item_t<P>; }) {
        static_assert(detail::always_false<P>, "weir::rs::from_publisher(publisher, prefetch): takes a std::shared_ptr "
                                               "to a weir::rs::publisher");
    } else {
        using item = detail::published_item_t<P>;
        detail::must_not_be_null(from, "weir::rs::from_publisher(publisher, prefetch): the publisher is null");
        const std::size_t n = detail::at_least_one(
            prefetch, "weir::rs::from_publisher(publisher, prefetch): prefetch must be at least 1");
        return publisher_stream<item>(std::move(from), detail::make_link<item>(n));
    }
}

/// to_processor<T>(operators, executor, prefetch): a processor that passes Ts through operators, which run on the
/// executor.
///
///     auto parser = weir::rs::to_processor<std::string>(weir::filter(valid) | weir::map(parse), ex, 64);
///     lines->subscribe(parser);
///     parser->subscribe(store);
///
/// Upstream is asked for items as by from_publisher, when the subscriber has asked for some. It serves one subscriber,
/// as to_publisher(stream, executor) does; `share` among the operators does not change that.
///
/// Ends, Errors: as from_publisher and to_publisher. When upstream has ended or failed, the operators are asked for one
/// item ahead of demand, so that the end or the error passes at once (§4.2).
/// Dropped: cancel() destroys the operators and cancels upstream.
/// Threads, Cost: as from_publisher and to_publisher.
/// See: to_publisher, from_publisher.
///
/// @throws std::invalid_argument when prefetch is less than 1
template <class T, class Operators, std::integral N>
auto to_processor(Operators operators, executor& ex, N prefetch,
                  std::source_location place = std::source_location::current()) {
    if constexpr (!detail::is_closure<Operators>) {
        static_assert(detail::always_false<Operators>,
                      "weir::rs::to_processor<T>(operators, executor, prefetch): takes operators, such as filter(f) | "
                      "map(g)");
    } else {
        using pipeline = decltype(std::declval<publisher_stream<T>>() | std::move(operators));
        if constexpr (!stream<pipeline>) {
            static_assert(detail::always_false<Operators>,
                          "weir::rs::to_processor<T>(operators, executor, prefetch): the operators do not return a "
                          "stream; a sink is the subscriber's part");
        } else {
            static_assert(detail::crossable<T> && detail::crossable<item_t<pipeline>>,
                          "weir::rs::to_processor<T>(operators, executor, prefetch): items cross threads, and these "
                          "are bound to their thread, as weir::bytes are, or borrow their memory");
            const std::size_t n = detail::at_least_one(
                prefetch, "weir::rs::to_processor(operators, executor, prefetch): prefetch must be at least 1");
            auto link = detail::make_link<T>(n);
            auto whole = publisher_stream<T>(nullptr, link) | std::move(operators);
            return std::shared_ptr<processor<T, item_t<pipeline>>>{
                std::make_shared<detail::stream_processor<T, pipeline>>(std::move(link), std::move(whole), ex, place)};
        }
    }
}

} // namespace rs

} // namespace weir
