// SPDX-License-Identifier: MIT
#include <weir/scope/task_group.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <manual.hpp>
#include <weir/core/detail/frame_pool.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/scope/async_finally.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/interval.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::group_error;
using weir::group_errors;
using weir::task_group;
using weir::testing::virtual_executor;

namespace {

std::string message_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    }
}

/// Children that note when they begin, end and are dropped.
struct recorder {
    weir::executor& ex;
    std::string text{};

    void note(const std::string& what) { text += what + '@' + std::to_string(ex.now().time_since_epoch() / 1ms) + ' '; }

    struct mark {
        recorder& log;
        std::string name;
        bool ended = false;
        ~mark() {
            if (!ended) log.note("drop " + name);
        }
    };

    weir::task<> child(std::string name, weir::duration d) {
        mark m{*this, name};
        note(name);
        co_await weir::sleep_for(d);
        m.ended = true;
        note("end " + name);
    }
    weir::task<> failing(std::string name, weir::duration d) {
        mark m{*this, name};
        co_await weir::sleep_for(d);
        m.ended = true;
        note("fail " + name);
        throw std::runtime_error{name};
    }
};

} // namespace

TEST_SUITE("scope/task_group") {
    TEST_CASE("task_group: children run beside each other, and join waits for all of them") {
        virtual_executor ex;
        recorder log{ex};
        auto body = [&]() -> weir::task<> {
            task_group group;
            group.spawn(log.child("a", 30ms));
            group.spawn(log.child("b", 10ms));
            CHECK(group.running() == 2);
            co_await group.join();
            log.note("joined");
            CHECK(group.running() == 0);
        };
        ex.run(body());
        CHECK(log.text == "a@0 b@0 end b@10 end a@30 joined@30 ");
    }

    TEST_CASE("task_group: an empty group is joined at once") {
        virtual_executor ex;
        task_group group{ex};
        ex.run(group.join());
        CHECK(ex.stats().turns <= 1);
    }

    TEST_CASE("task_group: children may be added while it runs, by children too") {
        virtual_executor ex;
        recorder log{ex};
        auto body = [&]() -> weir::task<> {
            task_group group;
            auto adds = [&]() -> weir::task<> {
                co_await weir::sleep_for(10ms);
                group.spawn(log.child("late", 10ms));
            };
            group.spawn(adds());
            co_await group.join();
            log.note("joined");
        };
        ex.run(body());
        CHECK(log.text == "late@10 end late@20 joined@20 ");
    }

    TEST_CASE("task_group: any operation can be a child") {
        virtual_executor ex;
        task_group group{ex};
        group.spawn(weir::sleep_for(1s));
        group.spawn(weir::interval(1h) | weir::drain());
        ex.advance(2s);
        CHECK(group.running() == 1);
        group.cancel();
        CHECK(group.running() == 0);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("task_group: at most max_concurrent run at a time, the others in the order in which they were added") {
        virtual_executor ex;
        recorder log{ex};
        auto body = [&]() -> weir::task<> {
            task_group group{{.max_concurrent = 2}};
            for (const char* name : {"a", "b", "c", "d"}) group.spawn(log.child(name, 10ms));
            CHECK(group.running() == 2);
            CHECK(group.waiting() == 2);
            co_await group.join();
        };
        ex.run(body());
        CHECK(log.text == "a@0 b@0 end a@10 end b@10 c@10 d@10 end c@20 end d@20 ");
    }

    TEST_CASE("task_group: wait_for_capacity waits until there is capacity") {
        virtual_executor ex;
        recorder log{ex};
        auto body = [&]() -> weir::task<> {
            task_group group{{.max_concurrent = 1}};
            for (const char* name : {"a", "b", "c"}) {
                co_await group.wait_for_capacity();
                log.note("room");
                group.spawn(log.child(name, 10ms));
                CHECK(group.waiting() == 0);
            }
            co_await group.join();
        };
        ex.run(body());
        CHECK(log.text == "room@0 a@0 end a@10 room@10 b@10 end b@20 room@20 c@20 end c@30 ");
    }

    TEST_CASE("task_group: max_concurrent must be at least 1") {
        virtual_executor ex;
        CHECK_THROWS_WITH_AS((task_group{ex, {.max_concurrent = 0}}),
                             "weir::task_group: max_concurrent must be at least 1", std::invalid_argument);
    }

    TEST_CASE("task_group throws an error that says so without an executor") {
        CHECK_THROWS_WITH_AS(task_group{}, "weir::task_group: no executor runs on this thread", std::logic_error);
    }

    TEST_CASE("task_group with fail_fast drops all others at the first failure, which join throws") {
        virtual_executor ex;
        recorder log{ex};
        auto body = [&]() -> weir::task<> {
            task_group group{{.max_concurrent = 3}};
            group.spawn(log.child("a", 30ms));
            group.spawn(log.failing("b", 10ms));
            group.spawn(log.failing("c", 20ms));
            group.spawn(log.child("queued", 1ms));
            try {
                co_await group.join();
            } catch (const std::runtime_error& e) {
                log.note(std::string{"caught "} + e.what());
            }
            CHECK(group.running() == 0);
            CHECK(group.waiting() == 0);
        };
        ex.run(body());
        CHECK(log.text == "a@0 fail b@10 drop a@10 drop c@10 caught b@10 ");
    }

    TEST_CASE("task_group drops operations that are spawned after a failure, until join resets it") {
        virtual_executor ex;
        recorder log{ex};
        task_group group{ex};
        group.spawn(log.failing("a", 1ms));
        ex.advance(2ms);
        group.spawn(log.child("never", 1ms));
        CHECK(group.running() == 0);
        CHECK_THROWS_WITH(ex.run(group.join()), "a");
        group.spawn(log.child("again", 1ms));
        ex.run(group.join());
        CHECK(log.text == "fail a@1 again@2 end again@3 ");
    }

    TEST_CASE("task_group with collect runs all operations to their end, and join throws all errors in one") {
        virtual_executor ex;
        recorder log{ex};
        task_group group{ex, {.errors = group_errors::collect}};
        group.spawn(log.failing("second", 20ms));
        group.spawn(log.failing("first", 10ms));
        group.spawn(log.child("good", 30ms));
        try {
            ex.run(group.join());
            FAIL("it did not throw");
        } catch (const group_error& e) {
            CHECK(std::string{e.what()} == "weir::task_group: 2 failed: first; second");
            REQUIRE(e.errors().size() == 2);
            CHECK(message_of(e.errors()[0]) == "first");
            CHECK(message_of(e.errors()[1]) == "second");
        }
        CHECK(log.text == "good@0 fail first@10 fail second@20 end good@30 ");
        ex.run(group.join());
    }

    TEST_CASE("task_group drops its operations when its scope is left by return, exception or drop") {
        enum class way { by_return, by_exception, dropped };
        for (const way how : {way::by_return, way::by_exception, way::dropped}) {
            CAPTURE(static_cast<int>(how));
            virtual_executor ex;
            recorder log{ex};
            auto body = [&]() -> weir::task<> {
                task_group group{{.max_concurrent = 1}};
                group.spawn(log.child("a", 1h));
                group.spawn(log.child("never", 1h));
                co_await weir::sleep_for(1ms);
                if (how == way::by_exception) throw std::runtime_error{"body"};
                if (how == way::dropped) co_await weir::sleep_for(1h);
            };
            {
                auto handle = ex.spawn(body());
                ex.advance(2ms);
                if (how == way::by_exception) CHECK_THROWS_WITH(ex.run(std::move(handle)), "body");
            }
            CHECK(log.text == (how == way::dropped ? "a@0 drop a@2 " : "a@0 drop a@1 "));
            CHECK(ex.stats().timers_armed == 0);
        }
    }

    TEST_CASE("task_group: join waits for the cleanups of guards") {
        virtual_executor ex;
        recorder log{ex};
        auto guarded = [&](weir::duration d) -> weir::task<> {
            weir::async_finally guard{1s, [&log] { return log.child("cleanup", 50ms); }};
            co_await weir::sleep_for(d);
        };
        auto deeper = [&](weir::duration d) -> weir::task<> { co_await guarded(d); };
        auto body = [&]() -> weir::task<> {
            task_group group;
            group.spawn(deeper(10ms));
            co_await group.join();
            log.note("joined");
            group.spawn(deeper(1h));
            co_await weir::sleep_for(10ms);
            group.cancel();
            CHECK(group.running() == 0);
            log.note("cancelled");
            co_await group.join();
            log.note("joined");
        };
        ex.run(body());
        CHECK(log.text == "cleanup@10 end cleanup@60 joined@60 cancelled@70 cleanup@70 end cleanup@120 joined@120 ");
    }

    TEST_CASE("task_group: after a failure join waits for the guards before it throws") {
        virtual_executor ex;
        recorder log{ex};
        auto guarded = [&]() -> weir::task<> {
            weir::async_finally guard{1s, [&log] { return log.child("cleanup", 50ms); }};
            co_await weir::sleep_for(1h);
        };
        task_group group{ex};
        group.spawn(guarded());
        group.spawn(log.failing("a", 10ms));
        CHECK_THROWS_WITH(ex.run(group.join()), "a");
        CHECK(log.text == "fail a@10 cleanup@10 end cleanup@60 ");
    }

    TEST_CASE(
        "task_group: what guards have to do when the group dies goes to the group around it, or to the executor") {
        virtual_executor ex;
        recorder log{ex};
        auto guarded = [&]() -> weir::task<> {
            weir::async_finally guard{1s, [&log] { return log.child("cleanup", 50ms); }};
            co_await weir::sleep_for(1h);
        };
        auto inner = [&]() -> weir::task<> {
            task_group group;
            group.spawn(guarded());
            co_await weir::sleep_for(10ms);
        };
        auto outer = [&]() -> weir::task<> {
            task_group group;
            group.spawn(inner());
            co_await group.join();
            log.note("joined");
        };
        ex.run(outer());
        CHECK(log.text == "cleanup@10 end cleanup@60 joined@60 ");
        log.text.clear();
        ex.run(inner());
        CHECK(log.text == "cleanup@70 end cleanup@120 ");
    }

    TEST_CASE("task_group: an error without a join is reported with the place of its spawn") {
        virtual_executor ex;
        recorder log{ex};
        std::string reports;
        ex.on_error([&](std::exception_ptr error, std::source_location place) {
            reports += message_of(error) + ':' + std::to_string(place.line()) + ' ';
        });
        std::uint_least32_t line = 0;
        {
            task_group group{ex};
            group.spawn(log.failing("a", 1ms));
            line = std::source_location::current().line() - 1;
            ex.advance(2ms);
            CHECK(reports.empty());
        }
        CHECK(reports == "a:" + std::to_string(line) + ' ');
    }

    TEST_CASE("task_group starts children with the deadline of the group") {
        virtual_executor ex;
        struct reads {
            using result_type = weir::unit;
            weir::time_point* to;
            weir::poll<weir::unit> poll_result(weir::context& cx) const {
                *to = cx.deadline;
                return weir::unit{};
            }
        };
        weir::time_point seen;
        task_group group{ex, {.deadline = ex.time_after(5s)}};
        group.spawn(reads{&seen});
        ex.run_ready();
        CHECK(seen == ex.time_after(5s));
    }

    TEST_CASE("task_group: a child may cancel or destroy its group, and is destroyed after it has suspended") {
        for (const bool destroys : {false, true}) {
            for (const bool later : {false, true}) {
                CAPTURE(destroys);
                CAPTURE(later);
                virtual_executor ex;
                recorder log{ex};
                std::optional<task_group> group;
                group.emplace(ex);
                auto culprit = [&](std::shared_ptr<int>) -> weir::task<> {
                    if (later) co_await weir::sleep_for(1ms);
                    if (destroys) {
                        group.reset();
                    } else {
                        group->cancel();
                    }
                    co_await weir::yield();
                    FAIL("it went on after it was dropped");
                };
                auto token = std::make_shared<int>();
                group->spawn(log.child("other", 1h));
                group->spawn(culprit(token));
                ex.advance(2ms);
                CHECK(token.use_count() == 1);
                CHECK(log.text == (later ? "other@0 drop other@1 " : "other@0 drop other@0 "));
                if (group) {
                    CHECK(group->running() == 0);
                    group->spawn(log.child("again", 1ms));
                    ex.run(group->join());
                }
            }
        }
    }

    TEST_CASE("task_group: a child that is destroyed may destroy the group") {
        virtual_executor ex;
        std::optional<task_group> group;
        group.emplace(ex);
        struct destroys {
            using result_type = weir::unit;
            std::optional<task_group>* target;
            explicit destroys(std::optional<task_group>& t) : target{&t} {}
            destroys(destroys&& other) noexcept : target{std::exchange(other.target, nullptr)} {}
            ~destroys() {
                if (target != nullptr) target->reset();
            }
            weir::poll<weir::unit> poll_result(weir::context&) const { return weir::pending; }
        };
        group->spawn(destroys{group});
        group->spawn(weir::sleep_for(1h));
        ex.run_ready();
        group->cancel();
        CHECK_FALSE(group);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("task_group: several operations may wait for one group and may be dropped meanwhile") {
        virtual_executor ex;
        recorder log{ex};
        task_group group{ex};
        group.spawn(log.child("a", 10ms));
        auto first = ex.spawn(group.join());
        auto second = ex.spawn(group.join());
        {
            auto third = ex.spawn(group.join());
            ex.run_ready();
        }
        ex.advance(10ms);
        CHECK(first.finished());
        CHECK(second.finished());
    }

    TEST_CASE("task_group allocates nothing per child but its frame from a pool") {
        if (WEIR_POOL_FRAMES == 0) return;
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  task_group group{ex, {.max_concurrent = 10}};
                  auto body = [&]() -> weir::task<> {
                      for (int i = 0; i != n; ++i) {
                          co_await group.wait_for_capacity();
                          group.spawn(support::one_turn{i});
                      }
                      co_await group.join();
                  };
                  ex.run(body());
              }) == 0);
    }
}
