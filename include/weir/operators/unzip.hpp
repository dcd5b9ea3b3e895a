// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <variant>

#include <weir/core/context.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/branches.hpp>

namespace weir {

namespace detail {

/// A std::pair, or a std::tuple of two.
template <class T>
concept two_parts = requires(T pair) {
    requires std::tuple_size<T>::value == 2;
    std::get<0>(std::move(pair));
    std::get<1>(std::move(pair));
};

/// The parts of pairs, one after the other.
template <stream S>
class parts_stream {
    using pair = item_t<S>;

public:
    using value_type = std::variant<std::tuple_element_t<0, pair>, std::tuple_element_t<1, pair>>;

    explicit parts_stream(S upstream) : upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        if (second_) {
            poll<value_type> part(value_type(std::in_place_index<1>, *std::move(second_)));
            second_.reset();
            return part;
        }
        auto item = upstream_.poll_next(cx);
        if (!item.is_item()) return item.template rebind<value_type>();
        second_.emplace(std::get<1>(std::move(*item)));
        return value_type(std::in_place_index<0>, std::get<0>(std::move(*item)));
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        out.upstream(upstream_);
    }

private:
    S upstream_;
    std::optional<std::tuple_element_t<1, pair>> second_; // whose first part was taken
};

struct to_its_stream {
    template <class Part>
    std::size_t operator()(const Part& part, std::size_t) const noexcept {
        return part.index();
    }
};

/// Passes a part for a stream that was destroyed to on_drop in its own type.
template <class OnDrop>
class drop_part {
public:
    explicit drop_part(OnDrop on_drop) : on_drop_(std::move(on_drop)) {}

    template <class Part>
    void operator()(Part&& part, drop_reason why) noexcept {
        if (part.index() == 0) {
            drop_item(on_drop_, std::get<0>(std::move(part)), why);
        } else {
            drop_item(on_drop_, std::get<1>(std::move(part)), why);
        }
    }

private:
    [[no_unique_address]] OnDrop on_drop_;
};

template <stream S, class OnDrop>
using unzip_branch = stream_branch<parts_stream<S>, to_its_stream, drop_part<OnDrop>>;

} // namespace detail

/// The first or the second parts of pairs. It may be moved at any time.
template <stream S, std::size_t Part, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] unzip_stream {
public:
    using value_type = std::tuple_element_t<Part, item_t<S>>;

    explicit unzip_stream(detail::unzip_branch<S, OnDrop> branch) noexcept : branch_{std::move(branch)} {}

    poll<value_type> poll_next(context& cx) {
        auto part = branch_.poll_next(cx);
        if (!part.is_item()) return part.template rebind<value_type>();
        return std::get<Part>(*std::move(part));
    }

    void outline(stage_outline& out) const { branch_.outline(out); }

private:
    detail::unzip_branch<S, OnDrop> branch_;
};

template <stream S, std::size_t Part, class OnDrop>
inline constexpr bool thread_bound<unzip_stream<S, Part, OnDrop>> = true;

struct unzip_options {
    /// The maximum number of items held for each of the two streams, >= 1.
    std::size_t capacity = 64;
};

struct unzip_fn : detail::operator_fn<unzip_fn> {
    template <class T, class Options, class OnDrop>
    static consteval bool accepts() {
        constexpr bool ok = detail::two_parts<T>;
        static_assert(ok, "weir::unzip(): the items are not pairs; map them to std::pair");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::unzip() keeps items, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        if constexpr (ok && kept) {
            constexpr bool drops = detail::drops_items<OnDrop, std::tuple_element_t<0, T>, std::tuple_element_t<1, T>>;
            static_assert(drops, "weir::unzip(options, on_drop): on_drop cannot be called with either part of an item, "
                                 "or returns an operation or a stream, which nothing would await");
            return drops;
        }
        return false;
    }

    template <stream S, class Options, class OnDrop>
    static auto attach(S left, Options options, OnDrop on_drop) {
        using shared = detail::branches<detail::parts_stream<S>, detail::to_its_stream, detail::drop_part<OnDrop>>;
        using branch = detail::unzip_branch<S, OnDrop>;
        const detail::handle<shared, detail::role::other> all{
            *new shared(detail::parts_stream<S>(std::move(left)), 2, options.capacity, {},
                        detail::drop_part<OnDrop>(std::move(on_drop)))};
        return std::pair(unzip_stream<S, 0, OnDrop>(branch(all, 0)), unzip_stream<S, 1, OnDrop>(branch(all, 1)));
    }

    template <class OnDrop = detail::drop_silently>
    constexpr auto operator()(unzip_options options = {}, OnDrop on_drop = {}) const {
        if (options.capacity == 0) {
            throw std::invalid_argument{"weir::unzip({.capacity}): capacity must be at least 1"};
        }
        return with(options, std::move(on_drop));
    }
};

/// unzip(): two streams, a std::pair: the first parts of the items, which are pairs, and the second parts.
///
///     in        --A--B--C--|     (1, a), (2, b), (3, c)
///     numbers   --1--2--3--|
///     letters   --a--b--c--|
///
///     auto [numbers, letters] = pairs() | weir::unzip();
///     co_await weir::when_all(std::move(numbers) | weir::for_each(f), std::move(letters) | weir::for_each(g));
///
/// The stream whose consumer waits asks upstream, and holds the other parts: up to {.capacity}, 64 unless said
/// otherwise. While the other stream has as many, the first waits for it. A stream without a reader therefore stops
/// the other; destroy it, and its parts are dropped. Either may be moved at any time.
///
/// Ends: both with upstream, after the parts held. Errors: upstream's, in both streams, after the parts held. Upstream
/// has been destroyed by then.
/// Dropped: upstream is destroyed with the second of the two. Parts for a stream that was destroyed are passed to
/// on_drop, the second argument, if there is one: it is called with parts of either type.
/// Threads: both streams belong to one executor.
/// Cost: an allocation for both; no copy; up to {.capacity} parts held for each.
/// See: partition, zip, share.
///
/// @throws std::invalid_argument when the capacity is 0
inline constexpr unzip_fn unzip{};

} // namespace weir
