// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <weir/async_stream.hpp>
#include <weir/backend/backend.hpp>
#include <weir/io/bytes.hpp>

namespace weir {

/// The position at which `follow` starts in a file that exists at the first poll.
enum class follow_from : std::uint8_t { beginning, end };

/// What `follow` does when the file does not exist at the first poll.
enum class follow_missing : std::uint8_t {
    fail,
    wait, ///< waits for the file, and then follows it from its beginning
};

/// A place in a followed file, which a program saves so that it continues there after a restart.
struct follow_position {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t offset = 0;
    std::uint64_t fingerprint = 0;   ///< of the first bytes: another file may get the number of a deleted one
    std::uint64_t fingerprinted = 0; ///< the number of these bytes, at most 256

    /// All members, as hexadecimal numbers with colons between them.
    std::string to_string() const;
    /// @throws std::invalid_argument for other text
    static follow_position from_string(std::string_view text);

    friend bool operator==(const follow_position&, const follow_position&) = default;
};

/// A part of a followed file.
struct followed {
    bytes data;
    follow_position end; ///< behind the data
};

struct follow_options {
    follow_from from = follow_from::beginning;
    follow_missing missing = follow_missing::fail;
    /// How long a replaced file must stay unchanged before the next file is read, and how often a file is checked when
    /// the kernel does not report its changes; > 0
    duration interval = std::chrono::milliseconds{100};
    std::size_t block = 64 * 1024; ///< the maximum size of one read
    /// Where an earlier `follow_with_positions` has stopped: the stream continues exactly there. If the file was
    /// rotated since, it is looked for in the directory, under a name that begins with its former name, and the files
    /// that followed it are read in the order of their last change. If it is not found, the stream starts at the
    /// beginning of the file at the path. Takes precedence over `from`.
    std::optional<follow_position> resume = {};
};

/// follow(path): the contents of a file, and then everything that is appended to it, as `tail -F`.
///
///     weir::follow("access.log") | weir::lines() | weir::for_each(print)
///
/// The stream sleeps until the kernel reports a change. On network file systems, through symbolic links, and beyond the
/// limits of inotify it checks the file once per `interval` instead.
///
/// A file that became shorter is read from its beginning. A truncation is not detected when the file has grown beyond
/// its former length by the next check. A file that has contents but no size, such as those in /proc, is read once.
///
/// When another file appears at the path, it is opened at once. It is read when the old file has not changed for one
/// interval, because a writer may continue for a while after a log was rotated. Several such files are read one after
/// the other. When the path is empty, or the file there cannot be opened yet, the stream stays with the old file.
/// Before the stream continues with another file, or with the beginning of a truncated one, it adds a '\n' to an
/// unfinished line, so that the line does not run into the next file.
///
/// Ends: never for a regular file. A pipe or a terminal is read to its end.
/// Errors: std::system_error. `open access.log: No such file or directory` when there is no file at the first poll,
/// unless `missing` is `follow_missing::wait`. `follow access.log: Is a directory` when the file was replaced by
/// something that is not a file, after the contents of the old file.
/// Dropped: the file is closed.
/// Cost: a steady state allocates nothing. All followed files of an executor share one inotify instance.
/// See: read, watch, lines.
///
/// @throws std::invalid_argument when the interval is not positive
async_stream<bytes> follow(std::string path, follow_options options = {});

/// follow_with_positions(path): as `follow`, with the position behind each part, to be saved and passed as `resume`.
///
///     auto log = weir::follow_with_positions("access.log", {.resume = saved});
///     while (auto part = co_await weir::next(log)) {
///         co_await store(part->data, part->end.to_string());
///     }
///
/// A part may end in the middle of a line. The position of an earlier byte of the part has a smaller offset. The '\n'
/// that the stream adds to an unfinished line has no byte in the file: it does not move the offset.
async_stream<followed> follow_with_positions(std::string path, follow_options options = {});

} // namespace weir
