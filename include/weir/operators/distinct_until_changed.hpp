#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream that differ from the one before them.
template <stream S, class Project, class Equal>
class distinct_until_changed_stream {
    using key_t = std::remove_cvref_t<std::invoke_result_t<Project&, const item_t<S>&>>;
    static_assert(detail::keepable<key_t>,
                  "weir::distinct_until_changed(): keeps the last key, and it borrows its memory; put to_owned() "
                  "before it, or outlives(view) around what outlives it");

public:
    using value_type = item_t<S>;

    distinct_until_changed_stream(S upstream, Project project, Equal equal)
        : upstream_{std::move(upstream)}, project_{std::move(project)}, equal_{std::move(equal)} {}

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            auto item = upstream_.poll_next(cx);
            if (!item.is_item()) return item;
            auto&& key = std::invoke(project_, std::as_const(*item));
            if (!last_ || !std::invoke(equal_, std::as_const(*last_), std::as_const(key))) {
                last_.emplace(std::forward<decltype(key)>(key));
                return item;
            }
            if (!cx.spend()) return cx.yield();
        }
    }

private:
    S upstream_;
    [[no_unique_address]] Project project_;
    [[no_unique_address]] Equal equal_;
    std::optional<key_t> last_;
};

namespace detail {

template <class Project, class Equal, class T>
concept tells_changes = std::invocable<Project&, const T&> &&
                        std::constructible_from<std::remove_cvref_t<std::invoke_result_t<Project&, const T&>>,
                                                std::invoke_result_t<Project&, const T&>> &&
                        std::predicate<Equal&, const std::remove_cvref_t<std::invoke_result_t<Project&, const T&>>&,
                                       const std::remove_cvref_t<std::invoke_result_t<Project&, const T&>>&>;

} // namespace detail

struct distinct_until_changed_fn : operator_needs_its_arguments_in_parentheses {
    template <class F>
    constexpr auto operator()(F f) const {
        return closure{[f = std::move(f)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>,
                              "weir::distinct_until_changed(f): what is left of | is not a stream");
            } else if constexpr (detail::tells_changes<F, std::equal_to<>, item_t<S>>) {
                return distinct_until_changed_stream<S, F, std::equal_to<>>{std::move(upstream), std::move(f), {}};
            } else if constexpr (detail::tells_changes<std::identity, F, item_t<S>>) {
                return distinct_until_changed_stream<S, std::identity, F>{std::move(upstream), {}, std::move(f)};
            } else {
                static_assert(detail::always_false<S>,
                              "weir::distinct_until_changed(f): f neither makes of an item what can be compared with "
                              "==, nor compares two items that can be copied");
            }
        }};
    }

    template <class Project, class Equal>
    constexpr auto operator()(Project project, Equal equal) const {
        return closure{[project = std::move(project), equal = std::move(equal)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>,
                              "weir::distinct_until_changed(project, equal): what is left of | is not a stream");
            } else if constexpr (!detail::tells_changes<Project, Equal, item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::distinct_until_changed(project, equal): project cannot be called with an item, or "
                              "equal not with what project gives, or that cannot be kept");
            } else {
                return distinct_until_changed_stream<S, Project, Equal>{std::move(upstream), std::move(project),
                                                                        std::move(equal)};
            }
        }};
    }

    constexpr auto operator()() const {
        return closure{[]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>,
                              "weir::distinct_until_changed(): what is left of | is not a stream");
            } else if constexpr (!detail::tells_changes<std::identity, std::equal_to<>, item_t<S>>) {
                static_assert(
                    detail::always_false<S>,
                    "weir::distinct_until_changed(): the items cannot be compared with ==, or cannot be copied "
                    "to be kept; write distinct_until_changed(project)");
            } else {
                return distinct_until_changed_stream<S, std::identity, std::equal_to<>>{std::move(upstream), {}, {}};
            }
        }};
    }
};

/// distinct_until_changed(): leaves out an item that equals the last one that came out.
/// distinct_until_changed(project): compares what project gives, with ==: a member, a key.
/// distinct_until_changed(equal): compares with equal, which takes two items.
/// distinct_until_changed(project, equal): both.
///
///     in                        --1--1--2--2--1--|
///     distinct_until_changed()  --1-----2-----1--|
///
/// Ends and fails with its upstream. An exception from project or equal ends the stream. One copy of what is compared
/// for each item that comes out.
inline constexpr distinct_until_changed_fn distinct_until_changed{};

} // namespace weir
