// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/limit_exceeded.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/overflow.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/operators/detail/hashable.hpp>
#include <weir/operators/detail/name_of_key.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/detail/sink.hpp>
#include <weir/sink/next.hpp>
#include <weir/sync/channel.hpp>
#include <weir/task.hpp>

namespace weir {

struct for_each_group_options {
    /// The maximum number of groups at a time, >= 1.
    std::size_t max_groups = 10'000;
    /// The maximum number of items held for a group, >= 1. While a group has as many, upstream is not polled.
    std::size_t buffer = 16;
    /// How long a handler waits for an item before its group ends, > 0.
    duration idle = duration::max();
    /// How long upstream waits for a handler whose buffer is full before the pipeline fails with timed_out, > 0.
    duration max_wait = duration::max();
    /// What happens to an item of a new group when there are `max_groups`: overflow::error or overflow::drop_newest.
    overflow on_full = overflow::error;
};

/// The items of a group, for its handler. It ends with upstream, and when no item has come for the idle time.
template <class T>
class [[nodiscard("add a sink and co_await it")]] group_items {
public:
    using value_type = T;

    group_items(receiver<T> items, duration idle) : items_(std::move(items)), idle_{idle} {}

    poll<T> poll_next(context& cx) {
        auto item = items_.poll_next(cx);
        if (!item.is_pending()) {
            waiting_ = false;
            if (item.is_done()) silence_.cancel();
            return item;
        }
        if (idle_ == duration::max()) return item;
        if (!waiting_) {
            waiting_ = true;
            silence_.set(cx.executor().time_after(idle_));
        }
        if (!silence_.poll(cx)) return item;
        items_.close(); // the next item of the key starts a new group
        return done;
    }

    void outline(stage_outline& out) const { out.upstream(items_); }

private:
    receiver<T> items_;
    duration idle_;
    detail::resettable_deadline silence_;
    bool waiting_ = false;
};

namespace detail {

/// Reads upstream, and sends each item to the handler of its group.
template <stream S, class Key, class Handler, class OnDrop>
class group_dispatcher {
    using T = item_t<S>;
    using key_type = key_t<Key, T>;

public:
    group_dispatcher(S upstream, Key key, Handler handler, for_each_group_options options, OnDrop on_drop)
        : key_(std::move(key)),
          handler_(std::move(handler)),
          on_drop_{std::make_shared<OnDrop>(std::move(on_drop))},
          options_{options},
          upstream_(std::move(upstream)) {}

    task<> run(task_group& handlers) {
        try {
            while (auto item = co_await next(*upstream_)) {
                const key_type key(std::invoke(key_, std::as_const(*item)));
                for (;;) {
                    group* const to = group_of(handlers, key);
                    if (to == nullptr) {
                        refuse(key, *std::move(item));
                        break;
                    }
                    if (to->items.try_send(*std::move(item))) break;
                    const sender<T> items = to->items;
                    const std::uint64_t number = to->number;
                    if (options_.max_wait == duration::max()) {
                        if (co_await items.send_from(*item)) break;
                    } else if (co_await send_in_time(key, items, *item)) {
                        break;
                    }
                    close(key, number); // its handler wants no more
                }
            }
        } catch (const handler_blocks&) {
            upstream_.reset();
            throw; // at once: that handler might never end
        } catch (...) {
            error_ = std::current_exception();
        }
        upstream_.reset();
        groups_.clear(); // the handlers see the end
    }

    /// The error of upstream, or of a function, which is thrown after the handlers have ended.
    void rethrow() {
        if (error_ != nullptr) std::rethrow_exception(std::move(error_));
    }

    void outline(stage_outline& out) const {
        out.holds(held_bound{.items = options_.buffer, .inner_streams = 1} * options_.max_groups);
        out.holds(1); // an item whose group is full
        out.upstream(upstream_);
    }

private:
    struct group {
        sender<T> items;
        std::uint64_t number;
    };

    /// The error of a handler that takes no items.
    class handler_blocks : public timed_out {
    public:
        using timed_out::timed_out;
    };

    /// Sends an item when its handler has room. Returns false when that wants no more.
    task<bool> send_in_time(const key_type& key, const sender<T>& items, T& item) {
        try {
            co_return co_await with_timeout(options_.max_wait, items.send_from(item));
        } catch (const timed_out&) {
            throw handler_blocks{"weir::for_each_group: the handler of the key" + name_of_key(key) + " took no item",
                                 options_.max_wait};
        }
    }

    /// Returns the group of a key, or a new group. Null when there are too many groups.
    group* group_of(task_group& handlers, const key_type& key) {
        if (const auto found = groups_.find(key); found != groups_.end()) return &found->second;
        if (groups_.size() == options_.max_groups) return nullptr;
        channel_options<T> options;
        if constexpr (!std::is_same_v<OnDrop, drop_silently>) {
            options.on_drop = [drop = on_drop_](T item, drop_reason why) { drop_item(*drop, std::move(item), why); };
        }
        auto ends = channel<T>(options_.buffer, std::move(options));
        const std::uint64_t number = ++opened_;
        handlers.spawn(handle(key, number, group_items<T>(std::move(ends.receiver), options_.idle)));
        return &groups_.emplace(key, group{std::move(ends.sender), number}).first->second;
    }

    task<> handle(key_type key, std::uint64_t number, group_items<T> items) {
        auto handled = std::invoke(handler_, std::as_const(key), std::move(items));
        co_await std::move(handled);
        close(key, number);
    }

    void close(const key_type& key, std::uint64_t number) {
        const auto found = groups_.find(key);
        if (found != groups_.end() && found->second.number == number) groups_.erase(found);
    }

    void refuse(const key_type& key, T&& item) {
        if (options_.on_full == overflow::error) {
            throw limit_exceeded{"weir::for_each_group: there are " + std::to_string(options_.max_groups) +
                                 " groups, and the key" + name_of_key(key) + " is new"};
        }
        drop_item(*on_drop_, std::move(item), drop_reason::overflow);
    }

    [[no_unique_address]] Key key_;
    [[no_unique_address]] Handler handler_;
    std::shared_ptr<OnDrop> on_drop_; // the items of a group may outlive this object, if its handler gives them away
    for_each_group_options options_;
    std::unordered_map<key_type, group> groups_;
    std::uint64_t opened_ = 0;
    std::exception_ptr error_;
    detail::resettable<S> upstream_;
};

/// The operation of for_each_group.
template <stream S, class Key, class Handler, class OnDrop>
class run_groups {
    using dispatcher = group_dispatcher<S, Key, Handler, OnDrop>;

    struct start {
        dispatcher* groups;
        task<> operator()(task_group& handlers) const { return groups->run(handlers); }
    };

public:
    using result_type = unit;

    run_groups(S upstream, Key key, Handler handler, for_each_group_options options, OnDrop on_drop)
        : groups_{std::make_unique<dispatcher>(std::move(upstream), std::move(key), std::move(handler), options,
                                               std::move(on_drop))},
          running_{with_group(start{groups_.get()})} {}

    poll<unit> poll_result(context& cx) {
        if (running_.poll_result(cx).is_pending()) return pending;
        groups_->rethrow();
        return unit{};
    }

    void outline(stage_outline& out) const {
        if (groups_) groups_->outline(out);
    }

private:
    std::unique_ptr<dispatcher> groups_;
    with_group_operation<start> running_;
};

} // namespace detail

struct for_each_group_fn : detail::operator_fn<for_each_group_fn> {
    template <class S, class Key, class Handler, class Options, class OnDrop>
    using pipeline = detail::sink<detail::run_groups<S, Key, Handler, OnDrop>>;

    template <class T, class Key, class Handler, class Options, class OnDrop>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::for_each_group(key, handler) keeps items, and these borrow their memory; put "
                            "to_owned() before it, or outlives(view) around what outlives it");
        constexpr bool drops = detail::drops_items<OnDrop, T>;
        static_assert(drops,
                      "weir::for_each_group(key, handler, options, on_drop): on_drop cannot be called with (item) or "
                      "(item, drop_reason), or returns an operation or a stream, which nothing would await");
        constexpr bool called = detail::gives_object<Key&, const T&>;
        static_assert(called,
                      "weir::for_each_group(key, handler): key cannot be called with an item, or returns nothing");
        if constexpr (called) {
            using key_type = detail::key_t<Key, T>;
            constexpr bool hashed = detail::hashable<key_type> && std::copy_constructible<key_type>;
            static_assert(hashed, "weir::for_each_group(key, handler): the keys have no std::hash, no == or cannot be "
                                  "copied; return a key that has, such as a number or a std::string");
            constexpr bool owned = detail::keepable<key_type>;
            static_assert(owned,
                          "weir::for_each_group(key, handler) keeps keys, and these borrow their memory; return a "
                          "key that owns it");
            constexpr bool handled = detail::returns_operation<Handler&, const key_type&, group_items<T>>;
            static_assert(handled, "weir::for_each_group(key, handler): handler cannot be called with a key and the "
                                   "stream of the items of its group, or does not return a task or another operation");
            return kept && drops && hashed && owned && handled;
        }
        return false;
    }

    template <class Key, class Handler, class OnDrop = detail::drop_silently>
    constexpr auto operator()(Key key, Handler handler, for_each_group_options options = {},
                              OnDrop on_drop = {}) const {
        const auto require = [](bool ok, const char* what) {
            if (!ok) throw std::invalid_argument{what};
        };
        require(options.max_groups != 0, "weir::for_each_group({.max_groups}): max_groups must be at least 1");
        require(options.buffer != 0, "weir::for_each_group({.buffer}): buffer must be at least 1");
        require(options.idle > duration::zero(), "weir::for_each_group({.idle}): idle must be positive");
        require(options.max_wait > duration::zero(), "weir::for_each_group({.max_wait}): max_wait must be positive");
        require(options.on_full == overflow::error || options.on_full == overflow::drop_newest,
                "weir::for_each_group({.on_full}): takes overflow::error or overflow::drop_newest");
        return with(std::move(key), std::move(handler), options, std::move(on_drop));
    }
};

/// for_each_group(key, handler): awaits handler(k, items) for each key k, where items is the stream of the items whose
/// key is k. The handlers run beside each other. It has no result.
///
///     co_await (hits() | weir::for_each_group(&hit::host, [](std::string host, auto items) -> weir::task<> {
///         const auto n = co_await (std::move(items) | weir::count());
///         report(host, n);
///     }));
///
/// A handler starts when the first item of its key has arrived. Its items end with upstream, or when it has waited for
/// an item for {.idle}. When a handler returns, the next item of its key starts a new group. A group that ended by its
/// idle time may overlap with the next group of its key while its handler finishes.
///
/// For each group up to {.buffer} items are held, 16 unless said otherwise. A handler that does not take its items
/// stops the others when its buffer is full. With {.max_wait} the pipeline fails with timed_out, which names the key,
/// when that lasts longer. There are at most {.max_groups} groups, 10 000 unless said otherwise; an
/// item of one more ends the pipeline with limit_exceeded, which names the key, or is dropped with
/// {.on_full = overflow::drop_newest}.
///
/// Errors: upstream's, those of key, and limit_exceeded, when the handlers have ended; those of a handler, and
/// timed_out, at once, when the other handlers have been dropped.
/// Dropped: the handlers are destroyed. Items that no handler receives are passed to on_drop, the last argument, if
/// there is one. It exists as long as the items of a group, which a handler may give away.
/// Cost: allocations for each group; none per item; a look-up of the key per item.
/// See: map_async_keyed, chunk_by, for_each, task_group.
///
/// @throws std::invalid_argument when an option makes no sense
inline constexpr for_each_group_fn for_each_group{};

} // namespace weir
