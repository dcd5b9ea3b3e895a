// SPDX-License-Identifier: MIT
// Chains a million deep are built, run and dropped on a stack of normal size: nothing recurses. At -O0 and under
// sanitizers too.

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include <pthread.h>

#include <counted.hpp>
#include <sanitized.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/scope/local.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/first.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/never.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::counted;

namespace {

constexpr int deep = support::sanitized ? 200'000 : 1'000'000;

/// Runs f on a stack of 8 MiB, whatever the limit of this process is.
template <class F>
void on_a_normal_stack(F f) {
    pthread_attr_t attributes;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstacksize(&attributes, std::size_t{8} << 20) == 0);
    pthread_t thread{};
    const auto run = [](void* call) -> void* {
        (*static_cast<F*>(call))();
        return nullptr;
    };
    REQUIRE(pthread_create(&thread, &attributes, run, &f) == 0);
    REQUIRE(pthread_join(thread, nullptr) == 0);
    pthread_attr_destroy(&attributes);
}

weir::task<int> nested(int n, int& live) {
    const counted here{live};
    if (n == 0) {
        co_await weir::sleep_for(1h);
        co_return 0;
    }
    co_return 1 + co_await nested(n - 1, live);
}

weir::task<int> nested_failure(int n) {
    if (n == 0) {
        co_await weir::sleep_for(1s);
        throw std::runtime_error{"at the bottom"};
    }
    co_return 1 + co_await nested_failure(n - 1);
}

weir::task<> joins(weir::join_handle<weir::task<>> other, int& live) {
    const counted here{live};
    co_await other;
}

weir::task<> sleeps(weir::duration d, int& live) {
    const counted here{live};
    co_await weir::sleep_for(d);
}

weir::join_handle<weir::task<>> join_chain(weir::executor& ex, weir::duration d, int& live) {
    auto chain = ex.spawn(sleeps(d, live));
    for (int i = 1; i != deep; ++i) chain = ex.spawn(joins(std::move(chain), live));
    return chain;
}

weir::task<> keeps(weir::join_handle<weir::task<>> other, int& live) {
    const counted here{live};
    co_await weir::sleep_for(1h);
    co_await other;
}

constinit weir::local<int> number{"number"};

/// Spawns its successor under another value of a local.
weir::task<> succeeded(weir::executor& ex, int n) {
    if (n != 0) ex.spawn(weir::with_local(number, n, succeeded(ex, n - 1))).detach();
    co_return;
}

/// Groups in groups.
weir::task<> groups(int n, int& live) {
    const counted here{live};
    weir::task_group group;
    if (n != 0) group.spawn(groups(n - 1, live));
    co_await weir::sleep_for(1h);
}

/// n, after all that are less. Its first item passes all of them.
weir::async_stream<int> recursive(int n, int& live) {
    const counted here{live};
    if (n != 0) {
        auto less = recursive(n - 1, live);
        while (auto x = co_await weir::next(less)) co_yield *x;
    }
    co_yield n;
}

/// Waits at the bottom.
weir::async_stream<int> recursive_never(int n, int& live) {
    const counted here{live};
    if (n == 0) {
        co_await weir::sleep_for(1h);
        co_return;
    }
    auto less = recursive_never(n - 1, live);
    while (auto x = co_await weir::next(less)) co_yield *x;
}

weir::async_stream<int> relay(weir::async_stream<int> upstream, std::unique_ptr<counted>) {
    while (auto x = co_await weir::next(upstream)) co_yield *x;
}

} // namespace

TEST_SUITE("depth/dropped") {
    TEST_CASE("very many tasks that await each other are dropped where they wait") {
        on_a_normal_stack([] {
            weir::testing::virtual_executor ex;
            int live = 0;
            SUBCASE("by with_timeout") {
                CHECK_THROWS_AS(ex.run(weir::with_timeout(1s, nested(deep, live))), weir::timed_out);
            }
            SUBCASE("by when_any") {
                CHECK(ex.run(weir::when_any(nested(deep, live), weir::sleep_for(1s))).index == 1);
            }
            SUBCASE("by their handle") {
                std::optional handle{ex.spawn(nested(deep, live))};
                ex.run_ready();
                CHECK(live == deep + 1);
                handle.reset();
            }
            SUBCASE("by their group") {
                weir::task_group group{ex};
                group.spawn(nested(deep, live));
                ex.run_ready();
                group.cancel();
            }
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
        });
    }

    TEST_CASE("very many tasks that await each other are dropped with their executor") {
        on_a_normal_stack([] {
            int live = 0;
            std::optional<weir::join_handle<weir::task<int>>> handle;
            {
                weir::testing::virtual_executor ex;
                handle.emplace(ex.spawn(nested(deep, live)));
                ex.run_ready();
            }
            CHECK(live == 0);
        });
    }

    TEST_CASE("very many tasks that await each other run to their end") {
        on_a_normal_stack([] {
            weir::testing::virtual_executor ex;
            int live = 0;
            CHECK(ex.run(nested(deep, live)) == deep);
            CHECK(live == 0);
        });
    }

    TEST_CASE("an error passes tasks that await each other, however many") {
        on_a_normal_stack([] {
            weir::testing::virtual_executor ex;
            CHECK_THROWS_AS(ex.run(nested_failure(deep / 10)), std::runtime_error);
        });
    }

    TEST_CASE("very many tasks that join each other are dropped") {
        on_a_normal_stack([] {
            weir::testing::virtual_executor ex;
            int live = 0;
            {
                const auto chain = join_chain(ex, 1h, live);
                SUBCASE("before they run") {}
                SUBCASE("where they wait") { ex.run_ready(); }
            }
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
        });
    }

    TEST_CASE("very many tasks that join each other run to their end") {
        on_a_normal_stack([] {
            weir::testing::virtual_executor ex;
            int live = 0;
            ex.run(join_chain(ex, 1s, live));
            CHECK(live == 0);
        });
    }

    TEST_CASE("very many tasks that join each other are dropped with their executor") {
        on_a_normal_stack([] {
            int live = 0;
            std::optional<weir::join_handle<weir::task<>>> chain;
            {
                weir::testing::virtual_executor ex;
                chain.emplace(join_chain(ex, 1h, live));
                ex.run_ready();
            }
            CHECK(live == 0);
        });
    }

    TEST_CASE("very many tasks that keep each other's handles are dropped") {
        on_a_normal_stack([] {
            weir::testing::virtual_executor ex;
            int live = 0;
            {
                auto chain = ex.spawn(sleeps(1h, live));
                for (int i = 1; i != deep; ++i) chain = ex.spawn(keeps(std::move(chain), live));
                SUBCASE("before they run") {}
                SUBCASE("where they wait") { ex.run_ready(); }
            }
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
        });
    }

    TEST_CASE("very many groups in each other's tasks are dropped") {
        on_a_normal_stack([] {
            weir::testing::virtual_executor ex;
            int live = 0;
            {
                const auto outermost = ex.spawn(groups(deep, live));
                ex.run_ready();
                CHECK(live == deep + 1);
            }
            CHECK(live == 0);
            CHECK(ex.stats().timers_armed == 0);
        });
    }

    TEST_CASE("very many boxed streams, one in the other, are dropped") {
        on_a_normal_stack([] {
            int live = 0;
            {
                weir::async_stream<int> boxed = weir::never<int>();
                for (int i = 0; i != deep; ++i) {
                    auto one = [held = std::make_shared<counted>(live)](int x) { return x; };
                    boxed = std::move(boxed) | weir::map(std::move(one));
                }
                CHECK(live == deep);
            }
            CHECK(live == 0);
        });
    }

    TEST_CASE("very many generators, one in the other, are dropped before they run") {
        on_a_normal_stack([] {
            int live = 0;
            {
                weir::async_stream<int> chain = weir::never<int>();
                for (int i = 0; i != deep; ++i) chain = relay(std::move(chain), std::make_unique<counted>(live));
                CHECK(live == deep);
            }
            CHECK(live == 0);
        });
    }

    TEST_CASE("very many generators and boxed streams in turn are dropped before they run") {
        on_a_normal_stack([] {
            int live = 0;
            {
                weir::async_stream<int> chain = weir::never<int>();
                for (int i = 0; i != deep / 2; ++i) {
                    chain = relay(std::move(chain), std::make_unique<counted>(live));
                    chain = std::move(chain) | weir::map([](int x) { return x; });
                }
            }
            CHECK(live == 0);
        });
    }

    TEST_CASE("a generator that recurses very deep yields its first item and is dropped") {
        on_a_normal_stack([] {
            weir::testing::virtual_executor ex;
            int live = 0;
            CHECK(ex.run(recursive(deep, live) | weir::first()) == 0);
            CHECK(live == 0);
        });
    }

    TEST_CASE("very many values of a local, each set around the next, are destroyed") {
        on_a_normal_stack([] {
            weir::testing::virtual_executor ex;
            ex.spawn(succeeded(ex, deep)).detach();
            ex.run_ready();
            CHECK(ex.stats().wakers_ready == 0);
        });
    }

    TEST_CASE("a generator that recurses a thousand deep yields all its items") {
        on_a_normal_stack([] {
            weir::testing::virtual_executor ex;
            int live = 0;
            const auto all = [&](int n) -> weir::task<int> {
                auto numbers = recursive(n, live);
                int expected = 0;
                while (auto x = co_await weir::next(numbers)) expected += *x == expected ? 1 : 0;
                co_return expected;
            };
            CHECK(ex.run(all(1000)) == 1001);
            CHECK(live == 0);
        });
    }

    TEST_CASE("a generator that recurses very deep is dropped where it waits") {
        on_a_normal_stack([] {
            weir::testing::virtual_executor ex;
            int live = 0;
            CHECK_THROWS_AS(ex.run(weir::with_timeout(1s, recursive_never(deep, live) | weir::first())),
                            weir::timed_out);
            CHECK(live == 0);
        });
    }
}
