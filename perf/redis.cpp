// SPDX-License-Identifier: MIT
// What does a Redis command cost, with 64 in flight over one connection?

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/process.hpp>
#include <weir/io/unix.hpp>
#include <weir/redis/client.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/task.hpp>

#include "support/bench.hpp"
#include "support/scratch.hpp"

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t in_flight = 64;
const std::string key = "key:__rand_int__"; // that of redis-benchmark
const std::string payload(64, 'x');

weir::task<weir::child_process> start_server(std::string socket) {
    std::vector<std::string> arguments{"redis-server", "--port", "0", "--unixsocket", socket, "--save", ""};
    weir::process_options quiet;
    quiet.out = weir::stdio::null;
    quiet.parent_exit = weir::on_parent_exit::kill;
    auto starting = weir::spawn_process(std::move(arguments), quiet);
    auto server = co_await std::move(starting);
    for (int i = 0; i != 500; ++i) {
        try {
            static_cast<void>(co_await weir::unix_connect(socket));
            co_return server;
        } catch (const std::exception&) {
            // Not yet.
        }
        co_await weir::sleep_for(10ms);
    }
    throw std::runtime_error{"redis-server does not accept"};
}

weir::task<> set_key(std::string path) {
    weir::redis::options o;
    o.unix_path = std::move(path);
    weir::redis::client client{o};
    co_await client.command("SET", key, payload);
}

/// By hand: writes 64 commands, and reads until the replies have arrived.
std::int64_t by_hand(const std::string& path, const std::string& command, std::size_t reply, std::uint64_t n) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, path.data(), path.size());
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) std::abort();
    std::string all;
    for (std::uint64_t i = 0; i != in_flight; ++i) all += command;
    std::vector<char> buffer(16 * 1024);
    for (std::uint64_t left = n; left != 0;) {
        const std::uint64_t now = left < in_flight ? left : in_flight;
        const std::size_t size = now * command.size();
        if (::write(fd, all.data(), size) != static_cast<ssize_t>(size)) std::abort();
        for (std::size_t due = now * reply; due != 0;) {
            const ssize_t got = ::read(fd, buffer.data(), buffer.size());
            if (got <= 0) std::abort();
            due -= static_cast<std::size_t>(got);
        }
        left -= now;
    }
    ::close(fd);
    return static_cast<std::int64_t>(n);
}

/// The time that redis-benchmark reports.
bench::measurement redis_benchmark(const std::string& path, const std::string& test, std::uint64_t n) {
    const std::string command = "redis-benchmark -s " + path + " -c 1 -P " + std::to_string(in_flight) + " -d " +
                                std::to_string(payload.size()) + " -n " + std::to_string(n) + " -t " + test +
                                " --csv 2>&1";
    const std::unique_ptr<FILE, int (*)(FILE*)> out{::popen(command.c_str(), "r"), &::pclose};
    if (out == nullptr) std::abort();
    char line[512];
    double rate = 0;
    // "SET","123456.78", ...
    while (std::fgets(line, sizeof line, out.get()) != nullptr) {
        const char* const comma = std::strstr(line, "\",\"");
        if (comma != nullptr && std::strncmp(line, "\"test\"", 6) != 0) rate = std::atof(comma + 3);
    }
    if (rate <= 0) throw std::runtime_error{"redis-benchmark reports no rate"};
    return {static_cast<double>(n) / rate * 1e9, static_cast<std::int64_t>(n)};
}

template <class Command>
std::int64_t with_weir(const std::string& path, std::uint64_t n, Command command) {
    weir::executor ex;
    weir::redis::options o;
    o.unix_path = path;
    weir::redis::client client{o};
    std::uint64_t left = n;
    auto all = weir::with_group([&](weir::task_group& group) -> weir::task<> {
        for (std::uint64_t i = 0; i != in_flight; ++i) {
            group.spawn([&]() -> weir::task<> {
                while (left != 0) {
                    --left;
                    co_await command(client);
                }
            });
        }
        co_return;
    });
    ex.run(std::move(all));
    return static_cast<std::int64_t>(n);
}

} // namespace

int main(int argc, char** argv) {
    constexpr int skipped = 77;
    if (std::system("command -v redis-server > /dev/null && command -v redis-benchmark > /dev/null") != 0) {
        std::printf("skipped: no redis-server and redis-benchmark here\n");
        return skipped;
    }
    const bench::scratch_directory directory;
    const std::string path = directory.path() + "/redis.sock";
    weir::executor ex;
    const auto server = ex.run(start_server(path));
    ex.run(set_key(path));

    bench::question q{argc, argv, "What does a Redis command cost, with 64 in flight over one connection?",
                      "ns/command", 200'000};
    const auto bulk = [](const std::string& text) {
        return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
    };
    const std::string set = "*3\r\n" + bulk("SET") + bulk(key) + bulk(payload);
    const std::string get = "*2\r\n" + bulk("GET") + bulk(key);
    q.floor("SET by hand", [&](std::uint64_t n) { return by_hand(path, set, 5, n); });
    q.peer("redis-benchmark SET", [&](std::uint64_t n) { return redis_benchmark(path, "set", n); });
    q.weir("SET", [&](std::uint64_t n) {
        return with_weir(path, n, [](weir::redis::client& c) { return c.command<void>("SET", key, payload); });
    });
    q.floor("GET by hand", [&](std::uint64_t n) { return by_hand(path, get, bulk(payload).size(), n); });
    q.peer("redis-benchmark GET", [&](std::uint64_t n) { return redis_benchmark(path, "get", n); });
    q.weir("GET", [&](std::uint64_t n) {
        return with_weir(path, n, [](weir::redis::client& c) { return c.command<std::string>("GET", key); });
    });
    return q.run();
}
