// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <source_location>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

/// How a stream came to its end.
class stream_ending {
public:
    static stream_ending by_end() noexcept { return stream_ending{how::ended, nullptr}; }
    static stream_ending by_error(std::exception_ptr error) noexcept {
        return stream_ending{how::failed, std::move(error)};
    }
    static stream_ending by_drop() noexcept { return stream_ending{how::dropped, nullptr}; }

    bool ended() const noexcept { return how_ == how::ended; }
    bool failed() const noexcept { return how_ == how::failed; }
    /// Whether the stream was destroyed before its end: its consumer wanted no more, or was cancelled.
    bool dropped() const noexcept { return how_ == how::dropped; }
    /// The error of a stream that has failed; otherwise null.
    const std::exception_ptr& error() const noexcept { return error_; }

private:
    enum class how : std::uint8_t { ended, failed, dropped };

    stream_ending(how what, std::exception_ptr error) noexcept : how_{what}, error_{std::move(error)} {}

    how how_;
    std::exception_ptr error_;
};

namespace detail {

/// A function that is called exactly once, at the latest by the destructor.
template <class F>
class run_once_guard {
public:
    run_once_guard(F f, std::source_location place) : f_(std::move(f)), place_{place} {}
    run_once_guard(run_once_guard&& other)
        : f_(std::move(other.f_)), place_{other.place_}, owed_{std::exchange(other.owed_, false)} {}
    run_once_guard& operator=(run_once_guard&&) = delete;
    ~run_once_guard() { call_and_report(stream_ending::by_drop()); }

    /// Sets the executor that gets errors without another receiver.
    void report_to(executor& ex) noexcept { executor_ = &ex; }

    void call(const stream_ending& ending) {
        if (!std::exchange(owed_, false)) return;
        if constexpr (std::invocable<F&>) {
            static_cast<void>(std::invoke(f_));
        } else {
            static_cast<void>(std::invoke(f_, ending));
        }
    }

    void call_and_report(const stream_ending& ending) noexcept {
        try {
            call(ending);
        } catch (...) {
            if (executor_ == nullptr) std::terminate(); // never polled, so that there is no executor to report to
            executor_->report(std::current_exception(), place_, "a finally");
        }
    }

private:
    F f_;
    std::source_location place_;
    executor* executor_ = nullptr;
    bool owed_ = true;
};

} // namespace detail

/// An upstream with a function to call at its end.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] finally_stream {
public:
    using value_type = item_t<S>;

    finally_stream(S upstream, F f, std::source_location place)
        : cleanup_(std::move(f), place), upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        cleanup_.report_to(cx.executor());
        std::exception_ptr error;
        try {
            auto item = upstream_->poll_next(cx);
            if (!item.is_done()) return item;
        } catch (...) {
            error = std::current_exception();
        }
        end(std::move(error));
        return done;
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        cleanup_.report_to(cx.executor());
        detail::fenced passed(consume);
        flow answer = flow::done;
        std::exception_ptr error;
        try {
            answer = weir::poll_each(*upstream_, cx, passed);
        } catch (...) {
            error = std::current_exception();
        }
        if (answer != flow::done) {
            passed.rethrow();
            return answer;
        }
        end(std::move(error));
        return flow::done;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    void end(std::exception_ptr error) {
        upstream_.reset();
        if (error == nullptr) return cleanup_.call(stream_ending::by_end());
        cleanup_.call_and_report(stream_ending::by_error(error));
        std::rethrow_exception(std::move(error));
    }

    detail::run_once_guard<F> cleanup_; // declared before upstream, so that it is called after upstream was destroyed
    detail::resettable<S> upstream_;
};

struct finally_fn : detail::operator_fn<finally_fn> {
    template <class S, class F, class Place>
    using pipeline = finally_stream<S, F>;

    template <class T, class F, class Place>
    static consteval bool accepts() {
        constexpr bool called = std::invocable<F&> || std::invocable<F&, const stream_ending&>;
        static_assert(called, "weir::finally(f): f cannot be called without arguments, nor with a weir::stream_ending");
        constexpr bool vanishes = detail::returns_work<F&> || detail::returns_work<F&, const stream_ending&>;
        static_assert(!vanishes, "weir::finally(f): f returns an operation or a stream, and nothing can be awaited "
                                 "while a stream is dropped; write async_finally(f)");
        return called && !vanishes;
    }

    template <class F>
    constexpr auto operator()(F f, std::source_location place = std::source_location::current()) const {
        return with(std::move(f), place);
    }
};

/// finally(f): calls f once, when the stream ends, fails or is dropped, also when it is dropped before its first poll.
/// Upstream is destroyed before the call. If f takes an argument, it receives a stream_ending, which says whether the
/// stream has ended, has failed or was dropped.
///
///     in           --1--2--|
///     finally(f)   --1--2--|
///     f                    x
///
///     rows() | weir::finally([](const weir::stream_ending& ending) {
///         if (ending.failed()) std::cerr << weir::what_happened(ending.error()) << '\n';
///     })
///
/// Ends: with upstream, after f.
/// Errors: upstream's, after f; exceptions of f at the end. After another error, or when the stream is dropped, an
/// exception of f goes to the executor's error handler; in a stream that was never polled it calls std::terminate.
/// Cost: no allocation; no item held.
/// See: async_finally, inspect.
inline constexpr finally_fn finally{};

} // namespace weir
