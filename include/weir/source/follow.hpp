#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <weir/async_stream.hpp>
#include <weir/executor/backend.hpp>
#include <weir/io/bytes.hpp>

namespace weir {

/// Where following begins, in a file that is there already.
enum class follow_from : std::uint8_t { beginning, end };

struct follow_options {
    follow_from from = follow_from::beginning;
    duration interval = std::chrono::milliseconds{100}; ///< how often a file that has not grown is looked at, > 0
    std::size_t block = 64 * 1024;                      ///< what one read asks for
};

/// follow(path): what a file holds, and then what is written to it, as `tail -F` has it; it does not end.
///
///     weir::follow("access.log") | weir::lines() | weir::for_each(print)
///
/// A file that became shorter is read from its beginning. A path at which there is another file is opened anew when
/// nothing more came to the old one for one interval, since who writes may go on for a while after a log was rotated;
/// until there is a file again it stays with the old one. In both cases a line that was not ended is, with a '\n', so
/// that it does not run into what follows. A file that was truncated and has grown beyond its former length between two
/// looks is not told from one that has only grown.
///
/// What is not a regular file (a pipe, a terminal) is read to its end, and is the end.
///
/// Fails with std::system_error: `open access.log: No such file or directory` when there is none at the first poll,
/// later only with other errors.
///
/// @throws std::invalid_argument for an interval that is not positive
async_stream<bytes> follow(std::string path, follow_options options = {});

} // namespace weir
