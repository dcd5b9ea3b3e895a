// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <unordered_map>
#include <utility>

#include <weir/core/detail/intrusive_list.hpp>

namespace weir::detail {

/// Base of what an operator keeps for a key.
template <class Key>
struct keyed_entry : list_link {
    const Key* key = nullptr; // in the map
};

/// What an operator keeps for each key that is in use, and for some that were. Entries of idle keys are used again for
/// new keys, so that nothing is allocated once there were `kept` of them.
template <class Key, class Entry>
class keyed_entries {
public:
    /// @param kept  how many entries are kept for reuse
    explicit keyed_entries(std::size_t kept) : kept_{kept} {}
    keyed_entries(keyed_entries&& other) : kept_{other.kept_} {} // there are no entries before the first poll

    /// Returns the entry of a key, which may be idle, or a new entry.
    Entry& find_or_add(const Key& key) {
        const auto found = entries_.find(key);
        return found != entries_.end() ? found->second : add(key);
    }

    /// To be called when an entry is in no list and its key not in use. It stays until it is unlinked or reused.
    void idle(Entry& entry) noexcept { idle_.push_back(entry); }

private:
    Entry& add(const Key& key) {
        auto place = entries_.end();
        if (entries_.size() < kept_ || idle_.empty()) {
            place = entries_.try_emplace(key).first;
        } else {
            // The entry that has been idle for longest becomes that of the new key.
            Key copy(key);
            auto node = entries_.extract(*idle_.front().key);
            node.key() = std::move(copy);
            place = entries_.insert(std::move(node)).position;
        }
        place->second.key = &place->first;
        return place->second;
    }

    std::unordered_map<Key, Entry> entries_;
    intrusive_list<Entry> idle_;
    std::size_t kept_;
};

} // namespace weir::detail
