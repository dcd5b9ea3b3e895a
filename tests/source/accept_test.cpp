// SPDX-License-Identifier: MIT
#include <weir/source/accept.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <weir/executor/sleep.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/task.hpp>

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "no_more_descriptors.hpp"
#include "raw_io.hpp"

using namespace std::chrono_literals;

namespace {

/// The errors of the next calls of accept4(2).
std::deque<int> errors_of_accept;

} // namespace

extern "C" int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
    if (!errors_of_accept.empty()) {
        errno = errors_of_accept.front();
        errors_of_accept.pop_front();
        return -1;
    }
    return static_cast<int>(::syscall(SYS_accept4, fd, address, size, flags));
}

TEST_SUITE("source/accept") {
    TEST_CASE("accept emits connections in the order in which they were made") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        auto stream = weir::accept(listener);
        for (int i = 0; i != 10; ++i) {
            auto client = ex.run(weir::tcp_connect(listener.local_endpoint()));
            auto served = ex.run(weir::next(stream));
            REQUIRE(served.has_value());
            CHECK(served->remote_endpoint() == ex.run(client.local_endpoint()));
        }
    }

    TEST_CASE("accept accepts a connection when it is polled, not before") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        auto stream = weir::accept(listener);
        std::vector<weir::tcp_stream> clients;
        for (int i = 0; i != 3; ++i) clients.push_back(ex.run(weir::tcp_connect(listener.local_endpoint())));
        const std::size_t before = support::open_descriptors();
        auto first = ex.run(weir::next(stream));
        for (int i = 0; i != 10; ++i) ex.turn(ex.now());
        CHECK(support::open_descriptors() == before + 1);
    }

    TEST_CASE("accept may own its listener, and closes it") {
        weir::executor ex;
        const std::size_t before = support::open_descriptors();
        {
            auto stream = weir::accept(ex.run(weir::listen({"::1", 0})));
            auto waiting = support::begin(ex, weir::next(stream));
            CHECK(ex.io().in_flight() == 1);
        }
        CHECK(ex.io().in_flight() == 0);
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("accept retries after a while when the process has no free descriptor") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        auto client = ex.run(weir::tcp_connect(listener.local_endpoint()));
        auto stream = weir::accept(listener);
        std::optional<support::no_more_descriptors> none{std::in_place};
        auto accepting = ex.spawn(weir::next(stream));
        const auto before = ex.stats().wakers_run;
        ex.run(weir::sleep_for(20ms));
        CHECK_FALSE(accepting.finished());
        CHECK(ex.stats().wakers_run - before < 20);
        none.reset();
        auto served = ex.run(std::move(accepting));
        REQUIRE(served.has_value());
        CHECK(served->remote_endpoint() == ex.run(client.local_endpoint()));
    }

    TEST_CASE("accept fails with an error that names the address when its listener is closed") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const auto address = listener.local_endpoint().to_string();
        auto stream = weir::accept(listener);
        listener.close();
        CHECK(support::system_error_of([&] { return ex.run(weir::next(stream)); }) ==
              "accept on " + address + ": Bad file descriptor");
    }

    TEST_CASE("accept skips connections that were reset before it accepts them") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        auto stream = weir::accept(listener);
        for (int i = 0; i != 20; ++i) {
            auto client = ex.run(weir::tcp_connect(listener.local_endpoint()));
            const linger now{1, 0};
            ::setsockopt(client.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
        }
        auto last = ex.run(weir::tcp_connect(listener.local_endpoint()));
        const auto address = ex.run(last.local_endpoint());
        for (;;) {
            auto served = ex.run(weir::next(stream));
            REQUIRE(served.has_value());
            if (served->remote_endpoint() == address) break;
        }
    }

    TEST_CASE("accept survives all errors that accept(2) calls those of a connection") {
        weir::executor ex{weir::backend_kind::epoll};
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        auto stream = weir::accept(listener);
        for (const int error : {ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH,
                                ECONNABORTED, EPERM, ETIMEDOUT, EINTR}) {
            CAPTURE(error);
            const auto client = ex.run(weir::tcp_connect(listener.local_endpoint()));
            errors_of_accept = {error, error};
            CHECK(ex.run(weir::next(stream)).has_value());
            CHECK(errors_of_accept.empty());
        }
        errors_of_accept = {EINVAL};
        const auto client = ex.run(weir::tcp_connect(listener.local_endpoint()));
        CHECK_THROWS_AS(ex.run(weir::next(stream)), std::system_error);
    }
}
