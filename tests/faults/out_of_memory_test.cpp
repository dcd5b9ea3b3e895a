// SPDX-License-Identifier: MIT
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <numeric>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include <allocations.hpp>
#include <doctest/doctest.h>
#include <raw_io.hpp>
#include <temporary_directory.hpp>
#include <temporary_file.hpp>

#include <weir/observe/run_watch.hpp>
#include <weir/operators/event_windows.hpp>
#include <weir/operators/stream_map.hpp>
#include <weir/weir.hpp>

using namespace std::chrono_literals;

namespace {

using weir::executor;
using weir::task;

/// The error is want of memory, or is made of such errors.
bool out_of_memory(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::bad_alloc&) {
        return true;
    } catch (const std::system_error& e) {
        return e.code() == std::errc::not_enough_memory;
    } catch (const weir::group_error& e) {
        for (const std::exception_ptr& one : e.errors()) {
            if (out_of_memory(one)) return true;
        }
        return false;
    } catch (...) {
        return false;
    }
}

std::string name_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "something";
    }
}

/// What has nothing to do with the operation that fails.
task<> bystander(int& ticks) {
    for (; ticks != 3; ++ticks) {
        co_await weir::sleep_for(100us);
        co_await weir::yield();
    }
}

/// Runs a scenario on a thread of its own, whose pools are empty, and lets the n-th allocation fail.
class attempt {
public:
    template <class Scenario>
    attempt(Scenario& scenario, std::size_t n) {
        const std::size_t before = support::blocks_alive();
        std::thread{[&] { run(scenario, n); }}.join();
        if (problem_.empty() && !comes_back_to(before)) {
            problem_ = std::to_string(support::blocks_alive()) + " blocks are left of " + std::to_string(before);
        }
    }

    /// An allocation has failed.
    bool failed() const noexcept { return failed_; }
    const std::string& problem() const noexcept { return problem_; }

private:
    /// Whether all else has been freed. A thread of the library that has answered may be about to free its part.
    static bool comes_back_to(std::size_t before) {
        const auto limit = std::chrono::steady_clock::now() + 5s;
        while (support::blocks_alive() != before) {
            if (std::chrono::steady_clock::now() > limit) return false;
            std::this_thread::yield();
        }
        return true;
    }

    template <class Scenario>
    void run(Scenario& scenario, std::size_t n) {
        executor ex;
        std::exception_ptr reported;
        ex.on_error([&](const std::exception_ptr& error, std::source_location) { reported = error; });
        int ticks = 0;
        auto other = ex.spawn(bystander(ticks));
        ex.turn(ex.now());

        std::exception_ptr thrown;
        bool right = false;
        support::fail_allocation(n);
        try {
            right = scenario(ex);
        } catch (...) {
            thrown = std::current_exception();
        }
        failed_ = support::end_of_failure();

        if (thrown == nullptr && !right) problem_ = "a wrong result";
        if (thrown != nullptr && !(failed_ && out_of_memory(thrown))) problem_ = "it throws: " + name_of(thrown);
        if (reported != nullptr && !(failed_ && out_of_memory(reported))) problem_ = "reported: " + name_of(reported);
        try {
            ex.run(weir::with_timeout(10s, std::move(other)));
        } catch (...) {
            problem_ = "another task fails: " + name_of(std::current_exception());
        }
    }

    std::string problem_;
    bool failed_ = false;
};

/// Lets each allocation of a scenario fail.
/// @param scenario  runs something on an executor, and answers whether the result is right
template <class Scenario>
void each_allocation_fails(Scenario scenario, std::source_location place = std::source_location::current()) {
    REQUIRE(support::allocations_can_fail());
    attempt{scenario, 0}; // what is made once
    for (std::size_t n = 1;; ++n) {
        const attempt one{scenario, n};
        CAPTURE(place.line());
        CAPTURE(n);
        CHECK(one.problem() == "");
        if (!one.failed()) break;
        REQUIRE(n < 5000);
    }
}

constinit weir::local<int> tag{"tag"};

/// Runs an operation, and fails where it hangs.
template <class A>
auto run(executor& ex, A operation) {
    return ex.run(weir::with_timeout(10s, std::move(operation)));
}

task<int> number(int n, weir::duration d = 0us) {
    if (d != 0us) {
        co_await weir::sleep_for(d);
    } else {
        co_await weir::yield();
    }
    co_return n;
}

weir::async_stream<int> numbers(int n) {
    for (int i = 1; i <= n; ++i) {
        if (i % 3 == 0) co_await weir::yield();
        co_yield i;
    }
}

task<> fails(weir::duration d = 0us) {
    co_await number(0, d);
    throw std::bad_alloc{};
}

constexpr auto plus = [](int a, int b) { return a + b; };
auto sum() { return weir::fold(0, plus); }

/// A scenario: the sum of the items 1 to 10 that went through an operator.
template <class Operator>
auto sum_through(Operator through, int expected = 55) {
    return [=](executor& ex) { return run(ex, numbers(10) | through | sum()) == expected; };
}

} // namespace

TEST_SUITE("faults/out_of_memory") {
    TEST_CASE("out_of_memory: tasks that await tasks fail when memory runs out and nothing else does") {
        each_allocation_fails([](executor& ex) {
            return run(ex, [](int depth) -> task<int> {
                       struct chain {
                           static task<int> of(int n) {
                               if (n == 0) co_return 0;
                               co_return co_await of(n - 1) + 1;
                           }
                       };
                       co_return co_await chain::of(depth);
                   }(20)) == 20;
        });
    }

    TEST_CASE("out_of_memory: spawned operations fail when memory runs out and nothing else does") {
        each_allocation_fails([](executor& ex) {
            auto a = ex.spawn(number(1));
            auto b = ex.spawn(numbers(4) | sum());
            ex.spawn(number(3)).detach();
            ex.spawn(numbers(3) | weir::drain()).detach();
            return run(ex, std::move(a)) + run(ex, std::move(b)) == 11;
        });
    }

    TEST_CASE("out_of_memory: a task_group fails when memory runs out, and so does one that collects errors") {
        for (const auto errors : {weir::group_errors::fail_fast, weir::group_errors::collect}) {
            each_allocation_fails([errors](executor& ex) {
                weir::task_group group{ex, {.max_concurrent = 4, .errors = errors}};
                int done = 0;
                const auto one = [](int& count) -> task<> {
                    co_await weir::yield();
                    ++count;
                };
                for (int i = 0; i != 10; ++i) group.spawn(one(done));
                run(ex, group.join());
                return done == 10;
            });
            each_allocation_fails([errors](executor& ex) {
                weir::task_group group{ex, {.errors = errors}};
                for (int i = 0; i != 10; ++i) group.spawn(fails(i * 10us));
                try {
                    run(ex, group.join());
                } catch (const weir::group_error& e) {
                    return e.errors().size() == 10;
                } catch (const std::bad_alloc&) {
                    return true;
                }
                return false;
            });
        }
    }

    TEST_CASE("out_of_memory: with_group and async_finally fail when memory runs out, and run their cleanups") {
        each_allocation_fails([](executor& ex) {
            int registered = 0;
            int cleaned = 0;
            const auto body = [&](weir::task_group& group) -> task<int> {
                const auto clean = [&cleaned] {
                    ++cleaned; // before the task may fail
                    return number(0);
                };
                const auto guard = weir::async_finally(10s, clean);
                ++registered;
                group.spawn(number(1));
                group.spawn(numbers(3) | weir::drain());
                co_return co_await number(7);
            };
            const bool right = run(ex, weir::with_group(body)) == 7;
            return right && registered == 1 && cleaned == 1;
        });
    }

    TEST_CASE("out_of_memory: when_all, when_any, with_timeout and with_local fail when memory runs out") {
        each_allocation_fails([](executor& ex) {
            auto [a, b] = run(ex, weir::when_all(number(1), numbers(4) | sum()));
            const auto first = run(ex, weir::when_any(number(3), number(4, 1h)));
            std::vector<task<int>> several;
            for (int i = 0; i != 5; ++i) several.push_back(number(i));
            const auto all = run(ex, weir::when_all(std::move(several)));
            auto settled = run(ex, weir::when_all_settled(number(1), number(2)));
            const int local = run(ex, weir::with_local(tag, 7, numbers(4) | sum()));
            return a + b == 11 && local == 10 && first.value == 3 && all.size() == 5 &&
                   std::get<0>(settled).value() == 1;
        });
    }

    TEST_CASE("out_of_memory: run_watch reports stalls without a text when memory runs out") {
        each_allocation_fails([](executor& ex) {
            int stalls = 0;
            const weir::run_watch watch{ex, {.threshold = 0ns, .on_stall = [&](const weir::stall&) { ++stalls; }}};
            return run(ex, number(3)) == 3 && stalls != 0;
        });
    }

    TEST_CASE("out_of_memory: timers are armed and fire without memory") {
        each_allocation_fails([](executor& ex) {
            int fired = 0;
            std::vector<weir::join_handle<task<>>> sleepers;
            for (int i = 0; i != 40; ++i) {
                sleepers.push_back(ex.spawn([](int& f, int k) -> task<> {
                    co_await weir::sleep_for(k % 4 * 300us);
                    ++f;
                }(fired, i)));
            }
            for (auto& one : sleepers) run(ex, std::move(one));
            return fired == 40;
        });
    }

    TEST_CASE("out_of_memory: a channel fails when memory runs out at the sender that asked, and loses no item") {
        for (const int capacity : {0, 1, 16}) {
            each_allocation_fails([capacity](executor& ex) {
                auto [tx, rx] = weir::channel<int>(capacity);
                const auto produce = [](weir::sender<int> to) -> task<> {
                    for (int i = 1; i <= 10; ++i) co_await to.send(i);
                };
                auto received = std::move(rx) | sum();
                auto one = produce(tx);
                auto two = produce(std::move(tx));
                const int total =
                    std::get<0>(run(ex, weir::when_all(std::move(received), std::move(one), std::move(two))));
                return total == 110;
            });
        }
    }

    TEST_CASE(
        "out_of_memory: broadcast, state, oneshot, mutex, semaphore, event and condition fail when memory runs out") {
        each_allocation_fails([](executor& ex) {
            weir::broadcast<int> b;
            auto all = ex.spawn(b.subscribe({.capacity = 4}) | sum());
            auto newest = ex.spawn(b.subscribe({.overflow = weir::overflow::latest}) | weir::drain());
            run(ex, numbers(10) | weir::send(b));
            b.close();
            run(ex, std::move(newest));
            return run(ex, std::move(all)) == 55;
        });
        each_allocation_fails([](executor& ex) {
            weir::state<int> s{1};
            auto watching = ex.spawn(s.watch() | weir::take(2) | sum());
            run(ex, number(0));
            s.set(5);
            auto [tx, rx] = weir::oneshot<int>();
            auto answer = ex.spawn(std::move(rx));
            const bool sent = std::move(tx).send(4);
            return sent && run(ex, std::move(watching)) == 6 && run(ex, std::move(answer)) == 4;
        });
        each_allocation_fails([](executor& ex) {
            weir::mutex<int> m{0};
            weir::semaphore s{1};
            const auto work = [&]() -> task<> {
                const auto permit = co_await s.acquire();
                auto locked = co_await m.lock();
                co_await weir::yield();
                ++*locked;
            };
            auto [x, y, z] = std::tuple{ex.spawn(work()), ex.spawn(work()), ex.spawn(work())};
            run(ex, std::move(x));
            run(ex, std::move(y));
            run(ex, std::move(z));
            return *run(ex, m.lock()) == 3;
        });
    }

    TEST_CASE("out_of_memory: operators that hold items fail when memory runs out") {
        each_allocation_fails(sum_through(weir::buffer(4)));
        each_allocation_fails(sum_through(weir::also_to(weir::drain())));
        each_allocation_fails(sum_through(
            weir::chunk(3) | weir::map([](std::vector<int> v) { return std::accumulate(v.begin(), v.end(), 0); })));
        each_allocation_fails(
            sum_through(weir::chunk_by([](int x) { return x / 4; }) |
                        weir::map([](std::vector<int> v) { return std::accumulate(v.begin(), v.end(), 0); })));
        each_allocation_fails(
            sum_through(weir::sliding(3) | weir::map([](std::vector<int> v) { return v.back(); }), 52));
        each_allocation_fails(sum_through(weir::conflate_with(plus)));
        each_allocation_fails(sum_through(
            weir::closure{[](auto items) { return (std::move(items) | weir::share({.capacity = 2})).subscribe(); }}));
        each_allocation_fails(sum_through(weir::closure{
            [](auto items) { return (std::move(items) | weir::replay(3, {.capacity = 2})).subscribe(); }}));
        each_allocation_fails(sum_through(
            weir::prefix_and_tail(1) | weir::concat_map([](auto both) { return std::move(both.second); }), 54));
        each_allocation_fails(sum_through(weir::batch_while_busy(3) | weir::map([](std::vector<int> v) {
                                              return std::accumulate(v.begin(), v.end(), 0);
                                          })));
        each_allocation_fails(
            sum_through(weir::event_windows(
                            weir::tumbling_windows{3s}, {.lateness = 1s},
                            [](int x) { return std::chrono::sys_seconds{x * 1s}; }, [](int x) { return x % 2; }) |
                        weir::map([](const auto& window) {
                            return std::accumulate(window.items.begin(), window.items.end(), 0);
                        })));
        each_allocation_fails(sum_through(weir::closure{[]<class S>(S s) {
            auto [streams, items] = weir::stream_map<int, S>();
            streams.insert(1, std::move(s));
            return std::move(items) | weir::map([](std::pair<int, int> both) { return both.second; });
        }}));
        each_allocation_fails(sum_through(
            weir::latest_per_key_frames(20, [n = 0](int) mutable { return ++n; }) |
            weir::map([](const std::vector<int>& frame) { return std::accumulate(frame.begin(), frame.end(), 0); })));
        each_allocation_fails(
            [](executor& ex) { return run(ex, numbers(10) | weir::start_with(std::vector{1, 2, 3}) | sum()) == 61; });
        each_allocation_fails(sum_through(weir::log("numbers", [](std::string_view) {}) | weir::on_demand([] {})));
        each_allocation_fails(sum_through(weir::map_async(3, [](int x) { return weir::as_outcome(number(x)); }) |
                                          weir::skip_errors<std::logic_error>()));
        each_allocation_fails([](executor& ex) {
            const auto summed = [](auto items) { return std::move(items) | sum(); };
            return run(ex, numbers(10) | weir::window(weir::back_to_back{1h}, summed) | sum()) == 55;
        });
        each_allocation_fails([](executor& ex) {
            const weir::partition_hub<int> hub{
                [](int x, auto held) { return static_cast<std::size_t>(x) % held.size(); }};
            auto odd = ex.spawn(hub.subscribe({.capacity = 1}) | sum());
            auto even = ex.spawn(hub.subscribe({.capacity = 9}) | sum());
            run(ex, numbers(10) | weir::send(hub));
            hub.close();
            return run(ex, std::move(odd)) + run(ex, std::move(even)) == 55;
        });
        each_allocation_fails(sum_through(weir::delay([](int x) { return x % 2 * 200us; })));
        each_allocation_fails(sum_through(weir::delay(200us)));
        each_allocation_fails(sum_through(weir::timeout(10s)));
        each_allocation_fails(sum_through(weir::debounce(1h), 10));
        each_allocation_fails(sum_through(weir::throttle(1h), 11));
        each_allocation_fails(
            [](executor& ex) { return run(ex, numbers(10) | weir::pace(weir::rate{10'000}, 4) | sum()) == 55; });
        each_allocation_fails([](executor& ex) {
            return run(ex, weir::interval(200us) | weir::sample(500us) | weir::take(2) | weir::count()) == 2;
        });
    }

    TEST_CASE("out_of_memory: operators over several streams fail when memory runs out") {
        each_allocation_fails(
            [](executor& ex) { return run(ex, weir::merge(numbers(10), numbers(10), numbers(4)) | sum()) == 120; });
        each_allocation_fails([](executor& ex) {
            std::vector<weir::async_stream<int>> several;
            for (int i = 0; i != 4; ++i) several.push_back(numbers(10));
            return run(ex, weir::merge(std::move(several)) | sum()) == 220;
        });
        each_allocation_fails([](executor& ex) {
            std::vector<weir::async_stream<int>> several;
            for (int i = 0; i != 3; ++i) several.push_back(numbers(10));
            return run(ex, weir::race(std::move(several)) | sum()) == 55;
        });
        each_allocation_fails([](executor& ex) {
            std::vector<weir::async_stream<int>> several;
            for (int i = 0; i != 4; ++i) several.push_back(numbers(10));
            return run(ex, weir::interleave(2, std::move(several)) | sum()) == 220;
        });
        each_allocation_fails([](executor& ex) {
            std::vector<weir::async_stream<int>> several;
            for (int i = 0; i != 4; ++i) several.push_back(numbers(10));
            return run(ex, weir::merge_sorted(std::move(several)) | sum()) == 220 &&
                   run(ex, weir::merge_sorted(numbers(10), numbers(10)) | sum()) == 110;
        });
        each_allocation_fails([](executor& ex) {
            return run(ex, weir::zip(numbers(4), numbers(4)) | weir::count()) == 4 &&
                   run(ex, numbers(4) | weir::with_latest_from(weir::just(1)) | weir::count()) == 4 &&
                   run(ex, weir::zip_longest(numbers(2), numbers(4)) | weir::count()) == 4 &&
                   run(ex, weir::combine_latest(numbers(4), numbers(4)) | weir::count()) >= 4 &&
                   run(ex, weir::concat(numbers(4), numbers(4)) | weir::count()) == 8;
        });
    }

    TEST_CASE("out_of_memory: operators that start an operation or a stream per item fail when memory runs out") {
        const auto same = [](int n) { return number(n); };
        const auto twice = [](int n) { return weir::just(n, n); };
        each_allocation_fails(sum_through(weir::map_async(3, same)));
        each_allocation_fails(sum_through(weir::map_async_unordered(3, same)));
        each_allocation_fails(sum_through(weir::map_async_keyed(3, [](int x) { return x % 4; }, same)));
        each_allocation_fails([](executor& ex) {
            int total = 0;
            run(ex, numbers(10) | weir::for_each_group([](int x) { return x % 3; },
                                                       [&](int, auto items) {
                                                           return std::move(items) |
                                                                  weir::for_each([&](int x) { total += x; });
                                                       }));
            return total == 55;
        });
        each_allocation_fails(sum_through(weir::flat_map(3, twice), 110));
        each_allocation_fails(sum_through(weir::flat_map(3, [](int n) { return numbers(n); }), 220));
        each_allocation_fails(sum_through(weir::concat_map(twice), 110));
        each_allocation_fails([&](executor& ex) {
            return run(ex, weir::just(1, 2) | weir::switch_map([](int) { return numbers(4); }) | weir::count()) >= 4;
        });
        each_allocation_fails([](executor& ex) {
            int seen = 0;
            run(ex, numbers(10) | weir::for_each([&seen](int n) -> task<> {
                        co_await weir::yield();
                        seen += n;
                    }));
            return seen == 55;
        });
    }

    TEST_CASE("out_of_memory: retry, hedge and limits fail when memory runs out") {
        each_allocation_fails([](executor& ex) {
            weir::concurrency_limit limit{1};
            auto a = ex.spawn(limit.run(number(3)));
            auto b = ex.spawn(limit.run(number(4)));
            weir::rate_limiter rate{weir::rate{10'000}};
            run(ex, rate.acquire());
            run(ex, rate.acquire());
            return run(ex, weir::hedge([] { return number(2, 300us); }, 100us)) == 2 &&
                   run(ex, weir::retry([] { return number(1); },
                                       {.when = [](const std::exception_ptr&) { return false; }})) == 1 &&
                   run(ex, std::move(a)) + run(ex, std::move(b)) == 7;
        });
    }

    TEST_CASE("out_of_memory: files and sockets fail when memory runs out") {
        support::temporary_file text{"one\ntwo\nthree\n"};
        each_allocation_fails([&](executor& ex) { return run(ex, weir::lines(text.path()) | weir::count()) == 3; });
        const std::size_t open = support::open_descriptors();
        each_allocation_fails([&](executor& ex) {
            return run(ex, [](std::string path) -> task<bool> {
                const std::size_t slash = path.rfind('/');
                weir::beneath where{path.substr(0, slash), path.substr(slash + 1)};
                auto f = co_await weir::open(std::move(where));
                co_await f.close();
                co_return !f.is_open();
            }(text.path()));
        });
        CHECK(support::open_descriptors() == open);
        each_allocation_fails([](executor& ex) {
            return run(ex, []() -> task<bool> {
                auto [near, far] = co_await weir::unix_pair();
                auto reading = executor::current()->spawn(weir::lines(std::move(far)) | weir::count());
                for (int i = 0; i != 3; ++i) co_await near.write("some words\nmore\n");
                co_await near.shutdown_write();
                co_return co_await reading == 6;
            }());
        });
    }

    TEST_CASE("out_of_memory: servers, datagrams and abandoned reads fail when memory runs out") {
        each_allocation_fails([](executor& ex) {
            return run(ex, []() -> task<bool> {
                const weir::endpoint here{"127.0.0.1", 0};
                auto listener = co_await weir::listen(here);
                const auto address = listener.local_endpoint();
                const auto talk = [](weir::tcp_stream client) -> task<> { co_await client.write("hello"); };
                auto serving = weir::accept(std::move(listener)) | weir::take(1) | weir::serve(talk);
                auto asking = [](weir::endpoint peer) -> task<int> {
                    auto socket = co_await weir::tcp_connect(peer);
                    co_return co_await (weir::read(socket) | weir::fold(0, [](int n, const weir::bytes& part) {
                                            return n + static_cast<int>(part.size());
                                        }));
                }(address);
                auto [served, size] = co_await weir::when_all(std::move(serving), std::move(asking));
                co_return served.served == 1 && size == 5;
            }());
        });
        each_allocation_fails([](executor& ex) {
            return run(ex, []() -> task<bool> {
                const weir::endpoint here{"127.0.0.1", 0};
                auto a = co_await weir::udp_bind(here);
                auto b = co_await weir::udp_bind(here);
                co_await a.send_to("one", b.local_endpoint());
                auto arrived = weir::datagrams(std::move(b)) | weir::first();
                const auto one = co_await arrived;
                co_return one.has_value();
            }());
        });
        each_allocation_fails([](executor& ex) {
            return run(ex, []() -> task<bool> {
                auto [near, far] = co_await weir::unix_pair();
                {
                    auto abandoned = weir::read(far);
                    auto next = weir::next(abandoned);
                    auto soon = weir::sleep_for(100us);
                    co_await weir::when_any(std::move(next), std::move(soon));
                }
                co_await near.write("text");
                char text[4];
                std::size_t got = 0;
                while (got != 4) {
                    const auto rest = std::span{text}.subspan(got);
                    got += co_await far.read(rest);
                }
                co_return std::string_view(text, 4) == "text";
            }());
        });
    }

    TEST_CASE("out_of_memory: directories, processes, look-ups and file writes fail when memory runs out") {
        support::temporary_directory directory;
        const std::string file = directory.path() + "/file";
        each_allocation_fails([&](executor& ex) {
            return run(ex, weir::from_range(std::vector<std::string>{"one ", "two"}) | weir::write(file)) == 7;
        });
        each_allocation_fails([&](executor& ex) { return run(ex, weir::walk(directory.path()) | weir::count()) == 1; });
        each_allocation_fails([&](executor& ex) {
            auto changes = weir::watch(directory.path());
            auto sigusr = weir::signals(SIGUSR1);
            auto one = std::move(changes) | weir::drain();
            auto two = std::move(sigusr) | weir::drain();
            return run(ex, weir::when_any(std::move(one), std::move(two), weir::sleep_for(100us))).index == 2;
        });
        each_allocation_fails(
            [&](executor& ex) { return run(ex, weir::follow(file) | weir::take(1) | weir::count()) == 1; });
        each_allocation_fails([](executor& ex) {
            return run(ex, weir::process_output({"printf", "a\\nb\\n"}) | weir::lines() | weir::count()) == 2;
        });
        const std::string fifo = directory.path() + "/fifo";
        REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
        each_allocation_fails([&](executor& ex) {
            auto without_peer = weir::open(fifo);
            return run(ex, weir::when_any(std::move(without_peer), weir::sleep_for(2ms))).index == 1;
        });
        each_allocation_fails([](executor& ex) { return run(ex, weir::resolve("127.0.0.1", 80)).size() == 1; });
        each_allocation_fails([](executor& ex) { return !run(ex, weir::resolve("localhost", 80)).empty(); });
    }

    TEST_CASE("out_of_memory: operations across threads fail on their own thread when memory runs out") {
        each_allocation_fails([](executor& ex) {
            weir::thread_pool pool{1};
            return run(ex, weir::offload(pool, [] { return 3; })) == 3 &&
                   run(ex, numbers(10) | weir::map_blocking(2, pool, [](int n) { return n; }) | sum()) == 55;
        });
        each_allocation_fails([](executor& ex) {
            weir::runtime rt{1};
            return run(ex, weir::spawn_on(rt[0], [] { return number(3); })) == 3;
        });
        each_allocation_fails([](executor& ex) {
            weir::runtime rt{1};
            return run(ex, numbers(10) | weir::publish_on(rt[0], 4) | sum()) == 55;
        });
        each_allocation_fails([](executor& ex) {
            weir::runtime rt{1};
            return run(ex, numbers(10) | weir::subscribe_on(rt[0], 4) | sum()) == 55;
        });
        each_allocation_fails([](executor& ex) {
            weir::runtime rt{1};
            return run(ex, numbers(10) | weir::parallel(rt, weir::map([](int n) { return n; }), {.rails = 2}) |
                               sum()) == 55;
        });
        each_allocation_fails([](executor&) {
            weir::runtime rt{1};
            return weir::to_future(rt[0], number(3)).get() == 3;
        });
        each_allocation_fails([](executor& ex) {
            auto [tx, rx] = weir::concurrent_channel<int>(4);
            auto sent = numbers(10) | weir::send(std::move(tx));
            return std::get<1>(run(ex, weir::when_all(std::move(sent), std::move(rx) | sum()))) == 55;
        });
    }
}
