// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <manual.hpp>
#include <weir/testing/probe.hpp>

namespace support {

/// An upstream of numbers, and the operation for each of them, under the control of the test.
struct workshop {
    /// @param op  map_async or map_async_unordered
    template <class Operator>
    auto mapped(const Operator& op, int n) {
        return source.stream() | op(n, [this](int i) {
                   ++made;
                   return work[static_cast<std::size_t>(i)].operation();
               });
    }
    void push_items(int count) {
        for (int i = 0; i != count; ++i) source.push(i);
    }
    std::size_t running() const {
        return static_cast<std::size_t>(std::ranges::count_if(work, [](const auto& w) { return w.running(); }));
    }

    weir::testing::probe<int> source;
    std::vector<manual<int>> work{10};
    int made = 0;
};

} // namespace support
