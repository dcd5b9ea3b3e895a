// SPDX-License-Identifier: MIT
// What do the same questions cost with asio? `peer_asio QUESTION CASE` answers each line `N` on its standard input with
// a line `NANOSECONDS CHECKSUM`. `peer_asio --list` prints the cases, and the factor by which they get fewer items.
// With PEER_BOOST defined, the program measures Boost.Asio under the same names.

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#ifdef PEER_BOOST
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
namespace asio = boost::asio;
using asio_error = boost::system::error_code;
#else
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/channel.hpp>
#include <asio/experimental/concurrent_channel.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
using asio_error = std::error_code;
#endif

namespace {

using std::int64_t;

/// Runs a coroutine on an io_context of its own and returns its result.
int64_t run(asio::awaitable<int64_t> work) {
    asio::io_context loop{1};
    int64_t result = 0;
    asio::co_spawn(loop, std::move(work), [&](std::exception_ptr, int64_t value) { result = value; });
    loop.run();
    return result;
}

asio::awaitable<int64_t> same(int64_t x) { co_return x; }

int64_t task(int64_t n) {
    return run([](int64_t count) -> asio::awaitable<int64_t> {
        int64_t sum = 0;
        for (int64_t i = 0; i != count; ++i) sum += co_await same(i);
        co_return sum;
    }(n));
}

int64_t spawn(int64_t n) {
    return run([](int64_t count) -> asio::awaitable<int64_t> {
        const auto ex = co_await asio::this_coro::executor;
        int64_t sum = 0;
        for (int64_t i = 0; i != count; ++i) sum += co_await asio::co_spawn(ex, same(i), asio::use_awaitable);
        co_return sum;
    }(n));
}

int64_t yield(int64_t n) {
    return run([](int64_t count) -> asio::awaitable<int64_t> {
        const auto ex = co_await asio::this_coro::executor;
        int64_t sum = 0;
        for (int64_t i = 0; i != count; ++i) {
            co_await asio::post(ex, asio::use_awaitable);
            sum += i;
        }
        co_return sum;
    }(n));
}

template <class Channel>
asio::awaitable<void> send_all(Channel& to, int64_t count) {
    for (int64_t i = 0; i != count; ++i) co_await to.async_send(asio_error{}, i, asio::use_awaitable);
}

template <class Channel>
asio::awaitable<int64_t> receive_all(Channel& from, int64_t count) {
    int64_t sum = 0;
    for (int64_t i = 0; i != count; ++i) sum += co_await from.async_receive(asio::use_awaitable);
    co_return sum;
}

template <class Channel>
int64_t channel(int64_t n) {
    asio::io_context loop{1};
    Channel between{loop, 64};
    int64_t result = 0;
    asio::co_spawn(loop, send_all(between, n), asio::detached);
    asio::co_spawn(loop, receive_all(between, n), [&](std::exception_ptr, int64_t value) { result = value; });
    loop.run();
    return result;
}

/// The timers are created once, and used in all rounds.
int64_t timers(int64_t n) {
    static asio::io_context loop{1};
    static std::vector<asio::steady_timer> all;
    while (static_cast<int64_t>(all.size()) < n) all.emplace_back(loop);
    int64_t left = 0;
    for (int64_t i = 0; i != n; ++i) {
        const int64_t span = 10'000'000'000 + (i * 2'654'435'761 & 0xffff'ffff) * 14;
        asio::steady_timer& timer = all[static_cast<std::size_t>(i)];
        timer.expires_after(std::chrono::nanoseconds{span});
        timer.async_wait([](const asio_error&) {});
        left += span;
    }
    for (int64_t i = 0; i != n; ++i) {
        if (i % 10 == 0) continue;
        all[static_cast<std::size_t>(i)].cancel();
        left -= 10'000'000'000 + (i * 2'654'435'761 & 0xffff'ffff) * 14;
    }
    loop.poll();
    return left;
}

struct answer {
    const char* question;
    const char* name;
    int scale;
    int64_t (*run)(int64_t);
};

constexpr answer cases[] = {
    {"task", "asio awaitable", 1, task},
    {"spawn", "asio co_spawn", 10, spawn},
    {"yield", "asio post", 10, yield},
    {"timers", "asio steady_timer", 1, timers},
    {"channel", "asio channel", 10, channel<asio::experimental::channel<void(asio_error, int64_t)>>},
    {"channel", "asio concurrent_channel", 10,
     channel<asio::experimental::concurrent_channel<void(asio_error, int64_t)>>},
};

} // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string{argv[1]} == "--list") {
        for (const answer& c : cases) std::cout << c.question << '\t' << c.name << '\t' << c.scale << '\n';
        return 0;
    }
    for (const answer& c : cases) {
        if (argc != 3 || std::string{argv[1]} != c.question || std::string{argv[2]} != c.name) continue;
        for (int64_t n = 0; std::cin >> n;) {
            const auto began = std::chrono::steady_clock::now();
            const int64_t checksum = c.run(n);
            const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - began;
            std::cout << took.count() << ' ' << checksum << std::endl;
        }
        return 0;
    }
    std::cerr << "usage: peer_asio QUESTION CASE, or --list\n";
    return 2;
}
