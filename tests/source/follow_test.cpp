#include <weir/source/follow.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/lines.hpp>

#include <doctest/doctest.h>

#include "temporary_file.hpp"

namespace {

using namespace std::chrono_literals;

void append(const std::string& path, std::string_view text) {
    std::ofstream{path, std::ios::binary | std::ios::app} << text;
}

void truncate(const std::string& path) { std::ofstream{path, std::ios::binary | std::ios::trunc}; }

/// The kernel's I/O, and a clock that goes on to the next timer when there is nothing else to do, unless it is held.
class clock_of_its_own final : public weir::backend {
public:
    bool held = false;
    void advance(weir::duration d) { now_ += d; }

    weir::time_point now() noexcept override { return now_; }
    void wait(weir::time_point until) override {
        const bool endless = until == weir::time_point::max();
        io_->wait(endless ? until : io_->now());
        if (!endless && !held && io_->in_flight() == 0) now_ = std::max(now_, until);
    }

    std::string_view name() const noexcept override { return io_->name(); }
    void start(weir::io_operation& operation) override { io_->start(operation); }
    void cancel(weir::io_operation& operation) noexcept override { io_->cancel(operation); }
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
    weir::time_point now_{};
};

/// A file that is followed line by line.
struct followed {
    support::temporary_file file;
    clock_of_its_own* clock = new clock_of_its_own; // the executor's
    weir::executor ex{std::unique_ptr<weir::backend>{clock}};
    decltype(weir::follow("") | weir::lines()) lines;

    explicit followed(std::string_view content, weir::follow_options options = {})
        : file{content}, lines{weir::follow(file.path(), options) | weir::lines()} {}

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

    void rotate(const std::string& to) { std::filesystem::rename(file.path(), to); }
};

} // namespace

TEST_SUITE("source/follow") {
    TEST_CASE("what is there comes first, then what is written") {
        followed f{"one\ntwo\n"};
        CHECK(f.next() == "one");
        CHECK(f.next() == "two");
        append(f.file.path(), "three\nfo");
        CHECK(f.next() == "three");
        append(f.file.path(), "ur\n");
        CHECK(f.next() == "four");
    }

    TEST_CASE("from the end, what was there is left out") {
        followed f{"one\ntwo\nha", {.from = weir::follow_from::end}};
        auto first = f.next_when_there_is_one();
        append(f.file.path(), "lf\nthree\n");
        CHECK(f.result(std::move(first)) == "lf");
        CHECK(f.next() == "three");
    }

    TEST_CASE("a file that was truncated is read from its beginning") {
        followed f{"a long first line\n"};
        CHECK(f.next() == "a long first line");
        truncate(f.file.path());
        append(f.file.path(), "new\n");
        CHECK(f.next() == "new");
    }

    TEST_CASE("a line that was not ended does not run into what follows a truncation") {
        followed f{"whole\nhalf a line"};
        CHECK(f.next() == "whole");
        truncate(f.file.path());
        CHECK(f.next() == "half a line");
        append(f.file.path(), "new\n");
        CHECK(f.next() == "new");
    }

    TEST_CASE("a file that was renamed is followed until there is another") {
        followed f{"one\n"};
        const std::string old = f.file.path() + ".1";
        CHECK(f.next() == "one");
        f.rotate(old);
        append(old, "two\n");
        CHECK(f.next() == "two");
        append(f.file.path(), "four\n");
        append(old, "three\n");
        CHECK(f.next() == "three");
        CHECK(f.next() == "four");
        append(f.file.path(), "five\n");
        CHECK(f.next() == "five");
        std::filesystem::remove(old);
    }

    TEST_CASE("what is still written to a file after it was replaced is not lost") {
        followed f{"one\n"};
        const std::string old = f.file.path() + ".1";
        CHECK(f.next() == "one");
        auto second = f.next_when_there_is_one();
        f.rotate(old);
        append(f.file.path(), "new\n");
        f.look_again();
        append(old, "late\n");
        CHECK(f.result(std::move(second)) == "late");
        CHECK(f.next() == "new");
        std::filesystem::remove(old);
    }

    TEST_CASE("the last line of a file that was replaced is ended") {
        followed f{"half a line"};
        const std::string old = f.file.path() + ".1";
        auto first = f.next_when_there_is_one();
        f.rotate(old);
        append(f.file.path(), "new\n");
        CHECK(f.result(std::move(first)) == "half a line");
        CHECK(f.next() == "new");
        std::filesystem::remove(old);
    }

    TEST_CASE("a file that was deleted may come back") {
        followed f{"one\n"};
        CHECK(f.next() == "one");
        std::filesystem::remove(f.file.path());
        auto second = f.next_when_there_is_one();
        for (int i = 0; i != 3; ++i) f.look_again();
        CHECK(!second.finished());
        append(f.file.path(), "two\n");
        CHECK(f.result(std::move(second)) == "two");
    }

    TEST_CASE("blocks are as large as was asked for") {
        const support::temporary_file file{"abcdefg"};
        weir::executor ex;
        std::vector<std::string> blocks;
        ex.run(weir::follow(file.path(), {.block = 3}) | weir::take(3) |
               weir::for_each([&](const weir::bytes& b) { blocks.push_back(b.to_string()); }));
        CHECK(blocks == std::vector<std::string>{"abc", "def", "g"});
    }

    TEST_CASE("a pipe is read to its end") {
        weir::executor ex;
        auto pipe = ex.run(weir::open_pipe());
        ex.run(pipe.write_end.write("one\ntwo"));
        pipe.write_end.close();
        std::vector<std::string> lines;
        ex.run(weir::follow("/dev/fd/" + std::to_string(pipe.read_end.native_handle())) | weir::lines() |
               weir::for_each([&](const weir::bytes& line) { lines.push_back(line.to_string()); }));
        CHECK(lines == std::vector<std::string>{"one", "two"});
    }

    TEST_CASE("what cannot be opened or read at first fails, with its path") {
        weir::executor ex;
        auto missing = weir::follow("/no/such/file");
        CHECK_THROWS_WITH_AS(ex.run(weir::next(missing)), "open /no/such/file: No such file or directory",
                             std::system_error);
        auto directory = weir::follow("/");
        CHECK_THROWS_WITH_AS(ex.run(weir::next(directory)), "read /: Is a directory", std::system_error);
    }

    TEST_CASE("it may be dropped while it waits") {
        followed f{"one\n"};
        CHECK(f.next() == "one");
        for (int turns = 0; turns != 8; ++turns) {
            weir::executor ex;
            auto waiting = ex.spawn(weir::follow(f.file.path()) |
                                    weir::for_each([](const weir::bytes& b) { CHECK(b == "one\n"); }));
            for (int i = 0; i != turns; ++i) ex.turn(ex.now());
        }
    }

    TEST_CASE("an interval that is not positive is refused when it is made") {
        CHECK_THROWS_WITH_AS(static_cast<void>(weir::follow("f", {.interval = 0ms})),
                             "weir::follow(path, options): interval must be positive", std::invalid_argument);
    }
}
