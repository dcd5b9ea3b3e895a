// SPDX-License-Identifier: MIT
// The code of the pages in docs/guide and of docs/protocol.md and docs/threads.md, cut out of this file by its marks.

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <foreign_task.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/virtual_executor.hpp>
#include <weir/weir.hpp>

using namespace std::chrono_literals;
using weir::testing::virtual_executor;

namespace {

// [generator]
weir::async_stream<std::string> readings(int count) {
    for (int n = 1; n <= count; ++n) {
        co_await weir::sleep_for(100ms); // stands for a read from a sensor
        co_yield "reading " + std::to_string(n);
    }
}
// [/generator]

// [task]
weir::task<int> lookup(int key) {
    co_await weir::sleep_for(50ms); // stands for a request to a database
    co_return key * 10;
}
// [/task]

// [next]
weir::task<std::size_t> first_long(weir::async_stream<std::string> lines, std::size_t length) {
    std::size_t skipped = 0;
    while (auto line = co_await weir::next(lines)) {
        if (line->size() >= length) break;
        ++skipped;
    }
    co_return skipped; // `lines` is destroyed here, and whatever produced it
}
// [/next]

weir::async_stream<int> produce(int count) {
    for (int n = 1; n <= count; ++n) {
        co_await weir::sleep_for(100ms);
        co_yield n;
    }
}

// [slow consumer]
weir::task<> consume(int) { co_await weir::sleep_for(250ms); }
// [/slow consumer]

weir::async_stream<int> broken() {
    co_yield 1;
    co_yield 2;
    throw std::runtime_error{"the sensor was unplugged"};
}

// [goodbye]
weir::task<> goodbye(std::vector<std::string>& log) {
    co_await weir::sleep_for(10ms);
    log.push_back("goodbye");
}

weir::task<> session(std::vector<std::string>& log) {
    const weir::async_finally at_exit{1s, [&log] { return goodbye(log); }};
    co_await weir::sleep_for(1h);
}
// [/goodbye]

// [drop from within]
struct note_destruction {
    std::vector<std::string>& log;
    ~note_destruction() { log.push_back("destroyed"); }
};

weir::task<> drop_itself(std::optional<weir::join_handle<weir::task<>>>& handle, std::vector<std::string>& log) {
    const note_destruction local{log};
    handle.reset();           // of the task that runs here: it is on the stack, and is not destroyed yet
    log.push_back("dropped"); // statements up to the next co_await run
    co_await weir::yield();   // the task stops here, and is destroyed
    log.push_back("never");
}
// [/drop from within]

// [countdown operation]
/// Completes when it was polled n times.
class polled_n_times {
public:
    using result_type = weir::unit;

    explicit polled_n_times(int n) noexcept : left_{n} {}

    weir::poll<weir::unit> poll_result(weir::context& cx) {
        if (--left_ == 0) return weir::unit{};
        return cx.yield(); // pending; the waker runs again in the next turn
    }

private:
    int left_;
};
// [/countdown operation]

// [mailbox]
/// A stream of what `put` was called with. It holds one item.
class mailbox {
public:
    using value_type = int;

    void put(int item) {
        item_ = item;
        full_ = true;
        waiter_.wake(); // only queues the waiter; it polls in its turn
    }

    weir::poll<int> poll_next(weir::context& cx) {
        if (full_) {
            full_ = false;
            return item_;
        }
        waiter_.arm(cx.waker());
        return weir::pending;
    }

private:
    int item_ = 0;
    bool full_ = false;
    weir::waker_slot waiter_;
};
// [/mailbox]

// [local]
constinit weir::local<int> request{"request"};

weir::task<> look_up() {
    co_await weir::sleep_for(1s);
    std::printf("looked up for request %d\n", request.value_or(0));
}
weir::task<> handle() { co_await weir::with_timeout(5s, look_up()); }
// [/local]

} // namespace

namespace {

/// A library as others write them: it calls back once, from its own thread or loop.
class geocoder {
public:
    int look_up(std::string, std::function<void(int)> answered) {
        waiting_ = std::move(answered);
        return ++last_;
    }
    void cancel(int) { waiting_ = nullptr; }

    void answer(int value) {
        if (waiting_) std::exchange(waiting_, nullptr)(value);
    }
    bool idle() const { return !waiting_; }

private:
    std::function<void(int)> waiting_;
    int last_ = 0;
};

// [from_completion]
auto look_up(geocoder& geo, std::string place) {
    return weir::from_completion<int>([&geo, place = std::move(place)](weir::completion<int> done) {
        const int id = geo.look_up(place, [done](int zip) { done.set(zip); });
        return [&geo, id] { geo.cancel(id); }; // called when the operation is dropped
    });
}
// [/from_completion]

// [subscriber]
class two_at_a_time : public weir::rs::subscriber<int> {
public:
    void on_subscribe(std::shared_ptr<weir::rs::subscription> link) override {
        link_ = std::move(link);
        link_->request(2);
    }
    void on_next(int item) override {
        text += std::to_string(item);
        if (++received_ % 2 != 0) return;
        text += '|';
        link_->request(2); // no item arrives before this function has returned
    }
    void on_error(std::exception_ptr) override { text += '#'; }
    void on_complete() override { text += '.'; }

    std::string text;

private:
    std::shared_ptr<weir::rs::subscription> link_;
    int received_ = 0;
};
// [/subscriber]

} // namespace

TEST_SUITE("docs/guide") {
    TEST_CASE("a first pipeline collects squares") {
        // [squares]
        const auto squares = weir::run(weir::iota(1, 100)                               // 1, 2, 3, ...
                                       | weir::filter([](int n) { return n % 2 == 1; }) // 1, 3, 5, ...
                                       | weir::map([](int n) { return n * n; })         // 1, 9, 25, ...
                                       | weir::take(4)                                  // the first four
                                       | weir::to<std::vector>());
        CHECK(squares == std::vector{1, 9, 25, 49});
        // [/squares]
    }

    TEST_CASE("a generator and a task run on a virtual clock") {
        // [virtual]
        virtual_executor ex;
        CHECK(ex.run(readings(3) | weir::count()) == 3);
        CHECK(ex.elapsed() == 300ms);
        // [/virtual]
        CHECK(ex.run(first_long(readings(12), 10)) == 9);
    }

    TEST_CASE("map_async overlaps what it awaits") {
        // [concurrent]
        virtual_executor ex;
        const auto results = ex.run(weir::iota(0, 8) | weir::map_async(4, lookup) | weir::to<std::vector>());
        CHECK(results == std::vector{0, 10, 20, 30, 40, 50, 60, 70}); // in the order of the items
        CHECK(ex.elapsed() == 100ms);                                 // four at a time: two rounds of 50 ms
        // [/concurrent]
    }

    TEST_CASE("two spawned operations run beside each other") {
        // [spawn]
        virtual_executor ex;
        ex.run([&]() -> weir::task<> {
            auto background = ex.spawn(readings(5) | weir::count());
            CHECK(co_await lookup(4) == 40); // `background` runs meanwhile
            CHECK(co_await background == 5); // its result; dropping the handle would have dropped it
        });
        // [/spawn]
    }

    TEST_CASE("a slow consumer slows its source") {
        // [no buffer]
        virtual_executor ex;
        ex.run(produce(12) | weir::for_each(consume));
        CHECK(ex.elapsed() == 12 * (100ms + 250ms)); // the producer waits while the consumer is busy
        // [/no buffer]
    }

    TEST_CASE("a buffer lets source and consumer work at the same time") {
        // [buffer]
        virtual_executor ex;
        ex.run(produce(12) | weir::buffer(3) | weir::for_each(consume));
        CHECK(ex.elapsed() == 100ms + 12 * 250ms); // as fast as the slower of the two
        // [/buffer]
    }

    TEST_CASE("an overflow policy drops the items that do not fit") {
        // [drop oldest]
        virtual_executor ex;
        std::vector<int> seen, lost;
        const auto note = [&](int n) { lost.push_back(n); };
        ex.run(produce(12) | weir::buffer(3, weir::overflow::drop_oldest, note) |
               weir::for_each([&](int n) -> weir::task<> {
                   seen.push_back(n);
                   co_await consume(n);
               }));
        CHECK(seen.size() + lost.size() == 12); // every item is either seen or noted
        CHECK(!lost.empty());
        // [/drop oldest]
    }

    TEST_CASE("meter separates the producer's time from the consumer's") {
        // [meter]
        virtual_executor ex;
        ex.run(produce(12) | weir::meter("produced") | weir::for_each(consume));
        const weir::stage_metrics produced = weir::metered_stages(ex).front();
        CHECK(produced.items == 12);
        CHECK(produced.waited == 12 * 100ms);  // for the producer
        CHECK(produced.unasked == 12 * 250ms); // the consumer was busy
        // [/meter]
    }

    TEST_CASE("a dump shows the task-locals of a request") {
        // [local in a dump]
        virtual_executor ex;
        const auto first = ex.spawn(weir::with_local(request, 17, handle()));
        const auto second = ex.spawn(weir::with_local(request, 18, handle()));
        ex.run_ready();
        CHECK(weir::dump(ex).find("with_local: request = 18") != std::string::npos);
        ex.advance(1s); // each prints its own number
        // [/local in a dump]
        CHECK(first.finished());
        CHECK(second.finished());
    }

    TEST_CASE("bottleneck names the stage that holds the others back") {
        // [bottleneck]
        virtual_executor ex;
        const auto parse = [](int item) -> weir::task<int> {
            co_await weir::sleep_for(500ms);
            co_return item;
        };
        ex.run(produce(12) | weir::meter("read") | weir::map_async(1, parse) | weir::meter("parse") |
               weir::for_each(consume));
        const auto slow = weir::bottleneck(ex);
        CHECK(slow->meter == "parse"); // the stage in front of the meter
        CHECK(slow->text().find("parse holds the others back for 5") == 0);
        // [/bottleneck]
    }

    TEST_CASE("sample and debounce choose among items") {
        // [sample]
        weir::testing::marbles m;
        CHECK(m.play(m.hot("abc--de-|") | weir::debounce(2ms)) == "----c---[e|]");
        // [/sample]
    }

    TEST_CASE("an error follows the items before it") {
        // [error]
        std::vector<int> seen;
        try {
            weir::run(broken() | weir::for_each([&](int n) { seen.push_back(n); }));
        } catch (const std::runtime_error&) {
            CHECK(seen == std::vector{1, 2});
        }
        // [/error]
        CHECK(seen.size() == 2);
    }

    TEST_CASE("another stream replaces one that failed") {
        // [resume]
        const auto items =
            weir::run(broken() | weir::on_error_resume([](std::exception_ptr) { return weir::just(0); }) |
                      weir::to<std::vector>());
        CHECK(items == std::vector{1, 2, 0});
        // [/resume]
    }

    TEST_CASE("retry starts a failed operation again") {
        // [retry]
        virtual_executor ex;
        int attempts = 0;
        const auto answer = ex.run(weir::retry(
            [&]() -> weir::task<int> {
                if (++attempts < 3) throw std::runtime_error{"busy"};
                co_return co_await lookup(7);
            },
            {.attempts = 5, .delay = 100ms}));
        CHECK(answer == 70);
        CHECK(attempts == 3);
        // [/retry]
    }

    TEST_CASE("a time limit drops a late operation") {
        // [timeout]
        virtual_executor ex;
        CHECK_THROWS_AS(ex.run(weir::with_timeout(10ms, lookup(1))), weir::timed_out);
        CHECK(ex.stats().timers_armed == 0); // the lookup and its timer are gone
        // [/timeout]
    }

    TEST_CASE("dropping a handle cancels its operation") {
        // [drop]
        virtual_executor ex;
        bool cleaned = false;
        {
            auto handle = ex.spawn(readings(1000) | weir::finally([&] { cleaned = true; }) | weir::drain());
            ex.advance(250ms);
            CHECK(!cleaned);
        }
        CHECK(cleaned); // no turn of the executor was needed
        CHECK(ex.stats().timers_armed == 0);
        // [/drop]
    }

    TEST_CASE("cleanup that waits runs after its scope") {
        // [async cleanup]
        virtual_executor ex;
        std::vector<std::string> log;
        CHECK_THROWS_AS(ex.run(weir::with_timeout(50ms, session(log))), weir::timed_out);
        CHECK(log == std::vector<std::string>{"goodbye"}); // `run` has waited for it
        CHECK(ex.elapsed() == 60ms);
        // [/async cleanup]
    }

    TEST_CASE("an operation answers pending until it has a result") {
        virtual_executor ex;
        ex.run(polled_n_times{3});
        CHECK(ex.stats().wakers_run == 3);
    }

    TEST_CASE("a mailbox wakes its consumer") {
        // [wake]
        virtual_executor ex;
        mailbox box;
        int got = 0;
        auto handle = ex.spawn([&]() -> weir::task<> {
            const auto item = co_await weir::next(box); // pending: the task waits
            got = item.value_or(-1);
        });
        ex.run_ready();
        CHECK(got == 0);
        box.put(7); // wakes the task: it is queued, and has not run
        CHECK(got == 0);
        ex.run_ready();
        CHECK(got == 7);
        // [/wake]
    }

    TEST_CASE("a task that drops itself is destroyed when it has left the stack") {
        virtual_executor ex;
        std::vector<std::string> log;
        std::optional<weir::join_handle<weir::task<>>> handle;
        handle = ex.spawn(drop_itself(handle, log));
        ex.run_ready();
        CHECK(log == std::vector<std::string>{"dropped", "destroyed"});
        // [/drop from within test]
    }

    TEST_CASE("Reactive Streams lead in and out of weir") {
        // [publisher]
        virtual_executor ex;
        std::shared_ptr<weir::rs::publisher<int>> numbers =
            weir::rs::to_publisher([] { return weir::iota(1) | weir::take(5); }, ex);
        auto print = std::make_shared<two_at_a_time>();
        numbers->subscribe(print);
        ex.run_until_idle();
        CHECK(print->text == "12|34|5.");
        // [/publisher]
        // [from publisher]
        const int sum = ex.run(weir::rs::from_publisher(numbers, 64) | weir::fold(0, std::plus{}));
        CHECK(sum == 15);
        // [/from publisher]
        // [processor]
        const auto squares = weir::rs::to_processor<int>(weir::map([](int n) { return n * n; }), ex, 64);
        numbers->subscribe(squares);
        print = std::make_shared<two_at_a_time>();
        squares->subscribe(print);
        ex.run_until_idle();
        CHECK(print->text == "14|916|25.");
        // [/processor]
    }

    TEST_CASE("callbacks, futures and coroutines of other libraries are awaited") {
        virtual_executor ex;
        geocoder geo;
        auto asked = ex.spawn(look_up(geo, "Rome"));
        ex.run_ready();
        geo.answer(184);
        CHECK(ex.run(std::move(asked)) == 184);
        // [limited]
        CHECK_THROWS_AS(ex.run(weir::with_timeout(1s, look_up(geo, "Atlantis"))), weir::timed_out);
        CHECK(geo.idle()); // cancelled
        // [/limited]

        using support::foreign::task;
        // [foreign]
        // `task` is another library's. Each can await the other's.
        auto theirs = [&](int zip) -> task<int> {
            co_await weir::to_awaitable(ex, weir::sleep_for(1s));
            co_return zip + 1;
        };
        auto ours = [&]() -> weir::task<int> { co_return co_await weir::as_awaitable(theirs(184)); };
        CHECK(ex.run(ours()) == 185);
        // [/foreign]
        // [future]
        weir::thread_pool pool{1};
        std::promise<int> promise;
        promise.set_value(7);
        CHECK(weir::run(weir::from_future(pool, promise.get_future())) == 7);
        // [/future]
    }

    TEST_CASE("work moves to other threads and back") {
        // [threads]
        weir::thread_pool pool{2}; // for calls that block
        weir::runtime rt{1};       // an executor on a thread of its own
        const auto total = weir::run([&]() -> weir::task<int> {
            const int a = co_await weir::offload(pool, [] { return 40; });
            auto remote = rt.spawn_on(0, [] { return weir::iota(0, 3) | weir::fold(0, std::plus{}); });
            co_return a + co_await remote;
        });
        CHECK(total == 43);
        const auto squares = weir::run(weir::iota(1, 4) | weir::map([](int n) { return n * n; }) // runs on rt[0]
                                       | weir::subscribe_on(rt[0], 16)                           // items cross here
                                       | weir::to<std::vector>());                               // runs here
        CHECK(squares == std::vector{1, 4, 9});
        // [/threads]
    }
}
