// SPDX-License-Identifier: MIT
#include <weir/io/resolve.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <dlfcn.h>
#include <netdb.h>

#include <weir/core/timed_out.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/source/accept.hpp>

#include "raw_io.hpp"

using namespace std::chrono_literals;
using support::begin;

namespace {

/// A bare root has no /etc/hosts, and then no name at all that can be counted on.
bool no_localhost() {
    addrinfo* found = nullptr;
    if (::getaddrinfo("localhost", nullptr, nullptr, &found) != 0) return true;
    ::freeaddrinfo(found);
    return false;
}

weir::endpoint refused_address(weir::executor& ex) {
    // Nobody listens there any more.
    return ex.run(weir::listen({"127.0.0.1", 0})).local_endpoint();
}

/// An address that says nothing: its backlog is full, so that the kernel drops what asks to connect.
class black_hole {
public:
    explicit black_hole(weir::executor& ex) : listener_{ex.run(weir::listen({"127.0.0.1", 0}, {.backlog = 0}))} {
        for (;;) {
            auto attempt = ex.spawn(weir::with_timeout(50ms, weir::tcp_connect(listener_.local_endpoint())));
            try {
                filling_.push_back(ex.run(std::move(attempt)));
            } catch (const weir::timed_out&) {
                return;
            }
        }
    }

    const weir::endpoint& address() const { return listener_.local_endpoint(); }

private:
    weir::tcp_listener listener_;
    std::vector<weir::tcp_stream> filling_;
};

/// While it exists, lookups of names that start with "dead" do not end, as with a name server that does not answer.
class dead_name_server {
public:
    dead_name_server() {
        silent = true;
        asked = 0;
    }
    dead_name_server(const dead_name_server&) = delete;
    ~dead_name_server() {
        silent = false;
        silent.notify_all();
    }

    static inline std::atomic<bool> silent = false;
    // Calls with this name. Threads that an earlier test has left ask for other names at any time.
    static constexpr const char* counted = "dead.once.test";
    static inline std::atomic<int> asked = 0;
};

} // namespace

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** result) {
    if (name != nullptr && std::string_view{name}.starts_with("dead")) {
        if (hints != nullptr && (hints->ai_flags & AI_NUMERICHOST) != 0) return EAI_NONAME;
        if (std::string_view{name} == dead_name_server::counted) ++dead_name_server::asked;
        dead_name_server::silent.wait(true);
        return EAI_AGAIN;
    }
    using function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto original = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    return original(name, service, hints, result);
}

TEST_SUITE("threads/resolve") {
    TEST_CASE("resolve: a dead name server does not delay other names" * doctest::skip(no_localhost())) {
        weir::executor ex;
        const dead_name_server server;
        std::vector<weir::join_handle<weir::task<std::vector<weir::endpoint>>>> waiting;
        for (int i = 0; i != 60; ++i) {
            waiting.push_back(begin(ex, weir::resolve("dead" + std::to_string(i) + ".test", 80)));
        }
        const auto found = ex.run(weir::with_timeout(5s, weir::resolve("localhost", 8080)));
        CHECK_FALSE(found.empty());
        for (const weir::endpoint& e : found) CHECK(e.port() == 8080);
        for (const auto& lookup : waiting) CHECK_FALSE(lookup.finished());
    }

    TEST_CASE("resolve looks up a name once for several concurrent calls") {
        weir::executor ex;
        const dead_name_server server;
        std::vector<weir::join_handle<weir::task<std::vector<weir::endpoint>>>> waiting;
        for (int i = 0; i != 100; ++i) waiting.push_back(begin(ex, weir::resolve(dead_name_server::counted, 80)));
        // An abandoned lookup serves the next caller too.
        waiting.clear();
        CHECK_THROWS_AS(ex.run(weir::resolve(dead_name_server::counted, 80, {.timeout = 20ms})), weir::resolve_error);
        CHECK(dead_name_server::asked <= 1);
    }

    TEST_CASE("resolve fails with a temporary error when a name server exceeds the time limit") {
        weir::executor ex;
        const dead_name_server server;
        try {
            ex.run(weir::resolve("dead.limit.test", 80, {.timeout = 5ms}));
            FAIL("resolved");
        } catch (const weir::resolve_error& e) {
            CHECK(e.temporary());
            CHECK(e.code() == EAI_AGAIN);
        }
        CHECK_THROWS_AS(ex.run(weir::tcp_connect("dead.limit.test", 80, {.resolve = {.timeout = 5ms}})),
                        weir::resolve_error);
        CHECK_THROWS_AS(ex.run(weir::resolve("localhost", 80, {.timeout = 0ms})), std::invalid_argument);
    }

    TEST_CASE("resolve: a name lookup may outlive its executor") {
        const dead_name_server server;
        {
            weir::executor ex;
            CHECK_THROWS_AS(ex.run(weir::with_timeout(5ms, weir::resolve("dead.executor.test", 80))), weir::timed_out);
        }
        weir::executor ex;
        const auto looking = begin(ex, weir::resolve("dead.executor.test", 80));
        CHECK_FALSE(looking.finished());
    }

    TEST_CASE("resolve returns a numeric address at once") {
        weir::executor ex;
        auto four = ex.spawn(weir::resolve("127.0.0.1", 80));
        auto six = ex.spawn(weir::resolve("::1", 443));
        ex.turn(ex.now());
        REQUIRE(four.finished());
        REQUIRE(six.finished());
        CHECK(ex.run(std::move(four)) == std::vector<weir::endpoint>{{"127.0.0.1", 80}});
        CHECK(ex.run(std::move(six)) == std::vector<weir::endpoint>{{"::1", 443}});
    }

    TEST_CASE("resolve does not block the executor" * doctest::skip(no_localhost())) {
        weir::executor ex;
        auto looking = ex.spawn(weir::resolve("localhost", 8080));
        ex.turn(ex.now());
        const auto found = ex.run(std::move(looking));
        REQUIRE_FALSE(found.empty());
        for (const weir::endpoint& e : found) {
            CHECK((e == weir::endpoint{"127.0.0.1", 8080} || e == weir::endpoint{"::1", 8080}));
        }
    }

    TEST_CASE("resolve: an unknown name throws an error that contains it") {
        weir::executor ex;
        try {
            // RFC 6761: a name below invalid. exists nowhere.
            ex.run(weir::resolve("no.such.host.invalid", 80));
            FAIL("it was found");
        } catch (const weir::resolve_error& e) {
            const bool temporary = e.code() == EAI_AGAIN; // as where there is no name server
            CHECK(std::string{e.what()} == "resolve no.such.host.invalid: " + std::string{::gai_strerror(e.code())});
            CHECK(e.temporary() == temporary);
        }
        CHECK_THROWS_AS(ex.run(weir::tcp_connect("no.such.host.invalid", 80)), weir::resolve_error);
        CHECK_THROWS_AS(ex.run(weir::resolve("", 80)), weir::resolve_error);
    }

    TEST_CASE("resolve: a look-up may be dropped while it runs" * doctest::skip(no_localhost())) {
        weir::executor ex;
        for (int i = 0; i != 20; ++i) {
            std::optional looking{ex.spawn(weir::resolve("localhost", 80))};
            std::optional connecting{ex.spawn(weir::tcp_connect("localhost", 1))};
            for (int turns = i % 4; turns != 0; --turns) ex.turn(ex.now());
        }
        // What its thread still delivers finds nobody.
        CHECK_FALSE(ex.run(weir::resolve("localhost", 80)).empty());
    }

    TEST_CASE("resolve: a look-up may outlive its executor") {
        weir::executor ex;
        auto looking = ex.spawn(weir::resolve("localhost", 80));
        ex.turn(ex.now());
        std::move(looking).detach();
    }

    TEST_CASE("resolve: tcp_connect connects by name" * doctest::skip(no_localhost())) {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        // Where localhost is ::1 first, that one refuses.
        auto client = ex.run(weir::tcp_connect("localhost", listener.local_endpoint().port()));
        CHECK(client.remote_endpoint() == listener.local_endpoint());
        auto server = ex.run(listener.accept());
        ex.run(client.write("hello"));
        std::string text(5, ' ');
        CHECK(ex.run(server.read(text)) == 5);
    }

    TEST_CASE("resolve: tcp_connect tries the next address at once after a refusal") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const auto refused = refused_address(ex);
        auto client = ex.run(weir::tcp_connect(std::vector{refused, refused, listener.local_endpoint()},
                                               {.attempt_delay = weir::duration::max()}));
        CHECK(client.remote_endpoint() == listener.local_endpoint());
    }

    TEST_CASE("tcp_connect tries the next address beside a silent one after a delay, and the first answer wins") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const black_hole hole{ex};
        const std::size_t before = support::open_descriptors();
        {
            auto client = ex.run(weir::tcp_connect(std::vector{hole.address(), listener.local_endpoint()},
                                                   {.attempt_delay = 5ms, .address_timeout = std::chrono::hours{1}}));
            CHECK(client.remote_endpoint() == listener.local_endpoint());
            // The other attempt is gone.
            CHECK(ex.io().in_flight() == 0);
            CHECK(support::open_descriptors() == before + 1);
        }
    }

    TEST_CASE("resolve: tcp_connect limits the time for each address") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const black_hole hole{ex};
        auto client = ex.run(weir::tcp_connect(std::vector{hole.address(), hole.address(), listener.local_endpoint()},
                                               {.attempt_delay = weir::duration::max(), .address_timeout = 10ms}));
        CHECK(client.remote_endpoint() == listener.local_endpoint());
        CHECK_THROWS_AS(
            ex.run(weir::tcp_connect(std::vector{refused_address(ex), hole.address()}, {.address_timeout = 10ms})),
            weir::timed_out);
        CHECK(ex.io().in_flight() == 0);
    }

    TEST_CASE("resolve: tcp_connect throws the error of the last address when all fail") {
        weir::executor ex;
        const auto one = refused_address(ex);
        const auto other = refused_address(ex);
        CHECK(support::system_error_of([&] { return ex.run(weir::tcp_connect(std::vector{one, other})); }) ==
              "connect to " + other.to_string() + ": Connection refused");
    }

    TEST_CASE("resolve rejects arguments that make no sense") {
        weir::executor ex;
        CHECK_THROWS_AS(ex.run(weir::tcp_connect(std::vector<weir::endpoint>{})), std::invalid_argument);
        CHECK_THROWS_AS(ex.run(weir::tcp_connect("127.0.0.1", 1, {.attempt_delay = -1ms})), std::invalid_argument);
        CHECK_THROWS_AS(ex.run(weir::tcp_connect("127.0.0.1", 1, {.address_timeout = 0ms})), std::invalid_argument);
    }
}
