// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace weir {

/// Records the path of the last errors of the process, while the object exists: the operations that coroutines awaited,
/// with the places of the `co_await`, these coroutines, and the values of `local`. `what_happened` prints the path.
///
///     weir::error_trail trail;
///     ex.on_error([](std::exception_ptr e, std::source_location) { log(weir::what_happened(e)); });
///
///     std::system_error: connect: Connection refused
///       left accept | map_async | drain at src/server.cpp:41
///       left serve at src/server.cpp:38
///       with request = r-17
///
/// The first lines are the innermost. The place of a `co_await` is known only if the coroutine was suspended there: an
/// operation that fails at its first poll has none. At most 32 lines are recorded for an error.
///
/// Threads: records the errors of all threads. Construct and destroy it while no other thread uses weir.
/// Cost: nothing while no error is thrown. An error that is recorded stays alive until newer errors have replaced it or
/// the error_trail is destroyed.
/// See: what_happened, local.
class error_trail {
public:
    /// @param most  the number of errors that are kept, > 0
    /// @throws std::invalid_argument when most is 0; std::logic_error when the process has an error_trail already
    explicit error_trail(std::size_t most = 64);
    error_trail(const error_trail&) = delete;
    error_trail& operator=(const error_trail&) = delete;
    ~error_trail();

    /// Returns the lines that are recorded for an error. Empty for an error that is not kept, and without an
    /// error_trail.
    static std::vector<std::string> of(const std::exception_ptr& error);

private:
    class kept;

    std::unique_ptr<kept> kept_;
};

} // namespace weir
