// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>

#include <weir/core/timed_out.hpp>
#include <weir/sink/drain.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace support {

/// The error of an operator with a time limit over a stream that never has an item. Upstream must be gone then.
template <class Operator>
std::string error_of_silence(Operator op) {
    weir::testing::virtual_executor ex;
    weir::testing::probe<int> source;
    auto pipeline = source.stream() | std::move(op) | weir::drain();
    const auto end = [&](auto& stuck) -> weir::task<std::string> {
        try {
            co_await stuck;
        } catch (const weir::timed_out& e) {
            if (!source.dropped()) co_return "upstream is there";
            co_return e.what();
        }
        co_return "none";
    };
    return ex.run(end(pipeline));
}

} // namespace support
