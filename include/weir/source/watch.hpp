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
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/io/detail/descriptor.hpp>
#include <weir/source/walk.hpp>

namespace weir {

/// What happened to a file or a directory.
struct file_change {
    change what;
    std::string path; ///< begins with the path that was given to watch
    bool is_directory = false;
    std::uint32_t move_id = 0; ///< the same in the moved_away and the moved_here of one move; else 0
};

struct watch_options {
    /// What comes out; `vanished` and `lost` do anyhow.
    change what = change::created | change::modified | change::written | change::attributes | change::removed |
                  change::moved_away | change::moved_here;
    bool recursive = false; ///< also in all directories below, those that come later too
};

/// What happens to a file, or in a directory.
class [[nodiscard("add a sink and co_await it")]] watch_stream {
public:
    using value_type = file_change;

    watch_stream(std::string path, watch_options options) : path_{std::move(path)}, options_{options} {}

    poll<file_change> poll_next(context& cx);

private:
    poll<file_change> next(context& cx);
    void begin(context& cx);
    void begin_again(context& cx);
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
    std::map<std::string, int> numbers_;                // of watched directories, when recursive
    std::unordered_map<int, const std::string*> names_; // the same the other way round
    std::vector<detail::change_record> records_;
    std::size_t next_record_ = 0;
    // Looks into a directory for directories to watch.
    std::optional<walk_stream> looking_;
    bool announce_ = false;                     // what is found is new, and told so
    std::unordered_set<std::string> announced_; // the kernel may tell of it too, from before it was found
    bool lost_ = false;                         // to be told when all was looked into again
    bool vanished_ = false;
    detail::poll_checker checker_;
    io_operation readable_; // last: cancelled before the descriptor goes
};

/// watch(path): what happens to a file, or in a directory, from the first poll on.
///
///     weir::watch("etc", {.what = change::written | change::moved_here | change::removed})
///     weir::watch("src", {.recursive = true})
///
/// A change comes in the order in which the kernel saw it; equal ones that follow each other may come as one. In a
/// directory, changes of its files are told with their paths. With `recursive`, what is in a directory that is made or
/// moved here is told as created; what was moved away takes all below it along, and nothing is told of that.
///
/// When what is watched is removed, moved, or replaced by another file, `vanished` is the last item. To see how a file
/// is replaced, watch its directory. When more happens than is taken, the kernel drops changes: `lost` comes in their
/// place, and with `recursive` all directories are looked into anew.
///
/// Fails with std::system_error, `watch etc: No such file or directory`; `No space left on device` stands for the limit
/// fs.inotify.max_user_watches. What other machines do to a network file system is not seen.
///
/// Each item allocates its path.
inline watch_stream watch(std::string path, watch_options options = {}) {
    return watch_stream{std::move(path), options};
}

} // namespace weir
