// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

/// A stream whose items say when something is to happen. What they are does not matter.
template <stream S>
class signal {
public:
    explicit signal(S source) : source_(std::move(source)) {}

    /// Takes the items that are ready. Returns whether there were any: several that arrived since the last call count
    /// as one.
    bool arrived(context& cx) {
        if (!source_) return false;
        bool any = false;
        const auto note = [&](item_t<S>&&) { return any = true; };
        if (poll_each_unless_dropped<true>(*source_, cx, note) == flow::done && !cx.stopping()) source_.reset();
        return any && !cx.stopping();
    }

    void drop() noexcept { source_.reset(); }

    void outline(stage_outline& out) const { out.upstream(source_); }

private:
    resettable<S> source_; // until its end
};

} // namespace weir::detail
