// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

#include <weir/core/assert.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

/// The operation of every sink. It is constructed from upstream and the sink's arguments, and is destroyed with all its
/// members before its result or its error is delivered.
template <class Operation>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] sink {
public:
    using result_type = typename Operation::result_type;

    template <stream S, class... Args>
    explicit sink(S upstream, Args&&... args)
        : operation_(std::in_place, std::move(upstream), std::forward<Args>(args)...) {}

    poll<result_type> poll_result(context& cx) {
        WEIR_ASSERT(operation_.has_value(), "a sink was polled after its result or its error");
        try {
            auto result = operation_->poll_result(cx);
            if (!result.is_pending()) operation_.reset();
            return result;
        } catch (...) {
            operation_.reset();
            throw;
        }
    }

    void outline(stage_outline& out) const { out.upstream(operation_); }

private:
    resettable<Operation> operation_;
};

/// Adds items to an accumulator, in the loop that runs a whole pipeline while items are ready.
///
/// An accumulator has a `result_type`, `bool add(T&& item)`, which returns false when it wants no more, and `finish()`,
/// which returns the result.
template <stream S, class Accumulator>
class accumulation {
public:
    using result_type = typename Accumulator::result_type;

    template <class... Args>
    explicit accumulation(S upstream, Args&&... args)
        : upstream_(std::move(upstream)), accumulator_(std::forward<Args>(args)...) {}

    poll<result_type> poll_result(context& outer) {
        nested_context cx{outer};
        std::conditional_t<is_small, Accumulator, Accumulator&> accumulator = accumulator_;
        const auto add = [&](item_t<S>&& item) { return accumulator.add(std::move(item)); };
        const flow answer = poll_each_unless_dropped<may_stop>(upstream_, cx, add);
        if (answer == flow::pending) {
            if constexpr (is_small) accumulator_ = accumulator;
            return pending;
        }
        if constexpr (may_stop) {
            if (cx.stopping()) [[unlikely]]
                return cx.yield();
        }
        return accumulator.finish();
    }

    void outline(stage_outline& out) const {
        if constexpr (requires { Accumulator::held; }) out.holds(Accumulator::held);
        out.upstream(upstream_);
    }

private:
    static constexpr bool may_stop = requires { requires Accumulator::may_stop; };
    /// Whether the accumulator can stay in registers while items are ready.
    static constexpr bool is_small = std::is_trivially_copyable_v<Accumulator> &&
                                     std::is_copy_assignable_v<Accumulator> && sizeof(Accumulator) <= 4 * sizeof(void*);

    S upstream_;
    [[no_unique_address]] Accumulator accumulator_;
};

template <stream S, class Accumulator>
using accumulating_sink = sink<accumulation<S, Accumulator>>;

} // namespace weir::detail
