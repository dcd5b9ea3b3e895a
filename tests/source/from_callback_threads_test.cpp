// SPDX-License-Identifier: MIT
#include <weir/source/from_callback.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>

using weir::emitter;
using weir::from_callback;
using weir::overflow;

namespace {

constexpr int items_a_thread = 2000;
constexpr int threads = 3;

/// Threads that emit; joined when it is destroyed.
class callers {
public:
    callers() = default;
    callers(callers&&) = default;
    ~callers() {
        for (auto& t : threads_) {
            if (t.joinable()) t.join();
        }
    }

    template <class F>
    void start(F f) {
        threads_.emplace_back(std::move(f));
    }

private:
    std::vector<std::thread> threads_;
};

/// Starts threads that emit 0, 1, ... each in steps of `threads`, so that all numbers are different.
auto emit_from_threads() {
    return [](emitter<int> out) {
        callers all;
        for (int t = 0; t != threads; ++t) {
            all.start([out, t] {
                for (int i = 0; i != items_a_thread; ++i) {
                    if (!out.emit(i * threads + t) && out.closed()) return;
                }
            });
        }
        return all;
    };
}

bool in_order_for_each_thread(const std::vector<int>& items) {
    std::vector<int> last(threads, -1);
    for (const int item : items) {
        int& before = last[static_cast<std::size_t>(item % threads)];
        if (item <= before) return false;
        before = item;
    }
    return true;
}

} // namespace

TEST_SUITE("threads/from_callback") {
    TEST_CASE("from_callback with suspend loses nothing, keeps to its capacity, and ends with all threads") {
        for (const std::size_t capacity : {std::size_t{1}, std::size_t{64}}) {
            std::vector<int> seen;
            weir::run(from_callback<int>(emit_from_threads(), {.capacity = capacity}) |
                      weir::for_each([&](int i) { seen.push_back(i); }));
            CHECK(seen.size() == threads * items_a_thread);
            CHECK(in_order_for_each_thread(seen));
            long long sum = 0;
            for (const int i : seen) sum += i;
            constexpr long long n = threads * items_a_thread;
            CHECK(sum == n * (n - 1) / 2);
        }
    }

    TEST_CASE("from_callback counts the items that it drops") {
        for (const auto policy : {overflow::drop_oldest, overflow::drop_newest, overflow::latest}) {
            std::vector<int> seen;
            std::atomic<int> dropped = 0;
            weir::run(from_callback<int>(emit_from_threads(),
                                         {.capacity = 8, .overflow = policy, .on_drop = [&](int) { ++dropped; }}) |
                      weir::for_each([&](int i) { seen.push_back(i); }));
            CHECK(in_order_for_each_thread(seen));
            CHECK(static_cast<int>(seen.size()) + dropped == threads * items_a_thread);
        }
    }

    TEST_CASE("from_callback: a thread that waits for room goes on when the stream is dropped") {
        std::atomic<int> refused = 0;
        std::vector<int> seen;
        weir::run(from_callback<int>(
                      [&](emitter<int> out) {
                          callers all;
                          for (int t = 0; t != threads; ++t) {
                              all.start([&, out] {
                                  while (out.emit(1)) {}
                                  ++refused;
                              });
                          }
                          return all;
                      },
                      {.capacity = 2}) |
                  weir::take(100) | weir::for_each([&](int i) { seen.push_back(i); }));
        CHECK(seen.size() == 100);
        CHECK(refused == threads);
    }

    TEST_CASE("from_callback: the stream may be destroyed while threads emit") {
        for (int round = 0; round != 50; ++round) {
            callers all;
            {
                weir::executor ex;
                ex.run(from_callback<int>(
                           [&](emitter<int> out) {
                               for (int t = 0; t != threads; ++t) {
                                   all.start([out] {
                                       for (int i = 0; i != 100; ++i) out.emit(i);
                                   });
                               }
                           },
                           {.capacity = 4, .overflow = overflow::drop_oldest}) |
                       weir::take(static_cast<std::size_t>(round)) | weir::for_each([](int) {}));
            }
        }
    }

    TEST_CASE("from_callback: an emitter ends and fails the stream from any thread") {
        for (int round = 0; round != 50; ++round) {
            callers all;
            std::vector<int> seen;
            try {
                weir::run(from_callback<int>([&](emitter<int> out) {
                              all.start([out] {
                                  for (int i = 0; i != 10; ++i) out.emit(i);
                                  out.end();
                              });
                              all.start([out] {
                                  for (int i = 0; i != 10; ++i) out.emit(i);
                                  out.fail(std::make_exception_ptr(std::runtime_error{"lost"}));
                              });
                          }) |
                          weir::for_each([&](int i) { seen.push_back(i); }));
            } catch (const std::runtime_error&) {}
            CHECK(seen.size() >= 10);
            CHECK(seen.size() <= 20);
        }
    }
}
