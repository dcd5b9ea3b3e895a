#include "kernel/file_status.hpp"

#include <sys/stat.h>

namespace weir::kernel {

namespace {

bool convert(int answer, const struct stat& from, file_status& result) noexcept {
    if (answer < 0) return false;
    result = {from.st_dev, from.st_ino, static_cast<std::uint64_t>(from.st_size), S_ISREG(from.st_mode)};
    return true;
}

} // namespace

bool status_of(int fd, file_status& result) noexcept {
    struct stat status{};
    return convert(::fstat(fd, &status), status, result);
}

bool status_of(const char* path, file_status& result) noexcept {
    struct stat status{};
    return convert(::stat(path, &status), status, result);
}

} // namespace weir::kernel
