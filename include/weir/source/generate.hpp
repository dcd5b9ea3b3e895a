// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/optional.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir {

/// The stream of the results of a function.
template <class F>
class [[nodiscard("add a sink and co_await it")]] generate_stream {
    using result_t = std::remove_cvref_t<std::invoke_result_t<F&>>;

    template <class T>
    struct item_of {
        using type = T;
    };
    template <class T>
        requires detail::is_optional<T>
    struct item_of<T> {
        using type = typename T::value_type;
    };

public:
    using value_type = typename item_of<result_t>::type;

    explicit generate_stream(F f) : f_(std::move(f)) {}

    poll<value_type> poll_next(context& cx) {
        checker_.check();
        auto item = checker_.checked([this]() -> poll<value_type> {
            if constexpr (detail::is_optional<result_t>) {
                if (auto&& made = std::invoke(f_)) return poll<value_type>(*std::forward<decltype(made)>(made));
                return done;
            } else {
                return poll<value_type>(std::invoke(f_));
            }
        });
        if constexpr (detail::may_drop<F>) {
            if (cx.stopping()) [[unlikely]]
                item = poll<value_type>(cx.yield());
        }
        return item;
    }

    void outline(stage_outline&) const noexcept {}

private:
    [[no_unique_address]] F f_;
    detail::poll_checker checker_;
};

struct generate_fn {
    template <class F>
    constexpr auto operator()(F f) const {
        if constexpr (!detail::gives_object<F&>) {
            static_assert(detail::always_false<F>,
                          "weir::generate(f): f cannot be called without arguments, or returns nothing");
        } else {
            return generate_stream<F>{std::move(f)};
        }
    }
};

/// generate(f): the results of f, which is called once per item. When f returns a std::optional, std::nullopt ends the
/// stream.
///
///     generate(roll_dice)  3164...
///
/// Ends: when f returns std::nullopt. Errors: exceptions of f.
/// Cost: no allocation.
/// See: unfold, async_stream.
inline constexpr generate_fn generate{};

} // namespace weir
