// SPDX-License-Identifier: MIT
#include <weir/threads/spawn_on.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <semaphore>
#include <source_location>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include <threads.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/task.hpp>
#include <weir/threads/runtime.hpp>

using support::thread_of;
using weir::spawn_on;

namespace {

using namespace std::chrono_literals;

/// Tells on which thread it died.
struct witness {
    std::shared_ptr<std::atomic<std::thread::id>> died = std::make_shared<std::atomic<std::thread::id>>();
    std::shared_ptr<std::binary_semaphore> gone = std::make_shared<std::binary_semaphore>(0);

    class token {
    public:
        token(std::shared_ptr<std::atomic<std::thread::id>> d, std::shared_ptr<std::binary_semaphore> g)
            : died_{std::move(d)}, gone_{std::move(g)} {}
        token(token&&) = default;
        ~token() {
            if (!died_) return;
            died_->store(std::this_thread::get_id());
            gone_->release();
        }

    private:
        std::shared_ptr<std::atomic<std::thread::id>> died_;
        std::shared_ptr<std::binary_semaphore> gone_;
    };

    token make() const { return token{died, gone}; }
};

} // namespace

TEST_SUITE("threads/spawn_on") {
    TEST_CASE(
        "spawn_on: the function and its operation run on the other executor's thread, and the result comes back") {
        weir::runtime rt{1};
        weir::executor ex;
        const auto there = thread_of(rt, 0);
        CHECK(there != std::this_thread::get_id());
        const auto work = [&]() -> weir::task<std::string> {
            std::thread::id made;
            std::string text = co_await spawn_on(rt[0], [&]() -> weir::task<std::string> {
                made = std::this_thread::get_id();
                co_await weir::yield();
                CHECK(weir::executor::current() == &rt[0]);
                co_return "there";
            });
            CHECK(made == there);
            CHECK(weir::executor::current() == &ex);
            co_return text;
        };
        CHECK(ex.run(work()) == "there");
    }

    TEST_CASE("spawn_on passes exceptions of the operation and of its function back") {
        weir::runtime rt{1};
        CHECK_THROWS_WITH_AS(weir::run(spawn_on(rt[0],
                                                []() -> weir::task<int> {
                                                    co_await weir::yield();
                                                    throw std::runtime_error{"far"};
                                                })),
                             "far", std::runtime_error);
        CHECK_THROWS_WITH_AS(spawn_on(rt[0], []() -> weir::task<> { throw std::runtime_error{"at once"}; }).get(),
                             "at once", std::runtime_error);
        const auto make = []() -> weir::task<int> { co_return 1; };
        CHECK_THROWS_WITH_AS(spawn_on(rt[0],
                                      [&]() -> weir::task<int> {
                                          if (rt.size() == 1) throw std::runtime_error{"not made"};
                                          return make();
                                      })
                                 .get(),
                             "not made", std::runtime_error);
    }

    TEST_CASE("spawn_on: results may be move-only, references, or nothing") {
        weir::runtime rt{1};
        int object = 0;
        CHECK(*spawn_on(rt[0], []() -> weir::task<std::unique_ptr<int>> {
                   co_return std::make_unique<int>(3);
               }).get() == 3);
        CHECK(&spawn_on(rt[0], [&]() -> weir::task<int&> { co_return object; }).get() == &object);
        spawn_on(rt[0], []() -> weir::task<> { co_return; }).get();
    }

    TEST_CASE("spawn_on destroys the function's captures on the other thread before the result arrives") {
        weir::runtime rt{1};
        witness w;
        auto handle = spawn_on(rt[0], [t = w.make()]() -> weir::task<int> {
            co_await weir::yield();
            co_return 1;
        });
        CHECK(weir::run(std::move(handle)) == 1);
        CHECK(w.died->load() == thread_of(rt, 0));
    }

    TEST_CASE("spawn_on: dropping the handle drops the operation on the other thread") {
        weir::runtime rt{1};
        witness w;
        std::binary_semaphore begun{0};
        {
            auto handle = spawn_on(rt[0], [&begun, t = w.make()]() -> weir::task<> {
                begun.release();
                co_await weir::sleep_for(1h);
            });
            begun.acquire();
        }
        w.gone->acquire();
        CHECK(w.died->load() == thread_of(rt, 0));
    }

    TEST_CASE("spawn_on never starts an operation that was dropped before its start") {
        weir::runtime rt{1};
        std::binary_semaphore open{0};
        spawn_on(rt[0], [&open]() -> weir::task<> {
            open.acquire(); // holds up the thread
            co_return;
        }).detach();
        witness w;
        std::atomic<bool> called = false;
        {
            auto handle = spawn_on(rt[0], [&called, t = w.make()]() -> weir::task<> {
                called = true;
                co_return;
            });
        }
        open.release();
        w.gone->acquire();
        CHECK(w.died->load() == thread_of(rt, 0));
        CHECK_FALSE(called);
    }

    TEST_CASE("spawn_on: an operation is dropped with its executor, and its handle throws stopped") {
        witness w;
        weir::executor ex;
        const auto work = [&]() -> weir::task<> {
            std::optional<weir::runtime> rt{std::in_place, 1};
            auto handle = rt->spawn_on(0, [t = w.make()]() -> weir::task<int> {
                co_await weir::sleep_for(1h);
                co_return 1;
            });
            const auto there =
                co_await rt->spawn_on(0, []() -> weir::task<std::thread::id> { co_return std::this_thread::get_id(); });
            rt.reset();
            bool told = false;
            try {
                co_await handle;
            } catch (const weir::stopped&) {
                told = true;
            }
            CHECK(told);
            CHECK(w.died->load() == there);
        };
        ex.run(work());
    }

    TEST_CASE("spawn_on: the awaiting executor may be destroyed first") {
        weir::runtime rt{1};
        for (int round = 0; round != 100; ++round) {
            witness w;
            {
                weir::executor ex;
                const auto work = [&]() -> weir::task<> {
                    ex.spawn(spawn_on(rt[0],
                                      [t = w.make(), round]() -> weir::task<int> {
                                          for (int i = 0; i != round % 8; ++i) co_await weir::yield();
                                          co_return 1;
                                      }))
                        .detach();
                    for (int i = 0; i != round % 5; ++i) co_await weir::yield();
                };
                ex.run(work());
            }
            w.gone->acquire();
            CHECK(w.died->load() != std::this_thread::get_id());
        }
    }

    TEST_CASE("spawn_on: a handle may outlive both executors") {
        std::optional<weir::runtime> rt{std::in_place, 2};
        auto unfinished = rt->spawn_on(0, []() -> weir::task<> { co_await weir::sleep_for(1h); });
        auto finished = rt->spawn_on(1, []() -> weir::task<int> { co_return 2; });
        while (!finished.finished()) std::this_thread::yield();
        rt.reset();
        CHECK(std::move(finished).get() == 2);
        CHECK_THROWS_AS(std::move(unfinished).get(), weir::stopped);
    }

    TEST_CASE("spawn_on passes the error of a detached operation to the handler of its executor") {
        std::string message;
        unsigned line = 0;
        std::binary_semaphore told{0};
        weir::runtime rt{1, {.on_error = [&](std::exception_ptr error, std::source_location place) {
                             try {
                                 std::rethrow_exception(std::move(error));
                             } catch (const std::exception& e) {
                                 message = e.what();
                             }
                             line = place.line();
                             told.release();
                         }}};
        const auto fail = []() -> weir::task<> {
            co_await weir::yield();
            throw std::runtime_error{"nobody awaits me"};
        };
        SUBCASE("while it runs") { spawn_on(rt[0], fail).detach(); }
        SUBCASE("when it has failed") {
            auto handle = spawn_on(rt[0], fail);
            while (!handle.finished()) std::this_thread::yield();
            std::move(handle).detach();
        }
        told.acquire();
        CHECK(message == "nobody awaits me");
        CHECK(line != 0);
    }

    TEST_CASE("spawn_on: a handle can be joined once") {
        weir::runtime rt{1};
        auto handle = spawn_on(rt[0], []() -> weir::task<> { co_return; });
        std::move(handle).get();
        CHECK_THROWS_WITH_AS(std::move(handle).get(), "weir: remote_join_handle: joined twice", std::logic_error);
    }

    TEST_CASE("spawn_on rejects a blocking wait for the result on an executor's thread") {
        weir::runtime rt{2};
        auto refused = rt.spawn_on(0, [&]() -> weir::task<bool> {
            auto handle = rt.spawn_on(1, []() -> weir::task<> { co_return; });
            try {
                std::move(handle).get();
            } catch (const std::logic_error&) {
                co_return true;
            }
            co_return false;
        });
        CHECK(std::move(refused).get());
    }
}
