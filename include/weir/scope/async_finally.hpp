// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/detail/cleanup.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

namespace detail {

/// Stands for the resource of a guard that has no resource.
struct no_resource {};

template <class F, class Resource>
concept cleans_up = returns_operation<F&, Resource&> || (std::same_as<Resource, no_resource> && returns_operation<F&>);

template <class F, class Resource>
auto make_cleanup(F& f, Resource& resource) {
    if constexpr (std::same_as<Resource, no_resource>) {
        return std::invoke(f);
    } else {
        return std::invoke(f, resource);
    }
}

/// A resource and the cleanup that a function returns for it. Neither is moved.
template <class F, class Resource>
class cleanup_with final : public cleanup {
public:
    cleanup_with(duration within, std::source_location place, Resource resource, F f)
        : cleanup{within, place}, resource_(std::move(resource)), f_(std::move(f)) {}

    Resource& resource() noexcept { return resource_; }

private:
    poll<unit> poll_cleanup(context& cx) override {
        if (!operation_) operation_.construct_with([this] { return make_cleanup(f_, resource_); });
        if (operation_->poll_result(cx).is_pending()) return pending;
        return unit{};
    }

    [[no_unique_address]] Resource resource_;
    [[no_unique_address]] F f_;
    manual_lifetime<decltype(make_cleanup(std::declval<F&>(), std::declval<Resource&>()))> operation_;
};

} // namespace detail

/// Runs an operation when its scope ends: by return, by an exception, or because the scope's coroutine is dropped.
///
///     weir::task<> talk(weir::tcp_stream socket) {
///         weir::async_finally peer{1s, std::move(socket), [](auto& s) { return say_goodbye(s); }};
///         auto requests = weir::lines(*peer);
///         while (auto request = co_await weir::next(requests)) ...
///     }
///
/// async_finally{within, resource, f} holds the resource, accessible through `*guard` and `guard->`, until the
/// operation that f(resource) returns has finished. async_finally{within, f} has no resource. The scope no longer
/// exists when f is called: f may use its argument and what it captured by value, but not the locals of the scope.
///
/// The operation starts in the turn after the end of the scope. The innermost task group around the scope does not
/// finish before the operation; without a group, executor::run and the executor's destructor wait for it.
///
/// Errors: an error of the operation is reported to the executor's handler. An operation that takes longer than
/// `within` is dropped and reported.
/// Cost: one allocation when the guard is created, none when the scope ends.
/// Lifetime: the scope must end before its executor. A scope that does not is reported and not cleaned up.
/// See: finally, with_group.
///
/// @param within  the time limit of the operation, >= 0
/// @throws std::logic_error when no executor runs on this thread
template <class F, class Resource = detail::no_resource>
class [[nodiscard("name it: the cleanup starts when it is destroyed")]] async_finally {
    static_assert(
        detail::cleans_up<F, Resource>,
        "weir::async_finally{within, resource, f}: f cannot be called with the resource, or does not return a "
        "task or another operation");

public:
    [[nodiscard("name it: the cleanup starts when it is destroyed")]] explicit async_finally(
        duration within, F f, std::source_location place = std::source_location::current())
        requires std::same_as<Resource, detail::no_resource>
        : async_finally{within, place, detail::no_resource{}, std::move(f)} {}
    [[nodiscard("name it: the cleanup starts when it is destroyed")]] async_finally(
        duration within, Resource resource, F f, std::source_location place = std::source_location::current())
        requires(!std::same_as<Resource, detail::no_resource>)
        : async_finally{within, place, std::move(resource), std::move(f)} {}

    async_finally(async_finally&& other) noexcept
        : executor_{other.executor_}, group_{other.group_}, node_{std::exchange(other.node_, nullptr)} {}
    async_finally& operator=(async_finally&&) = delete;
    ~async_finally() {
        if (node_ == nullptr) return;
        if (static_cast<detail::list_link&>(*node_).linked()) {
            detail::executor_access::start(*executor_, *node_, group_);
        } else {
            delete node_; // the executor was destroyed, and has reported it
        }
    }

    Resource& operator*() noexcept
        requires(!std::same_as<Resource, detail::no_resource>)
    {
        return node_->resource();
    }
    Resource* operator->() noexcept
        requires(!std::same_as<Resource, detail::no_resource>)
    {
        return &node_->resource();
    }

    /// Cancels the cleanup. `std::move(guard).dismiss()` returns the resource.
    void dismiss() noexcept
        requires std::same_as<Resource, detail::no_resource>
    {
        delete std::exchange(node_, nullptr);
    }
    template <class R = Resource>
        requires(!std::same_as<R, detail::no_resource>)
    R dismiss() && {
        Resource resource(std::move(node_->resource()));
        delete std::exchange(node_, nullptr);
        return resource;
    }

private:
    using node = detail::cleanup_with<F, Resource>;

    async_finally(duration within, std::source_location place, Resource resource, F f)
        : executor_{executor::current()} {
        if (executor_ == nullptr) throw std::logic_error{"weir::async_finally: no executor runs on this thread"};
        if (within < duration::zero()) throw std::invalid_argument{"weir::async_finally: within is negative"};
        run_queue& queue = detail::executor_access::queue(*executor_);
        group_ = queue.group();
        auto made = std::unique_ptr<node>(new node{within, place, std::move(resource), std::move(f)});
        made->prepare(queue, group_);
        node_ = made.release();
        detail::executor_access::guard(*executor_, *node_);
    }

    executor* executor_;
    std::uint32_t group_ = 0;
    node* node_ = nullptr;
};

template <class F>
async_finally(duration, F) -> async_finally<F>;
template <class Resource, class F>
async_finally(duration, Resource, F) -> async_finally<F, Resource>;

} // namespace weir
