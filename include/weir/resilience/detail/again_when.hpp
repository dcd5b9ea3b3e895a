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
#include <weir/core/stream.hpp>

namespace weir::detail {

/// An operation after which a stream is made again, or whose result is a bool that says whether it is.
template <class Op>
concept decides_to_go_on = operation<Op> && (std::same_as<typename Op::result_type, unit> ||
                                             std::convertible_to<typename Op::result_type, bool>);

/// What decides whether a stream is made again.
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
                auto result = decision_->poll_result(cx);
                if (result.is_pending()) return pending;
                const bool again = goes_on(*result);
                decision_.reset();
                if (cx.stopping()) return cx.yield();
                if (!again) return give_up();
                error_ = nullptr;
            }
            try {
                if (!current_) {
                    current_.emplace(std::invoke(factory_));
                    if (cx.stopping()) return cx.yield();
                }
                auto item = current_->poll_next(cx);
                if (!item.is_done() || on_error) return item;
            } catch (...) {
                if constexpr (!on_error) throw;
                error_ = std::current_exception();
            }
            current_.reset();
            if (cx.stopping()) return cx.yield();
            decision_.emplace(decide(f_, error_));
            if (!cx.spend() || cx.leaving()) return cx.yield();
        }
    }

private:
    static bool goes_on([[maybe_unused]] const typename decision_t::result_type& result) {
        if constexpr (std::same_as<typename decision_t::result_type, unit>) {
            return true;
        } else {
            return static_cast<bool>(result);
        }
    }
    poll<value_type> give_up() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return done;
    }

    [[no_unique_address]] Factory factory_; // outlives the coroutines that it returns
    [[no_unique_address]] F f_;             // likewise
    std::exception_ptr error_;              // outlives the operation, which may refer to it
    std::optional<stream_t> current_;
    std::optional<decision_t> decision_;
};

} // namespace weir::detail
