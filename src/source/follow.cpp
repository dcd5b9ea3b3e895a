#include <weir/source/follow.hpp>

#include <algorithm>
#include <optional>
#include <span>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <weir/executor/sleep.hpp>
#include <weir/io/file.hpp>
#include <weir/task.hpp>

#include "kernel/file_status.hpp"

namespace weir {

namespace {

using kernel::file_status;
using kernel::status_of;

/// Nothing when the file went away again.
task<std::optional<file>> open_if_there(const std::string& path) {
    try {
        co_return co_await open(path);
    } catch (const std::system_error& e) {
        if (e.code() != std::errc::no_such_file_or_directory) throw;
    }
    co_return std::nullopt;
}

async_stream<bytes> read_for_good(std::string path, follow_options options) {
    const std::size_t block = std::max<std::size_t>(options.block, 1);
    file current = co_await open(path);
    file_status status;
    status_of(current.native_handle(), status);
    std::uint64_t offset = status.regular && options.from == follow_from::end ? status.size : 0;
    bool in_line = false;
    bool replaced = false; // at the last look, and nothing was read since
    detail::byte_filler filler;

    for (;;) {
        filler.make_room(block, std::max<std::size_t>(block / 4, 1));
        const std::span room{filler.room(), std::min(filler.room_size(), block)};
        std::size_t size = 0;
        if (status.regular) {
            size = co_await current.read_at(offset, room);
        } else {
            size = co_await current.read(room);
        }
        if (size != 0) {
            offset += size;
            replaced = false;
            bytes piece = filler.take(size);
            in_line = piece[size - 1] != '\n';
            co_yield std::move(piece);
            continue;
        }
        if (!status.regular) co_return;
        filler.reset(); // many may wait that have nothing to read

        file_status now;
        if (status_of(current.native_handle(), now) && now.size < offset) {
            offset = 0;
        } else {
            const bool another = status_of(path.c_str(), now) && !now.same_file(status);
            std::optional<file> next;
            // Once more after it was seen: who writes may have gone on in the old one.
            if (another && replaced) next = co_await open_if_there(path);
            replaced = another;
            if (!next) {
                co_await sleep_for(options.interval);
                continue;
            }
            current = *std::move(next);
            status_of(current.native_handle(), status);
            offset = 0;
            replaced = false;
        }
        if (std::exchange(in_line, false)) {
            bytes end_of_line{"\n"};
            co_yield std::move(end_of_line);
        }
    }
}

} // namespace

async_stream<bytes> follow(std::string path, follow_options options) {
    if (options.interval <= duration::zero()) {
        throw std::invalid_argument{"weir::follow(path, options): interval must be positive"};
    }
    return read_for_good(std::move(path), options);
}

} // namespace weir
