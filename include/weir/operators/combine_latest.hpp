#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/liveness.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/children.hpp>

namespace weir {

/// The latest items of several streams, whenever one of them has a new one.
template <stream... S>
class combine_latest_stream {
public:
    using value_type = std::tuple<item_t<S>...>;

    explicit combine_latest_stream(S... sources) : children_{std::move(sources)...} {}

    poll<value_type> poll_next(context& cx) {
        if (!started_) [[unlikely]]
            start(cx.wk);
        const detail::liveness::watch self{liveness_};
        while (!ready_.empty()) {
            const answer what = ask(ready_.front(), cx, self);
            if (self.gone()) return pending;
            if (what == answer::tuple) [[likely]] {
                while (!early_.empty()) ready_.push_back(early_.pop_front());
                ready_.to_back();
                return latest();
            }
            settle(what);
            if (!cx.spend()) return cx.yield();
        }
        if (running_ != 0) return ready_.wait(cx);
        return done;
    }

private:
    enum class answer : unsigned char { tuple, item, nothing, end };

    void start(const waker& consumer) noexcept {
        started_ = true;
        running_ = sizeof...(S);
        children_.each([&](auto& c) { ready_.adopt(c, consumer); });
    }

    answer ask(detail::child& next, context& cx, const detail::liveness::watch& self) {
        try {
            return children_.visit(next, [&](auto& c) {
                auto item = c.poll_next(cx);
                if (item.is_pending()) return answer::nothing;
                if (item.is_done()) return answer::end;
                if (self.gone()) return answer::nothing;
                auto& kept = std::get<std::remove_reference_t<decltype(c)>::position>(latest_);
                if (!kept) --missing_;
                kept.emplace(*std::move(item));
                return missing_ == 0 ? answer::tuple : answer::item;
            });
        } catch (...) {
            if (!self.gone()) drop_all();
            throw;
        }
    }

    void settle(answer what) noexcept {
        detail::child& first = ready_.pop_front();
        if (what == answer::item) {
            // Not asked for more until its first item was seen.
            early_.push_back(first);
        } else if (what == answer::end) {
            ended(first);
        }
    }

    void ended(detail::child& first) noexcept {
        const bool without_item = children_.visit(first, [&](auto& c) {
            c.drop();
            return !std::get<std::remove_reference_t<decltype(c)>::position>(latest_);
        });
        --running_;
        if (without_item) drop_all();
    }

    void drop_all() noexcept {
        children_.each([](auto& c) { c.drop(); });
        ready_.clear();
        running_ = 0;
    }

    poll<value_type> latest() const {
        return std::apply([](const auto&... kept) { return poll<value_type>{value_type{*kept...}}; }, latest_);
    }

    detail::children_tuple<std::index_sequence_for<S...>, S...> children_;
    std::tuple<std::optional<item_t<S>>...> latest_;
    detail::ready_children ready_;
    detail::linked_queue<detail::child> early_;
    std::size_t missing_ = sizeof...(S);
    std::size_t running_ = 0;
    detail::liveness liveness_;
    bool started_ = false;
};

struct combine_latest_fn : operator_needs_its_arguments_in_parentheses {
    template <class First, class... Rest>
    constexpr auto operator()(First&& first, Rest&&... rest) const {
        if constexpr (!(stream<std::remove_cvref_t<First>> && ... && stream<std::remove_cvref_t<Rest>>)) {
            static_assert(detail::always_false<First>, "weir::combine_latest(streams...): an argument is not a stream");
        } else if constexpr (!(std::is_constructible_v<std::remove_cvref_t<First>, First> && ... &&
                               std::is_constructible_v<std::remove_cvref_t<Rest>, Rest>)) {
            static_assert(detail::always_false<First>,
                          "weir::combine_latest(streams...): a stream is used once and cannot be copied: write "
                          "combine_latest(std::move(stream), ...)");
        } else if constexpr (!(std::copy_constructible<item_t<std::remove_cvref_t<First>>> && ... &&
                               std::copy_constructible<item_t<std::remove_cvref_t<Rest>>>)) {
            static_assert(detail::always_false<First>, "weir::combine_latest(streams...): an item goes into several "
                                                       "tuples, and cannot be copied");
        } else {
            return combine_latest_stream<std::remove_cvref_t<First>, std::remove_cvref_t<Rest>...>{
                std::forward<First>(first), std::forward<Rest>(rest)...};
        }
    }
};

/// combine_latest(streams...): copies of the latest items of all as a tuple, once all have given one, and then for each
/// further item.
///
///     a                     --1-----2------3--|
///     b                     ----a------b-----------|
///     combine_latest(a, b)  ----A---B--C---D-------|     (1, a), (2, a), (2, b), (3, b)
///
/// All are asked at once, and each again when its item was seen in a tuple: every item is seen at least once. A stream
/// that has given its first item is therefore not asked for more until all have given theirs. Streams that are ready
/// take turns.
///
/// Ends when all have ended, or when one has ended without an item. The first error drops the others.
inline constexpr combine_latest_fn combine_latest{};

} // namespace weir
