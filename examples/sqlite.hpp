// SPDX-License-Identifier: MIT
#pragma once

// A thin layer over SQLite, for the programs that have a database.

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <sqlite3.h>

/// An error of SQLite. The message names the file and the statement.
class database_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Base of a database in a file. One thread may use it at a time.
class sqlite_database {
protected:
    explicit sqlite_database(std::string path) : path_{std::move(path)} {
        sqlite3* opened = nullptr;
        const int r = sqlite3_open(path_.c_str(), &opened);
        file_.reset(opened);
        if (r != SQLITE_OK) fail("open");
        sqlite3_busy_timeout(file_.get(), 5000);
        execute("PRAGMA journal_mode = WAL");
    }

    struct finalizer {
        void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
    };
    using statement = std::unique_ptr<sqlite3_stmt, finalizer>;

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
    /// Executes a statement without rows, so that it can be executed again.
    void run(const statement& s) {
        step(s);
        sqlite3_reset(s.get());
    }

    /// Calls f within a transaction. When it throws or the process dies, nothing is stored.
    template <class F>
    void in_transaction(F f) {
        execute("BEGIN IMMEDIATE");
        try {
            f();
            execute("COMMIT");
        } catch (...) {
            sqlite3_exec(file_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
            throw;
        }
    }

private:
    struct closer {
        void operator()(sqlite3* file) const { sqlite3_close(file); }
    };

    [[noreturn]] void fail(std::string_view what) const {
        const char* why = file_ ? sqlite3_errmsg(file_.get()) : "out of memory";
        throw database_error{path_ + ": " + std::string{what} + ": " + why};
    }

    std::string path_;
    std::unique_ptr<sqlite3, closer> file_;
};
