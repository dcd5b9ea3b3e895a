// SPDX-License-Identifier: MIT
// What each operator and sink holds at most: the bound that a graph shows, and the items that exist while a fast source
// runs before a stuck consumer. tests/hygiene/outlines.py checks that every operator and sink has a row.
#include <weir/observe/graph.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include <weir/testing/virtual_executor.hpp>
#include <weir/weir.hpp>

using namespace std::chrono_literals;
using weir::held_bound;
using weir::testing::virtual_executor;

namespace {

/// An item that counts the items that exist. One that was moved from does not.
class counted {
public:
    explicit counted(int n = 0) noexcept : value_{n} { ++alive; }
    counted(const counted& other) noexcept : value_{other.value_}, is_{other.is_} { alive += is_ ? 1 : 0; }
    counted(counted&& other) noexcept : value_{other.value_}, is_{std::exchange(other.is_, false)} {}
    counted& operator=(counted other) noexcept {
        std::swap(value_, other.value_);
        std::swap(is_, other.is_);
        return *this;
    }
    ~counted() { alive -= is_ ? 1 : 0; }

    int value() const noexcept { return value_; }
    friend bool operator==(const counted& a, const counted& b) noexcept { return a.value_ == b.value_; }
    friend auto operator<=>(const counted& a, const counted& b) noexcept { return a.value_ <=> b.value_; }

    inline static std::size_t alive = 0;

private:
    int value_;
    bool is_ = true;
};

/// A stream of a given number of items, which are ready, and of no end. It holds none.
class supply {
public:
    using value_type = counted;

    explicit supply(std::size_t n) noexcept : left_{n} {}

    weir::poll<counted> poll_next(weir::context&) {
        if (left_ == 0) return weir::pending;
        --left_;
        return counted{next_++};
    }
    void outline(weir::stage_outline&) const noexcept {}

private:
    std::size_t left_;
    int next_ = 0;
};

using erased = weir::async_stream<weir::unit>;

/// The same pipeline for items of any type. The consumer destroys each item at once.
template <class S>
erased erase(S pipeline) {
    return std::move(pipeline) | weir::map([](auto) { return weir::unit{}; });
}

weir::task<> take(erased& from, std::size_t n) {
    try {
        for (; n != 0; --n) {
            if (!co_await weir::next(from)) break;
        }
    } catch (const weir::limit_exceeded&) {
        co_return;
    }
    co_await weir::sleep_for(1h);
}

constexpr std::array<std::size_t, 15> given{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 40};
constexpr std::array<std::size_t, 7> asked{0, 1, 2, 3, 4, 5, 50};

/// The largest number of items that exist while nothing happens any more, for sources that give some items and
/// consumers that ask for some. Time stands still.
template <class Make>
std::size_t most_held(const Make& make, const held_bound& expected) {
    std::size_t most = 0;
    for (const std::size_t items : given) {
        for (const std::size_t asks : asked) {
            REQUIRE(counted::alive == 0);
            virtual_executor ex;
            erased pipeline = make(supply{items});
            const auto consumer = ex.spawn(take(pipeline, asks));
            ex.run_ready();
            most = std::max(most, counted::alive);
            if (items == 4 && asks == 2) { // a pipeline that runs can be drawn, too
                const held_bound live = weir::graph(pipeline).held();
                CHECK(live.items <= expected.items);
                CHECK(live.unknown <= 3);
            }
        }
    }
    return most;
}
template <class Make>
std::size_t most_held_by_sink(const Make& make) {
    std::size_t most = 0;
    for (const std::size_t items : given) {
        REQUIRE(counted::alive == 0);
        virtual_executor ex;
        const auto sink = ex.spawn(make(supply{items}));
        ex.run_ready();
        most = std::max(most, counted::alive);
    }
    return most;
}

/// Compares what a graph shows with what is expected, and both with what is held.
void compare(const char* name, const held_bound& expected, const held_bound& shown, std::size_t most,
             std::size_t expected_most) {
    INFO(std::string{name} << " shows: " << shown.text());
    CHECK(shown == expected);
    CHECK(most == expected_most);
}

/// What the graph of a pipeline shows, which is also drawn after it was moved.
template <class Make>
held_bound drawn(const held_bound& expected, const Make& make) {
    auto pipeline = make(supply{0});
    const held_bound shown = weir::graph(pipeline).held();
    const auto moved = std::move(pipeline);
    CHECK(weir::graph(moved).held() == expected);
    static_cast<void>(weir::graph(pipeline)); // NOLINT(bugprone-use-after-move): an empty one can be drawn
    return shown;
}
/// An operator with what it holds at most, and what it does hold in some test, which is the same unless it is said.
template <class Make>
void op(const char* name, const held_bound& expected, Make make, std::optional<std::size_t> rest = {}) {
    const held_bound shown = drawn(expected, make);
    compare(name, expected, shown, most_held([&](supply s) { return erase(make(s)); }, expected),
            rest.value_or(expected.items));
}
/// The same for an operator that gives a stream for a test whose source is not a supply, or that needs threads: only
/// its bound is compared.
template <class P>
void bound(const char* name, const held_bound& expected, const P& pipeline) {
    const held_bound shown = weir::graph(pipeline).held();
    INFO(std::string{name} << " shows: " << shown.text());
    CHECK(shown == expected);
}
template <class Make>
void sink(const char* name, const held_bound& expected, Make make, std::optional<std::size_t> rest = {}) {
    const held_bound shown = drawn(expected, make);
    compare(name, expected, shown, most_held_by_sink(make), rest.value_or(expected.items));
}

const auto key = [](const counted& c) { return c.value(); };
const auto same = [](counted c) { return c; };
const auto all = [](const counted&) { return true; };
const auto none = [](const auto&) { return false; };
const auto first_of_two = [](counted a, counted) { return a; };
const auto stuck = weir::for_each([](const counted&) { return weir::sleep_for(1h); });

weir::task<counted> slow(counted c) {
    co_await weir::sleep_for(1h);
    co_return c;
}
weir::task<> handle(int, weir::group_items<counted> /*items*/) { co_await weir::sleep_for(1h); }
/// A stream of new items that holds none.
auto some(counted&&) {
    return weir::generate([n = 0]() mutable { return n == 3 ? std::nullopt : std::optional{counted{++n}}; });
}
const auto some_of = [](counted c) { return some(std::move(c)); };

const held_bound nothing_held{};

} // namespace

TEST_SUITE("observe/held") {
    TEST_CASE("held_bound: text and sums") {
        CHECK(held_bound{}.text().empty());
        CHECK(held_bound{.items = 1}.text() == "up to 1 item");
        CHECK(held_bound{.items = 64, .bytes = 1}.text() == "up to 64 items, up to 1 byte");
        CHECK(held_bound{.weight = 9, .inner_streams = 1}.text() ==
              "items that weigh up to 9, what up to 1 inner stream holds");
        CHECK(held_bound{.in_user_code = 2, .unknown = 2}.text() == "what user code keeps, an unknown number of items");
        held_bound sum{.items = 2, .bytes = held_bound::any_number - 1};
        sum += held_bound{.items = 3, .bytes = 1, .weight = 4, .inner_streams = 5, .in_user_code = 6, .unknown = 7};
        CHECK(sum == held_bound{5, held_bound::any_number, 4, 5, 6, 7});
        CHECK(sum * 3 == held_bound{15, held_bound::any_number, 12, 15, 18, 21});
        CHECK(sum * 0 == held_bound{});
        sum += sum;
        CHECK(sum == held_bound{10, held_bound::any_number, 8, 10, 12, 14});
        CHECK(sum.text().substr(0, 38) == "up to 10 items, any number of bytes, i");
    }

    TEST_CASE("held: operators that hold nothing") {
        op("filter", nothing_held, [](supply s) { return s | weir::filter(all); });
        op("map", nothing_held, [](supply s) { return s | weir::map(same); });
        op("inspect", nothing_held, [](supply s) { return s | weir::inspect([](const counted&) {}); });
        op("filter_map", nothing_held,
           [](supply s) { return s | weir::filter_map([](counted c) { return std::optional{std::move(c)}; }); });
        op("enumerate", nothing_held, [](supply s) { return s | weir::enumerate(); });
        op("elapsed", nothing_held, [](supply s) { return s | weir::elapsed(); });
        op("timestamp", nothing_held, [](supply s) { return s | weir::timestamp(); });
        op("fail_after", nothing_held, [](supply s) { return s | weir::fail_after(100); });
        op("meter", nothing_held, [](supply s) { return s | weir::meter("m"); });
        op("log", nothing_held, [](supply s) { return s | weir::log("n", [](std::string_view) {}, key); });
        op("checkpoint", nothing_held, [](supply s) { return s | weir::checkpoint("c"); });
        op("skip", nothing_held, [](supply s) { return s | weir::skip(3); });
        op("skip_while", nothing_held,
           [](supply s) { return s | weir::skip_while([](const counted& c) { return c.value() < 3; }); });
        op("skip_for", nothing_held, [](supply s) { return s | weir::skip_for(1h); });
        op("skip_until", nothing_held, [](supply s) { return s | weir::skip_until(weir::never<int>()); });
        op("skip_errors", nothing_held, [](supply s) { return s | weir::materialize() | weir::skip_errors(); });
        op("take", nothing_held, [](supply s) { return s | weir::take(30); });
        op("take_for", nothing_held, [](supply s) { return s | weir::take_for(1h); });
        op("take_until", nothing_held, [](supply s) { return s | weir::take_until(weir::never<int>()); });
        op("take_until", nothing_held, [](supply s) { return s | weir::take_until(std::stop_token{}); });
        op("take_while", nothing_held, [](supply s) { return s | weir::take_while(all); });
        op("take_through", nothing_held,
           [](supply s) { return s | weir::take_through([](const counted&) { return false; }); });
        op("timeout", nothing_held, [](supply s) { return s | weir::timeout(1h); });
        op("timeout", {.inner_streams = 1},
           [](supply s) { return s | weir::timeout(1h, [] { return weir::never<counted>(); }); });
        op("timeout_first", nothing_held, [](supply s) { return s | weir::timeout_first(1h); });
        op("timeout_total", nothing_held, [](supply s) { return s | weir::timeout_total(1h); });
        op("consumer_timeout", nothing_held, [](supply s) { return s | weir::consumer_timeout(2h); });
        op("delay_start", nothing_held, [](supply s) { return s | weir::delay_start(0ms); });
        op("keep_alive", nothing_held, [](supply s) { return s | weir::keep_alive(1h, [] { return counted{}; }); });
        op("valve", nothing_held, [](supply s) { return s | weir::valve(weir::state{true}); });
        op("kill_switch", nothing_held, [](supply s) { return s | weir::kill_switch(weir::state{weir::kill::none}); });
        op("materialize", nothing_held, [](supply s) { return s | weir::materialize(); });
        op("dematerialize", nothing_held, [](supply s) { return s | weir::materialize() | weir::dematerialize(); });
        op("on_demand", nothing_held, [](supply s) { return s | weir::on_demand([] {}); });
        op("finally", nothing_held, [](supply s) { return s | weir::finally([] {}); });
        op("concurrently", nothing_held, [](supply s) { return s | weir::concurrently(weir::sleep_for(1h)); });
        op("or_else", nothing_held, [](supply s) { return s | weir::or_else(supply{0}); });
        const auto text = [](const counted& c) { return std::to_string(c.value()); };
        op("base64_encode", nothing_held, [=](supply s) { return s | weir::map(text) | weir::base64_encode(); });
        op("base64_decode", nothing_held,
           [=](supply s) { return s | weir::map(text) | weir::base64_encode() | weir::base64_decode(); });
        op("hex_encode", nothing_held, [=](supply s) { return s | weir::map(text) | weir::hex_encode(); });
        op("hex_decode", nothing_held,
           [=](supply s) { return s | weir::map(text) | weir::hex_encode() | weir::hex_decode(); });
        op("to_owned", nothing_held, [](supply s) { return s | weir::to_owned(); });
        op("map_error", nothing_held,
           [](supply s) { return s | weir::map_error([](std::exception_ptr e) { return e; }); });
        op("on_error_resume", {.inner_streams = 1},
           [](supply s) { return s | weir::on_error_resume([](std::exception_ptr) { return supply{0}; }); });
        op("on_error_complete", nothing_held, [](supply s) { return s | weir::on_error_complete(); });
        op("concat", nothing_held, [](supply s) { return weir::concat(s, supply{3}); });
        op("interleave", nothing_held, [](supply s) { return weir::interleave(2, s, supply{3}); });
    }

    TEST_CASE("held: operators with a number of items") {
        op("buffer", {.items = 4}, [](supply s) { return s | weir::buffer(4); });
        op("buffer", {.items = 4}, [](supply s) { return s | weir::buffer(4, weir::overflow::drop_oldest); });
        op(
            "buffer_weighted", {.items = 1, .weight = 4},
            [](supply s) { return s | weir::buffer_weighted(4, [](const counted&) { return 1; }); }, 4);
        // A chunk leaves with its last item.
        op("chunk", {.items = 5}, [](supply s) { return s | weir::chunk(5); }, 4);
        op("chunk", {.items = 5}, [](supply s) { return s | weir::chunk(5, 1h); }, 4);
        op(
            "chunk", {.items = 7},
            [](supply s) { return s | weir::chunk(5, weir::never<counted>() | weir::buffer(2)); }, 4);
        op("sliding", {.items = 5}, [](supply s) { return s | weir::sliding(5); }, 4);
        op("sessions", {.items = 5}, [](supply s) { return s | weir::sessions(1h, 5); }, 4);
        op(
            "chunk_by", {.items = 6},
            [](supply s) { return s | weir::chunk_by([](const counted& c) { return c.value() / 5; }, 5); }, 5);
        op("chunk_by", {.items = held_bound::any_number}, [](supply s) { return s | weir::chunk_by(key); }, 1);
        op(
            "split_when", {.items = 6},
            [](supply s) { return s | weir::split_when([](const counted& c) { return c.value() % 5 == 0; }, 5); }, 5);
        op(
            "chunk_weighted", {.items = 1, .weight = 5},
            [](supply s) { return s | weir::chunk_weighted(5, [](const counted&) { return 1; }); }, 4);
        op("batch_while_busy", {.items = 5, .in_user_code = 1}, [](supply s) { return s | weir::batch_while_busy(5); });
        op("conflate_with", {.items = 1, .in_user_code = 1},
           [](supply s) { return s | weir::conflate_with(first_of_two); });
        op("latest_per_key", {.items = 5}, [](supply s) { return s | weir::latest_per_key(5, key); });
        op("latest_per_key_frames", {.items = 5}, [](supply s) { return s | weir::latest_per_key_frames(5, key); });
        op("delay", {.items = 4}, [](supply s) { return s | weir::delay(1h, 4); });
        op("delay", {.items = 4}, [](supply s) { return s | weir::delay([](const counted&) { return 1h; }, 4); });
        op("expire", {.items = 4}, [](supply s) { return s | weir::expire(1h, 4); });
        op("debounce", {.items = 1}, [](supply s) { return s | weir::debounce(1h); });
        op("throttle", {.items = 1}, [](supply s) { return s | weir::throttle(1h, weir::edge::trailing); });
        op("sample", {.items = 1}, [](supply s) { return s | weir::sample(1h); });
        op("sample", {.items = 1}, [](supply s) { return s | weir::sample(weir::never<int>()); });
        op("pairwise", {.items = 1}, [](supply s) { return s | weir::pairwise(); });
        op("skip_last", {.items = 4}, [](supply s) { return s | weir::skip_last(4); });
        op("take_last", {.items = 4}, [](supply s) { return s | weir::take_last(4); });
        op("pace", {.items = 1}, [](supply s) { return s | weir::pace(weir::rate{1, 1h}); });
        op("extrapolate", {.items = 1},
           [](supply s) { return s | weir::extrapolate([](const counted& c) { return c; }); });
        op("intersperse", {.items = 2}, [](supply s) { return s | weir::intersperse(counted{}); });
        op("start_with", {.items = 3}, [](supply s) { return s | weir::start_with(counted{}, counted{}, counted{}); });
        op("start_with", {.items = 3}, [](supply s) { return s | weir::start_with(std::vector<counted>(3)); });
        op("end_with", {.items = 3}, [](supply s) { return s | weir::end_with(counted{}, counted{}, counted{}); });
        op("default_if_empty", {.items = 1}, [](supply s) { return s | weir::default_if_empty(counted{}); });
        op("on_error_return", {.items = 1}, [](supply s) { return s | weir::on_error_return(counted{}); });
        op("hold", {.items = 1}, [](supply s) { return s | weir::hold(weir::state{counted{}}); });
        // The keys here are numbers, which are not counted.
        op("distinct", {.items = 5}, [](supply s) { return s | weir::distinct(5, key); }, 0);
        op("distinct_until_changed", {.items = 1}, [](supply s) { return s | weir::distinct_until_changed(); });
        op("scan", {.items = 1, .in_user_code = 1}, [](supply s) { return s | weir::scan(first_of_two); });
        op("scan", {.in_user_code = 1},
           [](supply s) { return s | weir::scan(0, [](int n, const counted&) { return n; }); });
        op("prefix_and_tail", {.items = 5}, [](supply s) { return s | weir::prefix_and_tail(5); }, 4);
        op("event_windows", {.items = 5}, [](supply s) {
            return s | weir::event_windows(weir::tumbling_windows{1h}, {.max_items = 5}, [](const counted& c) {
                       return std::chrono::sys_time<std::chrono::seconds>{std::chrono::seconds{c.value()}};
                   });
        });
        op(
            "handle", {.items = held_bound::any_number, .in_user_code = 1},
            [](supply s) {
                return s | weir::handle<counted>([](const counted& c, const auto& emit) {
                           for (int i = 0; i != 4; ++i) emit(counted{c});
                       });
            },
            3);
        op("balance", {.items = 1}, [](supply s) { return std::move((s | weir::balance(2)).front()); }, 0);
        op("partition", {.items = 5}, [](supply s) {
            auto both = std::make_shared<decltype(s | weir::partition(none, {.capacity = 5}))>(
                s | weir::partition(none, {.capacity = 5}));
            auto first = std::move(both->first);
            return std::move(first) | weir::finally([both] {});
        });
        op(
            "unzip", {.items = 6},
            [](supply s) {
                auto both = std::make_shared<decltype(s | weir::enumerate() | weir::unzip({.capacity = 5}))>(
                    s | weir::enumerate() | weir::unzip({.capacity = 5}));
                auto first = std::move(both->first);
                return std::move(first) | weir::finally([both] {});
            },
            5);
        op("share", {.items = 5}, [](supply s) { return (s | weir::share({.capacity = 5})).subscribe(); });
        op("replay", {.items = 64 + 2 * 5}, [](supply s) { return (s | weir::replay(5)).subscribe(); }, 39 + 5);
        op("also_to", {.items = 1, .inner_streams = 1}, [](supply s) { return s | weir::also_to(stuck); }, 2);
        op("divert_to", {.items = 1, .inner_streams = 1}, [](supply s) { return s | weir::divert_to(stuck, all); }, 2);
        op(
            "wire_tap", {.items = 5, .inner_streams = 1},
            [](supply s) { return s | weir::wire_tap(stuck, {.capacity = 5}); }, 6);
        virtual_executor other;
        op("subscribe_on", {.items = 5}, [&](supply s) { return s | weir::subscribe_on(other, 5); }, 0);
    }

    TEST_CASE("held: operators over operations and inner streams") {
        op("map_async", {.items = 4}, [](supply s) { return s | weir::map_async(4, slow); });
        op("map_async_unordered", {.items = 4}, [](supply s) { return s | weir::map_async_unordered(4, slow); });
        op("map_async_keyed", {.items = 4}, [](supply s) { return s | weir::map_async_keyed(4, key, slow); });
        op("filter_async", {.items = 4}, [](supply s) {
            return s | weir::filter_async(4, [](const counted&) -> weir::task<bool> {
                       co_await weir::sleep_for(1h);
                       co_return true;
                   });
        });
        op("flat_map", {.items = 8, .inner_streams = 4}, [](supply s) { return s | weir::flat_map(4, some); });
        op("flat_map_ordered", {.items = 8, .inner_streams = 4},
           [](supply s) { return s | weir::flat_map_ordered(4, some); });
        op("concat_map", {.items = 1, .inner_streams = 1}, [](supply s) { return s | weir::concat_map(some); });
        op("switch_map", {.items = 1, .inner_streams = 1}, [](supply s) { return s | weir::switch_map(some); });
        op("exhaust_map", {.items = 1, .inner_streams = 1}, [](supply s) { return s | weir::exhaust_map(some); });
        op(
            "flatten", {.items = 1, .inner_streams = 1},
            [](supply s) { return s | weir::map(some_of) | weir::flatten(); }, 0);
        op("map_concat", {.items = 1, .inner_streams = 1},
           [](supply s) { return s | weir::map_concat([](const counted&) { return std::views::iota(0, 4); }); });
        op(
            "expand", {.items = held_bound::any_number, .inner_streams = 2},
            [](supply s) { return s | weir::expand(2, some); }, 43);
        op(
            "switch_on_first", {.items = 1, .inner_streams = 1},
            [](supply s) { return s | weir::switch_on_first([](const counted&, auto items) { return items; }); }, 0);
        op(
            "window", {.items = 1, .inner_streams = 1},
            [](supply s) { return s | weir::window(3, [](auto items) { return std::move(items) | weir::count(); }); },
            0);
        op("stream_map", {.inner_streams = held_bound::any_number}, [](supply s) {
            auto parts = weir::stream_map<int, supply>();
            static_cast<void>(parts.streams.insert(1, std::move(s)));
            return std::move(parts.items) | weir::finally([keep = parts.streams] {});
        });
        const auto again = [] { return supply{3}; };
        bound("retry", {.inner_streams = 1}, weir::retry(again, {}));
        bound("restart", {.inner_streams = 1}, weir::restart(again, {}));
    }

    TEST_CASE("held: operators over several streams") {
        op("merge", {.items = 2}, [](supply s) { return weir::merge(s, s); });
        op("merge", {.items = 3}, [](supply s) { return weir::merge(std::vector{s, s, s}); });
        op("merge_sorted", {.items = 2}, [](supply s) { return weir::merge_sorted(std::less<>{}, s, s); }, 1);
        op("merge_prioritized", {.items = 2}, [](supply s) { return weir::merge_prioritized({3, 1}, s, s); }, 1);
        op("combine_latest", {.items = 4}, [](supply s) { return weir::combine_latest(s, s); });
        op("combine_latest", {.items = 4}, [](supply s) { return weir::combine_latest(std::vector{s, s}); });
        op("zip", {.items = 2}, [](supply s) { return weir::zip(s, supply{0}); }, 1);
        op("zip", {.items = 2}, [](supply s) { return weir::zip(std::vector{s, supply{0}}); }, 1);
        op("zip_longest", {.items = 2}, [](supply s) { return weir::zip_longest(s, supply{0}); }, 1);
        op("zip_latest", {.items = 2}, [](supply s) { return weir::zip_latest(s, s); });
        op("with_latest_from", {.items = 1}, [](supply s) { return s | weir::with_latest_from(supply{3}); });
        op("race", nothing_held, [](supply s) { return weir::race(s, supply{0}); });
        op(
            "concat", {.items = 4},
            [](supply s) {
                std::vector<decltype(s | weir::buffer(2))> streams;
                streams.push_back(s | weir::buffer(2));
                streams.push_back(s | weir::buffer(2));
                return weir::concat(std::move(streams));
            },
            2);
        op("broadcast_through", {.items = 2 * 5 + 2},
           [](supply s) { return s | weir::broadcast_through({.capacity = 5}, weir::map(same), weir::map(same)); });
    }

    TEST_CASE("held: sinks") {
        sink("count", nothing_held, [](supply s) { return s | weir::count(); });
        sink("drain", nothing_held, [](supply s) { return s | weir::drain(); });
        sink("all_of", nothing_held, [](supply s) { return s | weir::all_of(all); });
        sink("any_of", nothing_held, [](supply s) { return s | weir::any_of(none); });
        sink("none_of", nothing_held, [](supply s) { return s | weir::none_of(none); });
        sink("contains", nothing_held, [](supply s) { return s | weir::map(key) | weir::contains(-1); });
        sink("average", nothing_held, [](supply s) { return s | weir::map(key) | weir::average(); });
        sink("sum", {.in_user_code = 1}, [](supply s) { return s | weir::map(key) | weir::sum(); });
        sink("fold", {.in_user_code = 1},
             [](supply s) { return s | weir::fold(0, [](int n, const counted&) { return n; }); });
        sink("reduce", {.items = 1, .in_user_code = 1}, [](supply s) { return s | weir::reduce(first_of_two); });
        sink("first", {.items = 1}, [](supply s) { return s | weir::first(); });
        sink("single", {.items = 1}, [](supply s) { return s | weir::take(1) | weir::single(); });
        sink("last", {.items = 1}, [](supply s) { return s | weir::last(); });
        sink("min", {.items = 1}, [](supply s) { return s | weir::min(); });
        sink("max", {.items = 1}, [](supply s) { return s | weir::max(); });
        sink("minmax", {.items = 2}, [](supply s) { return s | weir::minmax(); });
        sink("to", {.items = held_bound::any_number}, [](supply s) { return s | weir::to<std::vector>(); }, 40);
        sink("join", {.bytes = held_bound::any_number},
             [](supply s) { return s | weir::map([](const counted&) { return std::string{"a"}; }) | weir::join(); });
        sink("for_each", nothing_held, [](supply s) { return s | weir::for_each([](const counted&) {}); });
        sink("for_each", {.items = 1}, [](supply s) { return s | stuck; });
        sink("for_each_concurrent", {.items = 4}, [](supply s) {
            return s | weir::for_each_concurrent(4, [](const counted&) { return weir::sleep_for(1h); });
        });
        sink(
            "for_each_group", {.items = 4 * 2 + 1, .inner_streams = 4},
            [](supply s) {
                return s | weir::for_each_group([](const counted& c) { return c.value() % 4; }, handle,
                                                {.max_groups = 4, .buffer = 2, .on_full = weir::overflow::drop_newest});
            },
            9);
        weir::partition_hub<counted> hub{[](const counted&, std::span<const std::size_t>) { return std::size_t{0}; }};
        bound("partition_hub", {.items = 5}, hub.subscribe({.capacity = 5}) | weir::drain());
        auto [to, from] = weir::channel<counted>(5);
        bound("send", {.items = 1}, supply{1} | weir::send(to));
        bound("channel", {.items = 5}, std::move(from) | weir::drain());
    }
}
