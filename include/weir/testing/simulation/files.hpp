// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <weir/core/time.hpp>

namespace weir::testing {

namespace detail {
class world;
}

/// The behaviour of simulated files. Probabilities are from 0 to 1.
struct file_options {
    duration shortest_latency{}; ///< the shortest time of an operation
    duration longest_latency = std::chrono::microseconds{200};
    double short_transfer = 0; ///< the probability that a read or write is short
    double read_error = 0;     ///< the probability that a read fails with EIO
    double write_error = 0;    ///< the probability that a write fails with EIO after a part of the data
    double sync_error = 0;     ///< the probability that a sync fails with EIO and loses written data
    double close_error = 0;    ///< the probability that the close of a written file fails with EIO, ENOSPC or EDQUOT
    /// The capacity of the disk in bytes. Writes beyond it fail with ENOSPC.
    std::uint64_t capacity = std::numeric_limits<std::uint64_t>::max();
};

/// The files of a simulation, in memory.
class files {
public:
    explicit files(detail::world& w) noexcept : world_{w} {}

    /// Returns the options. Changes affect later operations.
    file_options& options() noexcept;

    /// Creates a synced file with this content. Its directories exist from then on.
    void put(std::string_view path, std::string_view content);
    /// Returns the content of a file.
    /// @throws std::out_of_range when the file does not exist
    std::string get(std::string_view path) const;
    bool exists(std::string_view path) const noexcept;
    void remove(std::string_view path) noexcept;
    /// Renames a file and replaces an existing one, like rename(2).
    void rename(std::string_view from, std::string_view to);

    /// Simulates a loss of power. Each write after the last sync of a file is kept, lost, or kept in part. A file that
    /// was never synced may be lost. Files that were open before fail with EIO.
    void crash();

private:
    detail::world& world_;
};

} // namespace weir::testing
