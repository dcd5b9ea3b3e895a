// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir {

template <class T>
class [[nodiscard("add a sink and co_await it")]] never_stream {
public:
    using value_type = T;

    poll<T> poll_next(context&) noexcept {
        checker_.check();
        return pending;
    }

    void outline(stage_outline&) const noexcept {}

private:
    detail::poll_checker checker_;
};

/// never<T>(): a stream without items and without an end.
///
///     never<int>()  ...
///
/// Ends: never; a consumer can only drop it. Errors: none.
/// Cost: no allocation.
/// See: empty, fail.
template <class T>
constexpr never_stream<T> never() noexcept {
    return {};
}

} // namespace weir
