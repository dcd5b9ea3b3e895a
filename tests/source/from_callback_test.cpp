// SPDX-License-Identifier: MIT
#include <weir/source/from_callback.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <numbers.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using support::numbers;
using weir::emitter;
using weir::from_callback;
using weir::overflow;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

namespace {

/// Where the emitter goes, for the test to use.
using emitter_box = std::optional<emitter<int>>;

auto into(emitter_box& box) {
    return [&box](emitter<int> out) { box.emplace(std::move(out)); };
}

} // namespace

TEST_SUITE("source/from_callback") {
    TEST_CASE("from_callback emits the items in order, then the end") {
        virtual_executor ex;
        emitter_box out;
        probe_sink sink{ex, from_callback<int>(into(out))};
        sink.request();
        ex.run_ready();
        for (int i = 0; i != 3; ++i) CHECK(out->emit(i));
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2});
        CHECK(out->emit(3));
        out->end();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2, 3});
        CHECK(sink.ended());
    }

    TEST_CASE("from_callback calls connect at the first poll, not before") {
        virtual_executor ex;
        bool connected = false;
        probe_sink sink{ex, from_callback<int>([&](emitter<int>) { connected = true; })};
        ex.run_ready();
        CHECK_FALSE(connected);
        sink.request(1);
        ex.run_ready();
        CHECK(connected);
    }

    TEST_CASE("from_callback keeps the items that are emitted during connect") {
        virtual_executor ex;
        probe_sink sink{ex, from_callback<int>([](emitter<int> out) {
                            for (int i = 0; i != 3; ++i) out.emit(i);
                        })};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2});
        CHECK(sink.ended()); // nobody has an emitter any more
    }

    TEST_CASE("from_callback delivers an error after the held items") {
        virtual_executor ex;
        emitter_box out;
        probe_sink sink{ex, from_callback<int>(into(out))};
        sink.request(1);
        ex.run_ready();
        for (int i = 0; i != 3; ++i) out->emit(i);
        out->fail(std::make_exception_ptr(std::runtime_error{"lost"}));
        ex.run_ready();
        CHECK(sink.items() == numbers{0});
        CHECK_FALSE(sink.failed());
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2});
        CHECK(sink.error_message() == "lost");
    }

    TEST_CASE("from_callback ignores items after the end") {
        virtual_executor ex;
        emitter_box out;
        probe_sink sink{ex, from_callback<int>(into(out))};
        sink.request();
        ex.run_ready();
        CHECK_FALSE(out->closed());
        out->end();
        CHECK(out->closed());
        CHECK_FALSE(out->emit(1));
        out->fail(std::make_exception_ptr(std::runtime_error{"late"}));
        ex.run_ready();
        CHECK(sink.items().empty());
        CHECK(sink.ended());
        out->end();
    }

    TEST_CASE("from_callback ends when its last emitter is destroyed") {
        virtual_executor ex;
        emitter_box first;
        probe_sink sink{ex, from_callback<int>(into(first))};
        sink.request();
        ex.run_ready();
        emitter_box second = first;
        first.reset();
        ex.run_ready();
        CHECK_FALSE(sink.ended());
        second->emit(1);
        second.reset();
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
        CHECK(sink.ended());
    }

    TEST_CASE(
        "from_callback: dropped, it lets go of what connect returned and of what it held, and takes nothing more") {
        virtual_executor ex;
        auto connection = std::make_shared<int>(0);
        auto item = std::make_shared<int>(1);
        std::optional<emitter<std::shared_ptr<int>>> out;
        probe_sink sink{ex, from_callback<std::shared_ptr<int>>([&](emitter<std::shared_ptr<int>> e) {
                            out = std::move(e);
                            return connection;
                        })};
        sink.request(1);
        ex.run_ready();
        CHECK(connection.use_count() == 2);
        out->emit(nullptr);
        ex.run_ready();
        out->emit(item);
        CHECK(item.use_count() == 2);
        sink.drop();
        CHECK(connection.use_count() == 1);
        CHECK(item.use_count() == 1);
        CHECK_FALSE(out->emit(item));
        CHECK(out->closed());
        out->end();
        ex.run_ready();
        CHECK(ex.idle());
    }

    TEST_CASE("from_callback destroys connect's result at its end") {
        virtual_executor ex;
        auto connection = std::make_shared<int>(0);
        emitter_box out;
        probe_sink sink{ex, from_callback<int>([&](emitter<int> e) {
                            out.emplace(std::move(e));
                            return connection;
                        })};
        sink.request();
        ex.run_ready();
        out->end();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(connection.use_count() == 1);
    }

    TEST_CASE("from_callback: an emitter may outlive the stream and its executor") {
        emitter_box out;
        {
            virtual_executor ex;
            probe_sink sink{ex, from_callback<int>(into(out))};
            sink.request(1);
            ex.run_ready();
        }
        CHECK_FALSE(out->emit(1));
    }

    TEST_CASE("from_callback: an exception from connect fails the stream") {
        virtual_executor ex;
        emitter_box out;
        probe_sink sink{ex, from_callback<int>([&](emitter<int> e) {
                            out.emplace(std::move(e));
                            throw std::runtime_error{"no connection"};
                        })};
        sink.request();
        ex.run_ready();
        CHECK(sink.error_message() == "no connection");
        CHECK_FALSE(out->emit(1));
    }

    TEST_CASE("from_callback: drop_oldest keeps the newest items") {
        virtual_executor ex;
        emitter_box out;
        numbers dropped;
        probe_sink sink{ex, from_callback<int>(into(out), {.capacity = 2,
                                                           .overflow = overflow::drop_oldest,
                                                           .on_drop = [&](int i) { dropped.push_back(i); }})};
        sink.request(1);
        ex.run_ready();
        for (int i = 0; i != 5; ++i) CHECK(out->emit(i));
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{3, 4});
        CHECK(dropped == numbers{0, 1, 2});
        CHECK(out->dropped() == 3);
    }

    TEST_CASE("from_callback with drop_newest keeps the oldest items, and emit returns false") {
        virtual_executor ex;
        emitter_box out;
        numbers dropped;
        probe_sink sink{ex, from_callback<int>(into(out), {.capacity = 2,
                                                           .overflow = overflow::drop_newest,
                                                           .on_drop = [&](int i) { dropped.push_back(i); }})};
        sink.request(1);
        ex.run_ready();
        for (int i = 0; i != 5; ++i) CHECK(out->emit(i) == (i < 2));
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1});
        CHECK(dropped == numbers{2, 3, 4});
        CHECK(out->dropped() == 3);
    }

    TEST_CASE("from_callback with latest keeps the newest item only") {
        virtual_executor ex;
        emitter_box out;
        probe_sink sink{ex, from_callback<int>(into(out), {.overflow = overflow::latest})};
        sink.request(1);
        ex.run_ready();
        for (int i = 0; i != 5; ++i) CHECK(out->emit(i));
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{4});
        CHECK(out->dropped() == 4);
    }

    TEST_CASE("from_callback with overflow::error delivers held items, then the overflow") {
        virtual_executor ex;
        emitter_box out;
        probe_sink sink{ex, from_callback<int>(into(out), {.capacity = 2, .overflow = overflow::error})};
        sink.request(1);
        ex.run_ready();
        for (int i = 0; i != 5; ++i) CHECK(out->emit(i) == (i < 2));
        CHECK(out->dropped() == 1); // the rest came after the end
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1});
        CHECK(sink.error_message() == "weir::from_callback: overflow: the consumer is behind, and 2 items are held");
        CHECK_THROWS_AS(std::rethrow_exception(sink.error()), weir::buffer_overflow);
    }

    TEST_CASE("from_callback: a suspending emit on the consumer's thread throws") {
        virtual_executor ex;
        emitter_box out;
        probe_sink sink{ex, from_callback<int>(into(out), {.capacity = 2})};
        sink.request(1);
        ex.run_ready();
        CHECK(out->emit(0));
        CHECK(out->emit(1));
        CHECK_THROWS_WITH_AS(out->emit(2),
                             "weir::from_callback: emit would wait forever: 2 items are held, and this thread is the "
                             "one that consumes them",
                             std::logic_error);
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1});
        CHECK(out->emit(2));
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2});
    }

    TEST_CASE("from_callback wakes its consumer once for many items") {
        virtual_executor ex;
        emitter_box out;
        probe_sink sink{ex, from_callback<int>(into(out))};
        sink.request();
        ex.run_ready();
        const auto before = ex.stats().wakers_run;
        for (int i = 0; i != 50; ++i) out->emit(i);
        ex.run_ready();
        CHECK(sink.items().size() == 50);
        CHECK(ex.stats().wakers_run == before + 1);
    }

    TEST_CASE("from_callback: a wake for items that were received already has no effect") {
        virtual_executor ex;
        emitter_box out;
        probe_sink sink{ex, from_callback<int>(into(out))};
        sink.request(1);
        ex.run_ready();
        out->emit(0);
        sink.request(1); // polls before the inbox is looked at
        ex.run_ready();
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{0});
        out->emit(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1});
    }

    TEST_CASE("from_callback accepts move-only items") {
        virtual_executor ex;
        int sum = 0;
        ex.run(from_callback<std::unique_ptr<int>>(
                   [](emitter<std::unique_ptr<int>> out) {
                       for (int i = 1; i != 6; ++i) out.emit(std::make_unique<int>(i));
                   },
                   {.capacity = 2, .overflow = overflow::drop_oldest, .on_drop = [](std::unique_ptr<int>) {}}) |
               weir::for_each([&](auto item) { sum += *item; }));
        CHECK(sum == 9);
    }

    TEST_CASE("from_callback allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  emitter_box out;
                  int count = 0;
                  ex.run(from_callback<int>([&](emitter<int> e) {
                             out.emplace(std::move(e));
                             out->emit(0);
                         }) |
                         weir::for_each([&](int) {
                             if (++count < n)
                                 out->emit(count);
                             else
                                 out->end();
                         }));
              }) == 0);
    }

    TEST_CASE("from_callback rejects a capacity of 0") {
        CHECK_THROWS_WITH_AS(from_callback<int>([](emitter<int>) {}, {.capacity = 0}),
                             "weir::from_callback(connect, {.capacity}): capacity must be at least 1",
                             std::invalid_argument);
    }
}
