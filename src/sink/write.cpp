// SPDX-License-Identifier: MIT
#include <weir/sink/write.hpp>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <weir/backend/backend.hpp>
#include <weir/executor/executor.hpp>
#include <weir/io/detail/error.hpp>

namespace weir::detail {

namespace {

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return path.substr(0, slash == 0 ? 1 : slash);
}

std::string temporary_beside(const std::string& path, std::uint64_t number) {
    char suffix[32];
    std::snprintf(suffix, sizeof suffix, ".%016llx.tmp", static_cast<unsigned long long>(number));
    return path + suffix;
}

/// The permissions of the file at a path, or std::nullopt if no regular file is there.
std::optional<unsigned> permissions_of(const std::string& path, file_system& files) {
    file_status status;
    const int r = files.status(file_system::working_directory, path.c_str(), symlinks::follow, status);
    if (r < 0 || status.type != file_type::regular) return std::nullopt;
    return status.permissions;
}

} // namespace

file* replaced_file::poll_device(context& cx) {
    const bool atomically = options_.replace == replace::atomically;
    while (!file_.is_open() && !directory_.is_open()) {
        if (!open_) {
            if (atomically) {
                temporary_ = temporary_beside(path_, cx.executor().random()());
                permissions_ = permissions_of(path_, cx.executor().io().files());
            }
            open_.emplace(atomically ? temporary_ : path_, atomically ? open_mode::create : open_mode::write,
                          permissions_.value_or(0666U));
        }
        try {
            auto opened = open_->poll_result(cx);
            if (opened.is_pending()) return nullptr;
            file_ = *std::move(opened);
        } catch (const std::system_error& e) {
            open_.reset();
            if (!atomically || e.code() != std::errc::file_exists) throw;
            continue;
        }
        if (atomically) files_ = &cx.executor().io().files();
        // Restores the permissions that the umask has removed; not all file systems have them.
        if (permissions_) static_cast<void>(files_->permit(file_.native_handle(), *permissions_));
    }
    return &file_;
}

bool replaced_file::poll_commit(context& cx) {
    if (options_.replace == replace::in_place) return true;
    if (!directory_.is_open()) {
        if (!sync_) sync_.emplace(file_);
        if (sync_->poll_result(cx).is_pending()) return false;
        sync_.reset();
        file_.close();
        if (const int r = files_->rename(temporary_.c_str(), path_.c_str()); r < 0) throw_io_error(r, "replace", path_);
        file_system& files = *std::exchange(files_, nullptr);
        std::string name = directory_of(path_);
        const int fd = files.open_directory(name.c_str(), symlinks::follow);
        if (fd < 0) throw_io_error(fd, "open", name);
        directory_ = file{descriptor{fd, cx.executor().io().closer()}, std::move(name)};
    }
    if (!sync_) sync_.emplace(directory_);
    try {
        return sync_->poll_result(cx).is_item();
    } catch (const std::system_error& e) {
        // Some file systems cannot sync a directory.
        if (e.code() != std::errc::invalid_argument) throw;
        return true;
    }
}

} // namespace weir::detail
