// SPDX-License-Identifier: MIT
#include <weir/io/unix.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/io/activated_sockets.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/read.hpp>
#include <weir/task.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.hpp"
#include "raw_io.hpp"
#include "temporary_directory.hpp"

namespace {

/// The file of a socket whose server was killed.
void leave_stale(const std::string& path) {
    const weir::unix_address address{path};
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(::bind(fd, static_cast<const sockaddr*>(address.data()), address.size()) == 0);
    REQUIRE(::listen(fd, 1) == 0);
    ::close(fd);
}

struct unix_connection {
    weir::unix_stream client;
    weir::unix_stream server;
};

unix_connection pair(weir::executor& ex) {
    auto both = ex.run(weir::unix_pair());
    return {std::move(both.first), std::move(both.second)};
}

/// No number is left for another descriptor.
class no_more_descriptors {
public:
    no_more_descriptors() {
        ::getrlimit(RLIMIT_NOFILE, &former_);
        // The lowest that is free: those above it are beyond the limit.
        const int next = ::dup(0);
        ::close(next);
        const rlimit now{static_cast<rlim_t>(next), former_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &now);
    }
    no_more_descriptors(const no_more_descriptors&) = delete;
    ~no_more_descriptors() { ::setrlimit(RLIMIT_NOFILE, &former_); }

private:
    rlimit former_{};
};

} // namespace

TEST_SUITE("io/unix") {
    TEST_CASE("unix: a server and its clients communicate at a path and at an abstract name") {
        const support::temporary_directory d;
        const std::array addresses{
            weir::unix_address{d / "socket"},
            weir::unix_address::abstract("weir-test-" + std::to_string(::getpid()) + d.path()),
        };
        for (const auto& address : addresses) {
            CAPTURE(address.to_string());
            weir::executor ex;
            auto listener = ex.run(weir::unix_listen(address));
            CHECK(listener.local_address() == address);
            const auto serve = [](weir::unix_stream s) -> weir::task<> { co_await (weir::read(s) | weir::write(s)); };
            const auto server = [&]() -> weir::task<> {
                co_await (weir::accept(listener) | weir::take(20) | weir::for_each(serve));
            };
            auto serving = ex.spawn(server());
            const auto client = [&](int i) -> weir::task<std::string> {
                auto s = co_await weir::unix_connect(address);
                const std::string text(static_cast<std::size_t>(i) * 1000, 'x');
                co_await s.write(text + "\nend\n");
                co_await s.shutdown_write();
                std::string got;
                const auto append = [&](const weir::bytes& b) { got += b.view(); };
                co_await (weir::read(s) | weir::for_each(append));
                if (got != text + "\nend\n") throw std::runtime_error{"wrong echo"};
                co_return s.name();
            };
            for (int i = 0; i != 20; ++i) CHECK(ex.run(client(i)) == address.to_string());
            ex.run(std::move(serving));
        }
    }

    TEST_CASE("unix: accept waits for a connection and names it after its listener") {
        const support::temporary_directory d;
        weir::executor ex;
        auto listener = ex.run(weir::unix_listen(d / "s"));
        auto accepting = support::begin(ex, listener.accept());
        CHECK_FALSE(accepting.finished());
        const auto client = ex.run(weir::unix_connect(d / "s"));
        CHECK(ex.run(std::move(accepting)).name() == d / "s");
    }

    TEST_CASE("unix: closing a listener removes its own file only") {
        const support::temporary_directory d;
        weir::executor ex;
        auto listener = ex.run(weir::unix_listen(d / "s"));
        CHECK(std::filesystem::is_socket(d / "s"));
        listener.close();
        CHECK_FALSE(std::filesystem::exists(d / "s"));

        auto former = ex.run(weir::unix_listen(d / "s"));
        std::filesystem::remove(d / "s");
        auto latter = ex.run(weir::unix_listen(d / "s"));
        former.close();
        CHECK(std::filesystem::is_socket(d / "s"));
        auto accepting = support::begin(ex, latter.accept());
        ex.run(weir::unix_connect(d / "s"));
        ex.run(std::move(accepting));
    }

    TEST_CASE("unix: a listener may outlive its executor") {
        const support::temporary_directory d;
        std::optional<weir::unix_listener> listener;
        {
            weir::executor ex;
            listener = ex.run(weir::unix_listen(d / "s"));
        }
        listener.reset();
        CHECK_FALSE(std::filesystem::exists(d / "s"));
    }

    TEST_CASE("unix_listen sets the permissions of the file from the start") {
        const support::temporary_directory d;
        weir::executor ex;
        const auto listener = ex.run(weir::unix_listen(d / "s", {.permissions = 0600}));
        struct stat status{};
        REQUIRE(::stat((d / "s").c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0600);
    }

    TEST_CASE("unix_listen fails on an address in use") {
        const support::temporary_directory d;
        weir::executor ex;
        const auto abstract = weir::unix_address::abstract(d.path());
        const auto at_path = ex.run(weir::unix_listen(d / "s"));
        const auto by_name = ex.run(weir::unix_listen(abstract));
        for (const auto stale : {weir::stale_socket::fail, weir::stale_socket::replace}) {
            CHECK(support::system_error_of([&] { return ex.run(weir::unix_listen(d / "s", {.stale = stale})); }) ==
                  "listen on " + d / "s" + ": Address already in use");
            CHECK(support::system_error_of([&] { return ex.run(weir::unix_listen(abstract, {.stale = stale})); }) ==
                  "listen on @" + d.path() + ": Address already in use");
        }
        CHECK(std::filesystem::is_socket(d / "s"));
    }

    TEST_CASE("unix: the left-over file of a server is an error that says so, or is replaced") {
        const support::temporary_directory d;
        weir::executor ex;
        leave_stale(d / "s");
        CHECK(support::system_error_of([&] { return ex.run(weir::unix_connect(d / "s")); }) ==
              "connect to " + d / "s" + ": Connection refused");
        CHECK(support::system_error_of([&] { return ex.run(weir::unix_listen(d / "s")); }) ==
              "listen on " + d / "s" + ", a stale socket file without a listener: Address already in use");
        auto listener = ex.run(weir::unix_listen(d / "s", {.stale = weir::stale_socket::replace}));
        auto accepting = support::begin(ex, listener.accept());
        ex.run(weir::unix_connect(d / "s"));
        ex.run(std::move(accepting));
    }

    TEST_CASE("unix_listen does not remove a file that is not a socket") {
        const support::temporary_directory d;
        weir::executor ex;
        const std::string path = d.file("precious", "data");
        CHECK(support::system_error_of([&] {
                  return ex.run(weir::unix_listen(path, {.stale = weir::stale_socket::replace}));
              }) == "listen on " + path + ": Address already in use");
        CHECK(std::filesystem::file_size(path) == 4);
    }

    TEST_CASE("unix_listen and unix_connect name the address in their errors") {
        const support::temporary_directory d;
        weir::executor ex;
        CHECK(support::system_error_of([&] { return ex.run(weir::unix_listen(d / "none/s")); }) ==
              "listen on " + d / "none/s" + ": No such file or directory");
        CHECK(support::system_error_of([&] { return ex.run(weir::unix_connect(d / "s")); }) ==
              "connect to " + d / "s" + ": No such file or directory");
        CHECK(support::system_error_of([&] {
                  return ex.run(weir::unix_connect(weir::unix_address::abstract(d.path())));
              }) == "connect to @" + d.path() + ": Connection refused");
    }

    TEST_CASE("unix: a connect waits for room in the backlog and may be dropped meanwhile") {
        const support::temporary_directory d;
        weir::executor ex;
        auto listener = ex.run(weir::unix_listen(d / "s", {.backlog = 1}));
        std::vector<weir::unix_stream> connected;
        // The kernel accepts one connection more than the backlog.
        for (int i = 0; i != 2; ++i) connected.push_back(ex.run(weir::unix_connect(d / "s")));
        auto waiting = support::begin(ex, weir::unix_connect(d / "s"));
        std::optional dropped{support::begin(ex, weir::unix_connect(d / "s"))};
        for (int i = 0; i != 20; ++i) ex.turn(ex.time_after(std::chrono::milliseconds{1}));
        CHECK_FALSE(waiting.finished());
        dropped.reset();
        for (int i = 0; i != 3; ++i) {
            ex.run(listener.accept());
            if (i == 0) connected.push_back(ex.run(std::move(waiting)));
        }
        CHECK(connected.size() == 3);
    }

    TEST_CASE("unix: large amounts of data pass in both directions at once") {
        weir::executor ex;
        auto p = pair(ex);
        const std::string there(3'000'000, 'a');
        const std::string back(2'000'000, 'b');
        const auto send = [](weir::unix_stream& s, const std::string& what) -> weir::task<> {
            co_await s.write(what);
            co_await s.shutdown_write();
        };
        const auto receive = [](weir::unix_stream& s) -> weir::task<std::string> {
            std::string all;
            const auto append = [&](const weir::bytes& b) { all += b.view(); };
            co_await (weir::read(s) | weir::for_each(append));
            co_return all;
        };
        auto a = ex.spawn(send(p.client, there));
        auto b = ex.spawn(send(p.server, back));
        auto c = ex.spawn(receive(p.server));
        CHECK((ex.run(receive(p.client)) == back));
        CHECK((ex.run(std::move(c)) == there));
    }

    TEST_CASE("unix: a closed peer ends reads and fails writes with EPIPE") {
        weir::executor ex;
        auto p = pair(ex);
        p.server.close();
        std::array<char, 4> buffer{};
        CHECK(ex.run(p.client.read(buffer)) == 0);
        CHECK(support::system_error_of([&] {
                  ex.run(p.client.write("x"));
                  return 0;
              }) == "write unix pair: Broken pipe");
        CHECK(support::system_error_of([&] {
                  ex.run(p.client.write_with("x", p.client));
                  return 0;
              }) == "write descriptors to unix pair: Broken pipe");
    }

    TEST_CASE("unix: descriptors are passed together with data") {
        const support::temporary_directory d;
        weir::executor ex;
        auto p = pair(ex);
        auto log = ex.run(weir::open(d / "log", weir::open_mode::create));
        auto tcp = support::connect_pair(ex);
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        auto inner = pair(ex);
        ex.run(p.client.write_with("take these", log, tcp.client, listener, inner.client));
        log.close();
        tcp.client.close();
        const auto address = listener.local_endpoint();
        listener.close();
        inner.client.close();

        std::array<char, 64> buffer{};
        auto got = ex.run(p.server.read_with(buffer));
        CHECK(std::string{buffer.data(), got.size} == "take these");
        REQUIRE(got.descriptors.size() == 4);
        for (const auto& descriptor : got.descriptors)
            CHECK((::fcntl(descriptor.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);

        auto log_here = std::move(got.descriptors[0]).to_file("the log");
        ex.run(log_here.write("written"));
        CHECK(std::filesystem::file_size(d / "log") == 7);

        auto tcp_here = ex.run(std::move(got.descriptors[1]).to_tcp_stream());
        CHECK(tcp_here.remote_endpoint() == ex.run(tcp.server.local_endpoint()));
        ex.run(tcp_here.write("hello"));
        CHECK(ex.run(tcp.server.read(buffer)) == 5);

        auto listener_here = ex.run(std::move(got.descriptors[2]).to_tcp_listener());
        CHECK(listener_here.local_endpoint() == address);
        auto accepting = support::begin(ex, listener_here.accept());
        const auto client = ex.run(weir::tcp_connect(address));
        CHECK(ex.run(std::move(accepting)).is_open());

        auto inner_here = std::move(got.descriptors[3]).to_unix_stream("inner");
        ex.run(inner_here.write("deep"));
        CHECK(ex.run(inner.server.read(buffer)) == 4);
    }

    TEST_CASE("unix: sockets that a service manager has opened are taken once, with their names") {
        weir::executor ex;
        const support::temporary_directory d;
        auto tcp = ex.run(weir::listen({"127.0.0.1", 0}));
        auto local = ex.run(weir::unix_listen(d / "socket"));
        const auto in_service = [&](const char* number, bool for_this_process) {
            return support::in_child([&] {
                const int copies[] = {::fcntl(tcp.native_handle(), F_DUPFD_CLOEXEC, 100),
                                      ::fcntl(local.native_handle(), F_DUPFD_CLOEXEC, 100)};
                const int answer = ::fcntl(support::answer_descriptor, F_DUPFD_CLOEXEC, 100);
                support::answer_descriptor = answer;
                ::dup2(copies[0], 3);
                ::dup2(copies[1], 4);
                ::setenv("LISTEN_PID", std::to_string(::getpid() + (for_this_process ? 0 : 1)).c_str(), 1);
                ::setenv("LISTEN_FDS", number, 1);
                ::setenv("LISTEN_FDNAMES", "web:control", 1);
                weir::executor own;
                auto got = own.run(weir::activated_sockets());
                std::string text;
                for (const auto& socket : got) {
                    text += socket.name + '=' + std::to_string(socket.descriptor.native_handle());
                    text += ::fcntl(socket.descriptor.native_handle(), F_GETFD) == FD_CLOEXEC ? "x " : " ";
                }
                if (got.empty()) return text + "none";
                auto web = own.run(std::move(got[0].descriptor).to_tcp_listener());
                auto control = own.run(std::move(got[1].descriptor).to_unix_listener());
                text += web.name() == tcp.name() && control.name() == local.name() ? "same" : "other";
                auto accepting = own.spawn(control.accept());
                auto client = own.run(weir::unix_connect(d / "socket"));
                text += own.run(std::move(accepting)).is_open() ? " accepts" : "";
                return text + ' ' + std::to_string(own.run(weir::activated_sockets()).size());
            });
        };
        CHECK(in_service("2", true) == "web=3x control=4x same accepts 0");
        CHECK(in_service("2", false) == "none");
        CHECK(in_service("many", true) == "take the sockets of the service manager: Invalid argument");
        CHECK(in_service("2000000000", true) == "take the sockets of the service manager: Invalid argument");
        CHECK(std::filesystem::exists(d / "socket"));
        auto pair_of_sockets = pair(ex);
        std::array<char, 1> byte{};
        ex.run(pair_of_sockets.client.write_with("x", pair_of_sockets.client));
        auto got = ex.run(pair_of_sockets.server.read_with(byte));
        CHECK(support::system_error_of([&] { return ex.run(std::move(got.descriptors[0]).to_unix_listener()); }) ==
              "make a Unix listener of a received descriptor: Protocol wrong type for socket");
    }

    TEST_CASE("unix: sockets of a service manager are closed when one of them was not passed") {
        const auto in_service = [](const char* number, int of_this_program) {
            return support::in_child([&] {
                support::answer_descriptor = ::fcntl(support::answer_descriptor, F_DUPFD_CLOEXEC, 100);
                for (const int fd : {3, 4, 5}) ::dup3(0, fd, fd == of_this_program ? O_CLOEXEC : 0);
                ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
                ::setenv("LISTEN_FDS", number, 1);
                weir::executor own;
                std::string text = support::system_error_of([&] { return own.run(weir::activated_sockets()); });
                for (const int fd : {3, 4, 5}) text += ::fcntl(fd, F_GETFD) < 0 ? " closed" : " open";
                auto pipe = own.run(weir::open_pipe()); // the executor has kept its own descriptors
                return text + ' ' + std::to_string(own.run(weir::activated_sockets()).size());
            });
        };
        const std::string error = "take the sockets of the service manager: Bad file descriptor";
        CHECK(in_service("3", 4) == error + " closed open closed 0");
        CHECK(in_service("2", 4) == error + " closed open open 0");
        CHECK(in_service("40", -1) == error + " closed closed closed 0");
    }

    TEST_CASE("unix: a passed descriptor of another kind is an error and is closed") {
        weir::executor ex;
        auto p = pair(ex);
        auto pipe = ex.run(weir::open_pipe());
        std::array<char, 8> buffer{};
        ex.run(p.client.write_with("x", pipe.read_end, p.client));
        const std::size_t before = support::open_descriptors();
        auto got = ex.run(p.server.read_with(buffer));
        CHECK(support::system_error_of([&] { return ex.run(std::move(got.descriptors[0]).to_tcp_stream()); }) ==
              "make a TCP connection of a received descriptor: Socket operation on non-socket");
        CHECK(support::system_error_of([&] { return ex.run(std::move(got.descriptors[1]).to_tcp_listener()); }) ==
              "make a TCP listener of a received descriptor: Protocol wrong type for socket");
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("unix: descriptors arrive with the bytes that they were sent with") {
        weir::executor ex;
        auto p = pair(ex);
        auto pipe = ex.run(weir::open_pipe());
        ex.run(p.client.write("plain"));
        ex.run(p.client.write_with("first", pipe.read_end));
        ex.run(p.client.write_with("second", pipe.read_end, pipe.write_end));
        ex.run(p.client.write("rest"));
        p.client.close();
        std::array<char, 64> buffer{};
        std::string all;
        std::vector<std::size_t> counts;
        for (;;) {
            const auto got = ex.run(p.server.read_with(buffer));
            if (got.size == 0) break;
            all.append(buffer.data(), got.size);
            counts.push_back(got.descriptors.size());
        }
        CHECK(all == "plainfirstsecondrest");
        std::erase(counts, 0u);
        CHECK(counts == std::vector<std::size_t>{1, 2});
    }

    TEST_CASE("unix: a message passes as many descriptors as it holds and no more") {
        weir::executor ex;
        auto p = pair(ex);
        const std::vector<int> many(weir::unix_stream::max_descriptors, p.client.native_handle());
        ex.run(p.client.write_with("x", many));
        std::array<char, 8> buffer{};
        CHECK(ex.run(p.server.read_with(buffer)).descriptors.size() == many.size());
        const std::vector<int> more(many.size() + 1, p.client.native_handle());
        CHECK_THROWS_WITH_AS(p.client.write_with("x", more), "weir::unix_stream::write_with: more than 253 descriptors",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(p.client.write_with("", p.client),
                             "weir::unix_stream::write_with: there is no data to send the descriptors with",
                             std::invalid_argument);
        CHECK(support::system_error_of([&] {
                  ex.run(p.client.write_with("x", std::array{-1}));
                  return 0;
              }) == "write descriptors to unix pair: Bad file descriptor");
    }

    TEST_CASE("unix: descriptors of a large message arrive once") {
        weir::executor ex;
        auto p = pair(ex);
        const std::string much(2'000'000, 'x');
        auto writing = support::begin(ex, p.client.write_with(much, p.client));
        CHECK_FALSE(writing.finished());
        std::vector<char> buffer(100'000);
        std::size_t size = 0;
        std::size_t descriptors = 0;
        while (size != much.size()) {
            const auto got = ex.run(p.server.read_with(buffer));
            size += got.size;
            descriptors += got.descriptors.size();
        }
        ex.run(std::move(writing));
        CHECK(descriptors == 1);
    }

    TEST_CASE("unix: a receive without free descriptor numbers fails and leaves nothing open") {
        weir::executor ex;
        auto p = pair(ex);
        ex.run(p.client.write_with("x", p.client, p.client, p.client));
        std::array<char, 8> buffer{};
        const std::size_t before = support::open_descriptors();
        {
            const no_more_descriptors here;
            CHECK(support::system_error_of([&] { return ex.run(p.server.read_with(buffer)); }) ==
                  "read descriptors from unix pair: Too many open files");
        }
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("unix: a plain read closes the descriptors that arrive with its data") {
        weir::executor ex;
        auto p = pair(ex);
        ex.run(p.client.write_with("x", p.client));
        std::array<char, 8> buffer{};
        const std::size_t before = support::open_descriptors();
        CHECK(ex.run(p.server.read(buffer)) == 1);
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("unix: plain reads continue across messages with descriptors and across senders") {
        for (const bool with_senders : {false, true}) {
            CAPTURE(with_senders);
            weir::executor ex;
            auto p = pair(ex);
            const int on = with_senders ? 1 : 0;
            REQUIRE(::setsockopt(p.server.native_handle(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
            std::array<char, 64> buffer{};
            const auto read = [&](auto reading) {
                const auto n = static_cast<std::size_t>(ex.run(std::move(reading)));
                return std::string(buffer.data(), n);
            };
            // First a read that waits, so that the descriptor is known to the loop.
            auto reading = support::begin(ex, p.server.read(buffer));
            ex.run(p.client.write("first"));
            CHECK(read(std::move(reading)) == "first");
            for (int i = 0; i != 3; ++i) {
                CAPTURE(i);
                reading = support::begin(ex, p.server.read(buffer));
                if (with_senders) {
                    const int to = p.client.native_handle();
                    REQUIRE(::send(to, "one", 3, MSG_NOSIGNAL) == 3);
                    CHECK(support::in_child([to] { return std::to_string(::send(to, "two", 3, MSG_NOSIGNAL)); }) ==
                          "3");
                } else {
                    ex.run(p.client.write_with("one", p.client));
                    ex.run(p.client.write("two"));
                }
                std::string all = read(std::move(reading));
                while (all.size() < 6) all += read(p.server.read(buffer));
                CHECK(all == "onetwo");
            }
        }
    }

    TEST_CASE("unix: a dropped operation closes the descriptors that arrived with it") {
        const support::temporary_directory d;
        std::mt19937 random{3};
        weir::executor ex;
        const std::size_t before = support::open_descriptors();
        for (int round = 0; round != 200; ++round) {
            auto listener = ex.run(weir::unix_listen(d / "s"));
            auto p = pair(ex);
            std::array<char, 8> buffer{};
            const std::string much(500'000, 'x');
            std::optional accepting{support::begin(ex, listener.accept())};
            std::optional reading{support::begin(ex, p.server.read_with(buffer))};
            std::optional connecting{ex.spawn(weir::unix_connect(d / "s"))};
            std::optional writing{ex.spawn(p.client.write_with(much, p.client, p.server))};
            const auto turns = std::uniform_int_distribution{0, 4}(random);
            for (int i = 0; i != turns; ++i) ex.turn(ex.now());
            switch (round % 4) {
            case 0:
                accepting.reset();
                break;
            case 1:
                reading.reset();
                break;
            case 2:
                connecting.reset();
                break;
            default:
                writing.reset();
                break;
            }
        }
        CHECK(ex.io().in_flight() == 0);
        CHECK(support::open_descriptors() == before);
    }
}
