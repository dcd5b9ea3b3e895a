// SPDX-License-Identifier: MIT
#include <weir/io/file.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/read.hpp>

#include "raw_io.hpp"
#include "temporary_directory.hpp"
#include "temporary_file.hpp"

using namespace std::chrono_literals;
using support::begin;

namespace {

/// While it exists, fsync(2) called by this program waits. The io_uring backend does not call it.
class held_fsync {
public:
    held_fsync() { held = true; }
    held_fsync(const held_fsync&) = delete;
    ~held_fsync() { let_go(); }

    void let_go() {
        held = false;
        held.notify_all();
    }

    static inline std::atomic<bool> held = false;
};

/// While it exists, inotify_init1(2) or inotify_add_watch(2) fails when this program calls it.
class no_inotify {
public:
    explicit no_inotify(bool instances, bool watches) {
        no_instances = instances;
        no_watches = watches;
    }
    no_inotify(const no_inotify&) = delete;
    ~no_inotify() { no_instances = no_watches = false; }

    static inline std::atomic<bool> no_instances = false;
    static inline std::atomic<bool> no_watches = false;
};

/// A writing end of a FIFO. The constructor waits for a reader.
class raw_writer {
public:
    explicit raw_writer(const std::string& path) : fd_{::open(path.c_str(), O_WRONLY | O_CLOEXEC)} {
        REQUIRE(fd_ >= 0);
    }
    raw_writer(const raw_writer&) = delete;
    ~raw_writer() { ::close(fd_); }

    void write(std::string_view text) const {
        REQUIRE(::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }

private:
    int fd_;
};

std::string fifo_in(const support::temporary_directory& directory, const std::string& name = "fifo") {
    const std::string path = directory / name.c_str();
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    return path;
}

/// Runs the executor until a timer has fired: a call that held the loop would never return.
void run_timer(weir::executor& ex) { ex.run(weir::sleep_for(1ms)); }

} // namespace

extern "C" int fsync(int fd) {
    held_fsync::held.wait(true);
    return static_cast<int>(::syscall(SYS_fsync, fd));
}

extern "C" int inotify_init1(int flags) {
    if (!no_inotify::no_instances) return static_cast<int>(::syscall(SYS_inotify_init1, flags));
    errno = EMFILE;
    return -1;
}

extern "C" int inotify_add_watch(int fd, const char* path, std::uint32_t mask) {
    if (!no_inotify::no_watches) return static_cast<int>(::syscall(SYS_inotify_add_watch, fd, path, mask));
    errno = ENOSPC;
    return -1;
}

TEST_SUITE("io/file_waits") {
    TEST_CASE("open waits for the writer of a FIFO, and the executor goes on") {
        const support::temporary_directory directory;
        const std::string path = fifo_in(directory);
        weir::executor ex;
        auto opening = begin(ex, weir::open(path));
        run_timer(ex);
        CHECK_FALSE(opening.finished());
        auto writer = ex.run(weir::open(path, weir::open_mode::append));
        auto reader = ex.run(std::move(opening));
        auto reading = begin(ex, weir::read(reader) | weir::fold(std::string{}, [](std::string text, const auto& part) {
                                     return text += part.view();
                                 }));
        run_timer(ex);
        CHECK_FALSE(reading.finished());
        ex.run(writer.write("hello"));
        writer.close();
        CHECK(ex.run(std::move(reading)) == "hello");
    }

    TEST_CASE("open waits for the reader of a FIFO, and the executor goes on") {
        const support::temporary_directory directory;
        const std::string path = fifo_in(directory);
        for (const auto mode : {weir::open_mode::append, weir::open_mode::write}) {
            weir::executor ex;
            auto opening = begin(ex, weir::open(path, mode));
            run_timer(ex);
            CHECK_FALSE(opening.finished());
            auto reader = ex.run(weir::open(path));
            auto writer = ex.run(std::move(opening));
            ex.run(writer.write("x"));
            std::string text(5, ' ');
            CHECK(ex.run(reader.read(text)) == 1);
        }
    }

    TEST_CASE("open: a writer of a FIFO that comes and goes at once is not missed") {
        const support::temporary_directory directory;
        const std::string path = fifo_in(directory);
        weir::executor ex;
        for (int i = 0; i != 100; ++i) {
            auto opening = begin(ex, weir::open(path));
            const std::string text = i % 2 == 0 ? "" : "text";
            raw_writer{path}.write(text);
            auto reader = ex.run(weir::with_timeout(10s, std::move(opening)));
            std::string part(10, ' ');
            CHECK(ex.run(reader.read(part)) == text.size());
        }
    }

    TEST_CASE("open: a FIFO is opened without inotify too") {
        const support::temporary_directory directory;
        const std::string path = fifo_in(directory);
        for (const bool instances : {true, false}) {
            const no_inotify none{instances, !instances};
            weir::executor ex;
            for (int i = 0; i != 5; ++i) {
                auto opening = begin(ex, weir::open(path));
                auto other = begin(ex, weir::open(path));
                ex.run(weir::sleep_for(5ms));
                CHECK_FALSE(opening.finished());
                const raw_writer silent{path};
                ex.run(weir::with_timeout(10s, std::move(opening)));
                ex.run(weir::with_timeout(10s, std::move(other)));
            }
        }
    }

    TEST_CASE("open: a silent writer of a FIFO completes all opens of that FIFO, and no other") {
        const support::temporary_directory directory;
        const std::string path = fifo_in(directory);
        weir::executor ex;
        auto first = begin(ex, weir::open(path));
        auto second = begin(ex, weir::open(path));
        auto other = begin(ex, weir::open(fifo_in(directory, "other")));
        { auto dropped = begin(ex, weir::open(path)); }
        run_timer(ex);
        CHECK_FALSE(first.finished());
        const raw_writer silent{path};
        ex.run(std::move(first));
        ex.run(std::move(second));
        run_timer(ex);
        CHECK_FALSE(other.finished());
    }

    TEST_CASE("open: a descriptor has the mode that it was opened with") {
        const support::temporary_directory directory;
        const std::string path = fifo_in(directory);
        const support::temporary_file regular{"x"};
        weir::executor ex;
        auto opening = begin(ex, weir::open(path));
        const raw_writer writer{path};
        const auto fifo = ex.run(std::move(opening));
        const auto file = ex.run(weir::open(regular.path()));
        auto appended = ex.run(weir::open(regular.path(), weir::open_mode::append));
        const auto flags = [](const weir::file& f) { return ::fcntl(f.native_handle(), F_GETFL); };
        const int nonblocking = ex.io().name() == "uring" ? 0 : O_NONBLOCK;
        CHECK((flags(fifo) & O_NONBLOCK) == nonblocking);
        if (nonblocking == 0) CHECK((flags(file) & O_NONBLOCK) == 0);
        CHECK((flags(appended) & O_APPEND) != 0);
        ex.run(appended.write("y"));
        CHECK(regular.content() == "xy");
    }

    TEST_CASE("file: a dropped open of a FIFO leaves nothing open") {
        const support::temporary_directory directory;
        const std::string path = fifo_in(directory);
        const std::size_t before = support::open_descriptors();
        {
            weir::executor ex;
            for (const auto mode : {weir::open_mode::read, weir::open_mode::append, weir::open_mode::write}) {
                auto opening = begin(ex, weir::open(path, mode));
                run_timer(ex);
            }
            CHECK(ex.io().in_flight() == 0);
            // Of another FIFO: the thread of a dropped open for writing may be a writer for a moment.
            const std::string other = fifo_in(directory, "other");
            CHECK_THROWS_AS(ex.run(weir::with_timeout(1ms, weir::open(other))), weir::timed_out);
        }
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("file: many opens that wait for FIFOs do not delay other files") {
        const support::temporary_directory directory;
        const std::string path = directory.file("file", "content");
        weir::executor ex;
        std::vector<weir::join_handle<weir::detail::open_operation>> waiting;
        for (int i = 0; i != 40; ++i) {
            constexpr weir::open_mode modes[] = {weir::open_mode::read, weir::open_mode::append,
                                                 weir::open_mode::write};
            waiting.push_back(begin(ex, weir::open(fifo_in(directory, "fifo" + std::to_string(i)), modes[i % 3])));
        }
        run_timer(ex);
        auto file = ex.run(weir::open(path, weir::open_mode::append));
        ex.run(file.write("x"));
        ex.run(file.sync());
        for (const auto& opening : waiting) CHECK_FALSE(opening.finished());
    }

    TEST_CASE("file: a slow sync does not block the executor") {
        const support::temporary_file t{"x"};
        weir::executor ex;
        auto file = ex.run(weir::open(t.path(), weir::open_mode::append));
        held_fsync fsyncs;
        auto syncing = begin(ex, file.sync());
        run_timer(ex);
        fsyncs.let_go();
        ex.run(std::move(syncing));
        CHECK(ex.io().in_flight() == 0);
    }

    TEST_CASE("file: a dropped sync is not waited for") {
        const support::temporary_file t{"x"};
        weir::executor ex;
        auto file = ex.run(weir::open(t.path(), weir::open_mode::append));
        held_fsync fsyncs;
        for (int i = 0; i != 20; ++i) {
            auto syncing = begin(ex, file.sync());
            run_timer(ex);
        }
        CHECK(ex.io().in_flight() == 0);
        // The descriptor is closed, and the one that the sync uses is another.
        file.close();
    }

    TEST_CASE("file: a destroyed executor does not wait long for a slow sync") {
        const support::temporary_file t{"x"};
        held_fsync fsyncs;
        {
            weir::executor ex;
            auto file = ex.run(weir::open(t.path(), weir::open_mode::append));
            auto syncing = begin(ex, file.sync());
            run_timer(ex);
        }
        CHECK(held_fsync::held);
    }

    TEST_CASE("file: data outside the page cache is read whole and in order") {
        std::string content(3'000'000, '\0');
        for (std::size_t i = 0; i != content.size(); ++i) content[i] = static_cast<char>(i * i >> 7);
        const support::temporary_file t{content};
        const int fd = ::open(t.path().c_str(), O_RDWR | O_CLOEXEC);
        REQUIRE(::fsync(fd) == 0);
        REQUIRE(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
        ::close(fd);

        weir::executor ex;
        auto file = ex.run(weir::open(t.path()));
        std::string read;
        std::vector<char> part(2'000'000);
        while (const std::size_t n = ex.run(file.read(part))) read.append(part.data(), n);
        CHECK(read == content);
    }

    TEST_CASE("file: a dropped read does not move the position") {
        std::string content(300'000, '\0');
        std::iota(content.begin(), content.end(), '\0');
        const support::temporary_file t{content};
        weir::executor ex;
        auto file = ex.run(weir::open(t.path(), weir::open_mode::update));
        ex.run(file.sync());
        std::string read;
        while (read.size() < content.size()) {
            REQUIRE(::posix_fadvise(file.native_handle(), 0, 0, POSIX_FADV_DONTNEED) == 0);
            std::vector<char> part(10'000);
            std::size_t n = 0;
            {
                auto dropped = begin(ex, file.read(part));
                if (dropped.finished()) n = ex.run(std::move(dropped));
            }
            if (n == 0) n = ex.run(file.read(part));
            REQUIRE(n != 0);
            read.append(part.data(), n);
        }
        CHECK(read == content);
    }

    TEST_CASE("file: large writes arrive whole, and a dropped write does not read the caller's memory") {
        const support::temporary_file t{""};
        weir::executor ex;
        auto file = ex.run(weir::open(t.path(), weir::open_mode::write));
        {
            std::optional<std::string> text{std::string(5'000'000, 'd')};
            static_cast<void>(begin(ex, file.write_at(0, *text)));
            text.reset();
        }
        std::string content(5'000'000, '\0');
        for (std::size_t i = 0; i != content.size(); ++i) content[i] = static_cast<char>(i >> 3);
        ex.run(file.write(content));
        ex.run(file.sync());
        CHECK(t.content().size() == content.size());
    }
}
