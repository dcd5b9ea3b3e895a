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

/// Where following begins, in a file that is there already.
enum class follow_from : std::uint8_t { beginning, end };

/// What becomes of following a file that is not there at the first poll.
enum class follow_missing : std::uint8_t {
    fail,
    wait, ///< until there is one, which is then followed from its beginning
};

struct follow_options {
    follow_from from = follow_from::beginning;
    follow_missing missing = follow_missing::fail;
    /// How long a file that was replaced must be quiet before the next is read, and how often a file is looked at where
    /// the kernel does not tell of changes; > 0
    duration interval = std::chrono::milliseconds{100};
    std::size_t block = 64 * 1024; ///< what one read asks for
};

/// follow(path): what a file holds, and then what is written to it, as `tail -F` has it; it does not end.
///
///     weir::follow("access.log") | weir::lines() | weir::for_each(print)
///
/// It sleeps until the kernel tells of a change. On network file systems, through symbolic links, and where the limits
/// of inotify are reached, it looks each `interval` instead.
///
/// A file that became shorter is read from its beginning. Another file at the path is opened as soon as it is seen, and
/// read when nothing more came to the old one for one interval, since who writes may go on for a while after a log was
/// rotated; several that were put there in that time are read one after the other. Until there is a file again it stays
/// with the old one. When it begins anew or goes to another, a line that was not ended is, with a '\n', so that it does
/// not run into what follows. A file that was truncated and has grown beyond its former length between two looks is not
/// told from one that has only grown.
///
/// What is not a regular file (a pipe, a terminal) is read to its end, and is the end. A file in whose place there is
/// something else, such as a directory, is the error `follow access.log: Is a directory`, after what it held.
///
/// Fails with std::system_error: `open access.log: No such file or directory` when there is none at the first poll,
/// later only with other errors.
///
/// @throws std::invalid_argument for an interval that is not positive
async_stream<bytes> follow(std::string path, follow_options options = {});

} // namespace weir
