#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <weir/core/closure.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/moving_deadline.hpp>

namespace weir {

namespace detail {

/// A chunk that is not full waits for as long as it takes.
class chunk_waits_forever {
public:
    void begin(context&) const noexcept {}
    bool due(context&) const noexcept { return false; }
    void stop() const noexcept {}
};

/// A chunk is due some time after its first item.
class chunk_is_due_after {
public:
    explicit chunk_is_due_after(duration d) noexcept : d_{d} {}

    void begin(context& cx) noexcept { deadline_.set(cx.ex().after(d_)); }
    bool due(context& cx) { return deadline_.poll(cx); }
    void stop() noexcept { deadline_.cancel(); }

private:
    duration d_;
    moving_deadline deadline_;
};

} // namespace detail

/// The items of an upstream, several at a time.
template <stream S, class Patience>
class chunk_stream {
    static_assert(detail::keepable<item_t<S>>, "weir::chunk(n) keeps items, and these borrow their memory; put "
                                               "to_owned() before it, or outlives(view) around what outlives it");

public:
    using value_type = std::vector<item_t<S>>;

    chunk_stream(S upstream, std::size_t n, Patience patience)
        : upstream_{std::in_place, std::move(upstream)}, n_{n}, patience_{std::move(patience)} {}

    poll<value_type> poll_next(context& outer) {
        if (!upstream_) return finish();
        nested_context cx{outer};
        try {
            for (;;) {
                auto item = upstream_->poll_next(cx);
                if (item.is_item()) [[likely]] {
                    if (chunk_.empty()) begin(cx);
                    chunk_.push_back(*std::move(item));
                    if (chunk_.size() == n_) return take();
                    if (!cx.spend()) {
                        if (patience_.due(cx)) return take();
                        return cx.yield();
                    }
                } else if (item.is_pending()) {
                    if (chunk_.empty() || !patience_.due(cx)) return pending;
                    return take();
                } else {
                    break;
                }
            }
        } catch (...) {
            error_ = std::current_exception();
        }
        upstream_.reset();
        patience_.stop();
        if (chunk_.empty()) return finish();
        return take();
    }

private:
    // A chunk that may be large and mostly stays small does not get all its memory at once.
    static constexpr std::size_t most_reserved = std::max<std::size_t>(1, (std::size_t{1} << 16) / sizeof(item_t<S>));

    void begin(context& cx) {
        chunk_.reserve(std::min(n_, most_reserved));
        patience_.begin(cx);
    }

    value_type take() noexcept { return std::exchange(chunk_, {}); }

    done_t finish() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return done;
    }

    std::optional<S> upstream_;
    value_type chunk_;
    std::size_t n_;
    [[no_unique_address]] Patience patience_;
    std::exception_ptr error_;
};

struct chunk_fn : operator_needs_its_arguments_in_parentheses {
    template <std::integral N>
    constexpr auto operator()(N n) const {
        return make(n, [] { return detail::chunk_waits_forever{}; });
    }

    template <std::integral N>
    constexpr auto operator()(N n, duration d) const {
        if (d < duration::zero()) throw std::invalid_argument{"weir::chunk(n, d): d is negative"};
        return make(n, [d] { return detail::chunk_is_due_after{d}; });
    }

private:
    template <std::integral N, class MakePatience>
    static constexpr auto make(N given, MakePatience patience) {
        const std::size_t n = detail::at_least_one(given, "weir::chunk(n): n must be at least 1");
        return closure{[n, patience]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::chunk(n): what is left of | is not a stream");
            } else {
                return chunk_stream<S, decltype(patience())>{std::move(upstream), n, patience()};
            }
        }};
    }
};

/// chunk(n): n items at a time, as a std::vector.
/// chunk(n, d): the same, and what has come by then when d has passed since the first of it.
///
///     in           a--b--------c--d-----e--|
///     chunk(2)     ---(ab)-----------(cd)--------[(e)|]
///     chunk(3, 5)  -----(ab)-----------(cd)------[(e)|]
///
/// A chunk is never empty. The time only marks it as due: it is given when it is asked for, with what else is ready then.
/// Nothing is asked for ahead. chunk(n, 0s) gives what is there, and waits only for the first item.
///
/// What is held at the end, or at an error, comes out before it. One allocation a chunk, for which it is the item.
inline constexpr chunk_fn chunk{};

} // namespace weir
