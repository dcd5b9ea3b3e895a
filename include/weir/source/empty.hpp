// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/context.hpp>
#include <weir/core/detail/pin.hpp>
#include <weir/core/poll.hpp>

namespace weir {

template <class T>
class [[nodiscard("add a sink and co_await it")]] empty_stream {
public:
    using value_type = T;

    poll<T> poll_next(context&) noexcept {
        pin_.check();
        pin_.ended();
        return done;
    }

private:
    detail::pin pin_;
};

/// empty<T>(): the end, at once.
///
///     empty<int>()  |
template <class T>
constexpr empty_stream<T> empty() noexcept {
    return {};
}

} // namespace weir
