// SPDX-License-Identifier: MIT
#include <weir/source/follow.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include <weir/backend/file_system.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/detail/descriptor.hpp>
#include <weir/io/detail/error.hpp>
#include <weir/io/file.hpp>
#include <weir/task.hpp>

namespace weir {

namespace {

/// How often a file is checked although the kernel reports changes: a parent directory may have been replaced.
constexpr duration rarely = std::chrono::seconds{5};

/// Watches a path and the open file for changes that the kernel reports.
class change_watcher {
public:
    change_watcher(executor& ex, const std::string& path) : ex_{ex}, path_{path} {
        const std::filesystem::path whole{path};
        directory_ = whole.has_parent_path() ? whole.parent_path().string() : ".";
        name_ = whole.filename().string();
        if (const int fd = files().open_watcher(); fd >= 0) watcher_ = detail::descriptor{fd, ex.io().closer()};
        renew();
    }

    /// To be called before each check of the file: watches the directory again when it was replaced.
    void renew() {
        if (!open() || directory_number_ >= 0) return;
        directory_number_ = files().add_watch(watcher_.get(), directory_.c_str(), change::created | change::moved_here,
                                              symlinks::follow);
        local_ = files().is_local(directory_.c_str());
    }

    void read_from(const file& f) {
        if (!open()) return;
        const int former =
            std::exchange(file_number_, files().add_watch(watcher_.get(), f.native_handle(), change::modified));
        if (former >= 0 && former != file_number_) files().remove_watch(watcher_.get(), former);
        file_status status;
        linked_ = files().status(file_system::working_directory, path_.c_str(), symlinks::stay, status) < 0 ||
                  status.type == file_type::symlink;
    }

    bool open() const noexcept { return watcher_.get() >= 0; }
    void close() noexcept { watcher_.close(); }
    int descriptor() const noexcept { return watcher_.get(); }
    /// Whether the kernel reports every change of interest.
    bool complete(bool reading) const noexcept {
        return open() && directory_number_ >= 0 && local_ && (!reading || (file_number_ >= 0 && !linked_));
    }

    /// Reads the reported changes. Returns true when one of them is of interest.
    bool take() {
        bool worth_a_look = false;
        for (;;) {
            changes_.clear();
            const int r = files().read_changes(watcher_.get(), changes_);
            if (r == -EINTR) continue;
            if (r == -EAGAIN) return worth_a_look;
            if (r < 0) {
                close();
                return true;
            }
            for (const detail::change_record& record : changes_) {
                const bool of_directory = record.watch == directory_number_;
                if (of_directory && (record.what == change::vanished || record.watch_ended)) directory_number_ = -1;
                worth_a_look |= !of_directory || record.name.empty() || record.name == name_;
            }
        }
    }

private:
    file_system& files() const noexcept { return ex_.io().files(); }

    executor& ex_;
    const std::string& path_;
    std::string directory_;
    std::string name_;
    detail::descriptor watcher_;
    int directory_number_ = -1;
    int file_number_ = -1;
    bool local_ = false;
    bool linked_ = false;
    std::vector<detail::change_record> changes_;
};

/// Completes when a change of interest is reported, or at a given time.
class change_or_time {
public:
    using result_type = unit;

    change_or_time(change_watcher& of, time_point until) noexcept : watcher_{of}, until_{until} {}

    poll<unit> poll_result(context& cx) {
        if (!timer_.armed() && !timer_.expired()) timer_.arm(cx.executor(), until_);
        if (timer_.poll(cx)) return unit{};
        while (watcher_.open()) {
            if (!readable_.started() && watcher_.take()) return unit{};
            const auto r = readable_.run(cx, {.what = io_request::kind::readable, .fd = watcher_.descriptor()});
            if (r.is_pending()) return pending;
            if (*r < 0) watcher_.close();
            if (!cx.spend()) return cx.yield();
        }
        return pending;
    }

private:
    change_watcher& watcher_;
    time_point until_;
    deadline_timer timer_;
    io_operation readable_;
};

/// Opens a file; nullopt when it does not exist.
task<std::optional<file>> open_if_there(const std::string& path) {
    try {
        co_return co_await open(path);
    } catch (const std::system_error& e) {
        if (e.code() != std::errc::no_such_file_or_directory) throw;
    }
    co_return std::nullopt;
}

/// Opens a file; nullopt when that fails, which may be for a moment only: a new log gets its permissions later.
task<std::optional<file>> open_if_possible(const std::string& path) {
    try {
        co_return co_await open(path);
    } catch (const std::system_error&) {
        co_return std::nullopt;
    }
}

/// Whether a file has contents although its size is 0, as the files in /proc.
task<bool> has_no_size(file& f, file_system& files) {
    char first = 0;
    const std::span room{&first, 1};
    const std::size_t size = co_await f.read_at(0, room);
    file_status status;
    co_return size != 0 && files.status(f.native_handle(), status) >= 0 && status.size == 0;
}

async_stream<bytes> read_for_good(std::string path, follow_options options) {
    const std::size_t block = std::max<std::size_t>(options.block, 1);
    executor& ex = *co_await this_executor();
    file_system& files = ex.io().files();
    change_watcher watcher{ex, path};
    const auto next_look = [&](bool reading) {
        return ex.time_after(watcher.complete(reading) ? std::max(rarely, options.interval) : options.interval);
    };

    bool waited = false;
    std::optional<file> first;
    if (options.missing == follow_missing::fail) {
        first = co_await open(path);
    } else {
        for (;;) {
            first = co_await open_if_there(path);
            if (first) break;
            waited = true;
            change_or_time change{watcher, next_look(false)};
            co_await change;
            watcher.renew();
        }
    }
    file current = *std::move(first);
    file_status status;
    files.status(current.native_handle(), status);
    const bool regular = status.type == file_type::regular;
    if (regular) {
        watcher.read_from(current);
    } else {
        watcher.close();
    }
    std::uint64_t offset = regular && options.from == follow_from::end && !waited ? status.size : 0;
    std::deque<file> later; // files that appeared at the path since, in order
    file_status newest = status;
    std::optional<time_point> quiet_until; // when the next of them is read
    bool in_line = false;
    detail::byte_filler filler;

    for (;;) {
        filler.make_room(block, std::max<std::size_t>(block / 4, 1));
        const std::span room{filler.room(), std::min(filler.room_size(), block)};
        std::size_t size = 0;
        if (regular) {
            size = co_await current.read_at(offset, room);
        } else {
            size = co_await current.read(room);
        }
        if (size != 0) {
            offset += size;
            quiet_until.reset();
            bytes piece = filler.take(size);
            in_line = piece[size - 1] != '\n';
            co_yield std::move(piece);
            continue;
        }
        if (!regular) co_return;
        filler.reset(); // frees the memory, because many streams may wait without input

        watcher.renew();
        const bool shorter = files.status(current.native_handle(), status) >= 0 && status.size < offset;
        bool truncated = shorter;
        if (shorter && status.size == 0) {
            const bool no_size = co_await has_no_size(current, files);
            truncated = !no_size;
        }
        if (truncated) {
            offset = 0;
        } else {
            bool unopened = false;
            int unreadable = 0;
            const int found = files.status(file_system::working_directory, path.c_str(), symlinks::follow, status);
            if (found >= 0 && !status.same_file(newest)) {
                if (status.type == file_type::regular) {
                    std::optional<file> next = co_await open_if_possible(path);
                    unopened = !next;
                    if (next && files.status(next->native_handle(), status) >= 0) {
                        newest = status;
                        later.push_back(*std::move(next));
                    }
                } else {
                    unreadable = status.type == file_type::directory ? EISDIR : EOPNOTSUPP;
                }
            }
            const bool replaced = !later.empty() || unreadable != 0;
            if (!replaced) {
                quiet_until.reset();
            } else if (!quiet_until) {
                quiet_until = ex.time_after(options.interval);
            }
            if (!replaced || ex.now() < *quiet_until) {
                const time_point until = unopened ? ex.time_after(options.interval) : next_look(true);
                change_or_time change{watcher, replaced ? *quiet_until : until};
                co_await change;
                continue;
            }
            if (later.empty()) detail::throw_io_error(-unreadable, "follow", path);
            current = std::move(later.front());
            later.pop_front();
            watcher.read_from(current);
            offset = 0;
            quiet_until.reset();
        }
        if (std::exchange(in_line, false)) {
            bytes end_of_line{"\n"};
            co_yield std::move(end_of_line);
        }
    }
}

} // namespace

async_stream<bytes> follow(std::string path, follow_options options) {
    if (options.interval <= duration::zero()) {
        throw std::invalid_argument{"weir::follow(path, options): interval must be positive"};
    }
    return read_for_good(detail::without_nul(std::move(path), "weir::follow: the path"), options);
}

} // namespace weir
