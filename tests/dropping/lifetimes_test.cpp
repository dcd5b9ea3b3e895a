// SPDX-License-Identifier: MIT
// What a coroutine or an operation holds dies when it has ended, before anyone sees its result, whatever keeps its
// handle.

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/backend/endpoint.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/interop/with_stop.hpp>
#include <weir/io/tcp.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/distinct_until_changed.hpp>
#include <weir/operators/enumerate.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/filter_map.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/inspect.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/operators/on_error_resume.hpp>
#include <weir/operators/sample.hpp>
#include <weir/operators/scan.hpp>
#include <weir/operators/skip_while.hpp>
#include <weir/operators/switch_map.hpp>
#include <weir/operators/take_until.hpp>
#include <weir/operators/take_while.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/first.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/once.hpp>
#include <weir/sync/broadcast.hpp>
#include <weir/sync/channel.hpp>
#include <weir/sync/event.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;

namespace {

/// What is given to a coroutine or captured: counts what lives.
class token {
public:
    explicit token(int& live) noexcept : live_{&live} { ++live; }
    token(token&& other) noexcept : live_{std::exchange(other.live_, nullptr)} {}
    ~token() {
        if (live_ != nullptr) --*live_;
    }

private:
    int* live_;
};

weir::task<> holds(token, weir::duration d) { co_await weir::sleep_for(d); }
weir::task<int> holds_and_counts(token, weir::duration d) {
    co_await weir::sleep_for(d);
    co_return 7;
}
weir::task<std::string> holds_and_tells(token, weir::duration d) {
    co_await weir::sleep_for(d);
    co_return std::string(40, 'x');
}
weir::task<int&> holds_and_refers(token, weir::duration d, int& n) {
    co_await weir::sleep_for(d);
    co_return n;
}
weir::task<int> holds_and_fails(token, weir::duration d) {
    co_await weir::sleep_for(d);
    throw std::runtime_error{"task"};
}
weir::async_stream<int> holds_and_yields(token, weir::duration d, bool fails = false) {
    co_yield 1;
    if (d != 0s) co_await weir::sleep_for(d);
    co_yield 2;
    if (fails) throw std::runtime_error{"generator"};
}

constexpr std::string_view digits = "0123456789";

constexpr std::array times{weir::duration{0s}, weir::duration{1ms}};

/// A pipeline that holds a token until its result is there.
auto pipeline_that_holds(int& live) {
    return weir::iota(0, 3) | weir::map([held = std::make_shared<token>(live)](int x) { return x; });
}

/// Throws at the n-th move of any of them.
class throws_when_moved {
public:
    explicit throws_when_moved(int value) noexcept : value_{value} { ++alive; }
    throws_when_moved(throws_when_moved&& other) : value_{other.value_} { // NOLINT: it is here to throw
        if (++moves == throw_at) throw std::runtime_error{"move"};
        ++alive;
    }
    ~throws_when_moved() { --alive; }

    int value() const noexcept { return value_; }

    static inline int moves = 0;
    static inline int throw_at = 0;
    static inline int alive = 0;

private:
    int value_;
};

weir::task<throws_when_moved> gives_what_throws(weir::duration d, int& live) {
    const token here{live};
    throws_when_moved result{7};
    if (d != 0s) co_await weir::sleep_for(d);
    co_return std::move(result);
}

/// Lets each move throw in turn, until none does.
/// @param run  gives the value of the result
template <class Run>
void each_move_throws(Run run) {
    for (int n = 1;; ++n) {
        CAPTURE(n);
        REQUIRE(n < 50);
        throws_when_moved::throw_at = n;
        throws_when_moved::moves = 0;
        bool thrown = false;
        int live = 0;
        try {
            const int value = run(live);
            CHECK(value == 7);
        } catch (const std::runtime_error& e) {
            thrown = true;
            CHECK(std::string{e.what()} == "move");
        }
        CHECK(thrown == (throws_when_moved::moves >= n));
        CHECK(live == 0);
        CHECK(throws_when_moved::alive == 0);
        if (!thrown) return;
    }
}

weir::task<> sends(weir::sender<int> to, int n) {
    for (int i = 0; i != n; ++i) co_await to.send(i);
}
weir::task<> sends_to_all(weir::broadcast<int> to, int n) {
    for (int i = 0; i != n; ++i) co_await to.send(i);
}

} // namespace

TEST_SUITE("dropping/lifetimes") {
    TEST_CASE("a spawned task destroys its frame when it ends, even if its handle lives on") {
        for (const auto d : times) {
            weir::testing::virtual_executor ex;
            int live = 0;
            int n = 0;
            auto a = ex.spawn(holds(token{live}, d));
            auto b = ex.spawn(holds_and_counts(token{live}, d));
            auto c = ex.spawn(holds_and_tells(token{live}, d));
            auto e = ex.spawn(holds_and_refers(token{live}, d, n));
            auto f = ex.spawn(holds_and_fails(token{live}, d));
            CHECK(live == 5);
            ex.advance(2ms);
            CHECK(live == 0);
            ex.run(std::move(a));
            CHECK(ex.run(std::move(b)) == 7);
            CHECK(ex.run(std::move(c)) == std::string(40, 'x'));
            CHECK(&ex.run(std::move(e)) == &n);
            CHECK_THROWS_AS(ex.run(std::move(f)), std::runtime_error);
        }
    }

    TEST_CASE("a task that is awaited as an lvalue destroys its frame before its awaiter goes on") {
        for (const auto d : times) {
            weir::testing::virtual_executor ex;
            const auto program = [&]() -> weir::task<> {
                int live = 0;
                int n = 0;
                auto a = holds(token{live}, d);
                co_await a;
                CHECK(live == 0);
                auto b = holds_and_counts(token{live}, d);
                const int seven = co_await b;
                CHECK(seven == 7);
                CHECK(live == 0);
                auto c = holds_and_tells(token{live}, d);
                const std::string text = co_await c;
                CHECK(text == std::string(40, 'x'));
                CHECK(live == 0);
                auto e = holds_and_refers(token{live}, d, n);
                const int* referred = &co_await e;
                CHECK(referred == &n);
                CHECK(live == 0);
                auto f = holds_and_fails(token{live}, d);
                try {
                    co_await f;
                    FAIL("it has failed");
                } catch (const std::runtime_error&) {}
                CHECK(live == 0);
            };
            ex.run(program());
        }
    }

    TEST_CASE("a task of a group and a detached task destroy their frames when they end") {
        for (const auto d : times) {
            weir::testing::virtual_executor ex;
            ex.on_error([](std::exception_ptr, std::source_location) {});
            int live = 0;
            weir::task_group group{ex, {.errors = weir::group_errors::collect}};
            group.spawn(holds(token{live}, d));
            group.spawn(holds_and_tells(token{live}, d));
            group.spawn(holds_and_fails(token{live}, d));
            ex.spawn(holds_and_counts(token{live}, d)).detach();
            ex.spawn(holds_and_fails(token{live}, d)).detach();
            ex.advance(2ms);
            CHECK(live == 0);
        }
    }

    TEST_CASE("a generator destroys its frame before its end or its error is seen") {
        for (const auto d : times) {
            weir::testing::virtual_executor ex;
            const auto program = [&](bool fails) -> weir::task<> {
                int live = 0;
                auto stream = holds_and_yields(token{live}, d, fails);
                int n = 0;
                try {
                    while (co_await weir::next(stream)) ++n;
                    CHECK_FALSE(fails);
                } catch (const std::runtime_error&) {
                    CHECK(fails);
                }
                CHECK(n == 2);
                CHECK(live == 0);
            };
            ex.run(program(false));
            ex.run(program(true));
        }
    }

    TEST_CASE("a coroutine from an operator's function destroys its frame before its result is passed on") {
        weir::testing::virtual_executor ex;
        int live = 0;
        const auto one = [&](int) { return holds_and_counts(token{live}, 1ms); };
        ex.run(weir::iota(0, 3) | weir::map_async(1, one) | weir::for_each([&](int) { CHECK(live <= 1); }));
        CHECK(live == 0);
        ex.run(weir::once(holds_and_counts(token{live}, 0s)) | weir::for_each([&](int) { CHECK(live == 0); }));
    }

    TEST_CASE("a sender that was passed to a producer closes its channel when the producer returns") {
        weir::testing::virtual_executor ex;
        int received = 0;
        const auto receives = [&](auto from) -> weir::task<> {
            auto all = std::move(from) | weir::for_each([&](int) { ++received; });
            co_await all;
        };
        SUBCASE("spawned") {
            auto [tx, rx] = weir::channel<int>(16);
            const auto producer = ex.spawn(sends(std::move(tx), 3));
            ex.run(receives(std::move(rx)));
        }
        SUBCASE("in a group") {
            auto [tx, rx] = weir::channel<int>(16);
            weir::task_group group{ex};
            group.spawn(sends(std::move(tx), 3));
            ex.run(receives(std::move(rx)));
        }
        SUBCASE("awaited and kept") {
            auto [tx, rx] = weir::channel<int>(16);
            const auto program = [&](weir::task<> producer, weir::receiver<int> from) -> weir::task<> {
                co_await producer;
                co_await receives(std::move(from));
            };
            ex.run(program(sends(std::move(tx), 3), std::move(rx)));
        }
        SUBCASE("from hand to hand") {
            auto [tx, rx] = weir::channel<int>(0);
            const auto producer = ex.spawn(sends(std::move(tx), 3));
            ex.run(receives(std::move(rx)));
        }
        SUBCASE("to all") {
            weir::broadcast<int> all;
            auto subscription = all.subscribe();
            const auto producer = ex.spawn(sends_to_all(std::move(all), 3));
            ex.run(receives(std::move(subscription)));
        }
        CHECK(received == 3);
    }

    TEST_CASE("a socket that was moved into a handler is closed when the handler returns") {
        weir::executor ex;
        const auto program = [&]() -> weir::task<std::size_t> {
            const weir::endpoint anywhere{"127.0.0.1", 0};
            auto listener = co_await weir::listen(anywhere);
            const auto handler = [](weir::tcp_stream client) -> weir::task<> { co_await client.write("bye"); };
            auto client = co_await weir::tcp_connect(listener.local_endpoint());
            auto connection = co_await listener.accept();
            const auto handled = ex.spawn(handler(std::move(connection)));
            std::array<char, 64> answer{};
            std::size_t size = 0;
            for (;;) {
                auto read = weir::with_timeout(10s, client.read(std::span{answer}));
                const std::size_t n = co_await read;
                if (n == 0) break;
                size += n;
            }
            co_return size;
        };
        CHECK(ex.run(program()) == 3);
    }

    TEST_CASE("a spawned pipeline destroys its upstream and its driver when it has its result") {
        weir::testing::virtual_executor ex;
        int asked = 0;
        const auto handle =
            ex.spawn(weir::interval(1s) | weir::inspect([&](auto) { ++asked; }) | weir::sample(10s) | weir::first());
        ex.advance(100s);
        CHECK(handle.finished());
        CHECK(asked == 10);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("an operation is destroyed before its result is delivered") {
        weir::testing::virtual_executor ex;
        int live = 0;
        const auto program = [&]() -> weir::task<> {
            auto kept = pipeline_that_holds(live) | weir::first();
            static_cast<void>(co_await kept);
            CHECK(live == 0);
            auto folded = pipeline_that_holds(live) | weir::fold(0, std::plus{});
            const int sum = co_await folded;
            CHECK(sum == 3);
            CHECK(live == 0);
            auto timed = weir::with_timeout(1h, pipeline_that_holds(live) | weir::drain());
            co_await timed;
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
            auto timed_late = weir::with_timeout(1h, holds_and_counts(token{live}, 1ms));
            static_cast<void>(co_await timed_late);
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
            const std::stop_source source;
            auto stoppable = weir::with_stop(source.get_token(), pipeline_that_holds(live) | weir::drain());
            static_cast<void>(co_await stoppable);
            CHECK(live == 0);
            auto race = weir::when_any(pipeline_that_holds(live) | weir::drain(), weir::sleep_for(1h));
            static_cast<void>(co_await race);
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
            auto handle = ex.spawn(pipeline_that_holds(live) | weir::first());
            static_cast<void>(co_await handle);
            CHECK(live == 0);
            auto body = [&](weir::task_group& group) -> weir::task<int> {
                group.spawn(holds(token{live}, 1ms));
                co_return 1;
            };
            auto grouped = weir::with_group(body);
            static_cast<void>(co_await grouped);
            CHECK(live == 0);
        };
        ex.run(program());
    }

    TEST_CASE("an operation is destroyed before its error is delivered") {
        weir::testing::virtual_executor ex;
        int live = 0;
        const auto program = [&]() -> weir::task<> {
            const auto fails = [&](auto operation) -> weir::task<bool> {
                try {
                    static_cast<void>(co_await operation);
                } catch (const std::runtime_error&) {
                    CHECK(live == 0);
                    CHECK(ex.stats().timers_armed == 0);
                    co_return true;
                }
                co_return false;
            };
            const auto upstream = [&] { return holds_and_yields(token{live}, 1ms, true); };
            const bool drain = co_await fails(upstream() | weir::drain());
            CHECK(drain);
            const bool fold = co_await fails(upstream() | weir::fold(0, std::plus{}));
            CHECK(fold);
            const bool for_each = co_await fails(upstream() | weir::for_each([](int) {}));
            CHECK(for_each);
            const bool callable = co_await fails(upstream() | weir::for_each([](int n) {
                                                     if (n == 2) throw std::runtime_error{"sink"};
                                                 }));
            CHECK(callable);
            const bool timed = co_await fails(weir::with_timeout(1h, upstream() | weir::drain()));
            CHECK(timed);
            auto failing = holds_and_fails(token{live}, 1ms);
            const bool timed_task = co_await fails(weir::with_timeout(1h, std::move(failing)));
            CHECK(timed_task);
            const bool spawned = co_await fails(ex.spawn(upstream() | weir::drain()));
            CHECK(spawned);
        };
        ex.run(program());
    }

    TEST_CASE("a throwing move of a task's result is the task's error") {
        for (const auto d : times) {
            each_move_throws([d](int& live) {
                weir::testing::virtual_executor ex;
                return ex.run(gives_what_throws(d, live)).value();
            });
            each_move_throws([d](int& live) {
                weir::testing::virtual_executor ex;
                auto handle = ex.spawn(gives_what_throws(d, live));
                ex.advance(2ms);
                CHECK(live == 0);
                return ex.run(std::move(handle)).value();
            });
            each_move_throws([d](int& live) {
                weir::testing::virtual_executor ex;
                const auto program = [&]() -> weir::task<int> {
                    auto inner = gives_what_throws(d, live);
                    const auto result = co_await inner;
                    co_return result.value();
                };
                return ex.run(program());
            });
            each_move_throws([d](int& live) {
                weir::testing::virtual_executor ex;
                const auto program = [&]() -> weir::task<int> {
                    auto handle = ex.spawn(gives_what_throws(d, live));
                    auto timed = weir::with_timeout(1h, std::move(handle));
                    const auto result = co_await timed;
                    co_return result.value();
                };
                return ex.run(program());
            });
        }
    }

    TEST_CASE("a throwing move of a yielded item is the stream's error") {
        const auto yields = [](int& live) -> weir::async_stream<throws_when_moved> {
            const token here{live};
            throws_when_moved one{7};
            co_yield std::move(one);
            throws_when_moved other{8};
            co_yield std::move(other);
        };
        each_move_throws([&](int& live) {
            weir::testing::virtual_executor ex;
            const auto program = [&]() -> weir::task<int> {
                auto stream = yields(live);
                int value = 0;
                while (auto x = co_await weir::next(stream)) {
                    if (value == 0) value = x->value();
                }
                co_return value;
            };
            return ex.run(program());
        });
    }

    TEST_CASE("an item lives as long as the coroutine that was called with it, with any parameter type") {
        weir::testing::virtual_executor ex;
        std::string seen;
        const auto strings = [] {
            return weir::iota(0, 3) |
                   weir::map([](int n) { return std::string(40, digits[static_cast<std::size_t>(n)]); });
        };
        const std::string all = "012";
        SUBCASE("for_each") {
            ex.run(strings() | weir::for_each([&](const std::string& s) -> weir::task<> {
                       co_await weir::sleep_for(1ms);
                       seen += s[39];
                   }));
            ex.run(strings() | weir::for_each([&](std::string&& s) -> weir::task<> {
                       co_await weir::sleep_for(1ms);
                       seen += s[39];
                   }));
            ex.run(strings() | weir::for_each([&](std::string s) -> weir::task<> {
                       co_await weir::sleep_for(1ms);
                       seen += s[39];
                   }));
            CHECK(seen == all + all + all);
        }
        SUBCASE("map_async") {
            const auto one = [](const std::string& s) -> weir::task<char> {
                co_await weir::sleep_for(1ms);
                co_return s[39];
            };
            const auto moved = [](std::string&& s) -> weir::task<char> {
                co_await weir::sleep_for(1ms);
                co_return s[39];
            };
            const auto sees = [&] { return weir::for_each([&](char c) { seen += c; }); };
            ex.run(strings() | weir::map_async(2, one) | sees());
            ex.run(strings() | weir::map_async(2, moved) | sees());
            ex.run(strings() | weir::map_async_unordered(2, one) | sees());
            CHECK(seen == all + all + all);
        }
        SUBCASE("streams of streams") {
            const auto one = [](const std::string& s) -> weir::async_stream<char> {
                co_await weir::sleep_for(1ms);
                co_yield s[39];
            };
            const auto moved = [](std::string&& s) -> weir::async_stream<char> {
                co_await weir::sleep_for(1ms);
                co_yield s[39];
            };
            const auto sees = [&] { return weir::for_each([&](char c) { seen += c; }); };
            ex.run(strings() | weir::concat_map(one) | sees());
            ex.run(strings() | weir::concat_map(moved) | sees());
            ex.run(strings() | weir::flat_map(1, one) | sees());
            ex.run(strings() | weir::flat_map(1, moved) | sees());
            CHECK(seen == all + all + all + all);
            seen.clear();
            ex.run(strings() | weir::switch_map(one) | sees());
            ex.run(strings() | weir::switch_map(moved) | sees());
            CHECK(seen == "22");
        }
        SUBCASE("on_error_resume") {
            const auto fails = [] {
                return weir::just(1) | weir::map([](int) -> char { throw std::runtime_error{std::string(40, 'e')}; });
            };
            const auto sees = [&] { return weir::for_each([&](char c) { seen += c; }); };
            ex.run(
                fails() |
                weir::on_error_resume<std::runtime_error>([](const std::runtime_error& e) -> weir::async_stream<char> {
                    co_await weir::sleep_for(1ms);
                    co_yield e.what()[39];
                }) |
                sees());
            ex.run(fails() | weir::on_error_resume([](const std::exception_ptr& e) -> weir::async_stream<char> {
                       co_await weir::sleep_for(1ms);
                       const char seen_as = e == nullptr ? '0' : 'p';
                       co_yield seen_as;
                   }) |
                   sees());
            CHECK(seen == "ep");
        }
        SUBCASE("serve") {
            ex.run(strings() | weir::serve([&](const std::string& s) -> weir::task<> {
                       co_await weir::sleep_for(1ms);
                       seen += s[39];
                   }));
            CHECK(seen == all);
        }
    }

    TEST_CASE("a yielded object may be changed or destroyed after the co_yield") {
        weir::testing::virtual_executor ex;
        weir::event changed;
        const auto one_each_change = [&](auto& yield) { return yield(changed); };
        const auto first_after = [&](auto stream, auto change) {
            std::optional<typename decltype(stream)::value_type> seen;
            const auto consumes = [&]() -> weir::task<> {
                auto x = co_await weir::next(stream);
                REQUIRE(x.has_value());
                seen.emplace(*std::move(x));
            };
            const auto consumer = ex.spawn(consumes());
            ex.run_ready();
            const auto changes = [&]() -> weir::task<> {
                changed.set();
                co_await weir::yield(); // the generator has run to its co_yield
                change();
                changed.reset();
            };
            ex.run(changes());
            ex.run_ready();
            REQUIRE(seen.has_value());
            return *std::move(seen);
        };
        SUBCASE("an element of a container of ints") {
            std::vector<int> prices{42};
            const auto quotes = [&](weir::event& when) -> weir::async_stream<int> {
                co_await when.wait();
                co_yield prices[0];
            };
            const int seen = first_after(one_each_change(quotes), [&] {
                prices.assign({7, 8, 9});
                prices.shrink_to_fit();
            });
            CHECK(seen == 42);
        }
        SUBCASE("a const element") {
            std::optional<const int> price{42};
            const auto quotes = [&](weir::event& when) -> weir::async_stream<int> {
                co_await when.wait();
                co_yield *price;
            };
            CHECK(first_after(one_each_change(quotes), [&] { price.emplace(7); }) == 42);
        }
        SUBCASE("an aggregate that is copied as bytes") {
            struct pair {
                std::array<int, 16> numbers;
            };
            auto shared = std::make_unique<pair>();
            shared->numbers[15] = 42;
            const auto quotes = [&](weir::event& when) -> weir::async_stream<pair> {
                co_await when.wait();
                co_yield *shared;
            };
            CHECK(first_after(one_each_change(quotes), [&] { shared.reset(); }).numbers[15] == 42);
        }
        SUBCASE("a string") {
            std::string shared(40, 'a');
            const auto quotes = [&](weir::event& when) -> weir::async_stream<std::string> {
                co_await when.wait();
                co_yield shared;
            };
            CHECK(first_after(one_each_change(quotes), [&] { shared = std::string(40, 'b'); }) == std::string(40, 'a'));
            CHECK(shared == std::string(40, 'b'));
        }
        SUBCASE("a string that is moved and given another value") {
            auto shared = std::make_unique<std::string>(40, 'a');
            const auto quotes = [&](weir::event& when) -> weir::async_stream<std::string> {
                co_await when.wait();
                co_yield std::move(*shared);
            };
            const auto seen = first_after(one_each_change(quotes), [&] {
                *shared = std::string(40, 'b');
                shared.reset();
            });
            CHECK(seen == std::string(40, 'a'));
        }
        SUBCASE("an int that is moved") {
            auto shared = std::make_unique<int>(42);
            const auto quotes = [&](weir::event& when) -> weir::async_stream<int> {
                co_await when.wait();
                co_yield std::move(*shared);
            };
            CHECK(first_after(one_each_change(quotes), [&] { shared.reset(); }) == 42);
        }
    }
}
