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
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/io/detail/descriptor.hpp>

namespace weir {

/// What walk found.
struct walk_entry {
    std::string path;       ///< begins with the path that was given to walk
    file_type type;         ///< with symlinks::follow, of what a link leads to; of the link when that is nothing
    std::size_t depth;      ///< 0 in the directory that was given
    std::uint64_t size = 0; ///< of a regular file, when it was asked for

    /// The path's last part.
    std::string_view name() const noexcept { return std::string_view{path}.substr(path.rfind('/') + 1); }
};

/// The order of the entries of one directory.
enum class walk_order : std::uint8_t {
    as_found, ///< as the file system has them; in memory are some hundreds of them
    by_name,  ///< by their bytes; all of a directory are in memory
};

struct walk_options {
    std::size_t max_depth = std::numeric_limits<std::size_t>::max(); ///< nothing deeper; 0: that one directory
    symlinks links = symlinks::stay;
    walk_order order = walk_order::as_found;
    bool sizes = false; ///< one more system call a file
    /// Called with each directory that is found: whether to look into it. By default into all.
    std::function<bool(const walk_entry&)> descend = nullptr;
    /// Called with what cannot be read, which is left out; without it that is the end of the stream.
    std::function<void(const std::string& path, std::error_code)> on_error = nullptr;
};

/// What is in a directory, and below it.
class [[nodiscard("add a sink and co_await it")]] walk_stream {
public:
    using value_type = walk_entry;

    walk_stream(std::string path, walk_options options) : options_{std::move(options)} {
        to_read_.push_back({std::move(path), 0});
    }

    poll<walk_entry> poll_next(context& cx);

private:
    struct directory {
        std::string path;
        std::size_t depth;
    };

    poll<walk_entry> next(context& cx);
    void open_next(context& cx);
    void read_more(context& cx);
    bool describe(context& cx, const detail::directory_listing::entry& found, walk_entry& entry);
    void close();
    void left_out(int result, const char* attempted, const std::string& path);

    walk_options options_;
    std::vector<directory> to_read_; // the next last
    directory current_{};
    detail::descriptor open_; // current_
    detail::directory_listing listing_;
    bool listed_ = false;                // what is in listing_ may go out
    std::size_t found_ = 0;              // of to_read_, those before are not of current_
    std::vector<file_status> ancestors_; // of current_, and itself; when links are followed
    detail::poll_checker checker_;
};

/// walk(path): what is in a directory and, after that, in each directory in it, and so on.
///
///     weir::walk("src") | weir::filter([](const weir::walk_entry& e) { return e.name().ends_with(".cpp"); })
///     weir::walk(".", {.descend = [](const weir::walk_entry& e) { return e.name() != ".git"; }})
///
/// The entries of a directory come one after the other, before those of its subdirectories, which come in the same
/// order. The directory that was given is no entry. One directory is open at a time. What is removed while it is walked
/// may be left out. Links are not followed unless `links` says so; one that leads to a directory above it is then an
/// entry like others, and not followed again.
///
/// What cannot be read fails the stream with std::system_error, `open /root: Permission denied`, or goes to `on_error`.
///
/// The system calls run on the executor's thread, in batches of some hundred entries, after each of which others have
/// their turn: they wait for a disk, if it must be asked.
///
/// Each item allocates its path.
inline walk_stream walk(std::string path, walk_options options = {}) {
    return walk_stream{std::move(path), std::move(options)};
}

} // namespace weir
