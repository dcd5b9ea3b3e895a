// SPDX-License-Identifier: MIT
#include <weir/source/datagrams.hpp>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/task.hpp>

#include <doctest/doctest.h>

#include <sys/socket.h>

#include "allocations.hpp"
#include "raw_io.hpp"

TEST_SUITE("source/datagrams") {
    TEST_CASE("datagrams emits datagrams as they were sent, with their senders") {
        weir::executor ex;
        auto server = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        auto a = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        auto b = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        ex.run(a.send_to("from a", server.local_endpoint()));
        ex.run(b.send_to("", server.local_endpoint()));
        ex.run(b.send_to("from b", server.local_endpoint()));
        std::vector<std::string> got;
        std::vector<weir::endpoint> from;
        ex.run(weir::datagrams(server) | weir::take(3) | weir::for_each([&](const weir::datagram& d) {
                   got.push_back(d.data.to_string());
                   from.push_back(d.from);
                   CHECK_FALSE(d.truncated());
               }));
        CHECK(got == std::vector<std::string>{"from a", "", "from b"});
        CHECK(from == std::vector{a.local_endpoint(), b.local_endpoint(), b.local_endpoint()});
        CHECK(server.is_open());
    }

    TEST_CASE("datagrams cuts off a datagram beyond the limit and marks it") {
        weir::executor ex;
        auto socket = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        ex.run(socket.send_to("0123456789", socket.local_endpoint()));
        ex.run(socket.send_to("01234567", socket.local_endpoint()));
        auto stream = weir::datagrams(socket, {.limit = 8});
        auto cut = ex.run(weir::next(stream));
        CHECK(cut->data == "01234567");
        CHECK(cut->truncated());
        CHECK(cut->sent == 10);
        auto whole = ex.run(weir::next(stream));
        CHECK(whole->data == "01234567");
        CHECK_FALSE(whole->truncated());
        CHECK_THROWS_WITH_AS(weir::datagrams(socket, {.limit = 0}), "weir::datagrams: limit is 0",
                             std::invalid_argument);
    }

    TEST_CASE("datagrams: kept datagrams do not change and share memory") {
        weir::executor ex;
        auto socket = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        auto stream = weir::datagrams(socket, {.limit = 100});
        std::vector<weir::bytes> kept;
        for (int i = 0; i != 200; ++i) {
            ex.run(socket.send_to(std::to_string(i), socket.local_endpoint()));
            kept.push_back(ex.run(weir::next(stream))->data);
        }
        for (int i = 0; i != 200; ++i) CHECK(kept[static_cast<std::size_t>(i)] == std::to_string(i));
        CHECK(kept[1].data() == kept[0].end());
    }

    TEST_CASE("datagrams: an abandoned next loses nothing") {
        weir::executor ex;
        auto socket = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        auto stream = weir::datagrams(socket);
        for (int i = 0; i != 10; ++i) {
            const std::string text = std::to_string(i);
            const auto send = [&] {
                const weir::endpoint& to = socket.local_endpoint();
                REQUIRE(::sendto(socket.native_handle(), text.data(), text.size(), 0,
                                 static_cast<const sockaddr*>(to.data()), to.size()) == 1);
            };
            {
                const auto given_up = support::begin(ex, weir::next(stream));
                CHECK_FALSE(given_up.finished());
                if (i % 2 == 0) send(); // it has arrived, and its arrival was not reported
            }
            if (i % 2 != 0) send();
            CHECK(ex.run(weir::next(stream))->data == text);
        }
    }

    TEST_CASE("datagrams receives nothing before it is polled and leaves the rest in the socket") {
        weir::executor ex;
        auto socket = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        ex.run(socket.send_to("one", socket.local_endpoint()));
        ex.run(socket.send_to("two", socket.local_endpoint()));
        {
            auto stream = weir::datagrams(socket);
            CHECK(ex.run(weir::next(stream))->data == "one");
            for (int i = 0; i != 5; ++i) ex.turn(ex.now());
        }
        auto stream = weir::datagrams(std::move(socket));
        CHECK(ex.run(weir::next(stream))->data == "two");
    }

    TEST_CASE("datagrams fails when the peer refuses") {
        weir::executor ex;
        auto peer = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        auto client = ex.run(weir::udp_connect(peer.local_endpoint()));
        auto stream = weir::datagrams(client);
        auto receiving = support::begin(ex, weir::next(stream));
        const auto address = peer.local_endpoint().to_string();
        peer.close();
        ex.run(client.send("anybody?"));
        CHECK(support::system_error_of([&] { return ex.run(std::move(receiving)); }) ==
              "receive from " + address + ": Connection refused");
    }

    TEST_CASE("datagrams leaves nothing in flight when it is dropped while it waits") {
        weir::executor ex;
        const std::size_t before = support::open_descriptors();
        {
            auto socket = ex.run(weir::udp_bind({"127.0.0.1", 0}));
            const auto receiving =
                support::begin(ex, weir::datagrams(std::move(socket)) | weir::for_each([](const weir::datagram&) {}));
            CHECK(ex.io().in_flight() == 1);
        }
        CHECK(ex.io().in_flight() == 0);
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("datagrams allocates nothing in a steady state") {
        weir::executor ex;
        auto socket = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        auto stream = weir::datagrams(socket);
        CHECK(support::allocations_for_more_items([&](int n) {
                  const auto exchange = [&]() -> weir::task<> {
                      for (int i = 0; i != n; ++i) {
                          co_await socket.send_to("0123456789", socket.local_endpoint());
                          const auto item = co_await weir::next(stream);
                          if (!item || item->data.size() != 10) std::abort();
                      }
                  };
                  ex.run(exchange());
              }) == 0);
    }
}
