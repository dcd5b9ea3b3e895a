// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace weir::testing::detail {

/// Draws events as a diagram of marbles, tick by tick.
class drawing {
public:
    /// Ticks must not decrease.
    void add(std::size_t tick, std::string_view what) {
        while (tick_ < tick) close_tick();
        here_ += what;
        ++in_tick_;
    }
    std::string finish(bool ended) {
        if (in_tick_ != 0) close_tick();
        return std::move(done_) + (ended ? "" : "...");
    }

private:
    void close_tick() {
        if (in_tick_ == 0) {
            done_ += '-';
        } else if (in_tick_ == 1) {
            done_ += here_;
        } else {
            done_ += '[' + here_ + ']';
        }
        here_.clear();
        in_tick_ = 0;
        ++tick_;
    }

    std::string done_; // the drawing before the tick
    std::string here_; // the events of the tick
    std::size_t in_tick_ = 0;
    std::size_t tick_ = 0;
};

} // namespace weir::testing::detail
