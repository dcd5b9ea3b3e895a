// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <tuple>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

/// One of the streams that are read side by side, and its item that waits for those of the others.
template <stream S>
struct zipped_side {
    explicit zipped_side(S s) : source(std::move(s)) {}

    resettable<S> source;
    std::optional<item_t<S>> held{};
};

/// Base of operators that make one item of an item of each of several streams.
///
///     poll<value_type> ask(context& cx, Side&... each);
template <class Operator, stream... S>
class zipped {
public:
    auto poll_next(context& cx) {
        try {
            return std::apply([&](auto&... each) { return static_cast<Operator&>(*this).ask(cx, each...); }, sides_);
        } catch (...) {
            drop();
            throw;
        }
    }

protected:
    explicit zipped(S... sources) : sides_(zipped_side<S>(std::move(sources))...) {}

    [[gnu::cold, gnu::noinline]] void drop() noexcept {
        std::apply([](auto&... each) { ((each.source.reset(), each.held.reset()), ...); }, sides_);
    }

private:
    std::tuple<zipped_side<S>...> sides_;
};

} // namespace weir::detail
