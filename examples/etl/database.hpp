// SPDX-License-Identifier: MIT
#pragma once

// The SQLite database of the program. One thread may use it at a time.

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlite3.h>

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

/// An error of SQLite. The message names the file and the statement.
class database_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class database {
public:
    explicit database(std::string path) : path_{std::move(path)} {
        sqlite3* opened = nullptr;
        const int r = sqlite3_open(path_.c_str(), &opened);
        file_.reset(opened);
        if (r != SQLITE_OK) fail("open");
        sqlite3_busy_timeout(file_.get(), 5000);
        execute("PRAGMA journal_mode = WAL");
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
        execute("BEGIN IMMEDIATE");
        try {
            const statement row = prepare("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?)");
            const statement done = prepare("INSERT OR REPLACE INTO pages VALUES (?)");
            for (const page& p : pages) {
                for (const measurement& m : p.rows) {
                    sqlite3_bind_int64(row.get(), 1, m.id);
                    bind(row, 2, m.station);
                    sqlite3_bind_int64(row.get(), 3, m.seconds);
                    sqlite3_bind_double(row.get(), 4, m.value);
                    step(row);
                    sqlite3_reset(row.get());
                }
                bind(done, 1, p.name);
                step(done);
                sqlite3_reset(done.get());
            }
            execute("COMMIT");
        } catch (...) {
            sqlite3_exec(file_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
            throw;
        }
    }

private:
    struct closer {
        void operator()(sqlite3* file) const { sqlite3_close(file); }
        void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
    };
    using statement = std::unique_ptr<sqlite3_stmt, closer>;

    [[noreturn]] void fail(std::string_view what) const {
        const char* why = file_ ? sqlite3_errmsg(file_.get()) : "out of memory";
        throw database_error{path_ + ": " + std::string{what} + ": " + why};
    }
    void execute(const char* sql) {
        if (sqlite3_exec(file_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
    }
    statement prepare(const char* sql) {
        sqlite3_stmt* made = nullptr;
        if (sqlite3_prepare_v2(file_.get(), sql, -1, &made, nullptr) != SQLITE_OK) fail(sql);
        return statement{made};
    }
    static void bind(const statement& to, int place, const std::string& text) {
        sqlite3_bind_text(to.get(), place, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    }
    /// Executes a step. Returns true while there is a row.
    bool step(const statement& s) {
        const int r = sqlite3_step(s.get());
        if (r != SQLITE_ROW && r != SQLITE_DONE) fail(sqlite3_sql(s.get()));
        return r == SQLITE_ROW;
    }

    std::string path_;
    std::unique_ptr<sqlite3, closer> file_;
};
