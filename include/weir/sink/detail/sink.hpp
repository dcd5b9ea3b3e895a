#pragma once

#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

/// A sink that takes items one by one: the loop that runs a whole pipeline while items are ready.
///
/// An accumulator has a `result_type`, `bool add(item)`, which answers false when it wants no more, and `finish()`.
template <stream S, class Accumulator>
class accumulating_sink {
public:
    using result_type = typename Accumulator::result_type;

    accumulating_sink(S upstream, Accumulator accumulator)
        : upstream_{std::move(upstream)}, accumulator_{std::move(accumulator)} {}

    poll<result_type> poll_result(context& outer) {
        nested_context cx{outer};
        for (;;) {
            auto item = upstream_.poll_next(cx);
            if (item.is_pending()) return pending;
            if (item.is_done() || !accumulator_.add(*std::move(item))) return accumulator_.finish();
            if (!cx.spend()) return cx.yield();
        }
    }

private:
    S upstream_;
    [[no_unique_address]] Accumulator accumulator_;
};

} // namespace weir::detail
