// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

namespace detail {

template <class Project, class Equal, class T>
concept tells_changes = std::invocable<Project&, const T&> &&
                        std::constructible_from<std::remove_cvref_t<std::invoke_result_t<Project&, const T&>>,
                                                std::invoke_result_t<Project&, const T&>> &&
                        std::predicate<Equal&, const std::remove_cvref_t<std::invoke_result_t<Project&, const T&>>&,
                                       const std::remove_cvref_t<std::invoke_result_t<Project&, const T&>>&>;

/// One function is a projection if what it returns can be compared, else a comparison of items.
template <class T, class... F>
struct change_detector {
    using project = std::identity;
    using equal = std::equal_to<>;
};
template <class T, class F>
struct change_detector<T, F> {
    using project = std::conditional_t<tells_changes<F, std::equal_to<>, T>, F, std::identity>;
    using equal = std::conditional_t<tells_changes<F, std::equal_to<>, T>, std::equal_to<>, F>;
};
template <class T, class Project, class Equal>
struct change_detector<T, Project, Equal> {
    using project = Project;
    using equal = Equal;
};

} // namespace detail

/// The items of an upstream that differ from the one before them.
/// @tparam F  nothing, a projection or a comparison, or both
template <stream S, class... F>
class [[nodiscard("add a sink and co_await it")]] distinct_until_changed_stream
    : public detail::selection<distinct_until_changed_stream<S, F...>, S, F...> {
    using project_t = typename detail::change_detector<item_t<S>, F...>::project;
    using equal_t = typename detail::change_detector<item_t<S>, F...>::equal;
    using key_t = std::remove_cvref_t<std::invoke_result_t<project_t&, const item_t<S>&>>;

public:
    template <std::same_as<S> Upstream>
    explicit distinct_until_changed_stream(Upstream upstream)
        : distinct_until_changed_stream::selection(std::move(upstream)) {}
    distinct_until_changed_stream(S upstream, project_t project)
        : distinct_until_changed_stream(std::move(upstream), std::move(project), equal_t()) {}
    distinct_until_changed_stream(S upstream, equal_t equal)
        : distinct_until_changed_stream(std::move(upstream), project_t(), std::move(equal)) {}
    distinct_until_changed_stream(S upstream, project_t project, equal_t equal)
        : distinct_until_changed_stream::selection(std::move(upstream)),
          project_(std::move(project)),
          equal_(std::move(equal)) {}

    bool selects(const item_t<S>& item) {
        auto&& key = std::invoke(project_, item);
        if (last_ && std::invoke(equal_, std::as_const(*last_), std::as_const(key))) return false;
        last_.emplace(std::forward<decltype(key)>(key));
        return true;
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        distinct_until_changed_stream::selection::outline(out);
    }

private:
    [[no_unique_address]] project_t project_;
    [[no_unique_address]] equal_t equal_;
    std::optional<key_t> last_;
};

struct distinct_until_changed_fn : detail::operator_fn<distinct_until_changed_fn> {
    template <class S, class... F>
    using pipeline = distinct_until_changed_stream<S, F...>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool ok = detail::tells_changes<std::identity, std::equal_to<>, T>;
        static_assert(ok,
                      "weir::distinct_until_changed(): the items cannot be compared with ==, or cannot be copied to "
                      "be kept; write distinct_until_changed(project)");
        return ok && keeps<T, std::identity>();
    }
    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool projects = detail::tells_changes<F, std::equal_to<>, T>;
        constexpr bool ok = projects || detail::tells_changes<std::identity, F, T>;
        static_assert(ok,
                      "weir::distinct_until_changed(f): f neither makes of an item what can be compared with ==, nor "
                      "compares two items that can be copied");
        if constexpr (ok) return keeps<T, std::conditional_t<projects, F, std::identity>>();
        return false;
    }
    template <class T, class Project, class Equal>
    static consteval bool accepts() {
        constexpr bool ok = detail::tells_changes<Project, Equal, T>;
        static_assert(ok,
                      "weir::distinct_until_changed(project, equal): project cannot be called with an item, or equal "
                      "not with what project gives, or that cannot be kept");
        if constexpr (ok) return keeps<T, Project>();
        return false;
    }

private:
    template <class T, class Project>
    static consteval bool keeps() {
        constexpr bool kept = detail::keepable<std::remove_cvref_t<std::invoke_result_t<Project&, const T&>>>;
        static_assert(kept, "weir::distinct_until_changed(): keeps the last key, and it borrows its memory; put "
                            "to_owned() before it, or outlives(view) around what outlives it");
        return kept;
    }
};

/// distinct_until_changed(): leaves out an item that equals the last one that was emitted.
/// distinct_until_changed(project): compares what project returns, with ==: a member, a key.
/// distinct_until_changed(equal): compares with equal, which takes two items.
/// distinct_until_changed(project, equal): both.
///
///     in                        --1--1--2--2--1--|
///     distinct_until_changed()  --1-----2-----1--|
///
/// Ends: with upstream. Errors: upstream's, and what project and equal throw.
/// Cost: no allocation; one copy of what is compared for each item that is emitted.
/// See: filter, pairwise.
inline constexpr distinct_until_changed_fn distinct_until_changed{};

} // namespace weir
