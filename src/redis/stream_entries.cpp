// SPDX-License-Identifier: MIT
#include <weir/redis/detail/stream_entries.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <weir/redis/error.hpp>

namespace weir::redis::detail {

namespace {

using entry = std::tuple<std::string, std::optional<std::vector<value>>>;

bool read_number(std::string_view text, std::uint64_t& to) noexcept {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
    return error == std::errc{} && end == text.data() + text.size();
}

/// The time of an ID, as far as the clock has it.
std::chrono::system_clock::time_point time_of(const messages::position& p) noexcept {
    constexpr std::uint64_t longest = 200'000'000'000'000; // ms: the year 8307, beyond what nanoseconds count
    using clock = std::chrono::system_clock;
    const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(clock::duration::max()).count();
    const auto n = std::min({p.high, longest, static_cast<std::uint64_t>(most)});
    return clock::time_point{std::chrono::milliseconds{static_cast<std::int64_t>(n)}};
}

} // namespace

messages::position to_position(std::string_view id) {
    messages::position p;
    const std::size_t dash = id.find('-');
    const bool ok = dash != std::string_view::npos && read_number(id.substr(0, dash), p.high) &&
                    read_number(id.substr(dash + 1), p.low);
    if (ok) return p;
    constexpr std::size_t shown = 40;
    throw type_error{std::string{"weir::redis: an entry of a stream has no ID, but "}.append(id.substr(0, shown))};
}

std::vector<messages::record> to_records(value&& entries, const entry_fields& names, std::size_t& removed) {
    std::vector<messages::record> records;
    auto all = std::move(entries).as<std::vector<std::optional<value>>>();
    records.reserve(all.size());
    for (auto& one : all) {
        if (!one) {
            ++removed;
            continue;
        }
        auto [id, fields] = std::move(*one).as<entry>();
        if (!fields) {
            ++removed;
            continue;
        }
        if (fields->size() % 2 != 0) throw type_error{"weir::redis: an entry of a stream has a field without a value"};
        messages::record& r = records.emplace_back();
        r.position = to_position(id);
        r.timestamp = time_of(r.position);
        for (std::size_t i = 0; i != fields->size(); i += 2) {
            auto name = std::move((*fields)[i]).as<std::string>();
            auto text = std::move((*fields)[i + 1]).as<std::string>();
            if (name == names.value) {
                r.value = std::move(text);
            } else if (name == names.key) {
                r.key = std::move(text);
            } else {
                r.headers.emplace_back(std::move(name), std::move(text));
            }
        }
    }
    return records;
}

void set_attempts(std::vector<messages::record>& records, value&& pending) {
    using state = std::tuple<std::string, std::string, std::int64_t, std::int64_t>; // ID, member, idle, deliveries
    auto next = records.begin();
    for (const auto& [id, member, idle, deliveries] : std::move(pending).as<std::vector<state>>()) {
        const messages::position at = to_position(id);
        while (next != records.end() && next->position < at) ++next;
        if (next == records.end()) return;
        if (next->position != at) continue;
        constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
        next->attempt = static_cast<std::uint32_t>(std::clamp(deliveries, std::int64_t{1}, most));
    }
}

} // namespace weir::redis::detail
