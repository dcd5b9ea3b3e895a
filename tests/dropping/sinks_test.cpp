// SPDX-License-Identifier: MIT
// Runs a sample; WEIR_DROPPING=100 a larger one, WEIR_DROPPING=whole all of it, WEIR_DROPPING=each every pipeline in a
// process of its own.

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <dropping.hpp>
#include <dropping_ways.hpp>
#include <weir/interop/from_completion.hpp>
#include <weir/interop/reactive_streams.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/resilience/circuit_breaker.hpp>
#include <weir/resilience/concurrency_limit.hpp>
#include <weir/resilience/hedge.hpp>
#include <weir/resilience/restart.hpp>
#include <weir/resilience/retry.hpp>
#include <weir/resilience/retry_when.hpp>
#include <weir/scope/async_finally.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/all_of.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/first.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/for_each_concurrent.hpp>
#include <weir/sink/for_each_group.hpp>
#include <weir/sink/last.hpp>
#include <weir/sink/min.hpp>
#include <weir/sink/minmax.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/reduce.hpp>
#include <weir/sink/send.hpp>
#include <weir/sink/sequence_equal.hpp>
#include <weir/sink/serve.hpp>
#include <weir/sink/to.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/defer.hpp>
#include <weir/source/from_callback.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/generate.hpp>
#include <weir/source/once.hpp>
#include <weir/source/repeat.hpp>
#include <weir/source/repeat_when.hpp>
#include <weir/source/unfold.hpp>
#include <weir/sync/broadcast.hpp>
#include <weir/sync/channel.hpp>

namespace {

using namespace support::dropping;

using items_stream = weir::async_stream<item>;

/// What `write` writes to.
class device {
public:
    device(scene& s, bool waits) noexcept : scene_{&s}, waits_{waits} {}

    weir::task<> write(weir::byte_view) { return write(*scene_, waits_); }
    std::string name() const { return "device"; }

private:
    static weir::task<> write(scene& s, bool waits) {
        const local here{s};
        s.called();
        if (waits) co_await weir::sleep_for(tick);
        s.called();
    }

    scene* scene_;
    bool waits_;
};

auto less(scene& s) {
    return [&s](const item& a, const item& b) {
        s.called();
        return s.still_here(a).value() < b.value();
    };
}

/// Sends inside `request` what is requested.
class eager_publisher final : public weir::rs::publisher<item> {
    class link final : public weir::rs::subscription {
    public:
        link(scene& s, std::shared_ptr<weir::rs::subscriber<item>> to) noexcept : scene_{s}, to_{std::move(to)} {}

        void request(std::int64_t n) noexcept override {
            scene_.called();
            for (; to_ != nullptr && next_ != items && n != 0; --n) to_->on_next(item{scene_, next_++});
            if (to_ != nullptr && next_ == items) std::exchange(to_, nullptr)->on_complete();
        }
        void cancel() noexcept override {
            scene_.ended();
            to_.reset();
        }

    private:
        scene& scene_;
        std::shared_ptr<weir::rs::subscriber<item>> to_;
        int next_ = 0;
    };

public:
    explicit eager_publisher(scene& s) noexcept : scene_{s} {}

    void subscribe(std::shared_ptr<weir::rs::subscriber<item>> to) override {
        scene_.called();
        to->on_subscribe(std::make_shared<link>(scene_, to));
    }

private:
    scene& scene_;
};

auto as_text(scene& s) {
    return weir::map([&s](item x) {
        s.called();
        return std::string(static_cast<std::size_t>(s.still_here(x).value() + 1), 'x');
    });
}

weir::task<item> sum_by_hand(scene& s, items_stream in) {
    const local here{s};
    int sum = 0;
    while (auto x = co_await weir::next(in)) {
        s.called();
        sum += x->value();
        co_await ready_task(s, sum);
    }
    s.called();
    co_return item{s, sum};
}

/// An item is abandoned now and then.
weir::task<> impatient(scene& s, items_stream in) {
    const local here{s};
    for (int i = 0; i != 10; ++i) {
        auto race = weir::when_any(weir::next(in), weir::sleep_for(tick / 2));
        const auto first = co_await race;
        s.called();
        if (first.index == 1) continue;
        if (!std::get<0>(first.value)) break;
    }
    s.called();
}

std::vector<sink> all_sinks() {
    return {
        {"for_each", [](scene& s, items_stream in) { return any_operation{std::move(in) | weir::for_each(looks(s))}; }},
        {"for_each_group",
         [](scene& s, items_stream in) {
             auto key = [&s](const item& x) {
                 s.called();
                 return s.still_here(x).value() % 2;
             };
             auto handler = [&s](int, auto items) {
                 s.called();
                 return s.still_here(std::move(items)) | weir::for_each(looks(s));
             };
             return any_operation{std::move(in) | weir::for_each_group(key, handler, {.buffer = 1}, takes_dropped(s))};
         }},
        {"all_of", [](scene& s, items_stream in) { return any_operation{std::move(in) | weir::all_of(holds(s, 0))}; }},
        {"reduce",
         [](scene& s, items_stream in) {
             auto sum = [&s](item a, item b) {
                 s.called();
                 return item{s, s.still_here(a).value() + b.value()};
             };
             return any_operation{std::move(in) | weir::reduce(sum)};
         }},
        {"min", [](scene& s, items_stream in) { return any_operation{std::move(in) | weir::min(less(s))}; }},
        {"minmax", [](scene& s, items_stream in) { return any_operation{std::move(in) | weir::minmax(less(s))}; }},
        {"sequence_equal",
         [](scene& s, items_stream in) {
             auto equal = [&s](const item& a, const item& b) {
                 s.called();
                 return s.still_here(a).value() == b.value();
             };
             return any_operation{weir::sequence_equal(std::move(in), plain_source{s}, equal)};
         }},
        {"for_each_concurrent",
         [](scene& s, items_stream in) {
             return any_operation{std::move(in) | weir::for_each_concurrent(2, makes_task(s, true))};
         }},
        {"for_each, by a coroutine",
         [](scene& s, items_stream in) {
             auto one = [&s](item x) -> weir::task<> {
                 const local here{s};
                 s.called();
                 co_await weir::sleep_for(tick);
                 s.called();
                 if (x.value() < 0) throw std::runtime_error{"never"};
             };
             return any_operation{std::move(in) | weir::for_each(one)};
         }},
        {"for_each, by a coroutine that does not wait",
         [](scene& s, items_stream in) {
             auto one = [&s](const item& x) -> weir::task<> {
                 const local here{s};
                 s.called();
                 co_await ready_task(s, x.value());
                 s.called();
             };
             return any_operation{std::move(in) | weir::for_each(one)};
         }},
        {"for_each, by an operation that it makes",
         [](scene& s, items_stream in) {
             auto one = [&s](item&& x) {
                 s.called();
                 static_cast<void>(s.still_here(x));
                 return weir::with_timeout(long_time, waiting_task(s, x.value()));
             };
             return any_operation{std::move(in) | weir::map(passes(s)) | weir::for_each(one)};
         }},
        {"fold",
         [](scene& s, items_stream in) {
             auto add = [&s](item sum, item x) {
                 s.called();
                 return item{s, s.still_here(sum).value() + x.value()};
             };
             return any_operation{std::move(in) | weir::fold(item{s, 0}, add)};
         }},
        {"count", [](scene&, items_stream in) { return any_operation{std::move(in) | weir::count()}; }},
        {"drain", [](scene&, items_stream in) { return any_operation{std::move(in) | weir::drain()}; }},
        {"first", [](scene&, items_stream in) { return any_operation{std::move(in) | weir::first()}; }},
        {"last", [](scene&, items_stream in) { return any_operation{std::move(in) | weir::last()}; }},
        {"to", [](scene&, items_stream in) { return any_operation{std::move(in) | weir::to<std::vector>()}; }},
        {"send to a channel",
         [](scene& s, items_stream in) {
             auto [tx, rx] = weir::channel<item>(1, {.on_drop = takes_dropped(s)});
             return any_operation{
                 weir::when_all(std::move(in) | weir::send(std::move(tx)), std::move(rx) | weir::for_each(looks(s)))};
         }},
        {"send from hand to hand",
         [](scene& s, items_stream in) {
             auto [tx, rx] = weir::channel<item>(0, {.on_drop = takes_dropped(s)});
             return any_operation{
                 weir::when_all(relay(s, std::move(rx)) | weir::drain(), std::move(in) | weir::send(std::move(tx)))};
         }},
        {"send to all",
         [](scene& s, items_stream in) {
             weir::broadcast<item> all;
             auto one = all.subscribe({.capacity = 1, .on_drop = takes_dropped(s)});
             auto other =
                 all.subscribe({.capacity = 1, .overflow = weir::overflow::drop_oldest, .on_drop = takes_dropped(s)});
             return any_operation{weir::when_all(std::move(in) | weir::send(std::move(all)),
                                                 std::move(one) | weir::for_each(looks(s)),
                                                 std::move(other) | weir::drain())};
         },
         false}, // what the slower subscription has room for
        {"write",
         [](scene& s, items_stream in) {
             return any_operation{std::move(in) | as_text(s) | weir::write(device{s, false})};
         }},
        {"write to a slow device",
         [](scene& s, items_stream in) {
             return any_operation{std::move(in) | as_text(s) | weir::write(device{s, true})};
         }},
        {"serve",
         [](scene& s, items_stream in) { return any_operation{std::move(in) | weir::serve(makes_task(s, true))}; }},
        {"serve with a stop",
         [](scene& s, items_stream in) {
             auto handler = [&s](item x) -> weir::task<> {
                 const local here{s};
                 s.called();
                 co_await weir::sleep_for(x.value() * tick);
                 s.called();
                 throw std::runtime_error{"handler"};
             };
             auto on_error = [&s](std::exception_ptr) { s.called(); };
             return any_operation{std::move(in) |
                                  weir::serve(handler, weir::sleep_for(2 * tick),
                                              {.max_connections = 2, .drain = tick, .on_error = on_error})};
         }},
        {"a coroutine", [](scene& s, items_stream in) { return any_operation{sum_by_hand(s, std::move(in))}; }},
        {"an impatient coroutine",
         [](scene& s, items_stream in) { return any_operation{impatient(s, std::move(in))}; }},
        {"a coroutine under a limit",
         [](scene& s, items_stream in) {
             auto& limit = s.keep<weir::concurrency_limit>(1);
             return any_operation{limit.run(sum_by_hand(s, std::move(in)))};
         }},
        {"a coroutine below a circuit breaker",
         [](scene& s, items_stream in) {
             auto& breaker = s.keep<weir::circuit_breaker>(weir::circuit_breaker_options{});
             return any_operation{breaker.run(sum_by_hand(s, std::move(in)))};
         }},
    };
}

/// Lets a stream be made again once.
weir::task<bool> again_once(scene& s, int n) {
    const local here{s};
    s.called();
    co_await weir::sleep_for(tick);
    s.called();
    co_return n == 0;
}

/// Sources that call something.
std::vector<pipeline> calling_sources() {
    return {
        {"generate",
         [](scene& s) {
             auto next = [&s, n = 0]() mutable -> std::optional<item> {
                 s.called();
                 if (s.still_here(n) == items) return std::nullopt;
                 return item{s, n++};
             };
             return any_operation{weir::generate(next) | weir::for_each(looks(s))};
         }},
        {"unfold",
         [](scene& s) {
             auto next = [&s](int& n) -> std::optional<item> {
                 s.called();
                 if (s.still_here(n) == 0) return std::nullopt;
                 return item{s, n--};
             };
             return any_operation{weir::unfold(items, next) | weir::for_each(looks(s))};
         }},
        {"from_range of items",
         [](scene& s) {
             std::vector<item> all;
             for (int i = 0; i != items; ++i) all.emplace_back(s, i);
             return any_operation{weir::from_range(std::move(all)) | weir::for_each(looks(s))};
         }},
        {"from_range of a view",
         [](scene& s) {
             auto made = std::views::iota(0, items) | std::views::transform([&s](int i) {
                             s.called();
                             return item{s.still_here(s), i};
                         });
             return any_operation{weir::from_range(std::move(made)) | weir::for_each(looks(s))};
         }},
        {"from_callback",
         [](scene& s) {
             auto connect = [&s](weir::emitter<item> out) {
                 s.called();
                 for (int i = 0; i != items; ++i) out.emit(item{s, i});
                 return std::make_unique<local>(s.still_here(s));
             };
             weir::from_callback_options<item> options{
                 .capacity = 2, .overflow = weir::overflow::drop_oldest, .on_drop = takes_dropped(s)};
             return any_operation{weir::from_callback<item>(connect, std::move(options)) | weir::for_each(looks(s))};
         }},
        {"from_completion",
         [](scene& s) {
             auto start = [&s](weir::completion<item> done) {
                 s.called();
                 done.set(item{s.still_here(s), 1});
                 return std::make_unique<local>(s);
             };
             return any_operation{sum_by_hand(s, weir::once(weir::from_completion<item>(start)))};
         }},
        {"from_completion that is cancelled",
         [](scene& s) {
             auto& kept = s.keep<std::optional<weir::completion<item>>>();
             auto start = [&s, &kept](weir::completion<item> done) {
                 s.called();
                 s.still_here(kept) = std::move(done);
                 return [&s] { s.ended(); };
             };
             return any_operation{weir::with_timeout(tick, weir::from_completion<item>(start))};
         }},
        {"from_publisher",
         [](scene& s) {
             auto from = std::make_shared<eager_publisher>(s);
             return any_operation{weir::rs::from_publisher(std::move(from), 2) | weir::for_each(looks(s))};
         }},
        {"repeat",
         [](scene& s) {
             auto make = [&s] {
                 s.called();
                 return waiting_generator(s.still_here(s));
             };
             return any_operation{weir::repeat(make, 2) | weir::for_each(looks(s))};
         }},
        {"defer",
         [](scene& s) {
             auto make = [&s] {
                 s.called();
                 return plain_source{s.still_here(s)};
             };
             return any_operation{weir::defer(make) | weir::for_each(looks(s))};
         }},
        {"retry_when",
         [](scene& s) {
             auto make = [&s] {
                 s.called();
                 return failing_generator(s.still_here(s));
             };
             auto again = [&s, n = 0](std::exception_ptr) mutable {
                 s.called();
                 return again_once(s.still_here(s), n++);
             };
             return any_operation{weir::retry_when(make, again) | weir::for_each(looks(s))};
         }},
        {"repeat_when",
         [](scene& s) {
             auto make = [&s] {
                 s.called();
                 return plain_source{s.still_here(s)};
             };
             auto again = [&s, n = 0]() mutable {
                 s.called();
                 return again_once(s.still_here(s), n++);
             };
             return any_operation{weir::repeat_when(make, again) | weir::for_each(looks(s))};
         }},
        {"restart",
         [](scene& s) {
             auto make = [&s] {
                 s.called();
                 return waiting_generator(s.still_here(s));
             };
             return any_operation{weir::restart(make, {.attempts = 2, .delay = tick}) | weir::take(9) |
                                  weir::for_each(looks(s))};
         }},
        {"retry of an operation",
         [](scene& s) {
             auto attempt = [&s, n = 0]() mutable {
                 s.called();
                 return s.still_here(n)++ == 0 ? any_operation{failing_generator(s) | weir::drain()}
                                               : any_operation{waiting_task(s, n)};
             };
             auto when = [&s](std::exception_ptr) {
                 s.called();
                 return s.still_here(true);
             };
             return any_operation{weir::retry(attempt, {.attempts = 3, .delay = tick, .when = when})};
         }},
        {"hedge",
         [](scene& s) {
             auto attempt = [&s] {
                 s.called();
                 return sum_by_hand(s.still_here(s), waiting_generator(s));
             };
             return any_operation{weir::hedge(attempt, tick, {.max = 3})};
         }},
    };
}

} // namespace

TEST_SUITE("dropping/sinks") {
    TEST_CASE("a sink may be dropped by code above it and by functions that it calls") {
        const auto failures = drop_from_within(behind_sources(all_sinks()));
        CHECK(failures.all() == "");
    }

    TEST_CASE("a source or an operation may be dropped by a function that it calls") {
        const auto failures = drop_from_within(calling_sources());
        CHECK(failures.all() == "");
    }

    TEST_CASE("a sink loses nothing when it drops its spawner and lives on") {
        CHECK(outlive_the_spawner(behind_sources(all_sinks())) == "");
    }

    TEST_CASE("a sink is destroyed when a drop from outside returns") {
        CHECK(drop_from_outside(behind_sources(all_sinks())) == "");
        CHECK(drop_from_outside(calling_sources()) == "");
    }

    TEST_CASE("the upstream of a sink is destroyed before the sink's result or error is delivered") {
        CHECK(keep_after_the_end(behind_sources(all_sinks())) == "");
        CHECK(keep_after_the_end(calling_sources()) == "");
    }
}
