// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/closure.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/executor.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/subscribe_on.hpp>
#include <weir/threads/detail/executor_queue.hpp>
#include <weir/threads/runtime.hpp>

namespace weir {

struct parallel_options {
    /// The maximum number of items that wait for each rail, and of results that wait behind it.
    std::size_t capacity = 64;
    /// The number of rails; 0 for one per executor. More rails than executors share executors.
    std::size_t rails = 0;
};

namespace detail {

/// The sending end of a rail's queue, for an operation that distributes items to several rails.
template <class T>
class rail_entry {
public:
    explicit rail_entry(executor_queue<T>& to) noexcept : to_{&to} {}
    rail_entry(rail_entry&& other) noexcept : to_{std::exchange(other.to_, nullptr)} {}
    ~rail_entry() { close(); }

    executor_queue<T>* operator->() const noexcept { return to_; }
    bool open() const noexcept { return to_ != nullptr && !to_->cancelled(); }
    void close() noexcept {
        if (to_ != nullptr) std::exchange(to_, nullptr)->close(nullptr);
    }

private:
    executor_queue<T>* to_;
};

/// The number of items that a rail has finished and not reported. Both ends of the rail's pipeline share it.
using rail_count = std::shared_ptr<std::size_t>;

/// The input of a rail. When its pipeline polls for the next item, the previous one is finished.
template <class T>
class rail_items {
public:
    using value_type = T;

    rail_items(executor_queue_receiver<T> items, rail_count done_with)
        : items_(std::move(items)), done_with_(std::move(done_with)) {}

    poll<T> poll_next(context& cx) {
        if (std::exchange(given_, false)) ++*done_with_;
        auto item = items_.poll_next(cx);
        given_ = item.is_item();
        return item;
    }

    void outline(stage_outline& out) const { out.upstream(items_); }

private:
    executor_queue_receiver<T> items_;
    rail_count done_with_;
    bool given_ = false;
};

/// The output of a rail: its results, and an empty optional after the results of each item.
template <stream Sub>
class rail_results {
public:
    using value_type = std::optional<item_t<Sub>>;

    rail_results(Sub pipeline, rail_count done_with)
        : pipeline_(std::move(pipeline)), done_with_(std::move(done_with)) {}

    poll<value_type> poll_next(context& cx) {
        if (*done_with_ == 0 && !held_ && pipeline_) ask(cx);
        if (*done_with_ != 0) { // they precede the held result, which belongs to a later item
            --*done_with_;
            return poll<value_type>{std::nullopt};
        }
        if (held_) {
            poll<value_type> result(std::move(held_));
            held_.reset();
            return result;
        }
        if (pipeline_) return pending;
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return done;
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        out.upstream(pipeline_);
    }

private:
    void ask(context& cx) noexcept {
        try {
            auto result = pipeline_->poll_next(cx);
            if (result.is_item()) held_.emplace(*std::move(result));
            if (result.is_done()) pipeline_.reset();
        } catch (...) {
            error_ = std::current_exception();
            pipeline_.reset();
        }
    }

    detail::resettable<Sub> pipeline_;
    rail_count done_with_;
    value_type held_;
    std::exception_ptr error_;
};

/// Delivers results as they are ready.
template <class Rail>
class results_as_ready {
public:
    using value_type = item_t<Rail>;
    static constexpr bool in_order = false;

    explicit results_as_ready(std::vector<Rail> rails) : merged_{merge(std::move(rails))} {}

    poll<value_type> poll_next(context& cx, bool) { return merged_.poll_next(cx); }

    void sent_to(std::size_t) noexcept {}
    void all_sent() noexcept {}

    void outline(stage_outline& out) const { merged_.outline(out); }

private:
    decltype(merge(std::declval<std::vector<Rail>>())) merged_;
};

/// Delivers results in the order of the items: polls the rails in the order in which items were sent to them.
template <class Rail>
class results_in_order {
public:
    using value_type = typename item_t<Rail>::value_type;
    static constexpr bool in_order = true;

    explicit results_in_order(std::vector<Rail> rails) {
        for (Rail& rail : rails) rails_.emplace_back(std::move(rail));
    }

    poll<value_type> poll_next(context& cx, bool was_all_sent) {
        for (;;) {
            if (turns_.empty()) {
                if (!was_all_sent) {
                    consumer_.arm(cx.waker());
                    return pending;
                }
                // The results of rails after their last item.
                if (last_ == rails_.size()) return done;
            }
            const std::size_t at = turns_.empty() ? last_ : turns_.front();
            place& rail = rails_[at];
            auto result = rail.ended ? poll<item_t<Rail>>{weir::done} : rail.results.poll_next(cx);
            if (result.is_pending()) return pending;
            if (result.is_item() && result->has_value()) return poll<value_type>(*std::move(*result));
            if (result.is_done()) rail.ended = true;
            if (!turns_.empty()) {
                turns_.drop_front();
            } else if (rail.ended) {
                ++last_;
            }
            if (!cx.spend()) return cx.yield();
        }
    }

    void sent_to(std::size_t rail) {
        turns_.push_back(rail);
        consumer_.wake();
    }
    void all_sent() noexcept { consumer_.wake(); }

    void outline(stage_outline& out) const {
        for (const place& one : rails_) out.upstream(one.results);
    }

private:
    friend described;

    void describe(wait_report& report) const {
        report.stage(type_name<results_in_order>(), "no item was sent to a rail; upstream has none");
    }

    struct place {
        explicit place(Rail r) : results{std::move(r)} {}

        Rail results;
        bool ended = false;
    };

    std::vector<place> rails_;
    ring_buffer<std::size_t> turns_;
    std::size_t last_ = 0;
    described_slot consumer_{*this};
};

} // namespace detail

/// Distributes the items of an upstream to rails, and delivers their results.
/// @tparam Results  the order of delivery
template <stream S, class Rail, class Results>
class [[nodiscard("add a sink and co_await it")]] parallel_stream {
    using item = item_t<S>;

public:
    using value_type = typename Results::value_type;

    parallel_stream(S upstream, std::vector<detail::rail_entry<item>> entries, std::vector<Rail> rails)
        : upstream_(std::move(upstream)), entries_{std::move(entries)}, rails_{std::move(rails)} {}

    poll<value_type> poll_next(context& cx) {
        if (!results_) [[unlikely]]
            start(cx);
        cx.propagate_deadline_to(driver_);
        try {
            auto result = results_->poll_next(cx, !upstream_);
            if (!result.is_done()) return result;
        } catch (...) {
            drop_all();
            throw;
        }
        drop_all();
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return done;
    }

    void outline(stage_outline& out) const {
        out.upstream(upstream_);
        if (results_) return results_->outline(out);
        if (!Results::in_order) out.holds(rails_.size()); // that their merge holds
        for (const Rail& one : rails_) out.upstream(one);
    }

private:
    void start(context& cx) {
        for (auto& entry : entries_) entry->bind_sender(detail::executor_access::inbox(cx.executor()));
        for (Rail& rail : rails_) rail.start();
        results_.emplace(std::move(rails_));
        driver_.bind(*this, cx.waker());
        driver_.wake();
    }

    void drop_all() noexcept {
        upstream_.reset();
        entries_.clear();
        results_.reset();
    }

    // The functions below are called by the run queue.

    void spread() noexcept {
        context cx{driver_};
        try {
            while (upstream_) {
                const std::size_t to = find_room(cx);
                if (to == entries_.size()) {
                    if (all_rails_have_ended()) end();
                    return;
                }
                auto next = upstream_->poll_next(cx);
                if (cx.stopping()) return;
                if (next.is_pending()) return pause(cx);
                if (next.is_done()) return end();
                entries_[to]->send(*std::move(next));
                results_->sent_to(to);
                next_ = after(to);
                if (!cx.spend()) {
                    pause(cx);
                    return static_cast<void>(cx.yield());
                }
            }
        } catch (...) {
            if (cx.stopping()) return;
            error_ = std::current_exception();
            end();
        }
    }

    std::size_t after(std::size_t rail) const noexcept { return rail + 1 == entries_.size() ? 0 : rail + 1; }

    /// The index of the next rail with room; the number of rails if there is none, and room then wakes the driver. When
    /// results keep the order of the items, rails take strict turns, because results of other rails would have to wait.
    std::size_t find_room(context& cx) noexcept {
        const std::size_t none = entries_.size();
        std::size_t rail = next_;
        for (std::size_t i = 0; i != none; ++i, rail = after(rail)) {
            if (!entries_[rail].open()) continue;
            if (entries_[rail]->has_room()) return rail;
            if (Results::in_order) return wait_for_room(rail, cx) ? rail : none;
        }
        for (std::size_t i = 0; i != none; ++i, rail = after(rail)) {
            if (entries_[rail].open() && wait_for_room(rail, cx)) return rail;
        }
        return none;
    }
    bool wait_for_room(std::size_t rail, context& cx) noexcept {
        entries_[rail]->arm_sender(cx);
        return entries_[rail]->has_room(cx);
    }

    bool all_rails_have_ended() const noexcept {
        return std::none_of(entries_.begin(), entries_.end(), [](const auto& entry) { return entry.open(); });
    }

    /// To be called when upstream is pending: publishes the sent items, and arms the driver for rails that end.
    void pause(context& cx) noexcept {
        for (auto& entry : entries_) {
            entry->flush();
            entry->arm_sender(cx);
        }
    }

    void end() noexcept {
        upstream_.reset();
        for (auto& entry : entries_) entry.close();
        results_->all_sent();
    }

    detail::resettable<S> upstream_;
    std::vector<detail::rail_entry<item>> entries_;
    std::vector<Rail> rails_; // empty after the first poll
    std::optional<Results> results_;
    std::size_t next_ = 0;
    std::exception_ptr error_;
    detail::member_waker<parallel_stream, &parallel_stream::spread> driver_;
};

namespace detail {

/// Builds rails: each is a queue to the rail's executor, a copy of the pipeline there, and the queue of subscribe_on
/// back.
template <bool InOrder, class Sub>
class rail_builder {
public:
    using pipeline = Sub;

    rail_builder(runtime& rt, const Sub& pipeline, const parallel_options& options, const std::string& name)
        : pipeline_(pipeline),
          capacity_{checked_queue_capacity(
              at_least_one(options.capacity, (name + ": options.capacity must be at least 1").c_str()),
              (name + ": options.capacity").c_str())} {
        if (options.rails > most_rails) {
            throw std::invalid_argument{name + ": options.rails: more than " + std::to_string(most_rails)};
        }
        const std::size_t n = options.rails == 0 ? rt.size() : options.rails;
        for (std::size_t i = 0; i != n; ++i) where_.push_back(&rt[i % rt.size()]);
    }

    template <stream S>
    auto operator()(S upstream) const {
        using item = item_t<S>;
        using rail = decltype(build(std::declval<executor_queue_receiver<item>>(), *where_[0]));
        using results = std::conditional_t<InOrder, results_in_order<rail>, results_as_ready<rail>>;
        std::vector<rail_entry<item>> entries;
        std::vector<rail> rails;
        entries.reserve(where_.size()); // first: nothing may fail between creating a queue and its ends
        rails.reserve(where_.size());
        for (executor* ex : where_) {
            auto& in = *new executor_queue<item>{capacity_, demand::ahead};
            executor_queue_receiver<item> items{in};
            rail_entry<item> entry{in};
            entries.push_back(std::move(entry));
            rails.push_back(build(std::move(items), *ex));
        }
        return parallel_stream<S, rail, results>(std::move(upstream), std::move(entries), std::move(rails));
    }

private:
    static constexpr std::size_t most_rails = 65536;

    template <class T>
    auto build(executor_queue_receiver<T> items, executor& ex) const {
        if constexpr (InOrder) {
            const auto done_with = std::make_shared<std::size_t>(0);
            return there(rail_results{rail_items<T>{std::move(items), done_with} | Sub(pipeline_), done_with}, ex);
        } else {
            return there(std::move(items) | Sub(pipeline_), ex);
        }
    }
    template <class Pipeline>
    auto there(Pipeline pipeline, executor& ex) const {
        return subscribe_on_stream<Pipeline>(std::move(pipeline), ex, capacity_, demand::ahead);
    }

    Sub pipeline_;
    std::size_t capacity_;
    std::vector<executor*> where_;
};

/// Base of parallel and parallel_unordered.
template <class Operator, bool InOrder>
struct parallel_base : operator_fn<Operator> {
    template <class T, class Rails>
    static consteval bool accepts() {
        constexpr bool sent = crossable<T>;
        static_assert(sent,
                      "weir::parallel(runtime, pipeline): items cross threads, and these are bound to their thread, "
                      "as weir::bytes are, or borrow their memory; put to_owned() before it");
        using rail = decltype(std::declval<executor_queue_receiver<T>>() | std::declval<typename Rails::pipeline>());
        constexpr bool streams = stream<rail> || std::same_as<rail, invalid_pipeline>;
        static_assert(streams,
                      "weir::parallel(runtime, pipeline): pipeline is made of operators, and has no sink; what "
                      "stands right of parallel takes the results");
        if constexpr (sent && stream<rail>) {
            constexpr bool back = crossable<item_t<rail>>;
            static_assert(back,
                          "weir::parallel(runtime, pipeline): results cross threads, and these are bound to their "
                          "thread, as weir::bytes are, or borrow their memory; end the pipeline with to_owned()");
            return back;
        }
        return false;
    }

    template <stream S, class Rails>
    static auto attach(S upstream, const Rails& rails) {
        return rails(std::move(upstream));
    }

protected:
    template <class F>
    static auto rails(runtime& rt, const closure<F>& pipeline, const parallel_options& options, const char* name) {
        constexpr bool copied = std::is_copy_constructible_v<F>;
        static_assert(copied,
                      "weir::parallel(runtime, pipeline): pipeline is copied for each rail, and cannot be: what "
                      "it holds is move-only");
        if constexpr (copied) {
            return operator_fn<Operator>::with(rail_builder<InOrder, closure<F>>(rt, pipeline, options, name));
        } else {
            return invalid_closure();
        }
    }
};

} // namespace detail

struct parallel_fn : detail::parallel_base<parallel_fn, true> {
    /// @throws std::invalid_argument when options.capacity is 0, or it or options.rails is too large
    template <class F>
    auto operator()(runtime& rt, const closure<F>& pipeline, parallel_options options = {}) const {
        return rails(rt, pipeline, options, "weir::parallel");
    }
};

struct parallel_unordered_fn : detail::parallel_base<parallel_unordered_fn, false> {
    /// @throws std::invalid_argument when options.capacity is 0, or it or options.rails is too large
    template <class F>
    auto operator()(runtime& rt, const closure<F>& pipeline, parallel_options options = {}) const {
        return rails(rt, pipeline, options, "weir::parallel_unordered");
    }
};

/// parallel(rt, pipeline): distributes the items to rails, one on each executor of a runtime, which run copies of a
/// pipeline. Results are delivered in the order of the items.
///
///     weir::runtime rt;
///     lines("log") | to_owned() | parallel(rt, filter_map(parse) | map(classify)) | for_each(print)
///
///     in                     --a-b-c-d---|
///     the first rail         ---a---c--|
///     the second rail        -----b---d--|
///     parallel(rt, map(f))   ---A-B-C-D---|
///
/// Rails get items in turn. Upstream and the consumer stay on the executor that polls. A rail may produce no result for
/// an item, or several. A result belongs to the last item that the rail's pipeline had polled for. A pipeline that
/// polls ahead, as map_async and buffer do, may therefore deliver a result later than in its turn.
///
/// At most `capacity` items wait for each rail, and as many results behind it. A slow rail delays the results of the
/// others, as in map_async; see parallel_unordered.
///
/// The pipelines move to their rails at the first poll, and are destroyed there.
///
/// Ends: when upstream and all rails have ended. A rail whose pipeline ends early receives no more items, and items on
/// their way to it are lost; when all rails have ended, upstream is dropped.
/// Errors: upstream's, after the results of what was sent; a rail's, in its place: upstream is dropped at once, and the
/// other rails are cancelled. `stopped` when an executor dies first.
/// Dropped: destroys upstream at once, and the rails' pipelines soon, without a wait.
/// Threads: items, results and the copies of the pipeline cross threads, with everything that their functions refer to.
/// Several threads call these functions at the same time. The runtime must exist until the pipeline is built.
/// Cost: four allocations per rail; up to twice `room` items held for each.
/// See: map_blocking, publish_on, map_async.
inline constexpr parallel_fn parallel{};

/// parallel_unordered(rt, pipeline): the same, but results are delivered as they are ready, and each item goes to the
/// next rail with room.
inline constexpr parallel_unordered_fn parallel_unordered{};

} // namespace weir
