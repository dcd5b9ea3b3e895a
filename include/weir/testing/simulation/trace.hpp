// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include <weir/core/time.hpp>

namespace weir::testing {

/// What happened in a simulation, with the virtual time: the last of it in words, and all of it in a number.
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
    /// For what is too small for an entry.
    void mix(std::uint64_t value) noexcept { hash_ = (hash_ ^ value) * 0x100000001B3U; }

    /// Those that were kept, the oldest first.
    const std::deque<entry>& entries() const noexcept { return entries_; }
    /// All that there were.
    std::uint64_t size() const noexcept { return size_; }
    /// Of everything that happened: two runs with the same number had the same history.
    std::uint64_t hash() const noexcept { return hash_; }

    /// The last entries, each on a line: `    1.002000s #3 send 17`.
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
