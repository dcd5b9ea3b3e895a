// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <weir/core/limit_exceeded.hpp>
#include <weir/operators/detail/collecting_operator.hpp>

namespace weir::detail {

/// The windows of event_windows that are open, in the order in which they end, and for each key by their start.
///
/// Window has the members key, start, end and items.
template <class T, class Key, class Time, class Window>
class open_windows {
public:
    std::size_t max_items() const noexcept { return max_items_; }

    open_windows(std::size_t max_windows, std::size_t max_items) : max_windows_{max_windows}, max_items_{max_items} {}

    bool empty() const noexcept { return windows_.empty(); }
    /// The end of the window that ends first.
    Time first_end() const noexcept { return windows_.begin()->first.end; }

    Window take_first() {
        const auto place = windows_.begin();
        const auto of_key = by_key_.find(place->second.key);
        if (of_key != by_key_.end()) {
            of_key->second.erase(place->first.start);
            if (of_key->second.empty()) by_key_.erase(of_key);
        }
        Window first(std::move(place->second));
        windows_.erase(place);
        items_ -= first.items.size();
        return first;
    }

    /// Adds an item to the window of its key from start to end, which is opened for its first item.
    void add(const Key& key, Time start, Time end, T&& item) {
        starts& of_key = by_key_[key];
        const auto place = of_key.find(start);
        if (place == of_key.end()) {
            open(of_key, key, start, end, std::move(item));
        } else {
            append(place->second, std::move(item));
        }
    }

    /// Adds an item at a time to the session of its key that it continues, or opens one. Sessions between which the
    /// item closes the gap become one. Returns false when the item would open a session that has ended.
    template <class Ended>
    bool add_to_session(const Key& key, Time at, Time end, const Ended& has_ended, T& item) {
        const auto of_key = by_key_.find(key);
        if (of_key == by_key_.end()) {
            if (has_ended(end)) return false;
            open(by_key_[key], key, at, end, std::move(item));
            return true;
        }
        starts& sessions = of_key->second;
        auto later = sessions.upper_bound(at);
        auto earlier = later == sessions.begin() ? sessions.end() : std::prev(later);
        if (earlier != sessions.end() && at >= earlier->second->first.end) earlier = sessions.end();
        if (later != sessions.end() && later->first >= end) later = sessions.end();
        if (earlier != sessions.end()) {
            append(earlier->second, std::move(item));
            if (later != sessions.end()) {
                const Time joined_end = later->second->first.end;
                join(earlier->second, later->second);
                sessions.erase(later);
                move(earlier->second, earlier->first, joined_end);
            } else if (end > earlier->second->first.end) {
                move(earlier->second, earlier->first, end);
            }
        } else if (later != sessions.end()) {
            append(later->second, std::move(item));
            move(later->second, at, later->second->first.end);
            auto node = sessions.extract(later);
            node.key() = at;
            sessions.insert(std::move(node));
        } else {
            if (has_ended(end)) return false;
            open(sessions, key, at, end, std::move(item));
        }
        return true;
    }

private:
    /// Windows that end at the same time leave in the order of their starts, and then of their first items.
    struct order {
        Time end;
        Time start;
        std::uint64_t opened;

        auto operator<=>(const order&) const = default;
    };
    using windows = std::map<order, Window>;
    using iterator = typename windows::iterator;
    using starts = std::map<Time, iterator>;

    void open(starts& of_key, const Key& key, Time start, Time end, T&& item) {
        if (windows_.size() == max_windows_) {
            throw limit_exceeded{"weir::event_windows: more than " + std::to_string(max_windows_) +
                                 " windows are open"};
        }
        check_items();
        std::vector<T> items;
        items.push_back(std::move(item));
        const auto place = windows_.emplace(order{end, start, opened_++}, Window{key, start, end, std::move(items)});
        ++items_;
        of_key.emplace(start, place.first);
    }
    void append(iterator window, T&& item) {
        check_items();
        std::vector<T>& items = window->second.items;
        items_ -= items.size();
        append_item(items, std::move(item));
        items_ += items.size();
    }
    void check_items() const {
        if (items_ < max_items_) return;
        throw limit_exceeded{"weir::event_windows: more than " + std::to_string(max_items_) + " items are held"};
    }

    /// Moves the items of a window to the end of those of another.
    void join(iterator to, iterator from) {
        for (T& item : from->second.items) append_item(to->second.items, std::move(item));
        windows_.erase(from);
    }
    /// Gives a window another start or end.
    void move(iterator& window, Time start, Time end) {
        const std::uint64_t opened = window->first.opened;
        auto node = windows_.extract(window);
        node.key() = order{end, start, opened};
        node.mapped().start = start;
        node.mapped().end = end;
        window = windows_.insert(std::move(node)).position;
    }

    windows windows_;
    std::unordered_map<Key, starts> by_key_;
    std::size_t max_windows_;
    std::size_t max_items_;
    std::size_t items_ = 0;
    std::uint64_t opened_ = 0;
};

} // namespace weir::detail
