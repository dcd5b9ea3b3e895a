// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

/// An operation after which a stream is made again, or whose result is a bool that says whether it is.
template <class Op>
concept decides_whether_again = operation<Op> && (std::same_as<typename Op::result_type, unit> ||
                                                  std::convertible_to<typename Op::result_type, bool>);

/// The outcome of a stream after which it may be made again.
enum class again_after { error, end };

/// The streams that a factory returns, one after the other. After each that has failed, or ended, an operation decides
/// whether there is another.
template <class Factory, class F, again_after After>
class [[nodiscard("add a sink and co_await it")]] again_when_stream {
    static constexpr bool on_error = After == again_after::error;
    using stream_t = std::remove_cvref_t<std::invoke_result_t<Factory&>>;

    static auto decide(F& f, std::exception_ptr& error) {
        if constexpr (on_error) {
            return std::invoke(f, error);
        } else {
            return std::invoke(f);
        }
    }
    using decision_t = decltype(decide(std::declval<F&>(), std::declval<std::exception_ptr&>()));

public:
    using value_type = item_t<stream_t>;

    again_when_stream(Factory factory, F f) : factory_(std::move(factory)), f_(std::move(f)) {}

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            if (decision_) {
                const auto again = decided(cx);
                if (!again.is_item()) return again.template rebind<value_type>();
            }
            try {
                if (!make_stream(cx)) return cx.yield();
                auto item = current_->poll_next(cx);
                if (!item.is_done() || on_error) return item;
            } catch (...) {
                if constexpr (!on_error) throw;
                error_ = std::current_exception();
            }
            if (!start_decision(cx)) return cx.yield();
        }
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        for (;;) {
            if (decision_) {
                const auto again = decided(cx);
                if (!again.is_item()) return again.is_done() ? flow::done : flow::pending;
            }
            fenced consumer{consume};
            flow answer = flow::done;
            try {
                if (!make_stream(cx)) return yield_loop(cx);
                answer = weir::poll_each(*current_, cx, consumer);
            } catch (...) {
                if constexpr (!on_error) throw;
                error_ = std::current_exception();
            }
            consumer.rethrow();
            if (answer != flow::done || (on_error && error_ == nullptr)) return answer;
            if (!start_decision(cx)) return yield_loop(cx);
        }
    }

    void outline(stage_outline& out) const { out.holds({.inner_streams = 1}); }

private:
    /// Polls the decision. Returns the end when there is to be no other stream.
    poll<unit> decided(context& cx) {
        bool again = true;
        {
            auto result = decision_->poll_result(cx);
            if (result.is_pending()) return pending;
            if constexpr (!std::same_as<typename decision_t::result_type, unit>) again = static_cast<bool>(*result);
        }
        decision_.reset();
        if (again) error_ = nullptr;
        if (cx.stopping()) return cx.yield();
        if (again) return unit{};
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return done;
    }
    /// Returns false when the factory has dropped what runs.
    bool make_stream(context& cx) {
        if (current_) return true;
        current_.emplace(std::invoke(factory_));
        return !cx.stopping();
    }
    /// Returns false when the loop has to yield.
    bool start_decision(context& cx) {
        current_.reset();
        if (cx.stopping()) return false;
        decision_.emplace(decide(f_, error_));
        return cx.spend() && !cx.leaving();
    }

    [[no_unique_address]] Factory factory_; // outlives the coroutines that it returns
    [[no_unique_address]] F f_;             // likewise
    std::exception_ptr error_;              // outlives the operation, which may refer to it
    std::optional<stream_t> current_;
    std::optional<decision_t> decision_;
};

} // namespace weir::detail
