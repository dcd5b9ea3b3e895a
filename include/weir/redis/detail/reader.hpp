// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include <weir/redis/value.hpp>

namespace weir::redis::detail {

/// Turns the bytes of a server into replies. It does no I/O.
class reader {
public:
    /// The maximum number of arrays within each other.
    static constexpr int max_depth = 7;

    /// @param peer        for the messages of errors
    /// @param reply_size  the maximum size of a reply in bytes, as it is sent
    reader(std::string peer, std::size_t reply_size);

    void feed(std::span<const char> bytes);

    /// Returns false when the next reply has not arrived whole. To be called until then.
    /// @throws protocol_error; limit_exceeded for a reply that is too large or too deep
    bool next(value& to);

private:
    struct state;
    struct deleter {
        void operator()(state* s) const noexcept;
    };

    std::unique_ptr<state, deleter> state_;
};

} // namespace weir::redis::detail
