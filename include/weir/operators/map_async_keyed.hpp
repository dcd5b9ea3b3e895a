// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>
#include <weir/operators/detail/hashable.hpp>
#include <weir/operators/detail/in_flight.hpp>
#include <weir/operators/detail/keyed_entries.hpp>
#include <weir/operators/detail/name_of_key.hpp>

namespace weir {

namespace detail {

/// An operation's place in the queue of its key.
template <class Key>
class keyed_turn : public list_link {
public:
    /// @param key  kept by the operation
    void wait_for(const Key& key, waker& waiting) noexcept {
        key_ = &key;
        slot_.arm(waiting);
    }
    void wake() noexcept { slot_.wake(); }

private:
    friend described;

    void describe(wait_report& report) const {
        report.stage(nullptr, "an earlier operation with the same key" + name_of_key(*key_));
    }

    const Key* key_ = nullptr; // since it waits
    described_slot slot_{*this};
};

/// The operations of one key, in the order of their items. The first one runs.
template <class Key>
struct keyed_queue : keyed_entry<Key> {
    intrusive_list<keyed_turn<Key>> turns;
};

/// The queues of all keys that have operations, and of some that had.
template <class Key>
class keyed_queues {
public:
    using queue = keyed_queue<Key>;

    /// @param kept  how many queues are kept for reuse
    explicit keyed_queues(std::size_t kept) : queues_{kept} {}

    queue& enter(const Key& key, keyed_turn<Key>& turn) {
        queue& own = queues_.find_or_add(key);
        own.unlink();
        own.turns.push_back(turn);
        return own;
    }

    /// Removes an operation from its queue. The next one of its key runs.
    void leave(queue& own, keyed_turn<Key>& turn) noexcept {
        turn.unlink();
        if (own.turns.empty()) {
            queues_.idle(own);
        } else {
            own.turns.front().wake();
        }
    }

private:
    keyed_entries<Key, queue> queues_;
};

/// The operation that a function returns for an item. It starts when those of earlier items with the same key have
/// ended.
template <class T, class Key, class F>
class keyed_operation {
    using key_type = key_t<Key, T>;
    using operation_type = std::invoke_result_t<F&, T>;

public:
    using result_type = typename operation_type::result_type;

    keyed_operation(keyed_queues<key_type>& queues, key_type key, T& item, F& f)
        : queues_{&queues}, key_(std::move(key)), item_{&item}, f_{&f} {}
    keyed_operation(keyed_operation&&) = default;
    ~keyed_operation() {
        if (queue_ != nullptr) leave();
    }

    poll<result_type> poll_result(context& cx) {
        if (queue_ == nullptr) queue_ = &queues_->enter(key_, turn_);
        if (!running_) {
            if (&queue_->turns.front() != &turn_) {
                turn_.wait_for(key_, cx.waker());
                return pending;
            }
            running_.emplace(std::invoke(*f_, std::move(*item_)));
            if (cx.stopping()) return cx.yield();
        }
        auto result = running_->poll_result(cx);
        if (!result.is_pending() && !cx.stopping()) leave();
        return result;
    }

private:
    void leave() noexcept {
        running_.reset();
        queues_->leave(*std::exchange(queue_, nullptr), turn_);
    }

    keyed_queues<key_type>* queues_;
    keyed_queue<key_type>* queue_ = nullptr; // since the first poll, until the end
    key_type key_;
    T* item_;
    F* f_;
    keyed_turn<key_type> turn_;
    std::optional<operation_type> running_;
};

/// A function that returns keyed operations.
template <class T, class Key, class F>
class keyed_function {
public:
    keyed_function(std::size_t n, Key key, F f) : queues_{n}, key_(std::move(key)), f_(std::move(f)) {}

    keyed_operation<T, Key, F> operator()(T&& item) {
        key_t<Key, T> key(std::invoke(key_, std::as_const(item)));
        return {queues_, std::move(key), item, f_};
    }

private:
    keyed_queues<key_t<Key, T>> queues_;
    [[no_unique_address]] Key key_;
    [[no_unique_address]] F f_;
};

} // namespace detail

/// The results of the operations that a function returns for the items of an upstream, in order for each key.
template <stream S, class Key, class F>
class [[nodiscard("add a sink and co_await it")]] map_async_keyed_stream
    : public detail::in_flight_stream<S, detail::keyed_function<item_t<S>, Key, F>, detail::operations,
                                      detail::delivery::as_ready> {
    using function = detail::keyed_function<item_t<S>, Key, F>;

public:
    map_async_keyed_stream(S upstream, std::size_t n, Key key, F f)
        : map_async_keyed_stream::in_flight_stream(std::move(upstream), n, function(n, std::move(key), std::move(f))) {}
};

struct map_async_keyed_fn : detail::operator_fn<map_async_keyed_fn> {
    template <class S, class N, class Key, class F>
    using pipeline = map_async_keyed_stream<S, Key, F>;

    template <class T, class N, class Key, class F>
    static consteval bool accepts() {
        constexpr bool ok = detail::returns_operation<F&, T>;
        static_assert(ok,
                      "weir::map_async_keyed(n, key, f): f cannot be called with an item, or does not return a task "
                      "or another operation");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::map_async_keyed(n, key, f) keeps items, and these borrow their memory; put "
                            "to_owned() before it, or outlives(view) around what outlives it");
        constexpr bool called = detail::gives_object<Key&, const T&>;
        static_assert(called,
                      "weir::map_async_keyed(n, key, f): key cannot be called with an item, or returns nothing");
        if constexpr (called) {
            using key_type = detail::key_t<Key, T>;
            constexpr bool hashed = detail::hashable<key_type> && std::copyable<key_type>;
            static_assert(hashed, "weir::map_async_keyed(n, key, f): the keys have no std::hash, no == or cannot be "
                                  "copied; return a key that has, such as a number or a std::string");
            constexpr bool owned = detail::keepable<key_type>;
            static_assert(owned, "weir::map_async_keyed(n, key, f) keeps keys, and these borrow their memory; return a "
                                 "key that owns it");
            return ok && kept && hashed && owned;
        }
        return false;
    }

    template <std::integral N, class Key, class F>
    constexpr auto operator()(N n, Key key, F f) const {
        return with(detail::at_least_one(n, "weir::map_async_keyed(n, key, f): n must be at least 1"), std::move(key),
                    std::move(f));
    }
};

/// map_async_keyed(n, key, f): co_await f(a) for each item a, at most n at a time, and never two at a time with the
/// same key.
///
///     in                           aBc-------|
///     map_async_keyed(9, case, f)  ---aB-c---|     where f takes three ticks, and the key is the case of the letter
///
/// Results are delivered as they are ready; those of one key are in the order of the items. An item waits, and f is not
/// called with it, until the operations of earlier items with its key have ended. Items that wait count as well: one
/// key with n items holds up the others. The rest is as for map_async_unordered.
///
/// Ends: with upstream, after the last result.
/// Errors: upstream's, after the results of the operations in flight; those of an operation, f and key, after the
/// results that were ready before. Upstream and the other operations are dropped at once.
/// Dropped: the operations in flight are destroyed; results and items held are lost.
/// Cost: one allocation per operation at a time, reused; a look-up of the key, and for a new key an allocation as long
/// as there were fewer than n; up to n items and results, and 2n keys held.
/// See: map_async, map_async_unordered.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr map_async_keyed_fn map_async_keyed{};

} // namespace weir
