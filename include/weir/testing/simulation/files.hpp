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

/// How simulated files behave. Probabilities are from 0 to 1.
struct file_options {
    duration shortest_latency{}; ///< of an operation
    duration longest_latency = std::chrono::microseconds{200};
    double short_transfer = 0; ///< that a read or a write moves less than it could
    double read_error = 0;     ///< that a read fails with EIO
    double write_error = 0;    ///< that a write fails with EIO, having written some of it
    double sync_error = 0;     ///< that a sync fails with EIO, and what was written may be lost
    std::uint64_t capacity = std::numeric_limits<std::uint64_t>::max(); ///< bytes in all files; beyond: ENOSPC
};

/// The files of a simulation, in memory.
class files {
public:
    explicit files(detail::world& w) noexcept : world_{w} {}

    /// In force from now on.
    file_options& options() noexcept;

    /// Makes a file with this content, which is on the disk; directories come into being with what is in them.
    void put(std::string_view path, std::string_view content);
    /// @throws std::out_of_range when there is no such file
    std::string get(std::string_view path) const;
    bool exists(std::string_view path) const noexcept;
    void remove(std::string_view path) noexcept;
    /// Puts a file in another's place, as rename(2) does.
    void rename(std::string_view from, std::string_view to);

    /// The machine loses its power, and starts anew. Of what was written to a file after its last sync, each write is
    /// there, or not, or in part; a file that was never synced may be gone. Whatever is open from before fails with
    /// EIO.
    void crash();

private:
    detail::world& world_;
};

} // namespace weir::testing
