// SPDX-License-Identifier: MIT
#pragma once

// The SQLite database of the program. One thread may use it at a time.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../sqlite.hpp"

/// A measurement. A page lists it as `id,station,seconds,value`.
struct measurement {
    std::int64_t id = 0;
    std::string station;
    std::int64_t seconds = 0;
    double value = 0;
};

/// The measurements of one page.
struct page {
    std::string name;
    std::vector<measurement> rows;
    std::size_t malformed = 0;
};

class database : sqlite_database {
public:
    explicit database(std::string path) : sqlite_database{std::move(path)} {
        execute("CREATE TABLE IF NOT EXISTS measurements (id INTEGER PRIMARY KEY, station TEXT NOT NULL, "
                "seconds INTEGER NOT NULL, value REAL NOT NULL)");
        execute("CREATE TABLE IF NOT EXISTS pages (name TEXT PRIMARY KEY)");
    }

    /// Returns the pages that an earlier run has stored completely.
    std::vector<std::string> stored_pages() {
        std::vector<std::string> names;
        const statement all = prepare("SELECT name FROM pages");
        while (step(all)) names.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(all.get(), 0)));
        return names;
    }

    std::int64_t count() {
        const statement all = prepare("SELECT count(*) FROM measurements");
        step(all);
        return sqlite3_column_int64(all.get(), 0);
    }

    /// Stores all pages or, when it throws or the process dies, none. Replaces rows that exist already.
    void store(const std::vector<page>& pages) {
        in_transaction([&] {
            const statement row = prepare("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?)");
            const statement done = prepare("INSERT OR REPLACE INTO pages VALUES (?)");
            for (const page& p : pages) {
                for (const measurement& m : p.rows) {
                    sqlite3_bind_int64(row.get(), 1, m.id);
                    bind(row, 2, m.station);
                    sqlite3_bind_int64(row.get(), 3, m.seconds);
                    sqlite3_bind_double(row.get(), 4, m.value);
                    run(row);
                }
                bind(done, 1, p.name);
                run(done);
            }
        });
    }
};
