// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include <weir/core/time.hpp>

namespace weir::testing {

/// The history of a simulation: its last events as entries with their virtual times, and a hash of all events.
class trace {
public:
    struct entry {
        duration at;           ///< since the start
        std::string_view what; ///< such as `send`, with static storage
        std::uint64_t subject; ///< the number of a connection, listener or file; 0 for none
        std::int64_t value;    ///< bytes, an error number, ...
        std::string text;      ///< an address, a path, a note
    };

    explicit trace(std::size_t capacity) : capacity_{capacity} {}

    void add(duration at, std::string_view what, std::uint64_t subject, std::int64_t value, std::string text = {});
    /// Adds a value to the hash without an entry.
    void mix(std::uint64_t value) noexcept { hash_ = (hash_ ^ value) * 0x100000001B3U; }

    /// Returns the kept entries, the oldest first.
    const std::deque<entry>& entries() const noexcept { return entries_; }
    /// Returns the number of all entries.
    std::uint64_t size() const noexcept { return size_; }
    /// Returns a hash of all events. Two runs with the same hash had the same history.
    std::uint64_t hash() const noexcept { return hash_; }

    /// Returns the last entries, one per line: `    1.002000s #3 send 17`.
    std::string to_string(std::size_t most) const;

private:
    void mix(std::string_view text) noexcept {
        for (const char c : text) mix(static_cast<unsigned char>(c));
    }

    std::size_t capacity_;
    std::deque<entry> entries_;
    std::uint64_t size_ = 0;
    std::uint64_t hash_ = 0xCBF29CE484222325U;
};

} // namespace weir::testing
