// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/executor.hpp>
#include <weir/sink/next.hpp>

namespace weir {

/// The items of a stream for blocking code. Copies share the stream.
template <stream S>
class [[nodiscard("iterate over it")]] blocking_range : public std::ranges::view_interface<blocking_range<S>> {
    struct state {
        state(executor& on, S s) : ex{on}, upstream{std::in_place, std::move(s)} {}

        void advance() {
            item.reset();
            if (!upstream) return;
            try {
                if (auto next_item = ex.run(next(*upstream))) {
                    item.emplace(*std::move(next_item));
                } else {
                    upstream.reset();
                }
            } catch (...) {
                upstream.reset();
                throw;
            }
        }

        executor& ex;
        std::optional<S> upstream;
        std::optional<item_t<S>> item;
        bool started = false;
    };

public:
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = item_t<S>;
        using difference_type = std::ptrdiff_t;
        using pointer = value_type*;
        using reference = value_type&;

        iterator() noexcept = default;

        value_type& operator*() const noexcept { return *state_->item; }
        value_type* operator->() const noexcept { return &**this; }
        iterator& operator++() {
            state_->advance();
            return *this;
        }
        void operator++(int) { state_->advance(); }

        friend bool operator==(const iterator& it, std::default_sentinel_t) noexcept { return !it.state_->item; }

    private:
        friend blocking_range;

        explicit iterator(state& s) noexcept : state_{&s} {}

        state* state_ = nullptr;
    };

    blocking_range() = default;
    blocking_range(executor& ex, S upstream) : state_{std::make_shared<state>(ex, std::move(upstream))} {}

    /// Waits for the first item, unless that was done before.
    iterator begin() {
        if (!std::exchange(state_->started, true)) state_->advance();
        return iterator{*state_};
    }
    std::default_sentinel_t end() const noexcept { return {}; }

private:
    std::shared_ptr<state> state_;
};

struct as_range_fn : detail::operator_fn<as_range_fn> {
    template <stream S>
    static auto attach(S upstream, executor& ex) {
        return blocking_range<S>(ex, std::move(upstream));
    }

    template <class S>
    auto operator()(executor& ex, S upstream) const {
        if constexpr (!stream<S>) {
            static_assert(detail::always_false<S>,
                          "weir::as_range(executor, stream): the second argument is not a stream");
        } else {
            return attach(std::move(upstream), ex);
        }
    }
    auto operator()(executor& ex) const { return with(std::ref(ex)); }
};

/// as_range(executor, stream), stream | as_range(executor): the items as an input range for blocking code, such as a
/// loop or a pipeline of std::ranges or range-v3. The executor runs only while the range waits for an item.
///
///     weir::executor ex;
///     for (const std::string& line : weir::as_range(ex, weir::lines("access.log"))) std::cout << line;
///
/// Errors: the stream's, thrown by begin() or ++.
/// Dropped: the stream is destroyed at its end, and with the last copy of the range.
/// Lifetime: the executor must outlive the range.
/// See: next, from_range, to.
///
/// @throws std::logic_error from begin() and ++ when an executor is already running on this thread: there await next(s)
inline constexpr as_range_fn as_range{};

} // namespace weir

/// A view for range-v3 too.
namespace ranges::ext {
template <class T>
struct enable_view;
template <weir::stream S>
struct enable_view<weir::blocking_range<S>> : std::true_type {};
} // namespace ranges::ext
