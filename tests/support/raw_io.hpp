// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>

#include <weir/executor/executor.hpp>
#include <weir/io/tcp.hpp>
#include <weir/task.hpp>

namespace support {

/// One request to the backend, with the bare answer.
class raw_io {
public:
    using result_type = int;

    explicit raw_io(weir::io_request request) : request_{std::move(request)} {}
    weir::poll<int> poll_result(weir::context& cx) { return operation_.run(cx, request_); }

private:
    weir::io_request request_;
    weir::io_operation operation_;
};

/// Starts an operation and drops it when its handle goes.
template <class A>
[[nodiscard]] auto begin(weir::executor& ex, A operation) {
    auto handle = ex.spawn(std::move(operation));
    ex.turn(ex.now());
    return handle;
}

inline std::size_t open_descriptors() {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, {}));
}

struct connection {
    weir::tcp_stream client;
    weir::tcp_stream server;
};

/// Both ends of a connection over the loopback interface.
inline connection connect_pair(weir::executor& ex, const char* address = "127.0.0.1") {
    auto listener = ex.run(weir::listen({address, 0}));
    auto server = ex.spawn(listener.accept());
    auto client = ex.run(weir::tcp_connect(listener.local_endpoint()));
    return {std::move(client), ex.run(std::move(server))};
}

/// The message of the std::system_error that f throws, or "" when it throws none.
template <class F>
std::string system_error_of(F f) {
    try {
        static_cast<void>(f());
    } catch (const std::system_error& e) {
        return e.what();
    }
    return "";
}

} // namespace support
