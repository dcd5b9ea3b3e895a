// SPDX-License-Identifier: MIT
#include <weir/scope/async_finally.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/take.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::async_finally;
using weir::testing::virtual_executor;

namespace {

/// Notes what happens and when, in milliseconds.
struct recorder {
    weir::executor& ex;
    std::string text{};

    void note(const std::string& what) { text += what + '@' + std::to_string(ex.now().time_since_epoch() / 1ms) + ' '; }
    void report_here() {
        ex.on_error([this](std::exception_ptr error, std::source_location place) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                note(std::string{e.what()} + ':' + std::to_string(place.line()));
            }
        });
    }
    weir::task<> clean(std::string name, weir::duration d) {
        note("begin " + name);
        co_await weir::sleep_for(d);
        note("end " + name);
    }
    /// What guards are given.
    auto cleaner(std::string name = "", weir::duration d = 100ms) {
        return [this, name = std::move(name), d] { return clean(name, d); };
    }
};

} // namespace

TEST_SUITE("scope/async_finally") {
    TEST_CASE("async_finally: the cleanup runs after a return, and run does not return before it is done") {
        virtual_executor ex;
        recorder log{ex};
        auto body = [&]() -> weir::task<int> {
            const async_finally guard{1s, log.cleaner()};
            co_await weir::sleep_for(1ms);
            log.note("return");
            co_return 7;
        };
        CHECK(ex.run(body()) == 7);
        CHECK(log.text == "return@1 begin @1 end @101 ");
    }

    TEST_CASE("async_finally runs after an exception") {
        virtual_executor ex;
        recorder log{ex};
        auto body = [&]() -> weir::task<> {
            const async_finally guard{1s, log.cleaner()};
            throw std::runtime_error{"body"};
            co_return;
        };
        CHECK_THROWS_WITH(ex.run(body()), "body");
        CHECK(log.text == "begin @0 end @100 ");
    }

    TEST_CASE("async_finally runs when the scope is dropped") {
        virtual_executor ex;
        recorder log{ex};
        auto body = [&]() -> weir::task<> {
            const async_finally guard{1s, log.cleaner()};
            co_await weir::sleep_for(1h);
        };
        {
            auto handle = ex.spawn(body());
            ex.advance(5ms);
        }
        CHECK(log.text.empty());
        ex.run(weir::yield());
        CHECK(log.text == "begin @5 end @105 ");
    }

    TEST_CASE("async_finally runs when run is stopped") {
        virtual_executor ex;
        recorder log{ex};
        auto body = [&]() -> weir::task<> {
            const async_finally guard{1s, log.cleaner()};
            ex.stop();
            co_await weir::sleep_for(20ms);
            FAIL("it went on");
        };
        CHECK_THROWS_AS(ex.run(body()), weir::stopped);
        CHECK(log.text.find("begin @") == 0);
        CHECK(log.text.find("end @") != std::string::npos);
    }

    TEST_CASE("async_finally runs when the executor is destroyed, also for spawned operations") {
        std::string text;
        {
            virtual_executor ex;
            recorder log{ex};
            auto clean = [&text, &ex]() -> weir::task<> {
                co_await weir::sleep_for(100ms);
                text += std::to_string(ex.elapsed() / 1ms);
            };
            auto body = [&]() -> weir::task<> {
                const async_finally guard{1s, clean};
                co_await weir::sleep_for(1h);
            };
            ex.spawn(body()).detach();
            ex.advance(5ms);
        }
        CHECK(text == "105");
    }

    TEST_CASE("async_finally: weir::run waits for cleanups, also on the kernel's backends") {
        bool cleaned = false;
        auto body = [&]() -> weir::task<> {
            const async_finally guard{1s, [&]() -> weir::task<> {
                                          co_await weir::sleep_for(1ms);
                                          cleaned = true;
                                      }};
            co_await weir::yield();
        };
        weir::run(body());
        CHECK(cleaned);
    }

    TEST_CASE("async_finally: a generator may be dropped at every co_await and every co_yield") {
        // Its points: not begun, co_await, co_yield, co_await, co_yield, end.
        for (int point = 0; point != 6; ++point) {
            CAPTURE(point);
            virtual_executor ex;
            recorder log{ex};
            auto generator = [&]() -> weir::async_stream<int> {
                const async_finally guard{1s, log.cleaner()};
                co_await weir::sleep_for(10ms);
                co_yield 1;
                co_await weir::sleep_for(10ms);
                co_yield 2;
            };
            auto consume = [&]() -> weir::task<> {
                auto s = generator();
                if (point == 0) co_return;
                // Waits for the item or, at the odd points, for less long than it takes.
                const int items = point / 2;
                for (int i = 0; i != items; ++i) co_await weir::next(s);
                if (point % 2 == 1) {
                    auto pull = ex.spawn(weir::next(s));
                    co_await weir::sleep_for(5ms);
                }
            };
            ex.run(consume());
            // Dropped before it began there is nothing to clean.
            const char* expected[] = {"",
                                      "begin @5 end @105 ",
                                      "begin @10 end @110 ",
                                      "begin @15 end @115 ",
                                      "begin @20 end @120 ",
                                      "begin @20 end @120 "};
            CHECK(log.text == expected[point]);
            CHECK(ex.stats().timers_armed == 0);
        }
    }

    TEST_CASE("async_finally: the guards of nested scopes start from the inside out") {
        virtual_executor ex;
        recorder log{ex};
        auto inner = [&]() -> weir::task<> {
            const async_finally guard{1s, log.cleaner("inner")};
            co_await weir::sleep_for(1h);
        };
        auto outer = [&]() -> weir::task<> {
            const async_finally guard{1s, log.cleaner("outer", 10ms)};
            const async_finally second{1s, log.cleaner("second", 20ms)};
            co_await inner();
        };
        {
            auto handle = ex.spawn(outer());
            ex.run_ready();
        }
        ex.run(weir::yield());
        CHECK(log.text == "begin inner@0 begin second@0 begin outer@0 end outer@10 end second@20 end inner@100 ");
    }

    TEST_CASE("async_finally keeps a resource at its address until the cleanup is done") {
        virtual_executor ex;
        recorder log{ex};
        struct connection {
            std::unique_ptr<int> open = std::make_unique<int>(3);
            connection* self = nullptr;
        };
        std::weak_ptr<int> watched;
        auto body = [&]() -> weir::task<> {
            auto shared = std::make_shared<int>(0);
            watched = shared;
            async_finally guard{1s, std::pair{connection{}, std::move(shared)}, [&](auto& held) -> weir::task<> {
                                    CHECK(&held.first == held.first.self);
                                    co_await weir::sleep_for(10ms);
                                    log.note("closed " + std::to_string(*held.first.open));
                                }};
            guard->first.self = &(*guard).first;
            co_await weir::sleep_for(1ms);
        };
        ex.run(body());
        CHECK(log.text == "closed 3@11 ");
        CHECK(watched.expired());
    }

    TEST_CASE("async_finally: a guard can be moved, and dismissed") {
        virtual_executor ex;
        recorder log{ex};
        auto body = [&]() -> weir::task<> {
            async_finally first{1s, log.cleaner("first")};
            async_finally moved{std::move(first)};
            async_finally dismissed{1s, log.cleaner("dismissed")};
            dismissed.dismiss();
            async_finally with{1s, std::make_unique<int>(5), [&](auto&) { return log.clean("with", 1ms); }};
            const std::unique_ptr<int> back = std::move(with).dismiss();
            CHECK(*back == 5);
            co_return;
        };
        ex.run(body());
        CHECK(log.text == "begin first@0 end first@100 ");
    }

    TEST_CASE("async_finally: a cleanup beyond its time limit is dropped and reported with its guard's place") {
        virtual_executor ex;
        recorder log{ex};
        log.report_here();
        std::shared_ptr<int> token = std::make_shared<int>();
        std::uint_least32_t line = 0;
        auto clean = [&](std::shared_ptr<int>) -> weir::task<> { co_await weir::sleep_for(1h); };
        auto body = [&]() -> weir::task<> {
            line = std::source_location::current().line() + 1;
            const async_finally guard{50ms, [&] { return clean(token); }};
            co_await weir::sleep_for(10ms);
        };
        ex.run(body());
        CHECK(log.text == "weir::async_finally: the cleanup was not done within 50ms:" + std::to_string(line) + "@60 ");
        CHECK(token.use_count() == 1);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("async_finally: a cleanup that completes in the turn in which its time ends is in time") {
        virtual_executor ex;
        recorder log{ex};
        log.report_here();
        auto body = [&]() -> weir::task<> {
            const async_finally guard{50ms, log.cleaner("", 50ms)};
            co_return;
        };
        ex.run(body());
        CHECK(log.text == "begin @0 end @50 ");
    }

    TEST_CASE("async_finally: an error of a cleanup is reported, also when the function itself fails") {
        virtual_executor ex;
        recorder log{ex};
        log.report_here();
        auto fails = []() -> weir::task<> {
            co_await weir::sleep_for(1ms);
            throw std::runtime_error{"task"};
        };
        auto throws = []() -> weir::task<> { throw std::runtime_error{"function"}; };
        auto body = [&]() -> weir::task<> {
            const async_finally first{1s, fails};
            const async_finally second{1s, [&]() {
                                           throw std::runtime_error{"no task"};
                                           return throws();
                                       }};
            co_return;
        };
        ex.run(body());
        CHECK(log.text.find("no task:") == 0);
        CHECK(log.text.find(" task:") != std::string::npos);
        CHECK(log.text.find("@1 ") != std::string::npos);
    }

    TEST_CASE("async_finally: a cleanup may have guards of its own") {
        virtual_executor ex;
        recorder log{ex};
        auto clean = [&]() -> weir::task<> {
            const async_finally guard{1s, log.cleaner("inner")};
            co_await log.clean("outer", 10ms);
        };
        auto body = [&]() -> weir::task<> {
            const async_finally guard{1s, clean};
            co_return;
        };
        auto in_group = [&]() -> weir::task<> {
            weir::task_group group;
            group.spawn(body());
            co_await group.join();
            log.note("joined");
        };
        ex.run(in_group());
        CHECK(log.text == "begin outer@0 end outer@10 begin inner@10 end inner@110 joined@110 ");
        // As when its group is gone: those of the executor are waited for one after the other.
        log.text.clear();
        auto leaves = [&]() -> weir::task<> {
            weir::task_group group;
            auto waits = [&]() -> weir::task<> {
                const async_finally guard{1s, clean};
                co_await weir::sleep_for(1h);
            };
            group.spawn(waits());
            co_await weir::yield();
        };
        auto around = [&]() -> weir::task<> {
            weir::task_group group;
            group.spawn(leaves());
            co_await group.join();
            log.note("joined");
        };
        ex.run(around());
        CHECK(log.text == "begin outer@110 end outer@120 begin inner@120 end inner@220 joined@220 ");
    }

    TEST_CASE("async_finally finds its group through operators, generators and nested tasks") {
        virtual_executor ex;
        recorder log{ex};
        auto guarded = [&](int i) -> weir::task<int> {
            const async_finally guard{1s, log.cleaner(std::to_string(i))};
            co_await weir::sleep_for(1ms);
            co_return i;
        };
        auto generator = [&]() -> weir::async_stream<int> {
            const async_finally guard{1s, log.cleaner("generator")};
            for (int i = 0; i != 3; ++i) {
                co_await weir::sleep_for(1ms);
                co_yield i;
            }
        };
        auto body = [&]() -> weir::task<> {
            co_await (weir::merge(generator(), generator()) | weir::take(3) | weir::map_async(2, guarded) |
                      weir::drain());
            log.note("drained");
        };
        auto in_group = [&]() -> weir::task<> {
            weir::task_group group;
            group.spawn(body());
            co_await group.join();
            log.note("joined");
        };
        ex.run(in_group());
        std::size_t begun = 0;
        std::size_t ended = 0;
        for (std::size_t at = 0; (at = log.text.find("begin ", at)) != std::string::npos; ++at) ++begun;
        for (std::size_t at = 0; (at = log.text.find("end ", at)) != std::string::npos; ++at) ++ended;
        CHECK(begun == 5);
        CHECK(ended == 5);
        CHECK(log.text.find("drained") < log.text.find("end "));
        CHECK(log.text.find("joined") > log.text.rfind("end "));
    }

    TEST_CASE("async_finally: run waits for cleanups that have started by its end, and for no later ones") {
        virtual_executor ex;
        recorder log{ex};
        auto endless = [&]() -> weir::task<> {
            for (;;) {
                const async_finally guard{1s, log.cleaner("", 10ms)};
                co_await weir::sleep_for(5ms);
            }
        };
        {
            auto background = ex.spawn(endless());
            ex.run(weir::sleep_for(12ms));
            CHECK(ex.elapsed() == 20ms); // the one that began at 10ms
        }
        ex.run(weir::yield());
    }

    TEST_CASE("async_finally needs an executor") {
        const auto outside = [] { const async_finally guard{1s, [] { return weir::yield(); }}; };
        CHECK_THROWS_WITH_AS(outside(), "weir::async_finally: no executor runs on this thread", std::logic_error);
        virtual_executor ex;
        auto body = []() -> weir::task<> {
            async_finally guard{-1s, [] { return weir::yield(); }};
            co_return;
        };
        CHECK_THROWS_WITH_AS(ex.run(body()), "weir::async_finally: within is negative", std::invalid_argument);
    }

    TEST_CASE("async_finally: a scope that outlives its executor is reported when the executor is destroyed") {
        std::string reports;
        bool cleaned = false;
        auto generator = [&]() -> weir::async_stream<int> {
            const async_finally guard{1s, [&]() -> weir::task<> {
                                          cleaned = true;
                                          co_return;
                                      }};
            co_yield 1;
        };
        std::optional late{generator()};
        {
            virtual_executor ex;
            ex.on_error([&](std::exception_ptr error, std::source_location) {
                try {
                    std::rethrow_exception(error);
                } catch (const std::exception& e) {
                    reports += e.what();
                }
            });
            CHECK(ex.run(weir::next(*late)) == 1);
            CHECK(reports.empty());
        }
        CHECK(reports == "weir::async_finally: the executor was destroyed before the scope");
        late.reset();
        CHECK_FALSE(cleaned);
    }
}
