// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <weir/backend/file_system.hpp>

#include "testing/simulation/world.hpp"

namespace weir::testing::detail {

/// The contents of a file, and the changes that are not on the disk yet.
struct inode {
    struct change {
        std::uint64_t offset;
        std::string before; // the bytes that were overwritten
        std::string after;  // the bytes that were written; empty for a truncation
    };

    std::uint64_t number;
    std::string data;
    std::vector<change> unsynced = {}; // in the order in which they were made
    bool name_synced = false;
};

class file_state final : public node, public file_system {
public:
    explicit file_state(world& w) noexcept : node{w} {}

    /// Performs a request of kind open.
    int attempt(const io_request& request) override;
    void close() noexcept override {}
    duration time_for(const io_request&) override;

    int read(inode& f, std::uint64_t offset, const io_request& request);
    int write(inode& f, std::uint64_t offset, const io_request& request);
    int sync(inode& f);
    void truncate(inode& f);
    void crash();
    std::uint64_t crashes() const noexcept { return crashes_; }

    int status(int fd, file_status& result) override;
    int status(int directory, const char* path, symlinks, file_status& result) override;
    int open_directory(const char* path, symlinks) override;
    int read_directory(int fd, weir::detail::directory_listing& result) override;

    static std::string normal(std::string_view path);
    static bool leaves(std::string_view path) noexcept;
    bool is_directory(const std::string& path) const;
    std::shared_ptr<inode> make(const std::string& path);

    std::map<std::string, std::shared_ptr<inode>> names;

private:
    std::uint64_t used() const noexcept;

    std::uint64_t crashes_ = 0;
};

class open_file final : public node {
public:
    open_file(world& w, std::shared_ptr<inode> f, open_mode mode);

    int attempt(const io_request& request) override;
    void put_back(const io_request& request, int result) override;
    int close_result() override;
    void close() noexcept override {}
    duration time_for(const io_request& request) override;

    std::shared_ptr<inode> file;

private:
    open_mode mode_;
    bool written_ = false;
    std::uint64_t position_ = 0;
    std::uint64_t crashes_; // the number of crashes before it was opened
};

class directory final : public node {
public:
    directory(world& w, std::string p) : node{w}, path{std::move(p)} {}

    int attempt(const io_request&) override { return -EISDIR; }
    void close() noexcept override {}

    std::string path;
    bool was_read = false;
};

} // namespace weir::testing::detail
