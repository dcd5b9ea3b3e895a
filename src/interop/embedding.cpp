// SPDX-License-Identifier: MIT
#include <weir/interop/embedding.hpp>

#include <algorithm>
#include <chrono>
#include <limits>
#include <stdexcept>

namespace weir {

embedding::embedding(executor& ex) : ex_{ex}, descriptor_{ex.io().pollable()} {
    if (descriptor_ < 0) {
        throw std::logic_error{"weir::embedding: the executor has no descriptor to wait for: its backend is not the "
                               "kernel's"};
    }
}

time_point embedding::run() {
    // Enough for work to go through several tasks, and few enough for the other loop to stay responsive.
    constexpr int most_turns = 16;
    int turns = 0;
    do {
        ex_.turn(ex_.now());
    } while (!ex_.idle() && ++turns != most_turns);
    // The last turn has visited the backend if nothing was ready, so that all I/O was submitted.
    next_ = ex_.idle() ? detail::executor_access::timers(ex_).next() : ex_.now();
    return next_;
}

int embedding::timeout() const noexcept {
    if (next_ == time_point::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_ - ex_.io().now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
}

} // namespace weir
