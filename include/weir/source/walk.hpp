// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <weir/backend/file_system.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/io/detail/descriptor.hpp>

namespace weir {

/// An entry that `walk` found.
struct walk_entry {
    std::string path; ///< starts with the path that was passed to walk
    file_type type; ///< with symlinks::follow, the type of a link's target; of the link itself when there is no target
    std::size_t depth;      ///< 0 in the given directory
    std::uint64_t size = 0; ///< of a regular file, with walk_options::sizes

    /// The last component of the path.
    std::string_view name() const noexcept { return std::string_view{path}.substr(path.rfind('/') + 1); }
};

/// The order of the entries of one directory.
enum class walk_order : std::uint8_t {
    as_found, ///< the file system's order; some hundred entries are in memory
    by_name,  ///< by the bytes of the name; all entries of a directory are in memory
};

struct walk_options {
    std::size_t max_depth =
        std::numeric_limits<std::size_t>::max(); ///< the maximum depth; 0 for the given directory only
    symlinks links = symlinks::stay;
    walk_order order = walk_order::as_found;
    bool sizes = false; ///< fills in walk_entry::size, at one more system call per file
    /// Called with each directory; returns whether to walk it. By default all are walked.
    std::function<bool(const walk_entry&)> descend = nullptr;
    /// Called with each directory that cannot be read, which is then left out. Without it the stream fails.
    std::function<void(const std::string& path, std::error_code)> on_error = nullptr;
};

/// The stream of the entries below a directory.
class [[nodiscard("add a sink and co_await it")]] walk_stream {
public:
    using value_type = walk_entry;

    walk_stream(std::string path, walk_options options) : options_{std::move(options)} {
        to_read_.push_back({detail::without_nul(std::move(path), "weir::walk: the path"), 0});
    }

    poll<walk_entry> poll_next(context& cx);

    void outline(stage_outline& out) const { out.holds(held_bound::any_number); }

private:
    struct directory {
        std::string path;
        std::size_t depth;
    };

    poll<walk_entry> next(context& cx);
    void open_next(context& cx);
    int open_directory(file_system& files);
    void read_more(context& cx);
    bool describe(context& cx, const detail::directory_listing::entry& found, walk_entry& entry);
    void close();
    void left_out(int result, const char* attempted, const std::string& path);

    walk_options options_;
    std::vector<directory> to_read_; // the next directory is the last element
    directory current_{};
    detail::descriptor root_;   // the given directory, when no links are followed
    std::size_t root_size_ = 0; // the length of its path, with the slash
    detail::descriptor open_;   // current_
    detail::directory_listing listing_;
    bool listed_ = false;                // the entries in listing_ may be delivered
    std::size_t found_ = 0;              // index in to_read_ of the first subdirectory of current_
    std::vector<file_status> ancestors_; // current_ and its parents, when links are followed
    detail::poll_checker checker_;
};

/// walk(path): the entries of a directory and of all directories below it.
///
///     weir::walk("src") | weir::filter([](const weir::walk_entry& e) { return e.name().ends_with(".cpp"); })
///     weir::walk(".", {.descend = [](const weir::walk_entry& e) { return e.name() != ".git"; }})
///
/// All entries of a directory precede those of its subdirectories, which follow in the same order. The given directory
/// itself is not an entry. An entry that is removed during the walk may be left out. Symbolic links are followed only
/// when `links` says so; a link to one of its own parent directories is then an ordinary entry and is not followed
/// again. Without links to follow the walk never leaves the given directory, whatever is renamed or replaced meanwhile.
///
/// Ends: after the last entry.
/// Errors: std::system_error for a directory that cannot be read, such as `open /root: Permission denied`. With
/// `on_error` such a directory is reported there and left out.
/// Cost: each item allocates its path. The given directory and one other are open at a time. The system calls run on
/// the executor's thread, in batches of some hundred entries; other tasks run between the batches, but wait while a
/// batch waits for the disk.
/// See: watch, read.
inline walk_stream walk(std::string path, walk_options options = {}) {
    return walk_stream{std::move(path), std::move(options)};
}

} // namespace weir
