// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/children.hpp>
#include <weir/operators/detail/hashable.hpp>
#include <weir/sync/detail/shared_state.hpp>

namespace weir {

namespace detail {

/// What the handles of a stream_map and its stream share: the streams by their keys.
///
/// A stream is destroyed when it is erased. What remains of its entry, which may be in a queue, is freed when it leaves
/// the queue.
template <stream S, class Key>
class stream_map_core : public shared_state {
public:
    using value_type = std::pair<Key, item_t<S>>;

    ~stream_map_core() {
        clear(fresh_);
        while (!due_.empty()) release(due_.pop_front());
    }

    bool open() const noexcept { return open_; }
    std::size_t size() const noexcept { return entries_.size(); }
    bool contains(const Key& key) const { return entries_.contains(key); }

    bool insert(Key& key, S& source) {
        if (!open_) return false;
        const auto [place, added] = entries_.try_emplace(std::move(key));
        if (!added) return false;
        try {
            place->second = std::make_unique<entry>(place->first, std::move(source));
        } catch (...) {
            entries_.erase(place);
            throw;
        }
        fresh_.push_back(*place->second);
        due_.notify();
        return true;
    }

    bool erase(const Key& key) noexcept {
        const auto place = entries_.find(key);
        if (place == entries_.end()) return false;
        std::unique_ptr<entry> one = std::move(place->second);
        entries_.erase(place);
        if (one.get() == polled_) {
            polled_was_erased_ = true; // it is on the stack; poll_next destroys it
            static_cast<void>(one.release());
        } else {
            retire(std::move(one));
        }
        if (over()) due_.notify();
        return true;
    }

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            while (!fresh_.empty()) due_.adopt(fresh_.pop_front(), cx.waker());
            if (due_.empty()) {
                if (!over()) return due_.wait(cx);
                open_ = false;
                return done;
            }
            auto& next = static_cast<entry&>(due_.front());
            if (!next.source) {
                release(due_.pop_front());
                continue;
            }
            auto item = ask(next, cx);
            if (cx.stopping()) return pending;
            if (std::exchange(polled_was_erased_, false)) {
                retire(std::unique_ptr<entry>{&next}); // still in the queue, from which it is freed
            } else if (item.is_item()) {
                due_.to_back(next);
                return value_type(*next.key, *std::move(item));
            } else {
                due_.pop_front();
                if (item.is_done()) end_of(next);
            }
            if (cx.stopping()) return pending;
            if (!cx.spend() || cx.leaving()) return cx.yield();
        }
    }

    void producers_left() noexcept {
        if (over()) due_.notify();
    }
    void consumers_left() noexcept { drop_all(); }

    void outline(stage_outline& out) const { out.holds({.inner_streams = held_bound::any_number}); }

private:
    struct entry : child {
        entry(const Key& k, S s) : key{&k}, source(std::move(s)) {}

        const Key* key; // in the map
        resettable<S> source;
    };

    bool over() const noexcept { return entries_.empty() && producers() == 0; }

    poll<item_t<S>> ask(entry& next, context& cx) {
        nested_context own{cx, next};
        polled_ = &next;
        try {
            auto item = next.source->poll_next(own);
            polled_ = nullptr;
            return item;
        } catch (...) {
            polled_ = nullptr;
            if (cx.stopping()) throw;
            if (std::exchange(polled_was_erased_, false)) retire(std::unique_ptr<entry>{&next});
            drop_all();
            throw;
        }
    }

    void end_of(entry& ended) noexcept {
        const auto place = entries_.find(*ended.key);
        const std::unique_ptr<entry> one = std::move(place->second);
        entries_.erase(place);
        one->retire();
    }

    /// Destroys a stream that is in the map no more.
    static void retire(std::unique_ptr<entry> one) noexcept {
        one->retire();
        one->source.reset();
        if (one->in_queue()) static_cast<void>(one.release());
    }
    /// Frees an entry that has left its queue, unless it is in the map.
    static void release(child& one) noexcept {
        auto& left = static_cast<entry&>(one);
        if (!left.source) delete &left;
    }
    static void clear(linked_queue<child>& queue) noexcept {
        while (!queue.empty()) release(queue.pop_front());
    }

    void drop_all() noexcept {
        open_ = false;
        auto all = std::move(entries_);
        entries_.clear();
        for (auto& [key, one] : all) retire(std::move(one));
    }

    friend described;

    void describe(wait_report& report) {
        report.object(this, "weir::stream_map",
                      entries_.empty() ? "has no stream" : std::to_string(entries_.size()) + " streams have no item");
        for (const auto& [key, one] : entries_) report.cause(*one);
    }

    std::unordered_map<Key, std::unique_ptr<entry>> entries_;
    linked_queue<child> fresh_; // entries that the consumer has not seen
    ready_children due_{*this}; // entries to be polled
    entry* polled_ = nullptr;   // on the stack
    bool polled_was_erased_ = false;
    bool open_ = true;
};

} // namespace detail

/// The items of the streams of a stream_map, each with the key of its stream. It may be moved at any time.
template <stream S, class Key>
class [[nodiscard("add a sink and co_await it")]] stream_map_stream {
    using core = detail::stream_map_core<S, Key>;

public:
    using value_type = typename core::value_type;

    explicit stream_map_stream(core& all) noexcept : core_{all} {}

    poll<value_type> poll_next(context& cx) { return core_->poll_next(cx); }

    void outline(stage_outline& out) const {
        if (core_) core_->outline(out);
    }

private:
    detail::handle<core, detail::role::consumer> core_;
};

/// The streams of a stream_map, by which they join and leave. It may be copied.
template <stream S, class Key>
class keyed_streams {
    using core = detail::stream_map_core<S, Key>;

public:
    explicit keyed_streams(core& all) noexcept : core_{all} {}

    /// Lets a stream join. Returns false, and leaves the arguments as they are, when there is a stream with this key,
    /// or when the stream of the items was destroyed or has failed.
    bool insert(Key&& key, S&& source) const { return core_->insert(key, source); }
    bool insert(const Key& key, S&& source) const {
        Key copy(key);
        return core_->insert(copy, source);
    }

    /// Destroys the stream with this key. No item of it arrives after that. Returns false if no stream has this key. A
    /// stream that erases itself while it is polled is destroyed when that poll is over.
    bool erase(const Key& key) const noexcept { return core_->erase(key); }

    bool contains(const Key& key) const { return core_->contains(key); }
    /// The number of streams that have not ended.
    std::size_t size() const noexcept { return core_->size(); }
    /// Whether the stream of the items was destroyed, has ended or has failed, so that no stream can join.
    bool closed() const noexcept { return !core_->open(); }

private:
    detail::handle<core, detail::role::producer> core_;
};

/// The result of `stream_map`: the streams, and the stream of their items.
template <stream S, class Key>
struct [[nodiscard("keep both: auto [streams, items] = ...")]] stream_map_parts {
    keyed_streams<S, Key> streams;
    stream_map_stream<S, Key> items;
};

/// stream_map<Key, S>(): the items of streams that join and leave while they are read, as they arrive, each in a pair
/// with the key of its stream.
///
///     x                     --a--b----c--d--|
///     streams.insert(1, x)  ---+
///     streams.erase(1)      ------------+
///     items                 -----B----C------     (1, b), (1, c)
///
///     auto [streams, items] = weir::stream_map<std::string, weir::async_stream<quote>>();
///     streams.insert("EUR", quotes("EUR"));
///     auto shown = ex.spawn(std::move(items) | weir::for_each([](std::pair<std::string, quote> one) { show(one); }));
///     streams.insert("USD", quotes("USD"));
///     streams.erase("EUR");
///
/// A stream is polled when the consumer asks; nothing is pulled ahead. Streams that have items take turns in the order
/// in which they were ready, as with merge. A stream that has ended leaves by itself, and its key is free again. It is
/// tokio's StreamMap; where that ends when it is empty, this one waits for streams as long as a copy of `streams` is
/// there.
///
/// Ends: when all streams have ended and the last copy of `streams` was destroyed.
/// Errors: the first one, when all streams have been destroyed. materialize() in each stream keeps the others running.
/// Dropped: all streams are destroyed with the stream of the items.
/// Threads: all copies, and the stream of the items, belong to one executor. Any code on it may call insert and erase,
/// also a stream of the map.
/// Cost: an allocation, and two for each stream; none per item. A copy of the key per item. The cost per item does not
/// grow with the number of streams.
/// See: merge, flat_map, for_each_group.
template <std::copyable Key, stream S>
auto stream_map() {
    if constexpr (!detail::hashable<Key>) {
        static_assert(detail::always_false<Key>, "weir::stream_map<Key, S>(): Key has no operator== or no std::hash");
    } else {
        auto* core = new detail::stream_map_core<S, Key>;
        return stream_map_parts<S, Key>{keyed_streams<S, Key>{*core}, stream_map_stream<S, Key>{*core}};
    }
}

template <stream S, class Key>
inline constexpr bool thread_bound<stream_map_stream<S, Key>> = true;
template <stream S, class Key>
inline constexpr bool thread_bound<keyed_streams<S, Key>> = true;

} // namespace weir
