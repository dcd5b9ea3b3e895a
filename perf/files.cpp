// SPDX-License-Identifier: MIT
// What does it cost to read many small files that are in page cache?

#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/executor/executor.hpp>
#include <weir/io/bytes.hpp>
#include <weir/io/file.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/read.hpp>
#include <weir/task.hpp>

#include "support/bench.hpp"
#include "support/echo_servers.hpp"
#include "support/scratch.hpp"

namespace {

using std::int64_t;

constexpr std::size_t largest = 8 * 1024;
constexpr std::size_t in_flight = 64;

using buffer = std::array<char, largest>;

/// A number of files, which are created when they are first needed.
class small_files {
public:
    const std::vector<std::string>& of(std::uint64_t count) {
        while (paths_.size() < count) {
            paths_.push_back(where_.path() + "/" + std::to_string(paths_.size()));
            std::ofstream{paths_.back()} << std::string(1 + paths_.size() * 37 % largest, 'x');
        }
        if (paths_.size() != count) throw std::logic_error{"the number of files has changed"};
        return paths_;
    }

private:
    bench::scratch_directory where_;
    std::vector<std::string> paths_;
};

int64_t one_by_one(const std::vector<std::string>& paths) {
    buffer part;
    int64_t sum = 0;
    for (const std::string& path : paths) {
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        for (ssize_t n = 0; (n = ::read(fd, part.data(), part.size())) > 0;) sum += n;
        ::close(fd);
    }
    return sum;
}

/// Reads the files from a pipe that cat writes to, as in a shell.
int64_t cat(const std::vector<std::string>& paths) {
    std::vector<char*> arguments;
    std::string name = "cat";
    arguments.push_back(name.data());
    for (const std::string& path : paths) arguments.push_back(const_cast<char*>(path.c_str()));
    arguments.push_back(nullptr);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error{"cannot open a pipe"};
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error{"cannot start a process"};
    if (child == 0) {
        ::dup2(ends[1], 1);
        ::execvp("cat", arguments.data());
        ::_exit(127);
    }
    ::close(ends[1]);
    std::vector<char> part(64 * 1024);
    int64_t sum = 0;
    for (ssize_t n = 0; (n = ::read(ends[0], part.data(), part.size())) > 0;) sum += n;
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return sum;
}

weir::task<int64_t> size_by_buffer(std::string path) {
    weir::file from = co_await weir::open(std::move(path));
    buffer part;
    int64_t sum = 0;
    while (const std::size_t n = co_await from.read(part)) sum += static_cast<int64_t>(n);
    co_return sum;
}

auto size_by_stream(const std::string& path) {
    const auto add = [](int64_t sum, const weir::bytes& part) { return sum + static_cast<int64_t>(part.size()); };
    return weir::read(path, {.block = largest}) | weir::fold(int64_t{0}, add);
}

template <class Size>
int64_t by_weir(const std::vector<std::string>& paths, weir::backend_kind backend, Size size) {
    weir::executor ex{backend};
    return ex.run(weir::from_range(paths) | weir::map_async_unordered(in_flight, size) |
                  weir::fold(int64_t{0}, [](int64_t sum, int64_t more) { return sum + more; }));
}

} // namespace

int main(int argc, char** argv) {
    small_files files;
    bench::question q{argc, argv, "What does it cost to read many small files that are in page cache?", "ns/file",
                      10'000};
    const auto reading = [&](auto f) {
        return [&files, f](std::uint64_t n) {
            const std::vector<std::string>& paths = files.of(n);
            return bench::timed([&] { return f(paths); });
        };
    };
    const auto add = [&](const std::string& name, weir::backend_kind backend) {
        using paths = const std::vector<std::string>&;
        q.weir(name + ": 64 x open, read(buffer)",
               reading([=](paths all) { return by_weir(all, backend, size_by_buffer); }));
        q.weir(name + ": 64 x read(path)", reading([=](paths all) { return by_weir(all, backend, size_by_stream); }));
    };
    q.floor("open, read, close", reading(one_by_one));
    q.peer("cat", reading(cat));
    if (bench::have_uring()) {
        add("uring", weir::backend_kind::uring);
    } else {
        q.missing("uring");
    }
    add("epoll", weir::backend_kind::epoll);
    return q.run();
}
