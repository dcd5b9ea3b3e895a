#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <source_location>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

namespace detail {

/// A function that is called once, at the latest when this is destroyed.
template <class F>
class owed_call {
public:
    owed_call(F f, std::source_location place) : f_{std::move(f)}, place_{place} {}
    owed_call(owed_call&& other)
        : f_{std::move(other.f_)}, place_{other.place_}, owed_{std::exchange(other.owed_, false)} {}
    owed_call& operator=(owed_call&&) = delete;
    ~owed_call() { call_and_report(); }

    /// Who is told of what goes wrong when nobody else is.
    void report_to(executor& ex) noexcept { executor_ = &ex; }

    void call() {
        if (std::exchange(owed_, false)) static_cast<void>(std::invoke(f_));
    }

    void call_and_report() noexcept {
        try {
            call();
        } catch (...) {
            if (executor_ == nullptr) std::terminate(); // never polled: there is nobody to tell
            executor_->report(std::current_exception(), place_);
        }
    }

private:
    F f_;
    std::source_location place_;
    executor* executor_ = nullptr;
    bool owed_ = true;
};

} // namespace detail

/// An upstream with a function to call when it is over.
template <stream S, class F>
class finally_stream {
public:
    using value_type = item_t<S>;

    finally_stream(S upstream, F f, std::source_location place)
        : cleanup_{std::move(f), place}, upstream_{std::in_place, std::move(upstream)} {}

    poll<value_type> poll_next(context& cx) {
        cleanup_.report_to(cx.ex());
        std::exception_ptr error;
        try {
            auto item = upstream_->poll_next(cx);
            if (!item.is_done()) return item;
        } catch (...) {
            error = std::current_exception();
        }
        upstream_.reset();
        if (error != nullptr) {
            cleanup_.call_and_report();
            std::rethrow_exception(std::move(error));
        }
        cleanup_.call();
        return done;
    }

private:
    detail::owed_call<F> cleanup_; // before upstream: called when that is gone
    std::optional<S> upstream_;
};

struct finally_fn : operator_needs_its_arguments_in_parentheses {
    template <class F>
    constexpr auto operator()(F f, std::source_location place = std::source_location::current()) const {
        return closure{[f = std::move(f), place]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::finally(f): what is left of | is not a stream");
            } else if constexpr (!std::invocable<F&>) {
                static_assert(detail::always_false<S>, "weir::finally(f): f cannot be called without arguments");
            } else if constexpr (awaitable<std::remove_cvref_t<std::invoke_result_t<F&>>>) {
                static_assert(detail::always_false<S>,
                              "weir::finally(f): f gives an operation, and nothing can be awaited while a stream is "
                              "dropped; write async_finally(f)");
            } else {
                return finally_stream<S, F>{std::move(upstream), std::move(f), place};
            }
        }};
    }
};

/// finally(f): calls f once, when the stream has ended, has failed, or is dropped, whichever comes first; even when it
/// is dropped before its first poll. Upstream is dropped before.
///
///     in           --1--2--|
///     finally(f)   --1--2--|
///     f                    x
///
/// Ends and fails with its upstream. An exception from f at the end is the stream's error. While there is another error
/// on its way, or while the stream is dropped, it goes to the executor's error handler; when the stream was never
/// polled there is none, and it is std::terminate.
inline constexpr finally_fn finally{};

} // namespace weir
