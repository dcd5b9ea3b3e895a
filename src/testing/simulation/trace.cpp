// SPDX-License-Identifier: MIT
#include <weir/testing/simulation/trace.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace weir::testing {

void trace::add(duration at, std::string_view what, std::uint64_t subject, std::int64_t value, std::string text) {
    mix(static_cast<std::uint64_t>(at.count()));
    mix(what);
    mix(subject);
    mix(static_cast<std::uint64_t>(value));
    mix(std::string_view{text});
    ++size_;
    if (capacity_ == 0) return;
    if (entries_.size() == capacity_) entries_.pop_front();
    entries_.push_back({at, what, subject, value, std::move(text)});
}

std::string trace::to_string(std::size_t most) const {
    std::string result;
    std::array<char, 64> time;
    for (std::size_t i = entries_.size() - std::min(most, entries_.size()); i != entries_.size(); ++i) {
        const entry& e = entries_[i];
        std::snprintf(time.data(), time.size(), "%16.6fs ", std::chrono::duration<double>{e.at}.count());
        result += time.data();
        if (e.subject != 0) result += '#' + std::to_string(e.subject) + ' ';
        result += e.what;
        if (e.value != 0) result += ' ' + std::to_string(e.value);
        if (!e.text.empty()) result += ' ' + e.text;
        result += '\n';
    }
    return result;
}

} // namespace weir::testing
