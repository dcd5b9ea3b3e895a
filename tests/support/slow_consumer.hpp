// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>

#include <weir/core/stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/task.hpp>
#include <weir/testing/marbles.hpp>

namespace support {

/// What a consumer sees that is busy for some ticks after each item: the items, and `|` or `#`.
template <weir::stream S>
std::string seen_when_busy(weir::testing::marbles& m, int ticks, S stream) {
    std::string seen;
    const auto work = [&](weir::item_t<S> item) -> weir::task<> {
        seen += weir::testing::detail::draw(item);
        if (ticks != 0) co_await weir::sleep_for(m.ticks(ticks));
    };
    try {
        m.executor().run(std::move(stream) | weir::for_each(work));
        seen += '|';
    } catch (const weir::testing::marble_error&) {
        seen += '#';
    }
    return seen;
}

} // namespace support
