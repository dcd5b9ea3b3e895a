// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>

#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

#include <item_types.hpp>

namespace support {

/// Checks that an operator over two streams makes no tuple of an item whose move has thrown: the n-th move throws, for
/// each n, while the consumer is busy with the first tuples.
/// @param make  from two streams to the operator
template <class Make>
void check_tuples_when_moves_throw(Make make) {
    for (int at = 1; at != 24; ++at) {
        CAPTURE(at);
        {
            weir::testing::virtual_executor ex;
            weir::testing::probe<items::throwing_move> a;
            weir::testing::probe<items::throwing_move> b;
            weir::testing::probe_sink sink{ex, make(a.stream(), b.stream())};
            for (int i = 0; i != 2; ++i) { // the first two are taken; the consumer is busy with them
                a.push(items::throwing_move{i});
                b.push(items::throwing_move{i});
            }
            sink.request(1);
            ex.run_ready();
            for (int i = 2; i != 5; ++i) {
                a.push(items::throwing_move{i});
                b.push(items::throwing_move{i});
            }
            items::throwing_move::throw_at(at);
            ex.run_ready();
            sink.request();
            ex.run_ready();
            items::throwing_move::throw_at(0);
            for (const auto& [x, y] : sink.items()) CHECK((x.value() >= 0 && y.value() >= 0));
            if (sink.failed()) CHECK(sink.error_message() == "a move has thrown");
        }
        CHECK(items::throwing_move::alive() == 0);
    }
}

} // namespace support
