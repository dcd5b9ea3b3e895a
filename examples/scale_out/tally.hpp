// SPDX-License-Identifier: MIT
#pragma once

// The counts of events per sensor and window, in SQLite, together with the position up to which they are counted.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <weir/messages/record.hpp>

#include "../sqlite.hpp"

/// An event, and where it comes from.
struct event {
    std::string sensor;
    std::int64_t seconds = 0;
    std::string partition;
    std::uint64_t epoch = 0;
    weir::messages::position position;
};

constexpr std::int64_t window_seconds = 10;

/// The number of events by sensor and start of the window.
using counts = std::map<std::pair<std::string, std::int64_t>, std::int64_t>;

inline void count(counts& to, const std::string& sensor, std::int64_t seconds) {
    ++to[{sensor, seconds / window_seconds * window_seconds}];
}

class tally : sqlite_database {
public:
    explicit tally(std::string path) : sqlite_database{std::move(path)} {
        execute("CREATE TABLE IF NOT EXISTS counts (sensor TEXT, window INTEGER, events INTEGER NOT NULL, "
                "PRIMARY KEY (sensor, window))");
        execute("CREATE TABLE IF NOT EXISTS positions (partition TEXT PRIMARY KEY, epoch INTEGER NOT NULL, "
                "high INTEGER NOT NULL, low INTEGER NOT NULL)");
        execute("PRAGMA synchronous = NORMAL");
    }

    /// Counts events that are not counted yet. Counts and positions change in one transaction: whenever a process dies,
    /// and however often an event is delivered, it is counted once. Events of a partition that has a later owner are
    /// left to it.
    void add(const std::vector<event>& events) {
        in_transaction([&] {
            std::map<std::string, progress> partitions;
            counts added;
            for (const event& e : events) {
                const auto [place, is_new] = partitions.try_emplace(e.partition);
                progress& at = place->second;
                if (is_new) at = read_progress(e.partition);
                if (e.epoch < at.epoch) continue;
                at.epoch = e.epoch;
                if (e.position <= at.position) continue;
                at.position = e.position;
                count(added, e.sensor, e.seconds);
            }
            write(added);
            for (const auto& [partition, at] : partitions) write(partition, at);
        });
    }

    counts all() {
        counts result;
        const statement rows = prepare("SELECT sensor, window, events FROM counts");
        while (step(rows)) {
            std::string sensor = reinterpret_cast<const char*>(sqlite3_column_text(rows.get(), 0));
            result[{std::move(sensor), sqlite3_column_int64(rows.get(), 1)}] = sqlite3_column_int64(rows.get(), 2);
        }
        return result;
    }
    std::int64_t total() {
        const statement sum = prepare("SELECT coalesce(sum(events), 0) FROM counts");
        step(sum);
        return sqlite3_column_int64(sum.get(), 0);
    }

private:
    struct progress {
        std::uint64_t epoch = 0;
        weir::messages::position position;
    };

    progress read_progress(const std::string& partition) {
        progress at;
        const statement row = prepare("SELECT epoch, high, low FROM positions WHERE partition = ?");
        bind(row, 1, partition);
        if (!step(row)) return at;
        at.epoch = static_cast<std::uint64_t>(sqlite3_column_int64(row.get(), 0));
        at.position.high = static_cast<std::uint64_t>(sqlite3_column_int64(row.get(), 1));
        at.position.low = static_cast<std::uint64_t>(sqlite3_column_int64(row.get(), 2));
        return at;
    }
    void write(const std::string& partition, const progress& at) {
        const statement row = prepare("INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)");
        bind(row, 1, partition);
        sqlite3_bind_int64(row.get(), 2, static_cast<std::int64_t>(at.epoch));
        sqlite3_bind_int64(row.get(), 3, static_cast<std::int64_t>(at.position.high));
        sqlite3_bind_int64(row.get(), 4, static_cast<std::int64_t>(at.position.low));
        run(row);
    }
    void write(const counts& added) {
        const statement row = prepare("INSERT INTO counts VALUES (?, ?, ?) "
                                      "ON CONFLICT (sensor, window) DO UPDATE SET events = events + excluded.events");
        for (const auto& [place, n] : added) {
            bind(row, 1, place.first);
            sqlite3_bind_int64(row.get(), 2, place.second);
            sqlite3_bind_int64(row.get(), 3, n);
            run(row);
        }
    }
};
