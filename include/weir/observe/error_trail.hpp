// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace weir {

/// Keeps, while it exists, what the last errors of the process have passed on their way: the operations that coroutines
/// awaited, with the places of the `co_await`, these coroutines, and the values of `local`. `what_happened` prints it.
///
///     weir::error_trail trail;
///     ex.on_error([](std::exception_ptr e, std::source_location) { log(weir::what_happened(e)); });
///
///     std::system_error: connect: Connection refused
///       left accept | map_async | drain at src/server.cpp:41
///       left serve at src/server.cpp:38
///       with request = r-17
///
/// The first lines are the innermost. The place of a `co_await` is known when the coroutine was suspended there.
///
/// Threads: it serves all threads. Construct and destroy it while no other thread uses weir.
/// Cost: nothing where no error is thrown. The last errors stay alive as long as it does or until others follow.
/// See: what_happened, local.
class error_trail {
public:
    /// @param most  the number of errors that are kept, > 0
    /// @throws std::invalid_argument when most is 0; std::logic_error when there is one already
    explicit error_trail(std::size_t most = 64);
    error_trail(const error_trail&) = delete;
    error_trail& operator=(const error_trail&) = delete;
    ~error_trail();

    /// What the error has passed, a line each; empty where nothing is known about it, or without an error_trail.
    static std::vector<std::string> of(const std::exception_ptr& error);

private:
    class kept;

    std::unique_ptr<kept> kept_;
};

} // namespace weir
