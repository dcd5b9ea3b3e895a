// SPDX-License-Identifier: MIT
#include <weir/source/watch.hpp>

#include <cerrno>
#include <system_error>

#include <weir/executor/executor.hpp>
#include <weir/io/detail/error.hpp>

namespace weir {

namespace {

/// The changes that show directories appear and disappear.
constexpr change of_directories = change::created | change::moved_away | change::moved_here;

bool has_gone(int r) noexcept { return r == -ENOENT || r == -ENOTDIR || r == -ELOOP; }

std::string join(const std::string& directory, const std::string& name) {
    if (name.empty()) return directory;
    std::string path;
    path.reserve(directory.size() + 1 + name.size());
    path = directory;
    if (!path.ends_with('/')) path += '/';
    return path += name;
}

} // namespace

poll<file_change> watch_stream::poll_next(context& cx) {
    checker_.check();
    return checker_.checked([&] { return next(cx); });
}

poll<file_change> watch_stream::next(context& cx) {
    if (vanished_) return done;
    if (watcher_.get() < 0) start(cx);
    for (;;) {
        if (!cx.spend()) return cx.yield();
        file_change result{};
        if (looking_) {
            auto entry = looking_->poll_next(cx);
            if (entry.is_pending()) return pending;
            if (entry.is_done()) {
                looking_.reset();
                if (std::exchange(lost_, false)) return file_change{change::lost, path_, true};
            } else if (found(cx, *entry, result)) {
                return result;
            }
        } else if (next_record_ != records_.size()) {
            if (handle(cx, records_[next_record_++], result)) return result;
        } else {
            records_.clear();
            next_record_ = 0;
            int r = -EAGAIN;
            if (!readable_.in_flight()) r = cx.executor().io().files().read_changes(watcher_.get(), records_);
            if (r >= 0) continue;
            if (r == -EAGAIN) {
                announced_.clear();
                const auto ready = readable_.run(cx, {.what = io_request::kind::readable, .fd = watcher_.get()});
                if (ready.is_pending()) return pending;
                r = *ready;
            }
            if (r < 0 && r != -EINTR) detail::throw_io_error(r, "watch", path_);
        }
    }
}

void watch_stream::start(context& cx) {
    file_system& files = cx.executor().io().files();
    const int fd = files.open_watcher();
    if (fd < 0) detail::throw_io_error(fd, "watch", path_);
    watcher_ = detail::descriptor{fd, cx.executor().io().closer()};
    if (const int r = files.status(file_system::working_directory, path_.c_str(), symlinks::follow, root_); r < 0) {
        detail::throw_io_error(r, "watch", path_);
    }
    options_.recursive = options_.recursive && root_.type == file_type::directory;
    root_watch_ = watch_directory(cx, path_, symlinks::follow);
    if (root_watch_ < 0) detail::throw_io_error(root_watch_, "watch", path_);
    if (root_has_gone(cx)) detail::throw_io_error(-ENOENT, "watch", path_);
    if (options_.recursive) look_into(path_);
}

/// Opens a watcher without earlier changes.
void watch_stream::start_again(context& cx) {
    watcher_.close();
    numbers_.clear();
    names_.clear();
    records_.clear();
    next_record_ = 0;
    announced_.clear();
    announce_ = false;
    start(cx);
}

void watch_stream::look_into(const std::string& directory) {
    looking_.emplace(directory, walk_options{.on_error = [](const std::string& path, std::error_code e) {
                         if (!has_gone(-e.value())) throw std::system_error{e, "watch " + path};
                     }});
}

/// Returns the watch number, or minus the error number.
int watch_stream::watch_directory(context& cx, const std::string& path, symlinks how) {
    change what = options_.what;
    if (options_.recursive) what = what | of_directories;
    // While a process has a file open, its removal or replacement shows in its number of links.
    if (root_.type != file_type::directory) what = what | change::attributes;
    const int number = cx.executor().io().files().add_watch(watcher_.get(), path.c_str(), what, how);
    if (number < 0 || !options_.recursive) return number;
    // The same directory under another name: it was moved, and that change is reported later.
    if (const auto former = names_.find(number); former != names_.end()) {
        if (*former->second == path) return number;
        numbers_.erase(*former->second);
    }
    const auto [place, added] = numbers_.try_emplace(path, number);
    if (!added) names_.erase(std::exchange(place->second, number)); // the former directory was removed
    names_[number] = &place->first;
    return number;
}

void watch_stream::watch_below(context& cx, const std::string& path) {
    const int r = watch_directory(cx, path, symlinks::stay);
    if (r < 0 && !has_gone(r)) detail::throw_io_error(r, "watch", path);
}

/// Returns true when there is a change to deliver.
bool watch_stream::found(context& cx, walk_entry& entry, file_change& result) {
    const bool is_directory = entry.type == file_type::directory;
    if (is_directory) watch_below(cx, entry.path);
    if (!announce_) return false;
    announced_.insert(entry.path);
    if (!has(options_.what, change::created)) return false;
    result = {change::created, std::move(entry.path), is_directory};
    return true;
}

bool watch_stream::handle(context& cx, detail::change_record& record, file_change& result) {
    if (record.what == change::lost) {
        // With directories to read it is delivered afterwards, so that all later changes are seen.
        result = {change::lost, path_, root_.type == file_type::directory};
        lost_ = options_.recursive;
        if (!lost_) return true;
        if (root_has_gone(cx)) return tell_vanished(result);
        start_again(cx);
        return false;
    }
    if (record.watch_ended) {
        if (record.watch == root_watch_) return tell_vanished(result);
        if (const auto name = names_.find(record.watch); name != names_.end()) {
            numbers_.erase(*name->second);
            names_.erase(name);
        }
        return false;
    }

    const bool of_root = record.watch == root_watch_;
    const std::string* directory = &path_;
    if (!of_root) {
        const auto name = names_.find(record.watch);
        if (name == names_.end()) return false; // the directory was moved away
        directory = name->second;
    }
    if (record.name.empty()) {
        if (!of_root) return false; // its parent's watch reports it
        if (record.what == change::vanished || (record.what == change::attributes && root_has_gone(cx))) {
            return tell_vanished(result);
        }
    }

    result = {record.what, join(*directory, record.name), record.is_directory, record.move_id};
    const bool came = record.what == change::created || record.what == change::moved_here;
    const bool went = record.what == change::removed || record.what == change::moved_away;
    if (options_.recursive && record.is_directory && record.what == change::moved_away) forget(result.path, cx);
    if (!announced_.empty() && (came || went) && announced_.erase(result.path) != 0 && record.what == change::created) {
        return false;
    }
    if (options_.recursive && record.is_directory && came) {
        watch_below(cx, result.path);
        announce_ = true;
        look_into(result.path);
    }
    return has(options_.what, record.what);
}

bool watch_stream::tell_vanished(file_change& result) {
    vanished_ = true;
    result = {change::vanished, path_, root_.type == file_type::directory};
    return true;
}

bool watch_stream::root_has_gone(context& cx) {
    file_status now;
    return cx.executor().io().files().status(file_system::working_directory, path_.c_str(), symlinks::follow, now) <
               0 ||
           !now.same_file(root_);
}

/// Handles a directory that was moved away, with all below it.
void watch_stream::forget(const std::string& directory, context& cx) {
    const auto drop = [&](auto place) {
        cx.executor().io().files().remove_watch(watcher_.get(), place->second);
        names_.erase(place->second);
        return numbers_.erase(place);
    };
    if (const auto place = numbers_.find(directory); place != numbers_.end()) drop(place);
    const std::string below = directory + '/';
    for (auto place = numbers_.lower_bound(below); place != numbers_.end() && place->first.starts_with(below);) {
        place = drop(place);
    }
}

} // namespace weir
