// SPDX-License-Identifier: MIT
// The operators that docs/writing-an-operator.md builds, cut out of this file by their marks.

#include <doctest/doctest.h>

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/properties.hpp>

namespace {

// [outside]
/// The items of an upstream, multiplied by a factor.
template <weir::stream S>
class scaled_stream {
public:
    using value_type = int;

    scaled_stream(S upstream, int factor) : upstream_(std::move(upstream)), factor_{factor} {}

    weir::poll<int> poll_next(weir::context& cx) {
        auto item = upstream_.poll_next(cx);
        if (item.is_item()) return *item * factor_;
        return item.template rebind<int>();
    }

    // Optional: hands on all items that are ready, in the loop of the source.
    template <class Consume>
    weir::flow poll_each(weir::context& cx, Consume& consume) {
        auto scale = [&](int&& item) { return consume(item * factor_); };
        return weir::poll_each(upstream_, cx, scale);
    }

    // Optional: tells a drawing of the pipeline what is upstream, and that nothing is held.
    void outline(weir::stage_outline& out) const { out.upstream(upstream_); }

private:
    S upstream_;
    int factor_;
};

auto scaled(int factor) {
    return weir::closure{[=]<weir::stream S>(S upstream) { return scaled_stream<S>(std::move(upstream), factor); }};
}
// [/outside]

} // namespace

namespace weir {

// [map]
/// The results of a function, called with each item of an upstream.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] apply_stream : public detail::one_to_one<apply_stream<S, F>, S, F> {
public:
    using value_type = std::remove_cvref_t<std::invoke_result_t<F&, item_t<S>>>;

    apply_stream(S upstream, F f) : apply_stream::one_to_one(std::move(upstream)), f_(std::move(f)) {}

    value_type pass(item_t<S>&& item) { return std::invoke(f_, std::move(item)); }

private:
    [[no_unique_address]] F f_;
};

struct apply_fn : detail::operator_fn<apply_fn> {
    template <class S, class F>
    using pipeline = apply_stream<S, F>;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool ok = detail::gives_object<F&, T>;
        static_assert(ok, "weir::apply(f): f cannot be called with an item, or returns nothing");
        return ok;
    }
};

inline constexpr apply_fn apply{};
// [/map]

// [filter]
/// Every n-th item of an upstream.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] every_stream : public detail::selection<every_stream<S>, S> {
public:
    every_stream(S upstream, std::size_t n) : every_stream::selection(std::move(upstream)), n_{n} {}

    bool selects(const item_t<S>&) {
        if (++seen_ != n_) return false;
        seen_ = 0;
        return true;
    }

private:
    std::size_t n_;
    std::size_t seen_ = 0;
};

struct every_fn : detail::operator_fn<every_fn> {
    template <class S, class N>
    using pipeline = every_stream<S>;

    constexpr auto operator()(std::size_t n) const { return with(n); }
};

inline constexpr every_fn every{};
// [/filter]

// [by hand]
/// The items of an upstream up to and including the first for which a predicate holds.
template <stream S, class Last>
class [[nodiscard("add a sink and co_await it")]] take_through_stream {
public:
    using value_type = item_t<S>;

    take_through_stream(S upstream, Last last)
        : upstream_(std::in_place, std::move(upstream)), last_(std::move(last)) {}

    poll<value_type> poll_next(context& cx) {
        if (ending_) {
            upstream_.reset(); // destroyed before the consumer sees the end
            return done;
        }
        auto item = upstream_->poll_next(cx);
        if (!item.is_item()) return item;
        ending_ = std::invoke(last_, std::as_const(*item));
        if constexpr (detail::may_drop<Last>) {
            if (cx.stopping()) [[unlikely]] // last has dropped what runs
                item = poll<value_type>(cx.yield());
        }
        return item;
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        bool wanted = true;
        const auto pass_on = [&](value_type&& item) {
            ending_ = std::invoke(last_, std::as_const(item));
            if constexpr (detail::may_drop<Last>) {
                if (cx.stopping()) [[unlikely]]
                    return true; // poll_each_unless_dropped ends the loop
            }
            wanted = consume(std::move(item));
            return wanted && !ending_;
        };
        if (!ending_) {
            const flow answer = detail::poll_each_unless_dropped<detail::may_drop<Last>>(*upstream_, cx, pass_on);
            if (answer != flow::stopped || !wanted) return answer;
        }
        upstream_.reset(); // it has left the stack, and the consumer has not seen the end
        return flow::done;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    std::optional<S> upstream_; // until the end
    bool ending_ = false;
    [[no_unique_address]] Last last_;
};

struct take_through_fn : detail::operator_fn<take_through_fn> {
    template <class S, class Last>
    using pipeline = take_through_stream<S, Last>;

    template <class T, class Last>
    static consteval bool accepts() {
        constexpr bool ok = std::predicate<Last&, const T&>;
        static_assert(ok, "weir::take_through(last): last cannot be called with an item, or does not return a bool");
        return ok;
    }
};

inline constexpr take_through_fn take_through{};
// [/by hand]

// [driver]
/// The items of an upstream, of which one is asked for ahead of the consumer.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] read_ahead_stream
    : public detail::prefetching_operator<read_ahead_stream<S>, S> {
    using prefetching_operator = detail::prefetching_operator<read_ahead_stream, S>;
    friend prefetching_operator;

public:
    using value_type = item_t<S>;

    explicit read_ahead_stream(S upstream) : prefetching_operator(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        if (!held_ && this->open()) {
            if (!this->drive(cx)) return pending;
            if (!held_ && this->open()) return this->wait(cx);
        }
        if (!held_) return this->finish();
        poll<value_type> item(std::move(*held_));
        held_.reset();
        this->resume();
        return item;
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        prefetching_operator::outline(out);
    }

private:
    bool wants(context&) const noexcept { return !held_.has_value(); }

    void on_item(value_type item, context&) {
        held_.emplace(std::move(item));
        this->notify();
    }

    std::optional<value_type> held_;
};

struct read_ahead_fn : detail::operator_fn<read_ahead_fn> {
    template <class S>
    using pipeline = read_ahead_stream<S>;
};

inline constexpr read_ahead_fn read_ahead{};
// [/driver]

} // namespace weir

// [test]
TEST_SUITE("docs/writing_an_operator") {
    TEST_CASE("take_through passes the item for which the predicate holds, and ends") {
        weir::testing::marbles m;
        const auto is_c = [](char c) { return c == 'c'; };
        CHECK(m.play(m.hot("-a-b-c-d-|") | weir::take_through(is_c)) == "-a-b-[c|]");
        CHECK(m.play(m.hot("-a-#") | weir::take_through(is_c)) == "-a-#");
    }

    TEST_CASE("read_ahead keeps the common contract") {
        CHECK(weir::testing::check_contract([] { return weir::read_ahead(); }, {.prefetch = 1}) == "");
    }
    // [/test]

    // [property]
    TEST_CASE("every(3) passes the items that a loop over a vector passes") {
        const auto model = [](const std::vector<int>& in) {
            std::vector<int> out;
            for (std::size_t i = 2; i < in.size(); i += 3) out.push_back(in[i]);
            return out;
        };
        CHECK(weir::testing::check_property([] { return weir::every(3); }, model) == "");
    }
    // [/property]

    TEST_CASE("the other operators of the page keep the common contract") {
        const auto same = [](weir::testing::tracked item) { return item; };
        const auto third = [](const weir::testing::tracked& item) { return item == 2; };
        CHECK(weir::testing::check_contract([&] { return weir::apply(same); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::every(2); }) == "");
        CHECK(weir::testing::check_contract([&] { return weir::take_through(third); }) == "");
    }

    TEST_CASE("an operator in a user's program is a stream and a closure") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot<int>("1-2-|") | scaled(3)) == "3-6-|");
        CHECK(m.play(m.hot<int>("123456|") | weir::every(3)) == "--3--6|");
        CHECK(m.play(m.hot<int>("12|") | weir::apply([](int n) { return n + 1; })) == "23|");
    }
}
