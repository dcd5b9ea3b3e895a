// SPDX-License-Identifier: MIT
// What does it cost to read a large file that is in page cache?

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <weir/executor/executor.hpp>
#include <weir/io/bytes.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/read.hpp>

#include "support/bench.hpp"
#include "support/echo_servers.hpp"
#include "support/scratch.hpp"

namespace {

using std::int64_t;

constexpr std::size_t KiB = 1024;
constexpr std::size_t block = 64 * KiB;

/// A file of a number of KiB, which is created when it is first needed.
class large_file {
public:
    const std::string& of(std::uint64_t kibibytes) {
        if (kibibytes == size_) return path_;
        std::vector<char> part(KiB);
        for (std::size_t i = 0; i != part.size(); ++i) part[i] = static_cast<char>(i * 7);
        const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        for (std::uint64_t i = 0; i != kibibytes; ++i) {
            if (::write(fd, part.data(), KiB) != static_cast<ssize_t>(KiB))
                throw std::runtime_error{"there is no space for the file"};
        }
        ::fsync(fd); // otherwise the kernel would write it back during the measurement
        ::close(fd);
        size_ = kibibytes;
        return path_;
    }

private:
    bench::scratch_directory where_;
    std::string path_ = where_.path() + "/file";
    std::uint64_t size_ = 0;
};

int64_t by_hand(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    std::vector<char> part(block);
    int64_t count = 0;
    for (ssize_t n = 0; (n = ::read(fd, part.data(), part.size())) > 0;) count += n;
    ::close(fd);
    return count;
}

int64_t by_weir(const std::string& path, weir::backend_kind backend) {
    weir::executor ex{backend};
    const auto add = [](int64_t sum, const weir::bytes& part) { return sum + static_cast<int64_t>(part.size()); };
    return ex.run(weir::read(path, {.block = block}) | weir::fold(int64_t{0}, add));
}

} // namespace

int main(int argc, char** argv) {
    large_file file;
    bench::question q{argc, argv, "What does it cost to read a large file that is in page cache?", "ns/KiB", KiB * KiB};
    const auto reading = [&](auto f) {
        return [&file, f](std::uint64_t n) {
            const std::string& path = file.of(n);
            return bench::timed([&] { return f(path); });
        };
    };
    const auto with = [](weir::backend_kind backend) {
        return [backend](const std::string& path) { return by_weir(path, backend); };
    };
    q.floor("read(2), 64 KiB", reading(by_hand));
    if (bench::have_uring()) {
        q.weir("uring: read | count bytes", reading(with(weir::backend_kind::uring)));
    } else {
        q.missing("uring: read | count bytes");
    }
    q.weir("epoll: read | count bytes", reading(with(weir::backend_kind::epoll)));
    return q.run();
}
