// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <chrono>
#include <collect.hpp>
#include <functional>
#include <item_types.hpp>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/interop/reactive_streams.hpp>
#include <weir/observe/log.hpp>
#include <weir/observe/meter.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/default_if_empty.hpp>
#include <weir/operators/distinct.hpp>
#include <weir/operators/event_windows.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/on_demand.hpp>
#include <weir/operators/or_else.hpp>
#include <weir/operators/skip_errors.hpp>
#include <weir/operators/skip_last.hpp>
#include <weir/operators/stream_map.hpp>
#include <weir/operators/take_last.hpp>
#include <weir/operators/take_through.hpp>
#include <weir/operators/transform_chunks.hpp>
#include <weir/source/empty.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>
#include <weir/weir.hpp>

using namespace std::chrono_literals;
using weir::testing::virtual_executor;

namespace {

template <class T>
auto numbers() {
    return weir::generate([n = 0]() mutable { return n == 4 ? std::nullopt : std::optional<T>(T(++n)); });
}

const auto value = [](const auto& item) { return item.value(); };

/// What an operator over four items gives, as numbers.
template <class T, class Operator>
std::vector<int> values(Operator op) {
    virtual_executor ex;
    return support::collect(ex, numbers<T>() | std::move(op));
}

const std::vector<int> all{1, 2, 3, 4};

template <class T>
weir::task<T> later(T item) {
    co_await weir::sleep_for(1ms);
    co_return item;
}
template <class T>
weir::async_stream<T> one(T item) {
    co_await weir::sleep_for(1ms);
    co_yield std::move(item);
}

/// Through each operator that treats all items alike.
template <class T>
void pass_through_operators() {
    CHECK(values<T>(weir::filter([](const T&) { return true; })) == all);
    CHECK(values<T>(weir::inspect([](const T&) {})) == all);
    CHECK(values<T>(weir::meter("stage")) == all);
    CHECK(values<T>(weir::filter_map([](T item) { return std::optional<T>(std::move(item)); })) == all);
    CHECK(values<T>(weir::map([](T item) { return item; })) == all);
    CHECK(values<T>(weir::skip(0)) == all);
    CHECK(values<T>(weir::skip_while([](const T&) { return false; })) == all);
    CHECK(values<T>(weir::take(4)) == all);
    CHECK(values<T>(weir::take_while([](const T&) { return true; })) == all);
    CHECK(values<T>(weir::take_until(weir::never<int>())) == all);
    CHECK(values<T>(weir::take_through([](const T&) { return true; })) == all);
    CHECK(values<T>(weir::take_last(4)) == all);
    CHECK(values<T>(weir::skip_last(0)) == all);
    CHECK(values<T>(weir::skip_last(1)) == std::vector{1, 2, 3});
    CHECK(values<T>(weir::or_else(weir::empty<T>())) == all);
    CHECK(values<T>(weir::default_if_empty(T(0))) == all);
    CHECK(values<T>(weir::on_error_return(T(0))) == all);
    CHECK(values<T>(weir::fail_after(4)) == all);
    CHECK(values<T>(weir::end_with(T(5))) == std::vector{1, 2, 3, 4, 5});
    CHECK(values<T>(weir::timestamp() | weir::map([](auto pair) { return std::move(pair.second); })) == all);
    CHECK(values<T>(weir::handle<T>([](T item, const auto& emit) { emit(std::move(item)); })) == all);
    CHECK(values<T>(weir::filter_async(2, [](const T&) -> weir::task<bool> { co_return true; })) == all);
    CHECK(values<T>(weir::skip_until(weir::empty<T>())) == all);
    CHECK(values<T>(weir::delay_start(1ms)) == all);
    CHECK(values<T>(weir::timeout_first(1s)) == all);
    CHECK(values<T>(weir::distinct(4, value)) == all);
    CHECK(values<T>(weir::keep_alive(1s, [] { return T(0); })) == all);
    CHECK(values<T>(weir::valve(weir::state{true})) == all);
    CHECK(values<T>(weir::kill_switch(weir::state{weir::kill::none})) == all);
    CHECK(values<T>(weir::materialize() | weir::dematerialize()) == all);
    CHECK(values<T>(weir::prefix_and_tail(1) | weir::concat_map([](auto both) { return std::move(both.second); })) ==
          std::vector{2, 3, 4});
    CHECK(values<T>(weir::conflate_with([](T, T item) { return item; })) == all);
    CHECK(values<T>(weir::latest_per_key(2, value)) == all);
    CHECK(values<T>(weir::latest_per_key_frames(9, value) |
                    weir::map([](std::vector<T> frame) { return T(std::move(frame.front())); })) == all);
    const auto first_of_each = weir::map([](std::vector<T> items) { return T(std::move(items.front())); });
    CHECK(values<T>(weir::batch_while_busy(2) | first_of_each) == all);
    CHECK(values<T>(weir::sessions(1s, 2) | first_of_each) == std::vector{1, 3});
    CHECK(values<T>(weir::chunk_weighted(2, [](const T&) { return 1; }) | first_of_each) == std::vector{1, 3});
    CHECK(values<T>(weir::buffer_weighted(2, [](const T&) { return 1; })) == all);
    CHECK(values<T>(weir::divert_to(weir::drain(), [](const T& item) { return item.value() > 2; })) ==
          std::vector{1, 2});
    CHECK(values<T>(weir::window(2, [](auto items) { return std::move(items) | weir::first(); }) |
                    weir::map([](auto item) { return *std::move(item); })) == std::vector{1, 3});
    CHECK(values<T>(weir::chunk_by(value) | first_of_each) == all);
    CHECK(values<T>(weir::event_windows(weir::tumbling_windows{2ms}, {},
                                        [](const T& item) {
                                            return std::chrono::sys_time<std::chrono::milliseconds>{item.value() * 1ms};
                                        }) |
                    weir::map([](auto window) { return T(std::move(window.items.front())); })) == std::vector{1, 2, 4});
    CHECK(values<T>(weir::split_when([](const T& item) { return item.value() == 3; }) | first_of_each) ==
          std::vector{1, 3});
    CHECK(values<T>(weir::start_with(T(0))) == std::vector{0, 1, 2, 3, 4});
    CHECK(values<T>(weir::on_demand([] {})) == all);
    CHECK(values<T>(weir::log("n", [](std::string_view) {}, value)) == all);
    CHECK(values<T>(weir::materialize() | weir::skip_errors()) == all);
    CHECK(values<T>(weir::distinct_until_changed(value)) == all);
    CHECK(values<T>(weir::enumerate() | weir::map([](auto pair) { return std::move(pair.second); })) == all);
    CHECK(values<T>(weir::buffer(2)) == all);
    CHECK(values<T>(weir::buffer(4, weir::overflow::drop_oldest)) == all);
    CHECK(values<T>(weir::delay(1ms)) == all);
    CHECK(values<T>(weir::delay([](const T&) { return 1ms; })) == all);
    CHECK(values<T>(weir::debounce(0ms)) == all);
    CHECK(values<T>(weir::throttle(1ms, weir::edge::trailing)) == std::vector{4});
    CHECK(values<T>(weir::sample(1ms)) == std::vector{4});
    CHECK(values<T>(weir::pace(weir::rate{1000})) == all);
    CHECK(values<T>(weir::expire(1s)) == all);
    CHECK(values<T>(weir::consumer_timeout(1s)) == all);
    CHECK(values<T>(weir::concurrently(weir::yield())) == all);
    CHECK(values<T>(weir::timeout(1s)) == all);
    CHECK(values<T>(weir::timeout(1s, [] { return numbers<T>(); })) == all);
    CHECK(values<T>(weir::finally([] {})) == all);
    CHECK(values<T>(weir::on_error_resume([](std::exception_ptr) { return numbers<T>(); })) == all);
    CHECK(values<T>(weir::concat_map([](T item) { return weir::just(std::move(item)); })) == all);
    CHECK(values<T>(weir::concat_map(one<T>)) == all);
    CHECK(values<T>(weir::flat_map(1, one<T>)) == all);
    CHECK(values<T>(weir::flat_map_ordered(2, one<T>)) == all);
    CHECK(values<T>(weir::switch_on_first([](const T&, auto items) { return items; })) == all);
    CHECK(values<T>(weir::switch_map([](T item) { return weir::just(std::move(item)); })) == all);
    CHECK(values<T>(weir::exhaust_map([](T item) { return weir::just(std::move(item)); })) == all);
    CHECK(values<T>(weir::map_async(2, later<T>)) == all);
    CHECK(values<T>(weir::map_async_unordered(1, later<T>)) == all);
    CHECK(values<T>(weir::map_async_keyed(3, [](const T&) { return 0; }, later<T>)) == all);
    CHECK(values<T>(weir::with_latest_from(weir::just(1)) |
                    weir::map([](auto pair) { return std::move(pair.first); })) == all);

    virtual_executor ex;
    const auto run = [&](auto pipeline) { return support::collect(ex, std::move(pipeline)); };
    const auto first_of = [](auto tuple) { return std::get<0>(std::move(tuple)); };
    CHECK(run(weir::merge(numbers<T>())) == all);
    CHECK(run(weir::rs::from_publisher(weir::rs::to_publisher([] { return numbers<T>(); }, ex), 2)) == all);
    const auto by_value = [](const T& a, const T& b) { return a.value() < b.value(); };
    CHECK(run(weir::merge_sorted(by_value, numbers<T>(), weir::just(T(3)))) == std::vector{1, 2, 3, 3, 4});
    CHECK(run(weir::merge(numbers<T>() | weir::balance(2))).size() == 4);
    auto halves = numbers<T>() | weir::partition([](const T& item) { return item.value() < 3; });
    CHECK(run(std::move(halves.first)) == std::vector{1, 2});
    CHECK(run(std::move(halves.second)) == std::vector{3, 4});
    auto [streams, items] = weir::stream_map<int, decltype(numbers<T>())>();
    streams.insert(1, numbers<T>());
    CHECK(support::collect(ex, std::move(items) | weir::take(4) |
                                   weir::map([](auto pair) { return std::move(pair.second); })) == all);
    auto parts = numbers<T>() | weir::enumerate() | weir::unzip();
    CHECK(run(std::move(parts.second)) == all);
    CHECK(run(weir::merge_prioritized({3, 1}, numbers<T>(), weir::just(T(9)))) == std::vector{1, 2, 9, 3, 4});
    CHECK(run(weir::race(numbers<T>(), numbers<T>())) == all);
    CHECK(run(weir::concat(numbers<T>(), numbers<T>())) == std::vector{1, 2, 3, 4, 1, 2, 3, 4});
    CHECK(run(weir::interleave(2, numbers<T>(), numbers<T>())) == std::vector{1, 2, 1, 2, 3, 4, 3, 4});
    CHECK(run(weir::zip(numbers<T>(), numbers<T>()) | weir::map(first_of)) == all);
    const auto first_of_all = [](auto tuple) { return *std::get<0>(std::move(tuple)); };
    CHECK(run(weir::zip_longest(numbers<T>(), weir::just(T(1))) | weir::map(first_of_all)) == all);
    CHECK(run(weir::just(T(1), T(2))) == std::vector{1, 2});
    CHECK(run(weir::once(later(T(1)))) == std::vector{1});
    CHECK(run(weir::generate([n = 0]() mutable { return std::optional<T>(T(++n)); }) | weir::take(2)) ==
          std::vector{1, 2});
    CHECK(run(weir::unfold(0, [](int& n) { return std::optional<T>(T(++n)); }) | weir::take(2)) == std::vector{1, 2});

    int sum = 0;
    ex.run(numbers<T>() | weir::for_each([&](T item) { sum += item.value(); }));
    ex.run(numbers<T>() | weir::for_each([&](T item) -> weir::task<> {
               sum += item.value();
               co_return;
           }));
    CHECK(sum == 20);
    CHECK(ex.run(numbers<T>() | weir::first())->value() == 1);
    CHECK(ex.run(numbers<T>() | weir::last())->value() == 4);
    CHECK(ex.run(numbers<T>() | weir::take(1) | weir::single()).value() == 1);
    CHECK(ex.run(numbers<T>() | weir::count()) == 4);
    const auto next = [](auto source) -> weir::task<int> {
        auto item = co_await weir::next(source);
        co_return item->value();
    };
    CHECK(ex.run(next(numbers<T>())) == 1);
}

/// Through those that copy items or put them into containers.
template <class T>
void pass_through_copying_operators() {
    const auto first_of = [](auto tuple) { return std::get<0>(std::move(tuple)); };
    CHECK(values<T>(weir::pairwise() | weir::map(first_of)) == std::vector{1, 2, 3});
    CHECK(values<T>(weir::with_latest_from(weir::just(T(9))) | weir::map([](auto pair) { return pair.second; })) ==
          std::vector{9, 9, 9, 9});
    CHECK(values<T>(weir::intersperse(T(0))) == std::vector{1, 0, 2, 0, 3, 0, 4});
    CHECK(values<T>(weir::also_to(weir::drain())) == all);
    CHECK(values<T>(weir::wire_tap(weir::drain())) == all);
    CHECK(values<T>(weir::broadcast_through(weir::filter([](const T&) { return true; }))) == all);
    CHECK(values<T>(weir::extrapolate([](const T& item) { return T(item); })) == all);
    CHECK(values<T>(weir::expand(2, [](T) { return weir::empty<T>(); })) == all);
    CHECK(values<T>(weir::map_concat([](T item) { return std::vector<T>(1, item); })) == all);
    CHECK(values<T>(weir::chunk(2) | weir::map([](std::vector<T> items) { return T(items.at(1)); })) ==
          std::vector{2, 4});
    CHECK(values<T>(weir::chunk(2) | weir::transform_chunks(std::views::take(1)) |
                    weir::map([](std::vector<T> items) { return T(items.at(0)); })) == std::vector{1, 3});
    CHECK(values<T>(weir::closure{[](auto s) { return weir::zip_latest(std::move(s)); }} | weir::map(first_of)) == all);
    const auto shared = numbers<T>() | weir::replay(2);
    auto subscribed = shared.subscribe();
    CHECK(values<T>(weir::sliding(2) | weir::map([](std::vector<T> items) { return T(items.at(1)); })) ==
          std::vector{2, 3, 4});
    virtual_executor ex;
    CHECK(ex.run(std::move(subscribed) | weir::map(value) | weir::to<std::vector>()) == all);
    CHECK(ex.run(shared.subscribe() | weir::map(value) | weir::to<std::vector>()) == std::vector{3, 4});
    const auto items = ex.run(weir::combine_latest(numbers<T>(), weir::just(T(9))) | weir::to<std::vector>());
    REQUIRE(!items.empty());
    CHECK(std::get<0>(items.back()).value() == 4);
    CHECK(std::get<1>(items.back()).value() == 9);
    const std::vector<T> range{T(1), T(2)};
    CHECK(ex.run(weir::from_range(range) | weir::map(value) | weir::to<std::vector>()) == std::vector{1, 2});
    CHECK(ex.run(numbers<T>() | weir::to<std::vector>()).at(3).value() == 4);
}

/// How many there are.
class counted {
public:
    explicit counted(int n) noexcept : n_{n} { ++alive; }
    counted(const counted& other) noexcept : n_{other.n_} { ++alive; }
    counted(counted&& other) noexcept : n_{std::exchange(other.n_, 0)} { ++alive; }
    counted& operator=(counted&& other) noexcept {
        n_ = std::exchange(other.n_, 0);
        return *this;
    }
    ~counted() { --alive; }

    int value() const noexcept { return n_; }

    static inline int alive = 0;

private:
    int n_;
};

/// Whether there was an item when its coroutine went on.
bool kept_throughout = true;
weir::task<int> use(const counted& item) {
    co_await weir::sleep_for(1ms);
    kept_throughout = kept_throughout && counted::alive != 0;
    co_return kept_throughout ? item.value() : 0;
}

/// A function for each way in which a coroutine may take its parameter. The captureless lambdas are coroutines
/// themselves.
template <class Test>
void with_each_parameter(Test test) {
    test([](counted item) -> weir::task<int> { co_return co_await use(item); });
    test([](const counted& item) -> weir::task<int> { co_return co_await use(item); });
    test([](counted&& item) -> weir::task<int> { co_return co_await use(item); });
}
template <class Test>
void with_each_parameter_of_a_stream(Test test) {
    test([](counted item) -> weir::async_stream<int> { co_yield co_await use(item); });
    test([](const counted& item) -> weir::async_stream<int> { co_yield co_await use(item); });
    test([](counted&& item) -> weir::async_stream<int> { co_yield co_await use(item); });
}

template <class Operator>
void check_kept(Operator op) {
    kept_throughout = true;
    virtual_executor ex;
    CHECK(ex.run(weir::just(counted(1), counted(2)) | std::move(op) | weir::to<std::vector>()) == std::vector{1, 2});
    CHECK(kept_throughout);
    CHECK(counted::alive == 0);
}

class counted_error : public std::runtime_error {
public:
    counted_error() : std::runtime_error{"counted"} { ++alive; }
    counted_error(const counted_error& other) noexcept : std::runtime_error{other} { ++alive; }
    ~counted_error() override { --alive; }

    static inline int alive = 0;
};

} // namespace

TEST_SUITE("operators/item_types") {
    TEST_CASE("operators pass on items unchanged that braces would wrap") {
        pass_through_operators<support::items::greedy>();
        pass_through_copying_operators<support::items::greedy>();
    }

    TEST_CASE("move-only items pass through every operator that does not copy") {
        pass_through_operators<support::items::move_only>();
    }

    TEST_CASE("items that cannot be assigned pass through every operator") {
        pass_through_operators<support::items::const_member>();
        pass_through_copying_operators<support::items::const_member>();
    }

    TEST_CASE("an operator's item lives as long as the coroutine that was called with it") {
        with_each_parameter([](auto f) {
            check_kept(weir::map_async(1, f));
            check_kept(weir::map_async_unordered(1, f));
            check_kept(weir::map_async_keyed(2, [](const counted&) { return 0; }, f));
            std::vector<int> seen;
            virtual_executor ex;
            ex.run(weir::just(counted(1), counted(2)) | weir::for_each(f));
            CHECK(kept_throughout);
            CHECK(counted::alive == 0);
        });
        with_each_parameter_of_a_stream([](auto f) {
            check_kept(weir::concat_map(f));
            check_kept(weir::flat_map(1, f));
            check_kept(weir::flat_map_ordered(1, f));
            kept_throughout = true;
            virtual_executor ex;
            CHECK(ex.run(weir::just(counted(1)) | weir::switch_map(f) | weir::to<std::vector>()) == std::vector{1});
            CHECK(kept_throughout);
            CHECK(ex.run(weir::just(counted(1)) | weir::exhaust_map(f) | weir::to<std::vector>()) == std::vector{1});
            CHECK(kept_throughout);
        });
    }

    TEST_CASE("an error lives as long as the stream that on_error_resume's coroutine returned for it") {
        virtual_executor ex;
        const auto by_type = [](const counted_error& e) -> weir::async_stream<std::string> {
            co_await weir::sleep_for(1ms);
            if (counted_error::alive != 0) co_yield std::string(e.what());
        };
        CHECK(ex.run(weir::fail<std::string>(counted_error{}) | weir::on_error_resume<counted_error>(by_type) |
                     weir::to<std::vector>()) == std::vector<std::string>{"counted"});
        const auto by_reference = [](const std::exception_ptr& e) -> weir::async_stream<std::string> {
            co_await weir::sleep_for(1ms);
            const bool lives = e != nullptr && counted_error::alive != 0;
            const char* const found = lives ? "counted" : "nothing";
            co_yield std::string(found);
        };
        CHECK(ex.run(weir::fail<std::string>(counted_error{}) | weir::on_error_resume(by_reference) |
                     weir::to<std::vector>()) == std::vector<std::string>{"counted"});
        CHECK(counted_error::alive == 0);
    }
}
