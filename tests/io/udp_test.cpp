// SPDX-License-Identifier: MIT
#include <weir/io/udp.hpp>

#include <array>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/task.hpp>

#include <doctest/doctest.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "raw_io.hpp"

namespace {

std::string text(std::span<const char> buffer, const weir::received_datagram& d) {
    return std::string{buffer.data(), d.size};
}

} // namespace

TEST_SUITE("io/udp") {
    TEST_CASE("udp: datagrams pass in both directions, each whole and with its sender") {
        for (const char* address : {"127.0.0.1", "::1"}) {
            CAPTURE(address);
            weir::executor ex;
            auto a = ex.run(weir::udp_bind({address, 0}));
            auto b = ex.run(weir::udp_bind({address, 0}));
            CHECK(a.local_endpoint().port() != 0);
            CHECK(a.remote_endpoint() == weir::endpoint{});
            ex.run(a.send_to("one", b.local_endpoint()));
            ex.run(a.send_to("two two", b.local_endpoint()));
            std::array<char, 64> buffer{};
            auto got = ex.run(b.receive_from(buffer));
            CHECK(text(buffer, got) == "one");
            CHECK(got.from == a.local_endpoint());
            got = ex.run(b.receive_from(buffer));
            CHECK(text(buffer, got) == "two two");
            ex.run(b.send_to("answer", got.from));
            CHECK(text(buffer, ex.run(a.receive_from(buffer))) == "answer");
        }
    }

    TEST_CASE("udp: a receive waits for a datagram") {
        weir::executor ex;
        auto a = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        auto b = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        std::array<char, 64> buffer{};
        auto receiving = support::begin(ex, b.receive_from(buffer));
        CHECK_FALSE(receiving.finished());
        CHECK(ex.io().in_flight() == 1);
        ex.run(a.send_to("late", b.local_endpoint()));
        CHECK(text(buffer, ex.run(std::move(receiving))) == "late");
        CHECK(ex.io().in_flight() == 0);
    }

    TEST_CASE("udp: an empty datagram is received") {
        weir::executor ex;
        auto a = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        ex.run(a.send_to("", a.local_endpoint()));
        ex.run(a.send_to("next", a.local_endpoint()));
        std::array<char, 64> buffer{};
        const auto empty = ex.run(a.receive_from(buffer));
        CHECK(empty.size == 0);
        CHECK(empty.from == a.local_endpoint());
        CHECK_FALSE(empty.truncated());
        CHECK(text(buffer, ex.run(a.receive_from(buffer))) == "next");
    }

    TEST_CASE("udp: a receive reports the size of a datagram that did not fit into the buffer") {
        weir::executor ex;
        auto a = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        ex.run(a.send_to("0123456789", a.local_endpoint()));
        ex.run(a.send_to("next", a.local_endpoint()));
        std::array<char, 4> buffer{};
        const auto cut = ex.run(a.receive_from(buffer));
        CHECK(cut.truncated());
        CHECK(cut.size == 4);
        CHECK(cut.sent == 10);
        CHECK(text(buffer, cut) == "0123");
        const auto whole = ex.run(a.receive_from(buffer));
        CHECK_FALSE(whole.truncated());
        CHECK(text(buffer, whole) == "next");
    }

    TEST_CASE("udp: the largest datagram passes, and a larger one is an error") {
        weir::executor ex;
        auto a = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        const std::string largest(65'507, 'x');
        ex.run(a.send_to(largest, a.local_endpoint()));
        std::vector<char> buffer(70'000);
        CHECK(ex.run(a.receive_from(buffer)).size == largest.size());
        CHECK(support::system_error_of([&] {
                  ex.run(a.send_to(largest + 'x', a.local_endpoint()));
                  return 0;
              }) == "send to " + a.local_endpoint().to_string() + ": Message too long");
    }

    TEST_CASE("udp: a connected socket sends to its peer and receives from its peer only") {
        weir::executor ex;
        auto server = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        auto stranger = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        auto client = ex.run(weir::udp_connect(server.local_endpoint()));
        CHECK(client.remote_endpoint() == server.local_endpoint());
        CHECK(client.local_endpoint().port() != 0);
        ex.run(stranger.send_to("psst", client.local_endpoint()));
        ex.run(client.send("hello"));
        std::array<char, 64> buffer{};
        const auto got = ex.run(server.receive_from(buffer));
        CHECK(text(buffer, got) == "hello");
        CHECK(got.from == client.local_endpoint());
        ex.run(server.send_to("yes", got.from));
        CHECK(text(buffer, ex.run(client.receive_from(buffer))) == "yes");

        auto late = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        ex.run(late.connect(server.local_endpoint()));
        ex.run(late.send("later"));
        CHECK(ex.run(server.receive_from(buffer)).from == late.local_endpoint());
    }

    TEST_CASE("udp: a missing peer fails the receive, and the socket stays usable") {
        weir::executor ex;
        auto peer = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        const auto address = peer.local_endpoint();
        auto client = ex.run(weir::udp_connect(address));
        peer.close();
        std::array<char, 64> buffer{};
        auto receiving = support::begin(ex, client.receive_from(buffer));
        ex.run(client.send("anybody?"));
        CHECK(support::system_error_of([&] { return ex.run(std::move(receiving)); }) ==
              "receive from " + address.to_string() + ": Connection refused");
        peer = ex.run(weir::udp_bind(address));
        ex.run(client.send("again"));
        CHECK(text(buffer, ex.run(peer.receive_from(buffer))) == "again");
    }

    TEST_CASE("udp: binding fails for an address in use and for one of another host") {
        weir::executor ex;
        const auto a = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        const auto taken = a.local_endpoint();
        CHECK(support::system_error_of([&] { return ex.run(weir::udp_bind(taken)); }) ==
              "bind to " + taken.to_string() + ": Address already in use");
        CHECK(support::system_error_of([&] { return ex.run(weir::udp_bind({"192.0.2.1", 1})); }) ==
              "bind to 192.0.2.1:1: Cannot assign requested address");
    }

    TEST_CASE("udp: several receives may wait, and may be dropped") {
        weir::executor ex;
        auto a = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        std::array<std::array<char, 16>, 3> buffers{};
        auto first = support::begin(ex, a.receive_from(buffers[0]));
        std::optional second{support::begin(ex, a.receive_from(buffers[1]))};
        auto third = support::begin(ex, a.receive_from(buffers[2]));
        CHECK(ex.io().in_flight() == 3);
        second.reset();
        CHECK(ex.io().in_flight() == 2);
        ex.run(a.send_to("x", a.local_endpoint()));
        ex.run(a.send_to("y", a.local_endpoint()));
        CHECK(ex.run(std::move(first)).size == 1);
        CHECK(ex.run(std::move(third)).size == 1);
        CHECK(buffers[0][0] + buffers[2][0] == 'x' + 'y');
        CHECK(buffers[1][0] == 0);
    }

    TEST_CASE("udp: members of a multicast group receive what is sent to it, until they leave") {
        weir::executor ex;
        auto one = ex.run(weir::udp_bind({"0.0.0.0", 0}, {.reuse_port = true}));
        const weir::endpoint group{"239.255.77.1", one.local_endpoint().port()};
        auto other = ex.run(weir::udp_bind(group, {.reuse_port = true}));
        auto sender = ex.run(weir::udp_bind({"127.0.0.1", 0}, {.ttl = 5, .multicast_ttl = 1}));
        ex.run(one.join(group, "lo"));
        ex.run(other.join(group, "lo"));
        ex.run(sender.join(group, "lo")); // so that it sends there
        ex.run(sender.send_to("to all", group));
        std::array<char, 64> buffer{};
        CHECK(text(buffer, ex.run(one.receive_from(buffer))) == "to all");
        CHECK(text(buffer, ex.run(other.receive_from(buffer))) == "to all");

        ex.run(one.leave(group, "lo"));
        ex.run(other.leave(group, "lo"));
        CHECK(support::system_error_of([&] {
                  ex.run(one.leave(group, "lo"));
                  return 0;
              }) == "leave 239.255.77.1 on lo: Cannot assign requested address");
        CHECK(support::system_error_of([&] {
                  ex.run(one.join(group, "no-such-one"));
                  return 0;
              }) == "join 239.255.77.1 on no-such-one: No such device");
        CHECK_THROWS_AS(ex.run(weir::udp_bind({"127.0.0.1", 0}, {.ttl = 256})), std::invalid_argument);
    }

    TEST_CASE("udp sets the options of multicast for both address families") {
        weir::executor ex;
        const auto option = [](const weir::udp_socket& socket, int level, int name) {
            int value = -1;
            socklen_t size = sizeof value;
            REQUIRE(::getsockopt(socket.native_handle(), level, name, &value, &size) == 0);
            return value;
        };
        const weir::udp_options options{.ttl = 5, .multicast_ttl = 7, .multicast_loop = false};
        const auto four = ex.run(weir::udp_bind({"127.0.0.1", 0}, options));
        CHECK(option(four, IPPROTO_IP, IP_TTL) == 5);
        CHECK(option(four, IPPROTO_IP, IP_MULTICAST_TTL) == 7);
        CHECK(option(four, IPPROTO_IP, IP_MULTICAST_LOOP) == 0);
        const auto six = ex.run(weir::udp_bind({"::1", 0}, options));
        CHECK(option(six, IPPROTO_IPV6, IPV6_UNICAST_HOPS) == 5);
        CHECK(option(six, IPPROTO_IPV6, IPV6_MULTICAST_HOPS) == 7);
        CHECK(option(six, IPPROTO_IPV6, IPV6_MULTICAST_LOOP) == 0);
        const auto plain = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        CHECK(option(plain, IPPROTO_IP, IP_MULTICAST_TTL) == 1);
        CHECK(option(plain, IPPROTO_IP, IP_MULTICAST_LOOP) == 1);
    }

    TEST_CASE("udp leaves no descriptor open") {
        weir::executor ex;
        const std::size_t before = support::open_descriptors();
        {
            auto a = ex.run(weir::udp_bind({"127.0.0.1", 0}));
            const auto b = ex.run(weir::udp_connect(a.local_endpoint()));
            support::system_error_of([&] { return ex.run(weir::udp_bind(a.local_endpoint())); });
            std::array<char, 16> buffer{};
            const auto dropped = support::begin(ex, a.receive_from(buffer));
            CHECK(support::open_descriptors() == before + 2);
        }
        CHECK(support::open_descriptors() == before);
    }
}
