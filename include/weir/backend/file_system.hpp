// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// The type of a directory entry.
enum class file_type : std::uint8_t { unknown, regular, directory, symlink, pipe, socket, device };

/// Whether a symbolic link is followed.
enum class symlinks : std::uint8_t { stay, follow };

struct file_status {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    file_type type = file_type::unknown;
    std::int64_t modified = 0; ///< the time of the last change of the contents, in nanoseconds; 0: unknown
    unsigned permissions = 0666;

    bool same_file(const file_status& other) const noexcept { return device == other.device && inode == other.inode; }
};

/// A set of changes of a watched file or directory, or of an entry in it: `change::created | change::removed`.
enum class change : std::uint16_t {
    created = 1,
    modified = 2,   ///< the contents
    written = 4,    ///< closed by a process that had it open for writing
    attributes = 8, ///< permissions, owner, times, the number of links
    removed = 16,
    moved_away = 32, ///< moved or renamed: the old name
    moved_here = 64, ///< moved or renamed: the new name
    vanished = 128,  ///< the watched path was removed, moved, replaced or unmounted; no change follows
    lost = 256,      ///< changes were lost: read everything again
};

constexpr change operator|(change a, change b) noexcept {
    return static_cast<change>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
/// Whether two sets have a common element.
constexpr bool has(change set, change some) noexcept {
    return (static_cast<unsigned>(set) & static_cast<unsigned>(some)) != 0;
}

namespace detail {

/// Directory entries, with the memory of their names.
class directory_listing {
public:
    struct entry {
        const char* name; ///< ends with a zero
        file_type type;
    };

    void clear() noexcept {
        names_.clear();
        entries_.clear();
        next_ = 0;
    }
    void add(std::string_view name, file_type type) {
        entries_.push_back({names_.size(), type});
        names_.append(name).push_back('\0');
    }
    void sort() {
        std::sort(entries_.begin(), entries_.end(), [this](const place& a, const place& b) {
            return std::string_view{name(a)} < std::string_view{name(b)};
        });
    }

    bool empty() const noexcept { return next_ == entries_.size(); }
    /// The next entry. Its name is valid until an entry is added.
    entry take() noexcept {
        const place& p = entries_[next_++];
        return {name(p), p.type};
    }

private:
    struct place {
        std::size_t name;
        file_type type;
    };

    const char* name(const place& p) const noexcept { return names_.data() + p.name; }

    std::string names_;
    std::vector<place> entries_;
    std::size_t next_ = 0;
};

/// A change as reported by the kernel.
struct change_record {
    int watch = -1; ///< the result of `add_watch`; -1 for `lost`
    change what{};
    bool is_directory = false;
    bool watch_ended = false;  ///< the watch ended; there is no further information
    std::uint32_t move_id = 0; ///< the same for both names of a move
    std::string name;          ///< the name in the watched directory; empty for the directory itself
};

} // namespace detail

/// The part of a backend for file names: calls that wait for nothing but a disk. Each returns what the system call
/// returns: >= 0, or minus the error number. This base class supports none.
class file_system {
public:
    /// The status of an open file.
    virtual int status(int /*fd*/, file_status&) { return -ENOSYS; }
    /// @param directory  the open directory of a relative path; working_directory for the process's own
    virtual int status(int /*directory*/, const char* /*path*/, symlinks, file_status&) { return -ENOSYS; }
    static constexpr int working_directory = -1;

    /// Returns a descriptor; -ENOTDIR or -ELOOP for a symbolic link that is not followed.
    virtual int open_directory(const char* /*path*/, symlinks) { return -ENOSYS; }
    /// Opens a directory by its path relative to another, without following any symbolic link on the way and without
    /// leaving the other directory. Returns what open_directory returns, or -EXDEV.
    virtual int open_directory_beneath(int /*directory*/, const char* /*path*/) { return -ENOSYS; }
    /// Adds some entries, without `.` and `..`. Returns their number; 0 at the end.
    virtual int read_directory(int /*fd*/, detail::directory_listing&) { return -ENOSYS; }

    /// Renames a file, and replaces what has the new name.
    virtual int rename(const char* /*from*/, const char* /*to*/) { return -ENOSYS; }
    virtual int remove(const char* /*path*/) { return -ENOSYS; }
    /// Sets the permissions of an open file.
    virtual int permit(int /*fd*/, unsigned /*permissions*/) { return -ENOSYS; }

    /// Creates a watcher: a descriptor that is `readable` when there are changes.
    virtual int open_watcher() { return -ENOSYS; }
    /// Watches a path. Returns a number, which is the same for the same file.
    /// @param what  the changes to report; `vanished` and `lost` are always reported
    virtual int add_watch(int /*watcher*/, const char* /*path*/, change /*what*/, symlinks) { return -ENOSYS; }
    /// The same for an open file.
    virtual int add_watch(int /*watcher*/, int /*fd*/, change /*what*/) { return -ENOSYS; }
    virtual int remove_watch(int /*watcher*/, int /*number*/) { return -ENOSYS; }
    /// Adds some changes. Returns -EAGAIN when there are none.
    virtual int read_changes(int /*watcher*/, std::vector<detail::change_record>&) { return -ENOSYS; }
    /// Whether all changes are made by this machine, so that a watcher sees them.
    virtual bool is_local(const char* /*path*/) { return false; }

protected:
    ~file_system() = default;
};

} // namespace weir
