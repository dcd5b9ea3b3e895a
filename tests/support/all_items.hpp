// SPDX-License-Identifier: MIT
#pragma once

#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/core/stream.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace support {

/// The items of a stream that ends without waiting for time.
template <weir::stream S>
std::vector<weir::item_t<S>> all_items(S stream) {
    weir::testing::virtual_executor ex;
    weir::testing::probe_sink sink{ex, weir::async_stream{std::move(stream)}};
    sink.request();
    ex.run_ready();
    CHECK(sink.ended());
    return sink.items();
}

} // namespace support
