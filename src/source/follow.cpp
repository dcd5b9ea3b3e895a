// SPDX-License-Identifier: MIT
#include <weir/source/follow.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <concepts>
#include <deque>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <weir/backend/file_system.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/member_waker.hpp>
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

class change_watcher;

/// The watcher that all followed files of an executor share, because the kernel allows a user few of them. It runs by
/// itself: it passes reported changes on to those that wait for them.
class shared_watcher {
public:
    /// Returns null if the kernel allows no more.
    static std::shared_ptr<shared_watcher> of(executor& ex) {
        std::weak_ptr<void>& known = detail::executor_access::file_watcher(ex);
        if (auto watcher = std::static_pointer_cast<shared_watcher>(known.lock()); watcher && watcher->open()) {
            return watcher;
        }
        const int fd = ex.io().files().open_watcher();
        if (fd < 0) return nullptr;
        auto made = std::make_shared<shared_watcher>(detail::descriptor{fd, ex.io().closer()}, ex.io().files());
        known = made;
        return made;
    }

    shared_watcher(detail::descriptor fd, file_system& files) noexcept : files_{files}, fd_{std::move(fd)} {}

    bool open() const noexcept { return fd_.get() >= 0; }

    /// Starts to wait for changes. To be called when something waits for them.
    void start(context& cx) noexcept {
        if (driver_.bound()) return;
        driver_.bind(*this, cx.waker().queue());
        run();
    }

    /// Returns the number of the watch, or minus the error number.
    int add_directory(const char* path, change_watcher& by) {
        return add(files_.add_watch(fd_.get(), path, change::created | change::moved_here, symlinks::follow), by);
    }
    int add_file(int fd, change_watcher& by) { return add(files_.add_watch(fd_.get(), fd, change::modified), by); }
    void remove(int number, const change_watcher& by) noexcept {
        const auto [first, last] = waiting_.equal_range(number);
        for (auto at = first; at != last; ++at) {
            if (at->second != &by) continue;
            waiting_.erase(at);
            break;
        }
        if (!waiting_.contains(number)) files_.remove_watch(fd_.get(), number);
    }

private:
    int add(int number, change_watcher& by) {
        if (number >= 0) waiting_.emplace(number, &by);
        return number;
    }

    void run() noexcept {
        context cx{driver_};
        try {
            while (open()) {
                if (!readable_.started()) take();
                const auto r = readable_.run(cx, {.what = io_request::kind::readable, .fd = fd_.get()});
                if (r.is_pending()) return;
                if (*r < 0) return fail();
                if (!cx.spend()) return static_cast<void>(cx.yield());
            }
        } catch (...) { // no memory for the changes
            fail();
        }
    }

    void take();
    void fail() noexcept;

    file_system& files_;
    std::unordered_multimap<int, change_watcher*> waiting_; // by the number of the watch
    std::vector<detail::change_record> changes_;
    detail::member_waker<shared_watcher, &shared_watcher::run> driver_;
    detail::descriptor fd_;
    io_operation readable_; // last: cancelled before the descriptor is closed
};

/// Watches a path and the open file for changes that the kernel reports.
class change_watcher {
public:
    change_watcher(executor& ex, const std::string& path) : ex_{ex}, path_{path}, shared_{shared_watcher::of(ex)} {
        const std::filesystem::path whole{path};
        directory_ = whole.has_parent_path() ? whole.parent_path().string() : ".";
        name_ = whole.filename().string();
        renew();
    }
    change_watcher(const change_watcher&) = delete;
    change_watcher& operator=(const change_watcher&) = delete;
    ~change_watcher() { close(); }

    /// To be called before each check of the file: watches the directory again when it was replaced.
    void renew() {
        if (!open() || directory_number_ >= 0) return;
        directory_number_ = shared_->add_directory(directory_.c_str(), *this);
        local_ = files().is_local(directory_.c_str());
    }

    void read_from(const file& f) {
        if (!open()) return;
        const int former = std::exchange(file_number_, shared_->add_file(f.native_handle(), *this));
        if (former >= 0) shared_->remove(former, *this);
        file_status status;
        linked_ = files().status(file_system::working_directory, path_.c_str(), symlinks::stay, status) < 0 ||
                  status.type == file_type::symlink;
    }

    bool open() const noexcept { return shared_ != nullptr && shared_->open(); }
    void close() noexcept {
        if (shared_ == nullptr) return;
        for (const int number : {directory_number_, file_number_})
            if (number >= 0) shared_->remove(number, *this);
        directory_number_ = file_number_ = -1;
        shared_.reset();
    }

    const std::string& directory() const noexcept { return directory_; }
    const std::string& name() const noexcept { return name_; }

    /// Whether the kernel reports every change of interest.
    bool complete(bool reading) const noexcept {
        return open() && directory_number_ >= 0 && local_ && (!reading || (file_number_ >= 0 && !linked_));
    }

    /// Returns true when a change of interest was reported since the last call that returned true.
    bool poll(context& cx) noexcept {
        if (open()) shared_->start(cx);
        if (std::exchange(changed_, false)) return true;
        waiter_.arm(cx.waker());
        return false;
    }

    /// Returns whether the watch of the directory has ended.
    bool on_change(const detail::change_record& record) noexcept {
        const bool of_directory = record.watch == directory_number_;
        if (!of_directory || record.name.empty() || record.name == name_) on_interest();
        if (!of_directory || (record.what != change::vanished && !record.watch_ended)) return false;
        directory_number_ = -1;
        return true;
    }
    /// For changes of interest, and when changes were lost.
    void on_interest() noexcept {
        changed_ = true;
        waiter_.wake();
    }

private:
    file_system& files() const noexcept { return ex_.io().files(); }

    executor& ex_;
    const std::string& path_;
    std::shared_ptr<shared_watcher> shared_;
    std::string directory_;
    std::string name_;
    waker_slot waiter_;
    int directory_number_ = -1;
    int file_number_ = -1;
    bool local_ = false;
    bool linked_ = false;
    bool changed_ = false;
};

/// Reads the reported changes.
void shared_watcher::take() {
    for (;;) {
        changes_.clear();
        const int r = files_.read_changes(fd_.get(), changes_);
        if (r == -EINTR) continue;
        if (r == -EAGAIN) return;
        if (r < 0) return fail();
        for (const detail::change_record& record : changes_) {
            if (record.watch < 0) { // some were lost
                for (const auto& [number, watcher] : waiting_) watcher->on_interest();
                continue;
            }
            const auto [first, last] = waiting_.equal_range(record.watch);
            bool ended = false;
            for (auto at = first; at != last;) {
                const bool erased = at->second->on_change(record);
                ended |= erased;
                at = erased ? waiting_.erase(at) : std::next(at);
            }
            if (ended && !waiting_.contains(record.watch)) files_.remove_watch(fd_.get(), record.watch);
        }
    }
}

/// From now on the files are checked once per interval.
void shared_watcher::fail() noexcept {
    readable_.cancel();
    fd_.close();
    for (const auto& [number, watcher] : waiting_) watcher->on_interest();
}

/// Completes when a change of interest is reported, or at a given time.
class change_or_time {
public:
    using result_type = unit;

    change_or_time(change_watcher& of, time_point until) noexcept : watcher_{of}, until_{until} {}

    poll<unit> poll_result(context& cx) {
        if (!timer_.armed() && !timer_.expired()) timer_.arm(cx.executor(), until_);
        if (timer_.poll(cx) || watcher_.poll(cx)) return unit{};
        return pending;
    }

private:
    change_watcher& watcher_;
    time_point until_;
    deadline_timer timer_;
};

/// Identifies the contents of a file by its first bytes (FNV-1a).
class file_fingerprint {
public:
    static constexpr std::size_t size = 256;

    void add(std::span<const char> data) noexcept {
        for (const char c : data.first(std::min(data.size(), size - added_))) {
            hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
            ++added_;
        }
    }
    std::size_t added() const noexcept { return added_; }
    std::uint64_t value() const noexcept { return hash_; }

private:
    std::uint64_t hash_ = 0xcbf29ce484222325;
    std::size_t added_ = 0;
};

/// The fingerprint of the bytes of a file before an offset.
task<file_fingerprint> fingerprint_of(file& f, std::uint64_t offset) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(offset, file_fingerprint::size));
    file_fingerprint result;
    std::array<char, file_fingerprint::size> data;
    while (result.added() != wanted) {
        const std::span room = std::span{data}.first(wanted - result.added());
        const std::size_t size = co_await f.read_at(result.added(), room);
        if (size == 0) break;
        result.add(room.first(size));
    }
    co_return result;
}

/// Whether a position is in this file.
task<bool> contains(file& f, file_status status, follow_position position) {
    if (status.device != position.device || status.inode != position.inode) co_return false;
    if (status.size < std::max(position.offset, position.fingerprinted)) co_return false;
    const file_fingerprint found = co_await fingerprint_of(f, position.fingerprinted);
    co_return found.added() == position.fingerprinted&& found.value() == position.fingerprint;
}

struct rotated_file {
    std::string path;
    file_status status;
};

/// The regular files of a directory whose names begin with a given name, without compressed ones, in the order of their
/// last change.
std::vector<rotated_file> rotated_files(executor& ex, const std::string& directory, const std::string& name) {
    file_system& files = ex.io().files();
    const int fd = files.open_directory(directory.c_str(), symlinks::follow);
    if (fd < 0) return {};
    const detail::descriptor owned{fd, ex.io().closer()};
    std::vector<rotated_file> found;
    detail::directory_listing entries;
    while (files.read_directory(fd, entries) > 0) {
        while (!entries.empty()) {
            const std::string_view entry = entries.take().name;
            const auto is_packed = [&](const char* suffix) { return entry.ends_with(suffix); };
            if (!entry.starts_with(name) || is_packed(".gz") || is_packed(".bz2") || is_packed(".xz") ||
                is_packed(".zst")) {
                continue;
            }
            rotated_file file{directory + '/' + std::string{entry}, {}};
            const int r = files.status(file_system::working_directory, file.path.c_str(), symlinks::stay, file.status);
            if (r >= 0 && file.status.type == file_type::regular) found.push_back(std::move(file));
        }
        entries.clear();
    }
    // Of files that were changed in the same tick of the file system's clock, log.2 is older than log.1.
    std::sort(found.begin(), found.end(), [](const rotated_file& a, const rotated_file& b) {
        if (a.status.modified != b.status.modified) return a.status.modified < b.status.modified;
        return b.path < a.path;
    });
    return found;
}

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

/// The former file at a path that contains a position, and the files that followed it there, without the newest.
task<std::deque<file>> former_files(change_watcher& watcher, follow_position position, file_status newest) {
    executor& ex = *co_await this_executor();
    std::deque<file> found;
    for (const rotated_file& candidate : rotated_files(ex, watcher.directory(), watcher.name())) {
        if (candidate.status.same_file(newest)) continue;
        std::optional<file> opened = co_await open_if_possible(candidate.path);
        if (!opened) continue;
        if (found.empty()) {
            const bool there = co_await contains(*opened, candidate.status, position);
            if (!there) continue;
        }
        found.push_back(*std::move(opened));
    }
    co_return found;
}

template <class Item>
async_stream<Item> read_for_good(std::string path, follow_options options) {
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
    if (regular && options.resume) {
        offset = 0;
        const bool here = co_await contains(current, status, *options.resume);
        if (here) {
            offset = options.resume->offset;
        } else {
            later = co_await former_files(watcher, *options.resume, newest);
            if (!later.empty()) {
                offset = options.resume->offset;
                later.push_back(std::move(current));
                current = std::move(later.front());
                later.pop_front();
                watcher.read_from(current);
                files.status(current.native_handle(), status);
            }
        }
    }
    file_status reading = status;
    file_fingerprint fingerprint;
    bool in_line = false;
    if (regular) fingerprint = co_await fingerprint_of(current, offset);
    if (options.resume && offset != 0) {
        char last = 0;
        const std::span room{&last, 1};
        static_cast<void>(co_await current.read_at(offset - 1, room));
        in_line = last != '\n';
    }
    const auto item_of = [&](bytes&& data) {
        if constexpr (std::same_as<Item, bytes>) {
            return std::move(data);
        } else {
            return followed{
                std::move(data),
                {reading.device, reading.inode, offset, fingerprint.value(), fingerprint.added()},
            };
        }
    };
    std::optional<time_point> quiet_until; // when the next of them is read
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
            bytes piece = filler.take(size);
            if (offset < file_fingerprint::size) fingerprint.add(std::span{piece.data(), piece.size()});
            offset += size;
            quiet_until.reset();
            in_line = piece[size - 1] != '\n';
            Item item = item_of(std::move(piece));
            co_yield std::move(item);
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
            fingerprint = {};
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
            files.status(current.native_handle(), reading);
            offset = 0;
            fingerprint = {};
            quiet_until.reset();
        }
        if (std::exchange(in_line, false)) {
            Item item = item_of(bytes{"\n"});
            co_yield std::move(item);
        }
    }
}

} // namespace

namespace {

/// Checks the arguments of a follow.
std::string checked_path(std::string path, const follow_options& options) {
    if (options.interval <= duration::zero()) {
        throw std::invalid_argument{"weir::follow(path, options): interval must be positive"};
    }
    return detail::without_nul(std::move(path), "weir::follow: the path");
}

} // namespace

std::string follow_position::to_string() const {
    std::array<char, 5 * 17> text;
    char* end = text.data();
    for (const std::uint64_t number : {device, inode, offset, fingerprint, fingerprinted}) {
        end = std::to_chars(end, text.data() + text.size(), number, 16).ptr;
        *end++ = ':';
    }
    return {text.data(), end - 1};
}

follow_position follow_position::from_string(std::string_view text) {
    follow_position result;
    const char* at = text.data();
    const char* const last = at + text.size();
    for (std::uint64_t* const number :
         {&result.device, &result.inode, &result.offset, &result.fingerprint, &result.fingerprinted}) {
        const bool separated = number == &result.device || (at != last && *at++ == ':');
        const auto [end, error] = std::from_chars(at, last, *number, 16);
        if (!separated || error != std::errc{}) at = nullptr;
        if (at == nullptr) break;
        at = end;
    }
    if (at != last || result.fingerprinted > file_fingerprint::size) {
        throw std::invalid_argument{"weir::follow_position: '" + std::string{text} + "' is not a position"};
    }
    return result;
}

async_stream<bytes> follow(std::string path, follow_options options) {
    return read_for_good<bytes>(checked_path(std::move(path), options), options);
}

async_stream<followed> follow_with_positions(std::string path, follow_options options) {
    return read_for_good<followed>(checked_path(std::move(path), options), options);
}

} // namespace weir
