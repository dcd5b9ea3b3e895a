// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "parse.hpp"

using name_count = std::pair<std::string_view, std::uint64_t>;

/// The number of occurrences of names, in bounded memory.
///
/// The counts are exact as long as there is room for all names. When there is no more room, the rarer half of the names
/// is forgotten (the algorithm of Misra and Gries, in steps). A name that occurs later may have been forgotten before.
/// Its true count exceeds the count here by at most `error()`.
class name_counts {
public:
    name_counts(std::size_t most_names, std::size_t most_text)
        : most_names_{most_names},
          most_text_{most_text},
          // Untouched pages take no memory.
          text_{std::make_unique_for_overwrite<char[]>(most_text)},
          slots_(1024) {
        names_.reserve(most_names);
    }

    /// @param name  not longer than most_text
    void add(std::string_view name) {
        const std::size_t hash = std::hash<std::string_view>{}(name);
        std::uint32_t* slot = find(name, hash);
        if (*slot == 0) {
            while (names_.size() == most_names_ || most_text_ - text_size_ < name.size()) forget_the_rare();
            if ((names_.size() + 1) * 2 > slots_.size()) index(slots_.size() * 2);
            slot = find(name, hash);
            names_.push_back(
                {0, error_, hash, static_cast<std::uint32_t>(text_size_), static_cast<std::uint32_t>(name.size())});
            std::memcpy(text_.get() + text_size_, name.data(), name.size());
            text_size_ += name.size();
            *slot = static_cast<std::uint32_t>(names_.size());
        }
        ++names_[*slot - 1].count;
    }

    /// Returns the n most frequent names, by falling count and then by name. The views are valid until the next `add`.
    std::vector<name_count> top(std::size_t n) const {
        std::vector<name_count> best;
        best.reserve(n + 1);
        const auto before = [](const name_count& a, const name_count& b) {
            return a.second != b.second ? a.second > b.second : a.first < b.first;
        };
        for (const entry& e : names_) {
            const name_count candidate{text(e), e.count};
            if (best.size() == n && !before(candidate, best.back())) continue;
            best.insert(std::ranges::upper_bound(best, candidate, before), candidate);
            if (best.size() > n) best.pop_back();
        }
        return best;
    }

    std::uint64_t error() const noexcept { return error_; }

private:
    struct entry {
        std::uint64_t count;
        std::uint64_t may_lack; // an upper bound for occurrences that were forgotten
        std::size_t hash;
        std::uint32_t at;
        std::uint32_t size;
    };

    std::string_view text(const entry& e) const noexcept { return {text_.get() + e.at, e.size}; }

    /// Returns the slot of a name, or the free slot to put it in.
    std::uint32_t* find(std::string_view name, std::size_t hash) noexcept {
        for (std::size_t i = hash;; ++i) {
            std::uint32_t& slot = slots_[i & (slots_.size() - 1)];
            if (slot == 0) return &slot;
            const entry& e = names_[slot - 1];
            if (e.hash == hash && text(e) == name) return &slot;
        }
    }

    void index(std::size_t size) {
        slots_.assign(size, 0);
        for (std::uint32_t i = 0; i != names_.size(); ++i) *find(text(names_[i]), names_[i].hash) = i + 1;
    }

    void forget_the_rare() {
        std::vector<std::uint64_t> most;
        most.reserve(names_.size());
        for (const entry& e : names_) most.push_back(e.count + e.may_lack);
        const auto median = most.begin() + static_cast<std::ptrdiff_t>(most.size() / 2);
        std::ranges::nth_element(most, median);
        error_ = *median;

        // Moves the names that stay to the front.
        std::size_t kept = 0;
        text_size_ = 0;
        for (entry e : names_) {
            if (e.count + e.may_lack <= error_) continue;
            std::memmove(text_.get() + text_size_, text_.get() + e.at, e.size);
            e.at = static_cast<std::uint32_t>(text_size_);
            text_size_ += e.size;
            names_[kept++] = e;
        }
        names_.resize(kept);
        index(slots_.size());
    }

    std::size_t most_names_;
    std::size_t most_text_;
    std::unique_ptr<char[]> text_;
    std::size_t text_size_ = 0;
    std::vector<entry> names_;
    std::vector<std::uint32_t> slots_; // the size is a power of two; each is 0, or an index in names_ plus one
    std::uint64_t error_ = 0;
};

/// The data of the report.
struct tally {
    std::uint64_t lines = 0;
    std::uint64_t malformed = 0;
    std::uint64_t bytes = 0;
    std::array<std::uint64_t, 1000> status{};
    name_counts paths{1 << 17, 8 << 20};
    name_counts clients{1 << 17, 3 << 20};

    /// @param line  nullopt for a malformed line
    void add(const std::optional<hit>& line) {
        ++lines;
        if (!line) {
            ++malformed;
            return;
        }
        bytes += line->size;
        ++status[line->status];
        paths.add(line->path);
        clients.add(line->client);
    }
};
