// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

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

struct follow_options {
    follow_from from = follow_from::beginning;
    follow_missing missing = follow_missing::fail;
    /// How long a replaced file must stay unchanged before the next file is read, and how often a file is checked when
    /// the kernel does not report its changes; > 0
    duration interval = std::chrono::milliseconds{100};
    std::size_t block = 64 * 1024; ///< the maximum size of one read
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
/// Before the stream goes on to another file, or to the beginning of a truncated one, it adds a '\n' to an unfinished
/// line, so that the line does not run into the next file.
///
/// Ends: never for a regular file. A pipe or a terminal is read to its end.
/// Errors: std::system_error. `open access.log: No such file or directory` when there is no file at the first poll,
/// unless `missing` is `follow_missing::wait`. `follow access.log: Is a directory` when the file was replaced by
/// something that is not a file, after the contents of the old file.
/// Dropped: the file is closed.
/// Cost: a steady state allocates nothing.
/// See: read, watch, lines.
///
/// @throws std::invalid_argument when the interval is not positive
async_stream<bytes> follow(std::string path, follow_options options = {});

} // namespace weir
