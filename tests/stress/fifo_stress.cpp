// SPDX-License-Identifier: MIT
// Opens a FIFO for reading while short-lived writers come and go, and counts the messages that arrive.
//
//     fifo_stress [--rounds N] [--seed N]
//
// Each round runs on each backend. A writer opens a FIFO, writes a message or none, and closes it,
// at a random time from the open of the reader on. The reader must see exactly that.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/executor/executor.hpp>
#include <weir/io/file.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/task.hpp>
#include <weir/threads/runtime.hpp>

#include "rounds.hpp"

namespace {

using namespace std::chrono_literals;

/// A FIFO with a name of its own.
class fifo {
public:
    fifo() : path_{std::filesystem::temp_directory_path() / ("weir_fifo_stress_" + std::to_string(::getpid()))} {
        if (::mkfifo(path_.c_str(), 0600) != 0) throw std::runtime_error{"mkfifo " + path_};
    }
    fifo(const fifo&) = delete;
    ~fifo() { ::unlink(path_.c_str()); }

    const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

void pause(unsigned length) {
    for (unsigned i = 0; i != length; ++i) std::atomic_signal_fence(std::memory_order_seq_cst); // keeps the loop
}

weir::task<std::string> read_all(std::string path) {
    auto reader = co_await weir::open(path);
    std::string text;
    std::string part(100, '\0');
    while (const std::size_t n = co_await reader.read(part)) text.append(part, 0, n);
    co_return text;
}

void round(weir::runtime&, std::uint64_t seed) {
    std::minstd_rand random{static_cast<std::minstd_rand::result_type>(seed + 1)};
    for (const auto kind : {weir::backend_kind::epoll, weir::backend_kind::automatic}) {
        weir::executor ex{kind};
        for (int i = 0; i != 20; ++i) {
            const bool silent = random() % 4 == 0;
            const auto before = static_cast<unsigned>(random() % 3000);
            const auto after = static_cast<unsigned>(random() % 3000);
            const std::string message = silent ? "" : std::to_string(random());
            // A new FIFO each time: io_uring keeps a closed reading end for a moment, and a writer would open that one.
            const fifo f;
            std::thread writer{[&] {
                pause(before);
                const int fd = ::open(f.path().c_str(), O_WRONLY | O_CLOEXEC); // waits until the reader has opened
                pause(after);
                if (!silent) static_cast<void>(::write(fd, message.data(), message.size()));
                ::close(fd);
            }};
            std::string text;
            std::string error;
            try {
                text = ex.run(weir::with_timeout(30s, read_all(f.path())));
            } catch (const weir::timed_out&) {
                error = "a reader waits for a writer that has been there, on ";
                error += ex.io().name();
            }
            writer.join();
            if (error.empty() && text != message) error = "read '" + text + "' instead of '" + message + "'";
            if (!error.empty()) throw std::runtime_error{error};
        }
    }
}

} // namespace

int main(int argc, char** argv) { return stress::run(argc, argv, 1'000, round); }
