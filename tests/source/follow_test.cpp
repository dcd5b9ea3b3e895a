// SPDX-License-Identifier: MIT
#include <weir/source/follow.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <weir/backend/file_system.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/lines.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include "child.hpp"
#include "raw_io.hpp"
#include "temporary_directory.hpp"
#include "temporary_file.hpp"

namespace {

using namespace std::chrono_literals;

void append(const std::string& path, std::string_view text) {
    std::ofstream{path, std::ios::binary | std::ios::app} << text;
}

void truncate(const std::string& path) { std::ofstream{path, std::ios::binary | std::ios::trunc}; }

/// Whether the kernel tells of changes.
enum class changes { told, looked_for };

/// The kernel's files, without what it tells of them.
class silent_files final : public weir::file_system {
public:
    explicit silent_files(weir::file_system& files) : files_{files} {}

    int status(int fd, weir::file_status& result) override { return files_.status(fd, result); }
    int status(int directory, const char* path, weir::symlinks how, weir::file_status& result) override {
        return files_.status(directory, path, how, result);
    }

private:
    weir::file_system& files_;
};

/// The kernel's I/O, and a clock that goes on to the next timer when there is nothing else to do, unless that is far
/// away or the clock is held.
class clock_of_its_own final : public weir::backend {
public:
    explicit clock_of_its_own(changes how) : how_{how} {}

    bool held = false;
    void advance(weir::duration d) { now_ += d; }

    weir::time_point now() noexcept override { return now_; }
    void wait(weir::time_point until) override {
        const bool soon = until - now_ <= weir::follow_options{}.interval;
        const std::size_t before = io_->in_flight();
        io_->wait(soon || held || until <= now_ ? io_->now() : weir::time_point::max());
        if (soon && !held && io_->in_flight() == before) now_ = std::max(now_, until);
    }
    weir::file_system& files() noexcept override { return how_ == changes::told ? io_->files() : silent_; }

    std::string_view name() const noexcept override { return io_->name(); }
    void start(weir::io_operation& operation) override { io_->start(operation); }
    void cancel(weir::io_operation& operation) noexcept override { io_->cancel(operation); }
    void put_back(const weir::io_operation& operation, int result) noexcept override {
        io_->put_back(operation, result);
    }
    void notify() noexcept override { io_->notify(); }
    std::size_t in_flight() const noexcept override { return io_->in_flight(); }
    int open_stream_socket(const weir::endpoint& peer) override { return io_->open_stream_socket(peer); }
    int listen(const weir::endpoint& local, int backlog) override { return io_->listen(local, backlog); }
    int local_endpoint(int fd, weir::endpoint& result) override { return io_->local_endpoint(fd, result); }
    int remote_endpoint(int fd, weir::endpoint& result) override { return io_->remote_endpoint(fd, result); }
    int shutdown_write(int fd) override { return io_->shutdown_write(fd); }
    int open_pipe(int& read_end, int& write_end) override { return io_->open_pipe(read_end, write_end); }
    std::int64_t file_size(int fd) override { return io_->file_size(fd); }
    std::shared_ptr<weir::descriptor_closer> closer() noexcept override { return io_->closer(); }

private:
    std::unique_ptr<weir::backend> io_ = weir::make_backend(weir::backend_kind::automatic);
    silent_files silent_{io_->files()};
    weir::time_point now_{};
    changes how_;
};

/// A file that is followed line by line.
struct followed {
    support::temporary_directory directory;
    std::string path;
    std::string old = directory / "log.1";
    clock_of_its_own* clock; // the executor's
    weir::executor ex;
    decltype(weir::follow("") | weir::lines()) lines;

    explicit followed(changes how, std::optional<std::string_view> content, weir::follow_options options = {},
                      std::string_view name = "log")
        : path{directory / name},
          clock{new clock_of_its_own{how}},
          ex{std::unique_ptr<weir::backend>{clock}},
          lines{weir::follow(path, options) | weir::lines()} {
        if (content) append(path, *content);
    }

    std::string next() { return ex.run(weir::next(lines)).value().to_string(); }

    /// All that is there now was read. From here on time stands still.
    auto next_when_there_is_one() {
        clock->held = true;
        auto asked = ex.spawn(weir::next(lines));
        while (ex.stats().timers_armed == 0) ex.turn();
        return asked;
    }
    template <class Asked>
    std::string result(Asked asked) {
        clock->held = false;
        return ex.run(std::move(asked)).value().to_string();
    }
    /// The interval passes, once.
    void look_again() {
        clock->advance(weir::follow_options{}.interval);
        while (ex.stats().timers_armed != 0) ex.turn();
        while (ex.stats().timers_armed == 0) ex.turn();
    }
    /// What the kernel tells is taken in.
    void turn() {
        for (int i = 0; i != 10; ++i) ex.turn(ex.now());
    }
    void see_what_changed(changes how) {
        if (how == changes::told) {
            turn();
        } else {
            look_again();
        }
    }

    void rotate() { std::filesystem::rename(path, old); }
};

template <class F>
void either_way(F f) {
    SUBCASE("told by the kernel") { f(changes::told); }
    SUBCASE("looked for") { f(changes::looked_for); }
}

} // namespace

TEST_SUITE("source/follow") {
    TEST_CASE("follow emits the contents of the file, then what is appended") {
        either_way([](changes how) {
            followed f{how, "one\ntwo\n"};
            CHECK(f.next() == "one");
            CHECK(f.next() == "two");
            append(f.path, "three\nfo");
            CHECK(f.next() == "three");
            append(f.path, "ur\n");
            CHECK(f.next() == "four");
        });
    }

    TEST_CASE("follow emits changes that the kernel reports without delay") {
        followed f{changes::told, "one\n"};
        CHECK(f.next() == "one");
        auto second = f.next_when_there_is_one();
        append(f.path, "two\n");
        CHECK(f.ex.run(std::move(second))->view() == "two");
        CHECK(f.ex.now() == weir::time_point{});
        // Nor is it looked at meanwhile: the file is written by nobody, and it sleeps.
        auto third = f.next_when_there_is_one();
        f.turn();
        const auto before = f.ex.stats().wakers_run;
        f.clock->advance(4s);
        f.turn();
        CHECK(f.ex.stats().wakers_run == before);
        CHECK(f.ex.stats().io_in_flight == 1);
    }

    TEST_CASE("follow is notified when another file takes the place of the followed one") {
        followed f{changes::told, "one\n"};
        CHECK(f.next() == "one");
        f.rotate();
        append(f.path, "two\n");
        CHECK(f.next() == "two");
        auto third = f.next_when_there_is_one();
        f.turn();
        append(f.path, "three\n");
        CHECK(f.ex.run(std::move(third))->view() == "three");
    }

    TEST_CASE("follow leaves a replaced file when it was unchanged for an interval") {
        followed f{changes::told, "one\n"};
        CHECK(f.next() == "one");
        f.rotate();
        append(f.path, "new\n");
        f.clock->held = true;
        for (const auto* line : {"two", "three", "four"}) {
            auto asked = f.ex.spawn(weir::next(f.lines));
            f.turn();
            f.clock->advance(60ms);
            f.turn();
            append(f.old, std::string{line} + '\n');
            CHECK(f.ex.run(std::move(asked))->view() == line);
        }
        auto last = f.ex.spawn(weir::next(f.lines));
        f.turn();
        f.clock->advance(99ms);
        f.turn();
        CHECK(!last.finished());
        f.clock->advance(1ms);
        CHECK(f.ex.run(std::move(last))->view() == "new");
    }

    TEST_CASE("follow from the end leaves out the earlier contents") {
        either_way([](changes how) {
            followed f{how, "one\ntwo\nha", {.from = weir::follow_from::end}};
            auto first = f.next_when_there_is_one();
            append(f.path, "lf\nthree\n");
            CHECK(f.result(std::move(first)) == "lf");
            CHECK(f.next() == "three");
        });
    }

    TEST_CASE("follow reads a truncated file from its start") {
        either_way([](changes how) {
            followed f{how, "a long first line\n"};
            CHECK(f.next() == "a long first line");
            truncate(f.path);
            append(f.path, "new\n");
            CHECK(f.next() == "new");
        });
    }

    TEST_CASE("follow loses nothing of a file that is copied and truncated") {
        either_way([](changes how) {
            followed f{how, ""};
            for (int i = 0; i != 5; ++i) {
                const auto n = std::to_string(i);
                append(f.path, "first " + n + "\n");
                CHECK(f.next() == "first " + n);
                auto second = f.next_when_there_is_one();
                append(f.path, "second " + n + "\n");
                CHECK(f.result(std::move(second)) == "second " + n);
                auto third = f.next_when_there_is_one();
                std::filesystem::copy_file(f.path, f.old, std::filesystem::copy_options::overwrite_existing);
                truncate(f.path);
                f.see_what_changed(how);
                append(f.path, "third " + n + "\n");
                CHECK(f.result(std::move(third)) == "third " + n);
            }
        });
    }

    TEST_CASE("follow separates an unfinished line from the text after a truncation") {
        either_way([](changes how) {
            followed f{how, "whole\nhalf a line"};
            CHECK(f.next() == "whole");
            truncate(f.path);
            CHECK(f.next() == "half a line");
            append(f.path, "new\n");
            CHECK(f.next() == "new");
        });
    }

    TEST_CASE("follow follows a renamed file until another one takes its place") {
        either_way([](changes how) {
            followed f{how, "one\n"};
            CHECK(f.next() == "one");
            f.rotate();
            append(f.old, "two\n");
            CHECK(f.next() == "two");
            append(f.path, "four\n");
            append(f.old, "three\n");
            CHECK(f.next() == "three");
            CHECK(f.next() == "four");
            append(f.path, "five\n");
            CHECK(f.next() == "five");
        });
    }

    TEST_CASE("follow loses nothing that is written to a file after it was replaced") {
        either_way([](changes how) {
            followed f{how, "one\n"};
            CHECK(f.next() == "one");
            auto second = f.next_when_there_is_one();
            f.rotate();
            append(f.path, "new\n");
            f.see_what_changed(how);
            append(f.old, "late\n");
            CHECK(f.result(std::move(second)) == "late");
            append(f.old, "later\n");
            CHECK(f.next() == "later");
            CHECK(f.next() == "new");
        });
    }

    TEST_CASE("follow loses and repeats nothing over many rotations") {
        either_way([](changes how) {
            followed f{how, ""};
            int written = 0;
            int read = 0;
            const auto write = [&](const std::string& to) { append(to, std::to_string(written++) + '\n'); };
            const auto read_all = [&] {
                while (read != written) CHECK(f.next() == std::to_string(read++));
            };
            for (int round = 0; round != 20; ++round) {
                write(f.path);
                if (round % 2 == 0) read_all();
                f.rotate();
                write(f.old);
                if (round % 3 == 0) read_all();
                write(f.old);
                if (read == written) {
                    const auto given_up = f.next_when_there_is_one();
                    f.clock->held = false;
                }
                write(f.path);
                read_all();
            }
        });
    }

    TEST_CASE("follow reads all of several files that replace each other quickly") {
        followed f{changes::told, "one\n"};
        CHECK(f.next() == "one");
        auto second = f.next_when_there_is_one();
        f.rotate();
        append(f.path, "three\n");
        f.turn();
        std::filesystem::rename(f.path, f.directory / "log.2");
        append(f.path, "four\n");
        f.turn();
        append(f.old, "two\n");
        CHECK(f.result(std::move(second)) == "two");
        CHECK(f.next() == "three");
        CHECK(f.next() == "four");
    }

    TEST_CASE("follow ends the last line of a replaced file") {
        either_way([](changes how) {
            followed f{how, "half a line"};
            auto first = f.next_when_there_is_one();
            f.rotate();
            append(f.path, "new\n");
            CHECK(f.result(std::move(first)) == "half a line");
            CHECK(f.next() == "new");
        });
    }

    TEST_CASE("follow continues when a deleted file is created again") {
        either_way([](changes how) {
            followed f{how, "one\n"};
            CHECK(f.next() == "one");
            std::filesystem::remove(f.path);
            auto second = f.next_when_there_is_one();
            if (how == changes::told) {
                f.turn();
            } else {
                for (int i = 0; i != 3; ++i) f.look_again();
            }
            CHECK(!second.finished());
            append(f.path, "two\n");
            CHECK(f.result(std::move(second)) == "two");
        });
    }

    TEST_CASE("follow waits for a missing file if its options say so") {
        either_way([](changes how) {
            followed f{how, std::nullopt, {.from = weir::follow_from::end, .missing = weir::follow_missing::wait}};
            auto first = f.next_when_there_is_one();
            f.turn();
            CHECK(!first.finished());
            append(f.path, "one\n");
            CHECK(f.result(std::move(first)) == "one");
            append(f.path, "two\n");
            CHECK(f.next() == "two");
        });
    }

    TEST_CASE("follow waits for a file whose directory is missing") {
        either_way([](changes how) {
            followed f{how, std::nullopt, {.missing = weir::follow_missing::wait}, "sub/log"};
            auto first = f.next_when_there_is_one();
            f.directory.file("sub/log", "one\n");
            CHECK(f.result(std::move(first)) == "one");
            append(f.directory / "sub/log", "two\n");
            CHECK(f.next() == "two");
            // And another directory may take its place.
            std::filesystem::rename(f.directory / "sub", f.directory / "former");
            f.directory.file("sub/log", "three\n");
            CHECK(f.next() == "three");
        });
    }

    TEST_CASE("follow fails after the rest of a file that a directory replaces") {
        either_way([](changes how) {
            followed f{how, "one\n"};
            CHECK(f.next() == "one");
            auto second = f.next_when_there_is_one();
            f.rotate();
            std::filesystem::create_directory(f.path);
            f.turn();
            append(f.old, "two\n");
            CHECK(f.result(std::move(second)) == "two");
            CHECK(support::system_error_of([&] { return f.next(); }) == "follow " + f.path + ": Is a directory");
        });
    }

    TEST_CASE("follow ignores a directory that was at the path for a while") {
        followed f{changes::told, "one\n"};
        CHECK(f.next() == "one");
        auto second = f.next_when_there_is_one();
        f.rotate();
        std::filesystem::create_directory(f.path);
        f.turn();
        std::filesystem::remove(f.path);
        append(f.path, "two\n");
        CHECK(f.result(std::move(second)) == "two");
    }

    TEST_CASE("follow follows a symbolic link and notices a change of its target") {
        followed f{changes::told, std::nullopt};
        f.directory.file("a", "one\n");
        f.directory.link("a", "log");
        CHECK(f.next() == "one");
        append(f.directory / "a", "two\n");
        CHECK(f.next() == "two");
        f.directory.file("b", "three\n");
        auto third = f.next_when_there_is_one();
        f.turn();
        std::filesystem::rename(f.directory / "b", f.directory / "a");
        CHECK(f.result(std::move(third)) == "three");
    }

    TEST_CASE("follow wakes only briefly for changes of other files in the directory") {
        followed f{changes::told, "one\n"};
        CHECK(f.next() == "one");
        auto second = f.next_when_there_is_one();
        f.turn();
        for (int i = 0; i != 10; ++i) {
            f.directory.file("other" + std::to_string(i), "x");
            f.turn();
            CHECK(!second.finished());
        }
        append(f.path, "two\n");
        CHECK(f.result(std::move(second)) == "two");
    }

    TEST_CASE("follow emits blocks of the requested size") {
        const support::temporary_file file{"abcdefg"};
        weir::executor ex;
        std::vector<std::string> blocks;
        ex.run(weir::follow(file.path(), {.block = 3}) | weir::take(3) |
               weir::for_each([&](const weir::bytes& b) { blocks.push_back(b.to_string()); }));
        CHECK(blocks == std::vector<std::string>{"abc", "def", "g"});
    }

    TEST_CASE("follow reads a pipe to its end") {
        weir::executor ex;
        auto pipe = ex.run(weir::open_pipe());
        ex.run(pipe.write_end.write("one\ntwo"));
        pipe.write_end.close();
        std::vector<std::string> lines;
        ex.run(weir::follow("/dev/fd/" + std::to_string(pipe.read_end.native_handle())) | weir::lines() |
               weir::for_each([&](const weir::bytes& line) { lines.push_back(line.to_string()); }));
        CHECK(lines == std::vector<std::string>{"one", "two"});
    }

    TEST_CASE("follow reads a file that has contents but no size once") {
        weir::executor ex;
        std::ifstream in{"/proc/version"};
        const std::string content{std::istreambuf_iterator<char>{in}, {}};
        REQUIRE_FALSE(content.empty());
        std::string got;
        auto following = weir::follow("/proc/version", {.interval = 1ms}) |
                         weir::for_each([&](const weir::bytes& part) { got += part.view(); });
        CHECK_THROWS_AS(ex.run(weir::with_timeout(20ms, std::move(following))), weir::timed_out);
        CHECK(got == content);
    }

    TEST_CASE("follow stays with the old file while the new one cannot be opened") {
        // Root may open everything.
        CHECK(support::in_child([] {
                  if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) < 0) return std::string{"still root"};
                  const support::temporary_directory directory;
                  const std::string path = directory / "log";
                  append(path, "one\n");
                  weir::executor ex;
                  auto lines = weir::follow(path, {.interval = 5ms}) | weir::lines();
                  const auto next = [&] { return ex.run(weir::next(lines)).value().to_string(); };
                  std::string got = next();
                  std::filesystem::rename(path, directory / "log.1");
                  append(path, "three\n");
                  std::filesystem::permissions(path, std::filesystem::perms::none);
                  auto asked = ex.spawn(weir::next(lines));
                  ex.run(weir::sleep_for(20ms));
                  append(directory / "log.1", "two\n");
                  got += " " + ex.run(std::move(asked)).value().to_string();
                  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
                  return got + " " + next();
              }) == "one two three");
    }

    TEST_CASE("follow fails with the path of a file that cannot be opened or read") {
        weir::executor ex;
        auto missing = weir::follow("/no/such/file");
        CHECK_THROWS_WITH_AS(ex.run(weir::next(missing)), "open /no/such/file: No such file or directory",
                             std::system_error);
        auto directory = weir::follow("/");
        CHECK_THROWS_WITH_AS(ex.run(weir::next(directory)), "read /: Is a directory", std::system_error);
    }

    TEST_CASE("follow may be dropped while it waits") {
        const support::temporary_directory d;
        const auto path = d.file("log", "one\n");
        const std::size_t before = support::open_descriptors();
        for (int turns = 0; turns != 8; ++turns) {
            weir::executor ex;
            const std::size_t own = support::open_descriptors();
            {
                auto waiting =
                    ex.spawn(weir::follow(path) | weir::for_each([](const weir::bytes& b) { CHECK(b == "one\n"); }));
                for (int i = 0; i != turns; ++i) ex.turn(ex.now());
            }
            CHECK(support::open_descriptors() == own);
        }
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("follow: 400 files share one inotify instance, and each gets its own changes") {
        const support::temporary_directory d;
        weir::executor ex;
        constexpr int files = 400;
        const auto path = [&](int i) { return d / ("log" + std::to_string(i)); };
        // Far more than the time of this test: only the kernel's reports count.
        const weir::follow_options patient{.interval = 1h, .block = 4096};
        std::vector<weir::async_stream<weir::bytes>> streams;
        for (int i = 0; i != files; ++i) {
            append(path(i), "first\n");
            streams.push_back(weir::follow(path(i), patient));
        }
        const auto instances = [] {
            int count = 0;
            for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
                std::error_code gone;
                count += std::filesystem::read_symlink(entry.path(), gone) == "anon_inode:inotify" ? 1 : 0;
            }
            return count;
        };
        std::vector<std::optional<decltype(ex.spawn(weir::next(streams[0])))>> asked;
        for (auto& s : streams) CHECK(*ex.run(weir::next(s)) == "first\n");
        for (auto& s : streams) asked.emplace_back(ex.spawn(weir::next(s)));
        while (ex.stats().timers_armed < files) ex.turn(ex.now());
        CHECK(instances() == 1);
        for (std::size_t i = 0; i < files; i += 2) asked[i].reset(); // these wait no more
        for (int i = 1; i != files + 1; i += 2) append(path(i), std::to_string(i));
        for (int i = 1; i < files; i += 2) {
            auto& one = asked[static_cast<std::size_t>(i)];
            CHECK(*ex.run(weir::with_timeout(60s, *std::move(one))) == std::to_string(i));
        }
        asked.clear();
        streams.clear();
        CHECK(instances() == 0);
        CHECK(ex.io().in_flight() == 0);
    }

    TEST_CASE("follow continues at a saved position exactly, over rotations and in the middle of a line") {
        for (const int rotations : {0, 1, 3}) {
            CAPTURE(rotations);
            const support::temporary_directory d;
            const std::string log = d / "log";
            weir::executor ex;
            // A short file, whose fingerprint grows, and a long one.
            for (const std::size_t length : {3u, 1000u}) {
                CAPTURE(length);
                std::filesystem::remove(log);
                for (int i = 1; i != 4; ++i) std::filesystem::remove(log + '.' + std::to_string(i));
                const std::string begin(length, 'a');
                append(log, begin);
                std::string saved;
                {
                    auto stream = weir::follow_with_positions(log);
                    const auto part = ex.run(weir::next(stream));
                    CHECK(part->data == begin);
                    saved = part->end.to_string();
                }
                append(log, "rest");
                std::string expected = "rest";
                for (int i = 0; i != rotations; ++i) {
                    for (int n = i; n != 0; --n)
                        std::filesystem::rename(log + '.' + std::to_string(n), log + '.' + std::to_string(n + 1));
                    std::filesystem::rename(log, log + ".1");
                    append(log, "file" + std::to_string(i));
                    // As if time had passed: the clock of a file system may be coarse.
                    std::filesystem::last_write_time(log, std::filesystem::file_time_type::clock::now() +
                                                              std::chrono::hours{i + 1});
                    expected += "\nfile" + std::to_string(i);
                }
                append(d / "log.9.gz", "packed");
                auto stream = weir::follow_with_positions(
                    log, {.interval = 1ms, .resume = weir::follow_position::from_string(saved)});
                std::string text;
                while (text.size() < expected.size()) text += ex.run(weir::next(stream))->data.view();
                CHECK(text == expected);
            }
        }
    }

    TEST_CASE("follow starts anew when the file of a saved position is gone, or has other contents") {
        const support::temporary_directory d;
        const std::string log = d / "log";
        weir::executor ex;
        append(log, "old contents\n");
        auto stream = weir::follow_with_positions(log);
        auto position = ex.run(weir::next(stream))->end;
        CHECK(position.offset == 13);
        truncate(log); // the same file
        append(log, "new contents, more of them\n");
        const auto resumed = [&] {
            auto again = weir::follow_with_positions(log, {.from = weir::follow_from::end, .resume = position});
            return ex.run(weir::next(again))->data.to_string();
        };
        CHECK(resumed() == "new contents, more of them\n");
        // An earlier offset of the same contents.
        auto newer = weir::follow_with_positions(log);
        position = ex.run(weir::next(newer))->end;
        position.offset -= 5;
        CHECK(resumed() == "them\n");
        position.inode += 1;
        CHECK(resumed() == "new contents, more of them\n");
    }

    TEST_CASE("follow_position: the text of a position is read back, and other text is rejected") {
        const weir::follow_position position{1, 0xffffffffffffffff, 3, 0xabcdef, 256};
        CHECK(position.to_string() == "1:ffffffffffffffff:3:abcdef:100");
        CHECK(weir::follow_position::from_string(position.to_string()) == position);
        for (const char* text : {"", "1", "1:2:3:4", "1:2:3:4:", "1:2:3:4:5:", "1:2:3:4:101", "1:2:3:g:5", " 1:2:3:4:5",
                                 "1:2:3:4:5x", "1:2:3:10000000000000000:5"}) {
            CAPTURE(text);
            CHECK_THROWS_AS(weir::follow_position::from_string(text), std::invalid_argument);
        }
    }

    TEST_CASE("follow rejects an interval that is not positive when it is constructed") {
        CHECK_THROWS_WITH_AS(static_cast<void>(weir::follow("f", {.interval = 0ms})),
                             "weir::follow(path, options): interval must be positive", std::invalid_argument);
    }
}
