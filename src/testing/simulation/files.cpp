// SPDX-License-Identifier: MIT
#include "testing/simulation/file_state.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <stdexcept>

namespace weir::testing {

file_options& files::options() noexcept { return world_.options.files; }

void files::put(std::string_view path, std::string_view content) {
    auto f = world_.disk->make(detail::file_state::normal(path));
    f->data = content;
    f->unsynced.clear();
    f->name_synced = true;
}

std::string files::get(std::string_view path) const {
    const auto found = world_.disk->names.find(detail::file_state::normal(path));
    if (found == world_.disk->names.end())
        throw std::out_of_range{"weir::testing::files: no file " + std::string{path}};
    return found->second->data;
}

bool files::exists(std::string_view path) const noexcept {
    return world_.disk->names.contains(detail::file_state::normal(path));
}

void files::remove(std::string_view path) noexcept { world_.disk->names.erase(detail::file_state::normal(path)); }

void files::rename(std::string_view from, std::string_view to) {
    auto moved = world_.disk->names.extract(detail::file_state::normal(from));
    if (moved.empty()) throw std::out_of_range{"weir::testing::files: no file " + std::string{from}};
    world_.disk->names[detail::file_state::normal(to)] = std::move(moved.mapped());
}

void files::crash() { world_.disk->crash(); }

namespace detail {

std::string file_state::normal(std::string_view path) {
    std::string result;
    while (!path.empty()) {
        const std::size_t slash = std::min(path.find('/'), path.size());
        const std::string_view part = path.substr(0, slash);
        path.remove_prefix(std::min(slash + 1, path.size()));
        if (part.empty() || part == ".") continue;
        if (part == "..") {
            result.erase(std::min(result.rfind('/'), result.size()));
        } else {
            result.append("/").append(part);
        }
    }
    return result.empty() ? "/" : result;
}

/// Whether a path leads out of the directory that it starts in.
bool file_state::leaves(std::string_view path) noexcept {
    if (path.starts_with('/')) return true;
    int depth = 0;
    while (!path.empty()) {
        const std::size_t slash = std::min(path.find('/'), path.size());
        const std::string_view part = path.substr(0, slash);
        path.remove_prefix(std::min(slash + 1, path.size()));
        if (part.empty() || part == ".") continue;
        depth += part == ".." ? -1 : 1;
        if (depth < 0) return true;
    }
    return false;
}

bool file_state::is_directory(const std::string& path) const {
    if (path == "/" || path == "/tmp") return true;
    const auto next = names.lower_bound(path + '/');
    return next != names.end() && next->first.starts_with(path + '/');
}

std::shared_ptr<inode> file_state::make(const std::string& path) {
    auto& place = names[path];
    if (place == nullptr) place = std::make_shared<inode>(inode{.number = ++world_.last_number, .data = {}});
    return place;
}

duration file_state::time_for(const io_request&) {
    const file_options& o = world_.options.files;
    return world_.between(o.shortest_latency, o.longest_latency);
}

int file_state::attempt(const io_request& request) {
    std::string path = normal(request.path());
    if (request.fd >= 0) {
        const auto from = world_.find_as<directory>(request.fd);
        if (from == nullptr) return -ENOTDIR;
        if (leaves(request.path())) {
            world_.tell("open", 0, -EXDEV, path);
            return -EXDEV;
        }
        path = normal(from->path + '/' + request.path());
    }
    if (world_.full()) {
        world_.tell("open", 0, -EMFILE, path);
        return -EMFILE;
    }
    if (is_directory(path)) {
        return request.mode == open_mode::read ? world_.add(std::make_shared<directory>(world_, path)) : -EISDIR;
    }
    const auto found = names.find(path);
    std::shared_ptr<inode> f = found != names.end() ? found->second : nullptr;
    const bool makes = request.mode != open_mode::read && request.mode != open_mode::update;
    if (f == nullptr && !makes) {
        world_.tell("open", 0, -ENOENT, path);
        return -ENOENT;
    }
    if (f != nullptr && request.mode == open_mode::create) return -EEXIST;
    if (f == nullptr) f = make(path);
    if (request.mode == open_mode::write) truncate(*f);
    world_.tell("open", f->number, 0, path);
    return world_.add(std::make_shared<open_file>(world_, std::move(f), request.mode));
}

int file_state::read(inode& f, std::uint64_t offset, const io_request& request) {
    const file_options& o = world_.options.files;
    if (world_.chance(o.read_error)) {
        world_.tell("read", f.number, -EIO);
        return -EIO;
    }
    if (offset >= f.data.size() || request.size == 0) return 0;
    std::size_t n = std::min<std::size_t>({request.size, f.data.size() - offset, std::size_t{1} << 30U});
    n = world_.some_of(n, o.short_transfer);
    std::memcpy(request.data, f.data.data() + offset, n);
    world_.tell("read", f.number, static_cast<std::int64_t>(n));
    return static_cast<int>(n);
}

std::uint64_t file_state::used() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& [name, f] : names) sum += f->data.size();
    return sum;
}

int file_state::write(inode& f, std::uint64_t offset, const io_request& request) {
    const file_options& o = world_.options.files;
    std::size_t n = world_.some_of(std::min<std::size_t>(request.size, 1U << 30U), o.short_transfer);
    int result = static_cast<int>(n);
    if (world_.chance(o.write_error)) {
        n = world_.below(n);
        result = -EIO;
    }
    if (offset + n > f.data.size() && o.capacity != std::numeric_limits<std::uint64_t>::max()) {
        const std::uint64_t more = offset + n - f.data.size();
        const std::uint64_t u = used();
        const std::uint64_t room = o.capacity > u ? o.capacity - u : 0;
        if (more > room) {
            const std::uint64_t lacking = more - room;
            n = n > lacking ? n - lacking : 0;
            result = n == 0 ? -ENOSPC : static_cast<int>(n);
        }
    }
    world_.tell("write", f.number, result);
    if (n == 0) return result;
    const char* const from = static_cast<const char*>(request.data);
    inode::change change{offset, {}, std::string{from, n}};
    if (offset < f.data.size()) change.before = f.data.substr(offset, n);
    f.unsynced.push_back(std::move(change));
    if (f.data.size() < offset + n) f.data.resize(offset + n);
    f.data.replace(offset, n, from, n);
    return result;
}

int file_state::sync(inode& f) {
    const bool fails = world_.chance(world_.options.files.sync_error);
    world_.tell("sync", f.number, fails ? -EIO : 0);
    if (fails) return -EIO;
    f.unsynced.clear();
    f.name_synced = true;
    return 0;
}

void file_state::truncate(inode& f) {
    if (f.data.empty()) return;
    f.unsynced.push_back({0, std::exchange(f.data, {}), {}});
}

void file_state::crash() {
    ++crashes_;
    world_.tell("crash");
    for (auto at = names.begin(); at != names.end();) {
        inode& f = *at->second;
        auto changes = std::exchange(f.unsynced, {});
        for (auto c = changes.rbegin(); c != changes.rend(); ++c) {
            if (c->after.empty()) {
                f.data = c->before;
                continue;
            }
            // Restores the bytes that it overwrote, and removes those that it appended.
            f.data.replace(c->offset, c->before.size(), c->before);
            if (c->before.size() < c->after.size()) f.data.resize(c->offset + c->before.size());
        }
        for (inode::change& c : changes) {
            if (c.after.empty()) {
                if (world_.chance(0.5)) f.data.clear();
                continue;
            }
            std::size_t begin = 0;
            std::size_t end = c.after.size();
            switch (world_.below(4)) {
            case 0:
                continue;
            case 1: // a part of the write has reached the disk
                begin = world_.below(end);
                end = begin + world_.below(end - begin + 1);
                world_.tell("torn write", f.number, static_cast<std::int64_t>(end - begin));
                break;
            default:
                break;
            }
            if (begin == end) continue;
            if (f.data.size() < c.offset + end) f.data.resize(c.offset + end);
            f.data.replace(c.offset + begin, end - begin, c.after, begin, end - begin);
        }
        at = f.name_synced || world_.chance(0.5) ? std::next(at) : names.erase(at);
    }
}

int file_state::status(int fd, file_status& result) {
    if (const auto d = world_.find_as<detail::directory>(fd)) {
        return status(working_directory, d->path.c_str(), symlinks::stay, result);
    }
    const auto f = world_.find_as<open_file>(fd);
    if (f == nullptr) return world_.find(fd) != nullptr ? -ENOSYS : -EBADF;
    result = {1, f->file->number, f->file->data.size(), file_type::regular};
    return 0;
}

int file_state::status(int directory, const char* path, symlinks, file_status& result) {
    std::string full = path;
    if (directory != working_directory && !full.starts_with('/')) {
        const auto d = world_.find_as<detail::directory>(directory);
        if (d == nullptr) return -ENOTDIR;
        full = d->path + '/' + full;
    }
    full = normal(full);
    if (const auto found = names.find(full); found != names.end()) {
        result = {1, found->second->number, found->second->data.size(), file_type::regular};
        return 0;
    }
    if (!is_directory(full)) return -ENOENT;
    // A hash of the name (FNV-1a), with the high bit set, which numbers of files do not have.
    std::uint64_t number = 0xCBF29CE484222325U;
    for (const char c : full) number = (number ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
    result = {1, number | std::uint64_t{1} << 63U, 0, file_type::directory};
    return 0;
}

int file_state::open_directory(const char* path, symlinks) {
    const std::string full = normal(path);
    if (!is_directory(full)) return names.contains(full) ? -ENOTDIR : -ENOENT;
    return world_.add(std::make_shared<directory>(world_, full));
}

int file_state::read_directory(int fd, weir::detail::directory_listing& result) {
    const auto d = world_.find_as<detail::directory>(fd);
    if (d == nullptr) return -ENOTDIR;
    if (d->was_read) return 0;
    d->was_read = true;
    const std::string prefix = d->path == "/" ? d->path : d->path + '/';
    int count = 0;
    std::string last;
    for (auto at = names.lower_bound(prefix); at != names.end() && at->first.starts_with(prefix); ++at) {
        const std::string rest = at->first.substr(prefix.size());
        const std::size_t slash = rest.find('/');
        const std::string name = rest.substr(0, slash);
        if (count != 0 && name == last) continue;
        result.add(name, slash == std::string::npos ? file_type::regular : file_type::directory);
        last = name;
        ++count;
    }
    return count;
}

open_file::open_file(world& w, std::shared_ptr<inode> f, open_mode mode)
    : node{w}, file{std::move(f)}, mode_{mode}, crashes_{w.disk->crashes()} {}

duration open_file::time_for(const io_request& request) { return world_.disk->time_for(request); }

int open_file::attempt(const io_request& request) {
    if (crashes_ != world_.disk->crashes()) return -EIO;
    const bool own_position = request.offset < 0;
    std::uint64_t offset = own_position ? position_ : static_cast<std::uint64_t>(request.offset);
    int r = 0;
    switch (request.what) {
    case io_request::kind::read:
        if (mode_ == open_mode::write || mode_ == open_mode::append) return -EBADF;
        r = world_.disk->read(*file, offset, request);
        break;
    case io_request::kind::write:
        if (mode_ == open_mode::read) return -EBADF;
        if (mode_ == open_mode::append) offset = file->data.size();
        written_ = true;
        r = world_.disk->write(*file, offset, request);
        break;
    case io_request::kind::sync:
        return world_.disk->sync(*file);
    case io_request::kind::readable:
    case io_request::kind::writable:
        return 0;
    default:
        return -ENOTSOCK;
    }
    if (r > 0 && own_position) position_ = offset + static_cast<std::uint64_t>(r);
    return r;
}

int open_file::close_result() {
    constexpr int errors[] = {EIO, ENOSPC, EDQUOT};
    int r = 0;
    if (written_ && world_.chance(world_.options.files.close_error)) r = -errors[world_.below(std::size(errors))];
    world_.tell("close", file->number, r);
    return r;
}

void open_file::put_back(const io_request& request, int result) {
    if (request.what == io_request::kind::read && request.offset < 0 && result > 0)
        position_ -= static_cast<std::uint64_t>(result);
}

} // namespace detail

} // namespace weir::testing
