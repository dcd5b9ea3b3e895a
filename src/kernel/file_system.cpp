// SPDX-License-Identifier: MIT
#include "kernel/file_system.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel/or_error.hpp"

namespace weir::kernel {

namespace {

file_type type_of_mode(mode_t mode) noexcept {
    switch (mode & S_IFMT) {
    case S_IFREG:
        return file_type::regular;
    case S_IFDIR:
        return file_type::directory;
    case S_IFLNK:
        return file_type::symlink;
    case S_IFIFO:
        return file_type::pipe;
    case S_IFSOCK:
        return file_type::socket;
    case S_IFCHR:
    case S_IFBLK:
        return file_type::device;
    default:
        return file_type::unknown;
    }
}

int convert(int answer, const struct stat& from, file_status& result) noexcept {
    if (answer < 0) return -errno;
    result = {.device = from.st_dev,
              .inode = from.st_ino,
              .size = static_cast<std::uint64_t>(from.st_size),
              .type = type_of_mode(from.st_mode),
              .modified = std::int64_t{from.st_mtim.tv_sec} * 1'000'000'000 + from.st_mtim.tv_nsec,
              .permissions = from.st_mode & 0777U};
    return 0;
}

/// The record that getdents64(2) returns. The C library declares it only together with its own buffering.
struct directory_record {
    std::uint64_t inode;
    std::int64_t next;
    std::uint16_t size;
    std::uint8_t type;
    char name[1];
};

constexpr std::pair<change, std::uint32_t> masks[] = {
    {change::created, IN_CREATE},      {change::modified, IN_MODIFY},      {change::written, IN_CLOSE_WRITE},
    {change::attributes, IN_ATTRIB},   {change::removed, IN_DELETE},       {change::moved_away, IN_MOVED_FROM},
    {change::moved_here, IN_MOVED_TO}, {change::vanished, IN_DELETE_SELF}, {change::vanished, IN_MOVE_SELF},
    {change::vanished, IN_UNMOUNT},    {change::lost, IN_Q_OVERFLOW},
};

/// The directories that a path has been followed through, from the one that it may not leave on.
class followed_directories {
public:
    explicit followed_directories(int first) : open_{first} {}
    followed_directories(const followed_directories&) = delete;
    followed_directories& operator=(const followed_directories&) = delete;
    ~followed_directories() {
        while (leave()) {}
    }

    int current() const noexcept { return open_.back(); }
    void enter(int fd) {
        try {
            open_.push_back(fd);
        } catch (...) {
            ::close(fd);
            throw;
        }
    }
    /// Goes back to the directory above. Returns false in the first one.
    bool leave() noexcept {
        if (open_.size() == 1) return false;
        ::close(open_.back());
        open_.pop_back();
        return true;
    }

private:
    std::vector<int> open_;
};

/// Returns -ENOSYS, -EPERM or -EINVAL where the kernel or a sandbox does not have it.
int open_by_openat2(int directory, const char* path, int flags, mode_t permissions, std::uint64_t resolve) noexcept {
    open_how how{};
    how.flags = static_cast<unsigned>(flags);
    how.mode = (flags & O_CREAT) != 0 ? permissions : 0;
    how.resolve = resolve;
    return or_error(static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how)));
}

int open_beneath(int directory, const char* path, int flags, mode_t permissions, symlinks how) noexcept {
    const std::uint64_t resolve = how == symlinks::stay ? RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS : RESOLVE_BENEATH;
    const int fd = open_by_openat2(directory, path, flags, permissions, resolve);
    if (fd >= 0 || (fd != -ENOSYS && fd != -EPERM && fd != -EINVAL)) return fd;
    return open_step_by_step(directory, path, flags, permissions, how);
}

class kernel_file_system final : public file_system {
public:
    int status(int fd, file_status& result) override {
        struct stat status{};
        return convert(::fstat(fd, &status), status, result);
    }

    int status(int directory, const char* path, symlinks how, file_status& result) override {
        struct stat status{};
        return convert(::fstatat(directory == working_directory ? AT_FDCWD : directory, path, &status,
                                 how == symlinks::stay ? AT_SYMLINK_NOFOLLOW : 0),
                       status, result);
    }

    int open_directory(const char* path, symlinks how) override {
        return or_error(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (how == symlinks::stay ? O_NOFOLLOW : 0)));
    }

    int open_directory_beneath(int directory, const char* path) override {
        return open_beneath(directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, symlinks::stay);
    }

    int read_directory(int fd, detail::directory_listing& result) override {
        alignas(directory_record) std::array<char, 32 * 1024> buffer;
        for (;;) {
            const auto size = ::syscall(SYS_getdents64, fd, buffer.data(), buffer.size());
            if (size < 0) return -errno;
            if (size == 0) return 0;
            int count = 0;
            for (auto* at = buffer.data(); at != buffer.data() + size;) {
                const auto* record = reinterpret_cast<const directory_record*>(at);
                at += record->size;
                const std::string_view name{record->name};
                if (name == "." || name == "..") continue;
                result.add(name, type_of_mode(DTTOIF(mode_t{record->type})));
                ++count;
            }
            if (count != 0) return count;
        }
    }

    int rename(const char* from, const char* to) override { return or_error(::rename(from, to)); }
    int remove(const char* path) override { return or_error(::unlink(path)); }
    int permit(int fd, unsigned permissions) override { return or_error(::fchmod(fd, permissions)); }

    int open_watcher() override { return or_error(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)); }

    int add_watch(int watcher, const char* path, change what, symlinks how) override {
        std::uint32_t mask = how == symlinks::stay ? IN_DONT_FOLLOW : 0;
        for (const auto& [c, bit] : masks) {
            if (has(what | change::vanished, c)) mask |= bit;
        }
        return or_error(::inotify_add_watch(watcher, path, mask));
    }

    int add_watch(int watcher, int fd, change what) override {
        return add_watch(watcher, descriptor_path{fd}.c_str(), what, symlinks::follow);
    }

    int remove_watch(int watcher, int number) override { return or_error(::inotify_rm_watch(watcher, number)); }

    int read_changes(int watcher, std::vector<detail::change_record>& result) override {
        alignas(inotify_event) std::array<char, 16 * 1024> buffer;
        const auto size = ::read(watcher, buffer.data(), buffer.size());
        if (size < 0) return -errno;
        int count = 0;
        for (auto* at = buffer.data(); at < buffer.data() + size; ++count) {
            const auto* event = reinterpret_cast<const inotify_event*>(at);
            at += sizeof *event + event->len;
            detail::change_record record;
            record.watch = event->wd;
            record.is_directory = (event->mask & IN_ISDIR) != 0;
            record.watch_ended = (event->mask & IN_IGNORED) != 0;
            record.move_id = event->cookie;
            if (event->len != 0) record.name = event->name;
            for (const auto& [c, bit] : masks) {
                if ((event->mask & bit) != 0) record.what = c;
            }
            result.push_back(std::move(record));
        }
        return count;
    }

    bool is_local(const char* path) override {
        struct statfs status{};
        if (::statfs(path, &status) < 0) return false;
        switch (static_cast<unsigned long>(status.f_type)) {
        case AFS_SUPER_MAGIC:
        case CODA_SUPER_MAGIC:
        case NCP_SUPER_MAGIC:
        case NFS_SUPER_MAGIC:
        case SMB_SUPER_MAGIC:
        case V9FS_MAGIC:
        case 0x00C36400: // Ceph
        case 0x65735546: // FUSE
        case 0xFE534D42: // SMB2
        case 0xFF534D42: // CIFS
            return false;
        default:
            return true;
        }
    }
};

} // namespace

file_system& kernel_files() noexcept {
    static kernel_file_system the_files;
    return the_files;
}

descriptor_path::descriptor_path(int fd) noexcept {
    std::to_chars(text_.data() + std::strlen(text_.data()), text_.data() + text_.size() - 1, fd);
}

int open_path(int directory, const char* path, int flags, mode_t permissions) noexcept {
    if (directory < 0) return or_error(::open(path, flags, permissions));
    return open_beneath(directory, path, flags, permissions, symlinks::follow);
}

int open_step_by_step(int directory, const char* path, int flags, mode_t permissions, symlinks how) noexcept try {
    constexpr int most_links = 40; // as in the kernel
    int links = 0;
    std::string rest = path;
    if (rest.empty()) return -ENOENT;
    followed_directories followed{directory};
    for (;;) {
        if (rest.starts_with('/')) return -EXDEV;
        const std::size_t slash = rest.find('/');
        const std::size_t next = rest.find_first_not_of('/', slash);
        const bool last = next == std::string::npos;
        std::string name = rest.substr(0, slash);
        rest.erase(0, next);
        if (name == "..") {
            if (!followed.leave()) return -EXDEV;
            name.pop_back(); // the directory itself: "."
        }
        if (name == "." && !last) continue;
        if (!last || (flags & O_EXCL) == 0) {
            std::array<char, PATH_MAX> target;
            const auto size = ::readlinkat(followed.current(), name.c_str(), target.data(), target.size());
            if (size == static_cast<ssize_t>(target.size())) return -ENAMETOOLONG; // perhaps truncated
            if (size >= 0) {
                if (how == symlinks::stay || ++links > most_links) return -ELOOP;
                if (slash != std::string::npos) rest.insert(0, 1, '/');
                rest.insert(0, target.data(), static_cast<std::size_t>(size));
                continue;
            }
        }
        int how_to_open = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        if (last) {
            if (slash != std::string::npos && (flags & O_CREAT) != 0) return -EISDIR;
            how_to_open = flags | O_NOFOLLOW | (slash != std::string::npos ? O_DIRECTORY : 0);
        }
        const int fd = or_error(::openat(followed.current(), name.c_str(), how_to_open, permissions));
        if (fd == -ELOOP) return -EAGAIN; // it has become a link
        if (last || fd < 0) return fd;
        followed.enter(fd);
    }
} catch (const std::bad_alloc&) {
    return -ENOMEM;
}

} // namespace weir::kernel
