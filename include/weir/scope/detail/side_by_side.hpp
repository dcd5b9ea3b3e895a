// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/waker.hpp>

namespace weir::detail {

/// One of several operations that run side by side: its waker, and how it has ended.
template <class Owner, operation A>
class side : public waker {
public:
    using result_type = typename A::result_type;

    explicit side(A one) : waker{&run}, operation{std::in_place, std::move(one)} {}

    void begin(Owner& owner, std::size_t position, const waker& consumer) noexcept {
        owner_ = &owner;
        index = position;
        bind(consumer);
    }

    std::optional<A> operation; // until it has ended
    std::size_t index = 0;
    poll<result_type> result{pending};
    std::exception_ptr error;

private:
    static void run(waker& self) noexcept {
        auto& me = static_cast<side&>(self);
        me.owner_->woken(me);
    }

    Owner* owner_ = nullptr;
};

/// Of different types.
template <class Owner, operation... A>
class sides_tuple {
public:
    explicit sides_tuple(A... operations) : all_(std::move(operations)...) {}

    static constexpr std::size_t size() noexcept { return sizeof...(A); }

    /// Calls f with each of them from the one at `first` on, until it answers false.
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
    std::tuple<side<Owner, A>...> all_;
};

/// Of one type, as many as there are.
template <class Owner, operation A>
class sides_vector {
public:
    template <class Range>
    explicit sides_vector(Range&& range) {
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
    side<Owner, A>& operator[](std::size_t i) noexcept { return all_[i]; }
    auto begin() noexcept { return all_.begin(); }
    auto end() noexcept { return all_.end(); }

private:
    std::vector<side<Owner, A>> all_;
};

template <operation... A>
struct pack_of_operations {
    template <class Owner>
    using sides = sides_tuple<Owner, A...>;
};
template <operation A>
struct range_of_operations {
    template <class Owner>
    using sides = sides_vector<Owner, A>;
};

/// What ends it.
enum class ends_with { all, first_error, first };

/// Operations that run side by side, each on its own waker: one that wakes costs nothing to the others. They are begun
/// in order, in the first poll; one that ends is dropped at once, and with the one that decides all others are.
template <class Operations, ends_with Rule>
class side_by_side {
public:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    template <class... Args>
    explicit side_by_side(std::in_place_t, Args&&... operations)
        : sides_(std::forward<Args>(operations)...), left_{sides_.size()} {}

    /// An item when it is over.
    poll<unit> poll_all(context& cx) {
        if (begun_ != sides_.size() && left_ != 0) {
            bool yields = false;
            sides_.each(begun_, [&](auto& one) {
                one.begin(*this, begun_++, cx.waker());
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

    auto& sides() noexcept { return sides_; }
    /// The one that has ended it before the others.
    std::size_t decisive() const noexcept { return decisive_; }

private:
    template <class, operation>
    friend class side;

    template <class Side>
    void woken(Side& one) noexcept {
        if (!one.operation) return; // a late wake
        context cx{one};
        ask(one, cx);
        if (left_ == 0) consumer_.wake();
    }

    template <class Side>
    void ask(Side& one, context& cx) noexcept {
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
            decisive_ = one.index;
            sides_.each(0, [](auto& other) {
                other.operation.reset();
                return true;
            });
        }
    }

    typename Operations::template sides<side_by_side> sides_;
    std::size_t begun_ = 0;
    std::size_t left_;
    std::size_t decisive_ = none;
    waker_slot consumer_;
};

template <class... R>
inline constexpr bool is_range_of_operations = false;
template <std::ranges::input_range R>
inline constexpr bool is_range_of_operations<R> = operation<std::ranges::range_value_t<R>>;

/// A function of several operations, or of a range of operations, from what awaits them.
template <template <class...> class OfPack, template <class> class OfRange>
struct side_by_side_fn {
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
