// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/error_notes.hpp>
#include <weir/core/detail/lazy_operation.hpp>
#include <weir/core/detail/locals.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/detail/locals.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

/// A value that belongs to a request, and that all code which works for the request can read.
///
///     inline constinit weir::local<std::string> request_id{"request"};
///
///     co_await weir::with_local(request_id, header("X-Request-Id"), handle(request));
///     // ... and anywhere below:
///     log(request_id.value_or("none"));
///
/// An object of this type is a name; it has static storage duration or outlives its uses in another way. The values are
/// set by `with_local`. A value does not change, and inner code may set another one for the code below.
///
/// Code inherits the values of the code that starts it: over `co_await`, pipelines, `spawn`, `spawn_on`,
/// `subscribe_on`, `publish_on`, `offload`, `map_blocking` and cleanups. A member of a task group has the values of the
/// place where the group was created. A callback that other code calls has the values of the place where
/// `with_current_locals` wrapped it.
///
/// A stream that works ahead of its consumer, as `buffer` and `map_async` do, has the values of its last poll. After
/// the end of the `with_local` around that poll, its functions see no value until the next poll.
///
/// Threads: threads share the values; the last thread that uses a value destroys it.
/// Cost: nothing where no value is set. See with_local.
/// See: with_local, with_current_locals, dump, error_trail.
template <class T>
class local {
    static_assert(std::is_object_v<T> && !std::is_const_v<T>, "weir::local<T>: T is an object type");
    static_assert(detail::crossable<T>,
                  "weir::local<T>: T crosses threads, and is bound to its thread, as weir::bytes are, or borrows its "
                  "memory; use what owns it, such as a std::string");

public:
    using value_type = T;

    /// @param name  for dumps
    explicit constexpr local(const char* name) noexcept : name_{name} {}
    local(const local&) = delete;
    local& operator=(const local&) = delete;

    const char* name() const noexcept { return name_; }

    /// A copy of the value that the innermost `with_local` around the running code has set, or std::nullopt if none
    /// has set one.
    std::optional<T> get() const {
        const detail::locals_ref here = detail::locals_here();
        if (const T* const found = find(here)) return *found;
        return std::nullopt;
    }
    /// The same, with a value to return instead of std::nullopt.
    T value_or(T otherwise) const {
        const detail::locals_ref here = detail::locals_here();
        if (const T* const found = find(here)) return *found;
        return otherwise;
    }

private:
    template <class U, detail::runnable A>
    friend class local_operation;

    class holder final : public detail::local_value {
    public:
        holder(const local& of, T value, detail::locals_ref outer)
            : local_value{&of, std::move(outer)}, name_{of.name_}, value_(std::move(value)) {}

        const T& get() const noexcept { return value_; }
        std::string text() const override {
            const std::string name{name_};
            if constexpr (std::convertible_to<const T&, std::string_view>) {
                return name + " = " + std::string{static_cast<std::string_view>(value_)};
            } else if constexpr (std::same_as<T, bool>) {
                return name + (value_ ? " = true" : " = false");
            } else if constexpr (requires { std::to_string(value_); }) {
                return name + " = " + std::to_string(value_);
            } else {
                return name;
            }
        }

    private:
        const char* name_;
        const T value_;
    };

    const T* find(const detail::locals_ref& in) const noexcept {
        for (const detail::local_link* one = in.first(); one != nullptr; one = one->outer().first()) {
            if (one->key() == this) return &static_cast<const holder&>(one->value()).get();
        }
        return nullptr;
    }

    const char* name_;
};

/// An operation for which a local has a value.
template <class T, detail::runnable A>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] local_operation {
public:
    using result_type = typename detail::lazy_operation<A>::result_type;

    local_operation(const local<T>& name, T value, A operation)
        : name_{&name}, value_(std::in_place, std::move(value)), operation_{std::in_place, std::move(operation)} {}

    poll<result_type> poll_result(context& cx) {
        if (!scope_.bound()) open(cx);
        scope_.enter(cx.waker());
        const run_queue::substitution here{scope_};
        nested_context inner{cx, scope_};
        try {
            auto result = operation_->poll_result(inner);
            if (result.is_item()) {
                operation_.reset();
            } else {
                scope_.wait(cx.waker());
            }
            return result;
        } catch (...) {
            detail::note_error(run_queue::locals_of(scope_));
            operation_.reset();
            throw;
        }
    }

    void outline(stage_outline& out) const { out.upstream(operation_); }

private:
    void open(context& cx) {
        using holder = typename local<T>::holder;
        // Without the value that this one hides: each task of a chain that spawns the next would keep one more.
        auto* const set = new holder(*name_, *std::move(value_), detail::locals_here().without(name_));
        const detail::locals_ref all{&set->link()};
        scope_.open(cx.waker().queue(), cx.waker().root(), all);
        value_.reset();
    }

    const local<T>* name_;
    std::optional<T> value_; // until the first poll
    detail::local_scope scope_;
    std::optional<detail::lazy_operation<A>> operation_; // destroyed before the scope
};

/// `co_await with_local(name, value, operation)`: runs the operation, for which the local has that value. Returns its
/// result.
///
/// Errors: the operation's; std::bad_alloc.
/// Dropped: destroys the operation.
/// Cost: one allocation for the value; where it hides another value, one more for each local that was set after that.
/// Each wake of the operation takes two entries of the run queue.
/// See: local.
template <class T, class A>
auto with_local(const local<T>& name, std::type_identity_t<T> value, A operation) {
    if constexpr (detail::runnable<A>) {
        return local_operation<T, A>{name, std::move(value), std::move(operation)};
    } else {
        static_assert(detail::always_false<A>,
                      "weir::with_local(name, value, operation): takes a task, a pipeline that ends in a sink, another "
                      "operation, or a function that returns one");
    }
}

namespace detail {

/// A function that runs with the task-locals of the place where this object was constructed.
template <class F>
class with_locals {
public:
    explicit with_locals(F f) : f_(std::move(f)), locals_{locals_here()} {}

    template <class... Args>
        requires std::invocable<F&, Args...>
    decltype(auto) operator()(Args&&... args) {
        return call(f_, std::forward<Args>(args)...);
    }
    template <class... Args>
        requires std::invocable<const F&, Args...>
    decltype(auto) operator()(Args&&... args) const {
        return call(f_, std::forward<Args>(args)...);
    }

private:
    template <class G, class... Args>
    decltype(auto) call(G& f, Args&&... args) const {
        const locals_on_thread guard{locals_};
        executor* const here = executor::current();
        if (here == nullptr || (!locals_ && !executor_access::queue(*here).locals())) {
            return std::invoke(f, std::forward<Args>(args)...);
        }
        run_queue& queue = executor_access::queue(*here);
        local_scope scope;
        scope.open(queue, queue.root(), locals_);
        const run_queue::substitution inside{scope};
        return std::invoke(f, std::forward<Args>(args)...);
    }

    F f_;
    locals_ref locals_;
};

} // namespace detail

/// Returns a function that calls f with the values that locals have now, for a callback that other code calls later on
/// any thread.
///
///     on_reply(weir::with_current_locals([](reply r) { log(request_id.value_or("none"), r); }));
///
/// Errors: what f throws; std::bad_alloc.
/// Threads: the function may be called on any thread on which f may be called.
/// See: local, from_callback.
template <class F>
auto with_current_locals(F f) {
    return detail::with_locals<F>(std::move(f));
}

} // namespace weir
