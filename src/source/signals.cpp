// SPDX-License-Identifier: MIT
#include <weir/source/signals.hpp>

#include <weir/executor/executor.hpp>
#include <weir/io/detail/error.hpp>

namespace weir {

poll<int> signals_stream::poll_next(context& cx) {
    checker_.check();
    if (!subscription_) subscription_ = cx.executor().io().catch_signals(numbers_);
    for (;;) {
        if (!operation_.started()) {
            if (const int number = subscription_->take()) return number;
        }
        const auto r = operation_.run(cx, {.what = io_request::kind::readable, .fd = subscription_->descriptor()});
        if (r.is_pending()) return pending;
        if (*r < 0) {
            checker_.ended();
            detail::throw_io_error(*r, "wait for", "signals");
        }
    }
}

} // namespace weir
