// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include <weir/executor/executor.hpp>
#include <weir/redis/options.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>

#include "server.hpp"

namespace support::redis {

inline const weir::endpoint at{"10.0.0.1", 6379};

inline weir::redis::options options_of_server() {
    weir::redis::options o;
    o.host = "10.0.0.1";
    o.reconnect.attempts = 3;
    return o;
}

/// A simulation with a server.
struct world {
    explicit world(const weir::testing::simulation_options& options = {}) : sim{1, options} { start(); }

    void start() { serving.emplace(sim.spawn(server.run(at))); }
    void stop() { serving.reset(); }

    weir::testing::simulation sim;
    database data;
    redis::server server{data};
    std::optional<weir::join_handle<weir::task<>>> serving;
};

/// What an operation fails with, or "".
template <class A>
weir::task<std::string> failure_of(A operation) {
    try {
        static_cast<void>(co_await std::move(operation));
    } catch (const std::exception& e) {
        co_return e.what();
    }
    co_return "";
}

} // namespace support::redis
