// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <weir/backend/backend.hpp>
#include <weir/backend/file_system.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/io/detail/descriptor.hpp>
#include <weir/source/walk.hpp>

namespace weir {

/// A change of a file or a directory.
struct file_change {
    change what;
    std::string path; ///< starts with the path that was passed to watch
    bool is_directory = false;
    std::uint32_t move_id = 0; ///< the same number in the moved_away and the moved_here of one move; otherwise 0
};

struct watch_options {
    /// The changes that become items. `vanished` and `lost` always do.
    change what = change::created | change::modified | change::written | change::attributes | change::removed |
                  change::moved_away | change::moved_here;
    bool recursive = false; ///< watches all directories below, including new ones
};

/// The stream of the changes of a file, or in a directory.
class [[nodiscard("add a sink and co_await it")]] watch_stream {
public:
    using value_type = file_change;

    watch_stream(std::string path, watch_options options)
        : path_{detail::without_nul(std::move(path), "weir::watch: the path")}, options_{options} {}

    poll<file_change> poll_next(context& cx);

    void outline(stage_outline& out) const { out.holds(held_bound::any_number); }

private:
    poll<file_change> next(context& cx);
    void start(context& cx);
    void start_again(context& cx);
    void look_into(const std::string& directory);
    int watch_directory(context& cx, const std::string& path, symlinks how);
    void watch_below(context& cx, const std::string& path);
    bool handle(context& cx, detail::change_record& record, file_change& result);
    bool found(context& cx, walk_entry& entry, file_change& result);
    bool tell_vanished(file_change& result);
    bool root_has_gone(context& cx);
    void forget(const std::string& directory, context& cx);

    std::string path_;
    watch_options options_;
    detail::descriptor watcher_;
    file_status root_;
    int root_watch_ = -1;
    std::map<std::string, int> numbers_;                // the watch number of each directory, when recursive
    std::unordered_map<int, const std::string*> names_; // the reverse of numbers_
    std::vector<detail::change_record> records_;
    std::size_t next_record_ = 0;
    // Searches a directory for further directories to watch.
    std::optional<walk_stream> looking_;
    bool announce_ = false;                     // entries found by looking_ are reported as created
    std::unordered_set<std::string> announced_; // the kernel may report these again
    bool lost_ = false;                         // report `lost` when all directories were read again
    bool vanished_ = false;
    detail::poll_checker checker_;
    io_operation readable_; // last: cancelled before the descriptor is closed
};

/// watch(path): the changes of a file, or in a directory, from the first poll on.
///
///     weir::watch("etc", {.what = weir::change::written | weir::change::moved_here | weir::change::removed})
///     weir::watch("src", {.recursive = true})
///
/// Changes have the kernel's order; equal changes in a row may be merged into one. The changes of files in a directory
/// contain their paths. With `recursive`, the contents of a directory that is created or moved here are reported as
/// created. A directory that is moved away takes its contents along, which are not reported.
///
/// When the kernel drops changes because the consumer is too slow, `lost` takes their place; with `recursive` all
/// directories are then read again. Changes that other machines make on a network file system are not seen.
///
/// Ends: after the item `vanished`, when the path itself is removed, moved or replaced. Watch the directory of a file
/// to see how the file is replaced.
/// Errors: std::system_error, such as `watch etc: No such file or directory`. `No space left on device` stands for the
/// limit fs.inotify.max_user_watches.
/// Cost: each item allocates its path.
/// See: follow, walk.
inline watch_stream watch(std::string path, watch_options options = {}) {
    return watch_stream{std::move(path), options};
}

} // namespace weir
