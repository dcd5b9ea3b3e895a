// SPDX-License-Identifier: MIT
#include <weir/source/walk.hpp>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include <weir/executor/executor.hpp>
#include <weir/io/detail/error.hpp>

namespace weir {

namespace {

/// Spends budget for a system call, which costs more than a step of a loop. Returns false as context::spend() does.
bool spend(context& cx, int units) noexcept {
    bool left = true;
    for (; units != 0; --units) left = cx.spend();
    return left;
}

constexpr int cost_of_directory = 16;
constexpr int cost_of_batch = 64;
constexpr int cost_of_status = 4;

} // namespace

poll<walk_entry> walk_stream::poll_next(context& cx) {
    checker_.check();
    try {
        auto entry = next(cx);
        if (entry.is_done()) checker_.ended();
        return entry;
    } catch (...) {
        if (!cx.stopping()) {
            open_.close();
            root_.close();
            checker_.ended();
        }
        throw;
    }
}

poll<walk_entry> walk_stream::next(context& cx) {
    for (;;) {
        if (cx.stopping()) return pending;
        if (!cx.spend()) return cx.yield();
        if (listed_ && !listing_.empty()) {
            walk_entry entry;
            if (!describe(cx, listing_.take(), entry) || cx.stopping()) continue;
            if (entry.type == file_type::directory && entry.depth < options_.max_depth) {
                const bool wanted = !options_.descend || options_.descend(entry);
                if (cx.stopping()) continue;
                if (wanted) to_read_.push_back({entry.path, entry.depth + 1});
            }
            return entry;
        }
        if (open_.get() >= 0) {
            read_more(cx);
            if (!cx.stopping() && !spend(cx, cost_of_batch)) return cx.yield();
        } else if (!to_read_.empty()) {
            open_next(cx);
            if (!cx.stopping() && !spend(cx, cost_of_directory)) return cx.yield();
        } else {
            root_.close();
            return done;
        }
    }
}

/// Opens current_. Its path is resolved from the given directory on, because a directory on the way may have been
/// replaced by a symbolic link since it was read.
int walk_stream::open_directory(file_system& files) {
    if (root_.get() >= 0) {
        const char* const path = current_.depth == 0 ? "." : current_.path.c_str() + root_size_;
        if (const int fd = files.open_directory_beneath(root_.get(), path); fd != -ENOSYS) return fd;
    }
    return files.open_directory(current_.path.c_str(), current_.depth == 0 ? symlinks::follow : options_.links);
}

void walk_stream::open_next(context& cx) {
    file_system& files = cx.executor().io().files();
    current_ = std::move(to_read_.back());
    to_read_.pop_back();
    found_ = to_read_.size();
    const bool given = current_.depth == 0;
    if (given && options_.links == symlinks::stay) {
        const int root = files.open_directory(current_.path.c_str(), symlinks::follow);
        if (root < 0) return left_out(root, "open", current_.path);
        root_ = detail::descriptor{root, cx.executor().io().closer()};
        root_size_ = current_.path.size() + (current_.path.ends_with('/') ? 0 : 1);
    }
    const int fd = open_directory(files);
    if (fd < 0) {
        // The entry existed when it was found: it was removed or replaced.
        if (!given && (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP || fd == -EXDEV)) return;
        return left_out(fd, "open", current_.path);
    }
    open_ = detail::descriptor{fd, cx.executor().io().closer()};
    if (options_.links == symlinks::stay) return;

    file_status status;
    if (const int r = files.status(fd, status); r < 0) {
        open_.close();
        return left_out(r, "stat", current_.path);
    }
    ancestors_.resize(current_.depth);
    const auto same = [&](const file_status& above) { return above.same_file(status); };
    if (std::any_of(ancestors_.begin(), ancestors_.end(), same)) {
        open_.close();
    } else {
        ancestors_.push_back(status);
    }
}

void walk_stream::read_more(context& cx) {
    const bool by_name = options_.order == walk_order::by_name;
    if (by_name && listed_) return close();
    if (!by_name) listing_.clear();
    int r = cx.executor().io().files().read_directory(open_.get(), listing_);
    if (r == -ENOENT) r = 0; // it was removed, and has no further entries
    listed_ = !by_name || r == 0;
    if (r < 0) {
        close();
        left_out(r, "read", current_.path);
    } else if (r == 0) {
        if (!by_name) return close();
        listing_.sort();
    }
}

/// Returns false for an entry that is left out.
bool walk_stream::describe(context& cx, const detail::directory_listing::entry& found, walk_entry& entry) {
    file_system& files = cx.executor().io().files();
    entry.depth = current_.depth;
    entry.type = found.type;
    entry.path.reserve(current_.path.size() + 32);
    entry.path = current_.path;
    if (!entry.path.ends_with('/')) entry.path += '/';
    entry.path += found.name;

    const auto look = [&](symlinks how, file_status& status) {
        for (int i = 0; i != cost_of_status; ++i) static_cast<void>(cx.spend());
        return files.status(open_.get(), found.name, how, status);
    };
    file_status status;
    int r = 0;
    if (entry.type == file_type::symlink && options_.links == symlinks::follow) {
        if (look(symlinks::follow, status) >= 0) entry.type = status.type;
    } else if (entry.type == file_type::unknown || (entry.type == file_type::regular && options_.sizes)) {
        r = look(options_.links, status);
        if (r == -ENOENT && options_.links == symlinks::follow) r = look(symlinks::stay, status);
        if (r >= 0) entry.type = status.type;
    }
    if (r < 0) {
        if (r != -ENOENT) left_out(r, "stat", entry.path);
        return false;
    }
    if (options_.sizes && entry.type == file_type::regular) entry.size = status.size;
    return true;
}

/// Puts the found directories next, the first one first.
void walk_stream::close() {
    open_.close();
    listing_.clear();
    listed_ = false;
    std::reverse(std::next(to_read_.begin(), static_cast<std::ptrdiff_t>(found_)), to_read_.end());
}

void walk_stream::left_out(int result, const char* attempted, const std::string& path) {
    if (!options_.on_error) detail::throw_io_error(result, attempted, path);
    const std::string kept = path; // on_error may drop the stream
    options_.on_error(kept, std::error_code{-result, std::system_category()});
}

} // namespace weir
