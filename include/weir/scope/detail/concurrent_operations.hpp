// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <ranges>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/waker.hpp>

namespace weir::detail {

/// One of several concurrent operations, with its waker and its outcome.
template <class Owner, operation A>
class branch : public waker {
public:
    using result_type = typename A::result_type;

    explicit branch(A one) : waker{&run}, operation{std::move(one)} {}

    void start(Owner& owner, std::size_t position, const waker& consumer) noexcept {
        owner_ = &owner;
        index = position;
        bind(consumer);
    }

    resettable<A> operation; // empty once the operation has ended
    std::size_t index = 0;
    poll<result_type> result{pending};
    std::exception_ptr error;

private:
    static void run(waker& self) noexcept {
        auto& me = static_cast<branch&>(self);
        me.owner_->woken(me);
    }

    Owner* owner_ = nullptr;
};

/// Branches of different types.
template <class Owner, operation... A>
class branch_tuple {
public:
    explicit branch_tuple(A... operations) : all_(std::move(operations)...) {}

    static constexpr std::size_t size() noexcept { return sizeof...(A); }

    /// Calls f with each branch from index `first` on, until f returns false.
    template <class F>
    void each(std::size_t first, F f) {
        std::apply(
            [&](auto&... one) {
                std::size_t index = 0;
                static_cast<void>(((index++ < first || f(one)) && ...));
            },
            all_);
    }
    template <class F>
    decltype(auto) apply(F f) {
        return std::apply(f, all_);
    }

private:
    std::tuple<branch<Owner, A>...> all_;
};

/// Branches of one type; their number is known at run time.
template <class Owner, operation A>
class branch_vector {
public:
    template <class Range>
    explicit branch_vector(Range&& range) {
        if constexpr (std::ranges::sized_range<Range>) all_.reserve(std::ranges::size(range));
        for (auto&& one : range) {
            if constexpr (owned_container<Range>) {
                all_.emplace_back(std::move(one));
            } else {
                all_.emplace_back(A(std::forward<decltype(one)>(one)));
            }
        }
    }

    std::size_t size() const noexcept { return all_.size(); }

    template <class F>
    void each(std::size_t first, F f) {
        for (std::size_t i = first; i < all_.size() && f(all_[i]); ++i) {}
    }
    branch<Owner, A>& operator[](std::size_t i) noexcept { return all_[i]; }
    auto begin() noexcept { return all_.begin(); }
    auto end() noexcept { return all_.end(); }

private:
    std::vector<branch<Owner, A>> all_;
};

template <operation... A>
struct pack_of_operations {
    template <class Owner>
    using branches = branch_tuple<Owner, A...>;
};
template <operation A>
struct range_of_operations {
    template <class Owner>
    using branches = branch_vector<Owner, A>;
};

/// Which branch ends the whole.
enum class ends_with { all, first_error, first };

/// Operations that run concurrently on one executor. Each has its own waker, so that a wake polls one operation only.
/// The first poll starts them in order. An operation is dropped as soon as it has ended, and the operation that decides
/// the result drops all others.
template <class Operations, ends_with Rule>
class concurrent_operations {
public:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    template <class... Args>
    explicit concurrent_operations(std::in_place_t, Args&&... operations)
        : branches_(std::forward<Args>(operations)...), left_{branches_.size()} {}

    /// Returns an item when the result is decided.
    poll<unit> poll_all(context& cx) {
        if (started_ != branches_.size() && left_ != 0) {
            bool yields = false;
            branches_.each(started_, [&](auto& one) {
                one.start(*this, started_++, cx.waker());
                nested_context own{cx, one};
                ask(one, own);
                if (left_ == 0) return false;
                yields = !own.spend() || own.leaving();
                return !yields;
            });
            if (yields) return cx.yield();
        }
        if (left_ == 0) return unit{};
        consumer_.arm(cx.waker());
        return pending;
    }

    auto& branches() noexcept { return branches_; }
    /// The index of the branch that decided the result before the others had ended, or `none`.
    std::size_t winner() const noexcept { return winner_; }

private:
    template <class, operation>
    friend class branch;
    friend described;

    void describe(wait_report& report) {
        report.stage(type_name<concurrent_operations>(),
                     std::to_string(left_) + " of " + std::to_string(branches_.size()) + " operations have not ended");
        branches_.each(0, [&](auto& one) {
            if (one.operation) report.cause(one);
            return true;
        });
    }

    template <class Branch>
    void woken(Branch& one) noexcept {
        if (!one.operation) return; // woken after its end
        context cx{one};
        ask(one, cx);
        if (left_ == 0) consumer_.wake();
    }

    template <class Branch>
    void ask(Branch& one, context& cx) noexcept {
        try {
            auto result = one.operation->poll_result(cx);
            if (result.is_pending()) return;
            one.result = std::move(result);
        } catch (...) {
            one.error = std::current_exception();
        }
        one.operation.reset();
        --left_;
        if (Rule == ends_with::first || (Rule == ends_with::first_error && one.error != nullptr)) {
            left_ = 0;
            winner_ = one.index;
            branches_.each(0, [](auto& other) {
                other.operation.reset();
                return true;
            });
        }
    }

    typename Operations::template branches<concurrent_operations> branches_;
    std::size_t started_ = 0;
    std::size_t left_;
    std::size_t winner_ = none;
    described_slot consumer_{*this};
};

template <class... R>
inline constexpr bool is_range_of_operations = false;
template <std::ranges::input_range R>
inline constexpr bool is_range_of_operations<R> = operation<std::ranges::range_value_t<R>>;

/// The function object of several operations or of a range of operations.
/// @tparam OfPack, OfRange  the operation that awaits them
template <template <class...> class OfPack, template <class> class OfRange>
struct concurrent_operations_fn {
    template <class... A>
    auto operator()(A&&... operations) const {
        if constexpr (sizeof...(A) != 0 && (operation<std::remove_cvref_t<A>> && ...)) {
            if constexpr (!(std::constructible_from<std::remove_cvref_t<A>, A> && ...)) {
                static_assert(always_false<A...>,
                              "weir::when_all, when_all_settled, when_any: an operation is awaited "
                              "once and cannot be copied: write when_all(std::move(operation), ...)");
            } else {
                return OfPack<std::remove_cvref_t<A>...>{std::forward<A>(operations)...};
            }
        } else if constexpr (is_range_of_operations<A...>) {
            return of_range(std::forward<A>(operations)...);
        } else {
            static_assert(always_false<A...>,
                          "weir::when_all, when_all_settled, when_any: takes tasks, pipelines that end "
                          "in a sink, or other operations, or a range of them");
        }
    }

private:
    template <class Range>
    static auto of_range(Range&& range) {
        using operation = std::ranges::range_value_t<Range>;
        if constexpr (!owned_container<Range> &&
                      !std::constructible_from<operation, std::ranges::range_reference_t<Range>>) {
            static_assert(always_false<Range>,
                          "weir::when_all, when_all_settled, when_any: an operation is awaited once "
                          "and cannot be copied: write when_all(std::move(range))");
        } else {
            return OfRange<operation>{std::in_place, std::forward<Range>(range)};
        }
    }
};

} // namespace weir::detail
