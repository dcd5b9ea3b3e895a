// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/scope/outcome.hpp>

namespace weir {

/// The items of an upstream as outcomes, and its error as the last of them.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] materialize_stream {
public:
    using value_type = outcome<item_t<S>>;

    explicit materialize_stream(S upstream) : upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        if (!upstream_) return done;
        std::exception_ptr error;
        try {
            auto item = upstream_->poll_next(cx);
            if (!item.is_item()) return item.template rebind<value_type>();
            return value_type(*std::move(item));
        } catch (...) {
            error = std::current_exception();
        }
        upstream_.reset();
        if (cx.stopping()) return cx.yield();
        return value_type::failed(std::move(error));
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (!upstream_) return flow::done;
        const auto wrap = [&](item_t<S>&& item) { return consume(value_type(std::move(item))); };
        detail::fenced passed(wrap);
        flow answer = flow::pending;
        std::exception_ptr error;
        try {
            answer = weir::poll_each(*upstream_, cx, passed);
        } catch (...) {
            error = std::current_exception();
        }
        if (error == nullptr) {
            passed.rethrow();
            return answer;
        }
        upstream_.reset();
        if (cx.stopping()) return detail::yield_loop(cx);
        return consume(value_type::failed(std::move(error))) ? flow::done : flow::stopped;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    detail::resettable<S> upstream_; // empty after an error
};

struct materialize_fn : detail::operator_fn<materialize_fn> {
    template <class S>
    using pipeline = materialize_stream<S>;
};

/// materialize(): the items as weir::outcome. An error of upstream is the last item; the end follows.
///
///     in             --a--b--#
///     materialize()  --a--b--[x|]   a, b: outcomes with a value; x: one with an error
///
/// So that an error can be stored, counted and sent like an item. dematerialize() turns outcomes back.
///
/// Ends: with upstream, and after an error. Errors: none. Upstream is destroyed before its error is handed on.
/// Cost: no allocation; nothing held.
/// See: dematerialize, on_error_resume, outcome.
inline constexpr materialize_fn materialize{};

} // namespace weir
