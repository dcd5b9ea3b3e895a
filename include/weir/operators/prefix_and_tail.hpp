// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of a stream behind those that were taken from it before. It may be moved at any time.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] tail_stream {
public:
    using value_type = item_t<S>;

    /// @param source  null when it has ended, or has failed with the error
    tail_stream(std::unique_ptr<S> source, std::exception_ptr error) noexcept
        : source_{std::move(source)}, error_{std::move(error)} {}

    poll<value_type> poll_next(context& cx) {
        if (source_ == nullptr) return finish();
        return source_->poll_next(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (source_ != nullptr) return weir::poll_each(*source_, cx, consume);
        finish();
        return flow::done;
    }

    void outline(stage_outline& out) const { out.upstream(source_); }

private:
    done_t finish() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return done;
    }

    std::unique_ptr<S> source_;
    std::exception_ptr error_;
};

/// The first items of an upstream, with the stream of the others.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] prefix_and_tail_stream {
public:
    using value_type = std::pair<std::vector<item_t<S>>, tail_stream<S>>;

    prefix_and_tail_stream(S upstream, std::size_t n) : upstream_(std::move(upstream)), n_{n} {}

    poll<value_type> poll_next(context& cx) {
        if (emitted_) return done;
        if (upstream_) {
            source_ = std::make_unique<S>(std::move(*upstream_)); // where it stays
            upstream_.reset();
        }
        std::exception_ptr error;
        if (prefix_.size() != n_) {
            const auto add = [this](item_t<S>&& item) {
                prefix_.push_back(std::move(item));
                return prefix_.size() != n_;
            };
            try {
                switch (weir::poll_each(*source_, cx, add)) {
                case flow::pending:
                    return pending;
                case flow::stopped:
                    break;
                case flow::done:
                    source_.reset();
                    break;
                }
            } catch (...) {
                error = std::current_exception();
                source_.reset();
            }
        }
        emitted_ = true;
        return value_type(std::move(prefix_), tail_stream<S>{std::move(source_), std::move(error)});
    }

    void outline(stage_outline& out) const {
        out.holds(n_);
        upstream_ ? out.upstream(upstream_) : out.upstream(source_);
    }

private:
    detail::resettable<S> upstream_; // until the first poll
    std::unique_ptr<S> source_;
    std::vector<item_t<S>> prefix_;
    std::size_t n_;
    bool emitted_ = false;
};

struct prefix_and_tail_fn : detail::operator_fn<prefix_and_tail_fn> {
    template <class S, class N>
    using pipeline = prefix_and_tail_stream<S>;

    template <class T, class N>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept,
                      "weir::prefix_and_tail(n) keeps items, and these borrow their memory; put to_owned() before "
                      "it, or outlives(view) around what outlives it");
        return kept;
    }

    template <std::integral N>
    constexpr auto operator()(N n) const {
        return with(detail::checked_count(n, "weir::prefix_and_tail(n): n is negative"));
    }
};

/// prefix_and_tail(n): one item, a std::pair of the first n items, as a std::vector, and the stream of the others.
///
///     in                  --a--b--c--d--|
///     prefix_and_tail(2)  -----P|           P: the vector ab, and the tail
///     the tail                 ---c--d--|
///
///     weir::lines(path) | weir::prefix_and_tail(1) | weir::concat_map([](auto both) {
///         auto& [header, rows] = both;
///         return std::move(rows) | weir::map(row_parser(header));
///     })
///
/// A stream with fewer items yields a shorter vector and a tail that ends at once. Items of the tail are polled for by
/// the consumer of the tail.
///
/// Ends: with the pair; the tail ends with upstream. Errors: the tail's. An error among the first n items is the error
/// of the tail, behind the items that came before it.
/// Dropped: the items held are lost; a tail that is dropped drops upstream.
/// Cost: an allocation for upstream and those of the vector; up to n items held.
/// See: take, skip, concat_map.
///
/// @throws std::invalid_argument when n is negative
inline constexpr prefix_and_tail_fn prefix_and_tail{};

} // namespace weir
