// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/process.hpp>
#include <weir/io/unix.hpp>
#include <weir/redis/options.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/task.hpp>

#include "temporary_directory.hpp"

namespace support::redis {

using namespace std::chrono_literals;

inline weir::backend_kind backend_of_test() {
    const char* name = std::getenv("WEIR_BACKEND");
    return name != nullptr && std::string{name} == "epoll" ? weir::backend_kind::epoll : weir::backend_kind::automatic;
}

/// A redis-server with a Unix socket.
class real_server {
public:
    explicit real_server(std::vector<std::string> arguments = {}) : arguments_{std::move(arguments)} {}

    std::string socket() const { return directory_ / "redis.sock"; }
    weir::redis::options options() const {
        weir::redis::options o;
        o.unix_path = socket();
        o.reconnect.attempts = 20;
        o.reconnect.max_delay = 200ms;
        return o;
    }

    weir::task<> start() {
        std::vector<std::string> all{"redis-server", "--port", "0",     "--unixsocket",   socket(),
                                     "--save",       "",       "--dir", directory_.path()};
        all.insert(all.end(), arguments_.begin(), arguments_.end());
        weir::process_options quiet;
        quiet.out = weir::stdio::null;
        quiet.parent_exit = weir::on_parent_exit::kill;
        auto starting = weir::spawn_process(std::move(all), quiet);
        process_.emplace(co_await std::move(starting));
        // It is there when it accepts.
        for (int i = 0;; ++i) {
            try {
                static_cast<void>(co_await weir::unix_connect(socket()));
                co_return;
            } catch (const std::system_error&) {
                if (i == 1000) throw;
            }
            co_await weir::sleep_for(10ms);
        }
    }
    weir::task<> kill() {
        process_->kill();
        static_cast<void>(co_await process_->wait());
        process_.reset();
    }
    void signal(int number) { process_->signal(number); }

private:
    support::temporary_directory directory_;
    std::vector<std::string> arguments_;
    std::optional<weir::child_process> process_;
};

/// Runs the task that f returns, for a minute at most.
template <class F>
void run(F f) {
    weir::executor ex{backend_of_test()};
    auto limited = weir::with_timeout(60s, f());
    ex.run(std::move(limited));
}

} // namespace support::redis
