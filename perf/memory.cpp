// SPDX-License-Identifier: MIT
// How much memory does a suspended task use, with very many tasks?

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <weir/executor/sleep.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bare.hpp"
#include "support/bench.hpp"

namespace {

using std::int64_t;

double resident_bytes() {
    long pages = 0;
    std::FILE* f = std::fopen("/proc/self/statm", "r");
    if (f == nullptr || std::fscanf(f, "%*d %ld", &pages) != 1) std::abort();
    std::fclose(f);
    return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

/// Returns the memory that the result of f uses while it lives, measured in a new process. It includes the vector of
/// handles.
auto in_its_own_process(std::function<std::shared_ptr<void>(std::uint64_t)> f) {
    return [f](std::uint64_t n) {
        int answer[2];
        if (::pipe(answer) != 0) throw std::runtime_error{"cannot open a pipe"};
        const pid_t child = ::fork();
        if (child < 0) throw std::runtime_error{"cannot start a process"};
        if (child == 0) {
            const double before = resident_bytes();
            const auto kept = f(n);
            const double bytes = resident_bytes() - before;
            const bool written = ::write(answer[1], &bytes, sizeof bytes) == sizeof bytes;
            ::_exit(written ? 0 : 1);
        }
        double bytes = 0;
        const bool read = ::read(answer[0], &bytes, sizeof bytes) == sizeof bytes;
        ::close(answer[0]);
        ::close(answer[1]);
        ::waitpid(child, nullptr, 0);
        if (!read) throw std::runtime_error{"the measured process has failed"};
        return bench::measurement{bytes, static_cast<int64_t>(n)};
    };
}

[[gnu::noinline]] bare::task<int64_t> bare_waiting() {
    co_await std::suspend_always{};
    co_return 0;
}

std::shared_ptr<void> bare_tasks(std::uint64_t n) {
    auto all = std::make_shared<std::vector<bare::task<int64_t>>>();
    all->reserve(n);
    for (std::uint64_t i = 0; i != n; ++i) {
        all->push_back(bare_waiting());
        all->back().handle().resume();
    }
    return all;
}

/// The smallest operation that never completes: a slot for a waker.
class never_happens {
public:
    using result_type = weir::unit;

    never_happens() noexcept = default;

    weir::poll<weir::unit> poll_result(weir::context& cx) {
        waiter_.arm(cx.waker());
        return weir::pending;
    }

private:
    weir::waker_slot waiter_;
};

weir::task<> waiting() { co_await never_happens{}; }
weir::task<> sleeping() { co_await weir::sleep_for(std::chrono::hours{1}); }

template <weir::task<> (*Body)()>
std::shared_ptr<void> spawned(std::uint64_t n) {
    struct kept {
        weir::testing::virtual_executor ex;
        std::vector<weir::join_handle<weir::task<>>> handles;
    };
    auto all = std::make_shared<kept>();
    all->handles.reserve(n);
    for (std::uint64_t i = 0; i != n; ++i) all->handles.push_back(all->ex.spawn(Body()));
    all->ex.advance(std::chrono::seconds{1});
    return all;
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "How much memory does a suspended task use, with a million tasks?", "bytes",
                      1'000'000};
    q.floor("bare coroutine", in_its_own_process(bare_tasks));
    q.weir("spawned, waiting", in_its_own_process(spawned<waiting>));
    q.weir("spawned, sleeping", in_its_own_process(spawned<sleeping>));
    return q.run();
}
