// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir {

template <class T>
class [[nodiscard("add a sink and co_await it")]] empty_stream {
public:
    using value_type = T;

    poll<T> poll_next(context&) noexcept {
        checker_.check();
        checker_.ended();
        return done;
    }

    void outline(stage_outline&) const noexcept {}

private:
    detail::poll_checker checker_;
};

/// empty<T>(): a stream without items.
///
///     empty<int>()  |
///
/// Ends: at the first poll. Errors: none. Cost: no allocation.
/// See: never, fail.
template <class T>
constexpr empty_stream<T> empty() noexcept {
    return {};
}

} // namespace weir
