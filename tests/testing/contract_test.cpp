// SPDX-License-Identifier: MIT
#include <weir/testing/contract.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>

using weir::testing::check_contract;

namespace {

/// Makes a closure of a class template of streams.
template <template <class> class Stream>
auto planted() {
    return [] { return weir::closure{[]<class S>(S upstream) { return Stream<S>{std::move(upstream)}; }}; };
}

/// Swallows the first item and says pending without anyone to wake it.
template <class S>
struct loses_a_wake {
    using value_type = weir::item_t<S>;

    weir::poll<value_type> poll_next(weir::context& cx) {
        auto item = upstream.poll_next(cx);
        if (!item.is_item() || std::exchange(skipped, true)) return item;
        return weir::pending;
    }

    S upstream;
    bool skipped = false;
};

template <class S>
struct polls_after_the_end {
    using value_type = weir::item_t<S>;

    weir::poll<value_type> poll_next(weir::context& cx) {
        auto item = upstream.poll_next(cx);
        if (item.is_done()) static_cast<void>(upstream.poll_next(cx));
        return item;
    }

    S upstream;
};

/// Always holds one item more than it was asked for.
template <class S>
struct pulls_early {
    using value_type = weir::item_t<S>;

    weir::poll<value_type> poll_next(weir::context& cx) {
        while (!ended && !held) {
            auto item = upstream.poll_next(cx);
            if (item.is_pending()) return weir::pending;
            ended = item.is_done();
            if (item.is_item()) held.emplace(*std::move(item));
        }
        if (!held) return weir::done;
        weir::poll<value_type> result{std::move(*held)};
        held.reset();
        if (!ended) {
            auto item = upstream.poll_next(cx);
            ended = item.is_done();
            if (item.is_item()) held.emplace(*std::move(item));
        }
        return result;
    }

    S upstream;
    std::optional<value_type> held{};
    bool ended = false;
};

/// Leaves a waker of its own on the run queue when it dies.
template <class S>
struct leaks_a_waker {
    using value_type = weir::item_t<S>;

    explicit leaks_a_waker(S s) : upstream{std::move(s)} {}
    leaks_a_waker(leaks_a_waker&& other) noexcept : upstream{std::move(other.upstream)} {}
    ~leaks_a_waker() {
        if (own != nullptr) own->wake();
    }

    weir::poll<value_type> poll_next(weir::context& cx) {
        if (own == nullptr) {
            own = std::make_shared<weir::waker>([](weir::waker&) noexcept {});
            own->bind(cx.waker().queue());
            kept_alive.push_back(own);
        }
        return upstream.poll_next(cx);
    }

    S upstream;
    std::shared_ptr<weir::waker> own;
    static inline std::vector<std::shared_ptr<weir::waker>> kept_alive;
};

/// Asks to be polled again at once instead of waiting.
template <class S>
struct spins {
    using value_type = weir::item_t<S>;

    weir::poll<value_type> poll_next(weir::context& cx) {
        auto item = upstream.poll_next(cx);
        if (item.is_pending()) return cx.yield();
        return item;
    }

    S upstream;
};

template <class S>
struct polls_at_once {
    using value_type = weir::item_t<S>;

    explicit polls_at_once(S s) : upstream{std::make_unique<S>(std::move(s))} {}

    weir::poll<value_type> poll_next(weir::context& cx) { return upstream->poll_next(cx); }

    std::unique_ptr<S> upstream;
};

template <class S>
struct copies_items {
    using value_type = weir::item_t<S>;

    weir::poll<value_type> poll_next(weir::context& cx) {
        auto item = upstream.poll_next(cx);
        if (item.is_item()) {
            const value_type& original = *item;
            return value_type{original};
        }
        return item;
    }

    S upstream;
};

template <class S>
struct swallows_errors {
    using value_type = weir::item_t<S>;

    weir::poll<value_type> poll_next(weir::context& cx) {
        try {
            return upstream.poll_next(cx);
        } catch (...) {
            return weir::pending;
        }
    }

    S upstream;
};

/// Hands its upstream to something that outlives it.
template <class S>
struct keeps_upstream {
    using value_type = weir::item_t<S>;

    explicit keeps_upstream(S s) : upstream{std::make_shared<S>(std::move(s))} {}

    weir::poll<value_type> poll_next(weir::context& cx) {
        kept = upstream;
        return upstream->poll_next(cx);
    }

    std::shared_ptr<S> upstream;
    static inline std::shared_ptr<S> kept;
};

/// Lets go of its upstream a turn after it has said that this has ended.
template <class S>
struct lets_go_late {
    using value_type = weir::item_t<S>;

    explicit lets_go_late(S s) : upstream{std::make_unique<later>(std::move(s))} {}

    weir::poll<value_type> poll_next(weir::context& cx) {
        try {
            auto item = upstream->source->poll_next(cx);
            if (item.is_done()) let_go(cx);
            return item;
        } catch (...) {
            let_go(cx);
            throw;
        }
    }

private:
    struct later : weir::waker {
        explicit later(S s) : waker{[](weir::waker& self) noexcept { static_cast<later&>(self).source.reset(); }} {
            source.emplace(std::move(s));
        }
        std::optional<S> source;
    };

    void let_go(weir::context& cx) {
        upstream->bind(cx.waker().queue());
        upstream->wake();
        kept.push_back(std::move(upstream));
    }

    std::unique_ptr<later> upstream;
    static inline std::vector<std::unique_ptr<later>> kept;
};

/// Pulls the next item before it looks at what its consumer has answered.
template <class S>
struct loops_too_far {
    using value_type = weir::item_t<S>;

    weir::poll<value_type> poll_next(weir::context& cx) {
        if (!held) return upstream.poll_next(cx);
        weir::poll<value_type> item(std::move(*held));
        held.reset();
        return item;
    }

    template <class Consume>
    weir::flow poll_each(weir::context& cx, Consume& consume) {
        for (;;) {
            auto item = poll_next(cx);
            if (item.is_pending()) return weir::flow::pending;
            if (item.is_done()) return weir::flow::done;
            const bool more = consume(*std::move(item));
            if (!ended) {
                auto ahead = upstream.poll_next(cx);
                ended = ahead.is_done();
                if (ahead.is_item()) held.emplace(*std::move(ahead));
            }
            if (!more) return weir::flow::stopped;
            if (!held) return ended ? weir::flow::done : weir::flow::pending;
        }
    }

    S upstream;
    std::optional<value_type> held{};
    bool ended = false;
};

/// Hands on one item more than its consumer wants.
template <class S>
struct hears_a_stop_late {
    using value_type = weir::item_t<S>;

    weir::poll<value_type> poll_next(weir::context& cx) { return upstream.poll_next(cx); }

    template <class Consume>
    weir::flow poll_each(weir::context& cx, Consume& consume) {
        bool more = true;
        auto late = [&](value_type&& item) { return consume(std::move(item)), std::exchange(more, false); };
        return weir::poll_each(upstream, cx, late);
    }

    S upstream;
};

/// Takes what its consumer throws for an error of upstream, and ends.
template <class S>
struct catches_its_consumer {
    using value_type = weir::item_t<S>;

    weir::poll<value_type> poll_next(weir::context& cx) { return upstream.poll_next(cx); }

    template <class Consume>
    weir::flow poll_each(weir::context& cx, Consume& consume) {
        try {
            return weir::poll_each(upstream, cx, consume);
        } catch (...) {
            return weir::flow::done;
        }
    }

    S upstream;
};

} // namespace

TEST_SUITE("testing/contract") {
    TEST_CASE("check_contract accepts correct operators") {
        CHECK(check_contract([] { return weir::map([](int x) { return x * 2; }); }) == "");
        CHECK(check_contract([] { return weir::filter([](int x) { return x % 2 == 0; }); }) == "");
        CHECK(check_contract([] { return weir::take(3); }) == "");
        CHECK(check_contract([] { return weir::take(0); }) == "");
        CHECK(check_contract(planted<polls_at_once>()) == "");
    }

    TEST_CASE("check_contract finds a lost wake") {
        CHECK(check_contract(planted<loses_a_wake>()).find("lost wake") != std::string::npos);
    }

    TEST_CASE("check_contract finds a poll after the end") {
        CHECK(check_contract(planted<polls_after_the_end>()) == "upstream was polled after its end\n");
    }

    TEST_CASE("check_contract finds an early pull") {
        CHECK(check_contract(planted<pulls_early>()).find("early pull") != std::string::npos);
    }

    TEST_CASE("check_contract allows early pulls up to the declared prefetch") {
        CHECK(check_contract(planted<pulls_early>(), {.prefetch = 1}).find("early pull") == std::string::npos);
    }

    TEST_CASE("check_contract finds a leaked waker") {
        CHECK(check_contract(planted<leaks_a_waker>()).find("leaked waker") != std::string::npos);
    }

    TEST_CASE("check_contract finds a spinning operator") {
        CHECK(check_contract(planted<spins>()).find("busy") != std::string::npos);
    }

    TEST_CASE("check_contract finds copied items") {
        CHECK(check_contract(planted<copies_items>()) == "an item was copied\n");
    }

    TEST_CASE("check_contract finds an upstream that outlives its end") {
        constexpr auto rule = "the end or an error is seen while upstream is still there";
        CHECK(check_contract(planted<keeps_upstream>()).find(rule) != std::string::npos);
        CHECK(check_contract(planted<lets_go_late>()).find(rule) != std::string::npos);
    }

    TEST_CASE("check_contract finds a loop that pulls one item too many") {
        constexpr auto rule = "poll_each does not do what poll_next does";
        CHECK(check_contract(planted<loops_too_far>()).find(rule) != std::string::npos);
        CHECK(check_contract(planted<hears_a_stop_late>()).find(rule) != std::string::npos);
    }

    TEST_CASE("check_contract finds a loop that catches an error of the consumer") {
        CHECK(check_contract(planted<catches_its_consumer>()).find("an error of the consumer") != std::string::npos);
    }

    TEST_CASE("check_contract finds a swallowed error") {
        CHECK(check_contract(planted<swallows_errors>()).find("upstream failed") != std::string::npos);
    }
}
