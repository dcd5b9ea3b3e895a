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

/// What has a name in a directory.
enum class file_type : std::uint8_t { unknown, regular, directory, symlink, pipe, socket, device };

/// What a symbolic link stands for: itself, or what it leads to.
enum class symlinks : std::uint8_t { stay, follow };

struct file_status {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    file_type type = file_type::unknown;

    bool same_file(const file_status& other) const noexcept { return device == other.device && inode == other.inode; }
};

/// What happened to something in a watched directory, or to what is watched itself. As a set:
/// `change::created | change::removed`.
enum class change : std::uint16_t {
    created = 1,
    modified = 2,   ///< its content
    written = 4,    ///< whoever had it open for writing has closed it
    attributes = 8, ///< permissions, owner, times, the number of links
    removed = 16,
    moved_away = 32, ///< or renamed: the name that it had
    moved_here = 64, ///< or renamed: the name that it has now
    vanished = 128,  ///< what is watched was removed, moved, replaced or unmounted; nothing comes after this
    lost = 256,      ///< there were more changes than the kernel keeps: look at everything again
};

constexpr change operator|(change a, change b) noexcept {
    return static_cast<change>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
/// Whether a set has one of some others.
constexpr bool has(change set, change some) noexcept {
    return (static_cast<unsigned>(set) & static_cast<unsigned>(some)) != 0;
}

namespace detail {

/// Names in a directory, and their memory.
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
    /// The next one. The name is good until something is added.
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

/// A change as it was told.
struct change_record {
    int watch = -1; ///< the number that `add_watch` gave; -1 of what was lost
    change what{};
    bool is_directory = false;
    bool watch_ended = false;  ///< and this is all that it says
    std::uint32_t move_id = 0; ///< the same for both names of what was moved
    std::string name;          ///< in the directory that is watched; empty of that itself
};

} // namespace detail

/// The part of a backend that knows names: calls that do not wait for anything but a disk. Each answers as the system
/// call does: >= 0, or minus the error number. This one knows none.
class file_system {
public:
    /// Of what is open.
    virtual int status(int /*fd*/, file_status&) { return -ENOSYS; }
    /// @param directory  open, where a relative path begins; working_directory for the process's own
    virtual int status(int /*directory*/, const char* /*path*/, symlinks, file_status&) { return -ENOSYS; }
    static constexpr int working_directory = -1;

    /// A descriptor. A symbolic link that is not to be followed is -ENOTDIR or -ELOOP.
    virtual int open_directory(const char* /*path*/, symlinks) { return -ENOSYS; }
    /// Adds some entries, without `.` and `..`: how many, 0 at the end.
    virtual int read_directory(int /*fd*/, detail::directory_listing&) { return -ENOSYS; }

    /// A descriptor of something that watches, `readable` when there are changes.
    virtual int open_watcher() { return -ENOSYS; }
    /// A number for what is at the path: the same number for the same thing.
    /// @param what  some of what can happen to it, or in it; `vanished` and `lost` are told anyhow
    virtual int add_watch(int /*watcher*/, const char* /*path*/, change /*what*/, symlinks) { return -ENOSYS; }
    /// The same for what is open.
    virtual int add_watch(int /*watcher*/, int /*fd*/, change /*what*/) { return -ENOSYS; }
    virtual int remove_watch(int /*watcher*/, int /*number*/) { return -ENOSYS; }
    /// Adds some changes; -EAGAIN when there are none.
    virtual int read_changes(int /*watcher*/, std::vector<detail::change_record>&) { return -ENOSYS; }
    /// Whether all changes there come from this machine, so that a watcher sees them.
    virtual bool is_local(const char* /*path*/) { return false; }

protected:
    ~file_system() = default;
};

namespace detail {

inline file_system& no_files() noexcept {
    static struct no_file_system final : file_system {
    } none;
    return none;
}

} // namespace detail

} // namespace weir
