// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <weir/backend/endpoint.hpp>
#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/detail/inbox.hpp>

namespace weir::detail {

/// The result of a lookup: 0 or an error of getaddrinfo(3), and the addresses, without a port.
struct found_addresses {
    int code = 0;
    std::vector<endpoint> addresses;
};

/// Looks a name up. Blocks unless the flags require a numeric host.
found_addresses look_up(const std::string& host, int flags) noexcept;

/// A lookup's result on its way to an operation. The operation, the lookup and the inbox own it together.
class lookup_waiter final : public inbox_entry, public std::enable_shared_from_this<lookup_waiter> {
public:
    explicit lookup_waiter(std::shared_ptr<inbox> to) noexcept : inbox_{std::move(to)} {}

    /// Called once, on any thread.
    void answer(found_addresses result) noexcept;

    // For the operation, on the executor's thread.
    bool poll(context& cx) noexcept {
        if (!done_) waker_.arm(cx.waker());
        return done_;
    }
    found_addresses take() noexcept { return std::move(result_); }
    void abandon() noexcept { waker_.disarm(); }

private:
    void run() noexcept override;
    void discard() noexcept override { self_.reset(); }

    const std::shared_ptr<inbox> inbox_;
    std::shared_ptr<lookup_waiter> self_; // while it is in the inbox
    found_addresses result_;
    marked_slot<slot_mark::thread> waker_;
    bool done_ = false;
};

/// The lookups of all executors, on threads of their own. Threads are started when they are needed and end when they
/// have had nothing to do for a while. Operations that wait for the same name share one lookup.
///
/// Threads: any.
class name_lookups {
public:
    /// Beyond this number of names that are being looked up, further names wait.
    static constexpr std::size_t most_threads = 64;

    /// The lookups of the process. They are never destroyed, because a lookup that hangs would block its exit.
    static name_lookups& of_process();

    /// @throws std::system_error when no thread can be started, std::bad_alloc
    void enter(const std::string& host, std::shared_ptr<lookup_waiter> waiter);
    /// Withdraws a waiter. A lookup that has started continues, and its result serves later requests for the same name.
    void leave(const std::string& host, const lookup_waiter& waiter) noexcept;

private:
    using waiters = std::vector<std::shared_ptr<lookup_waiter>>;

    void serve();
    void work() noexcept;

    std::mutex mutex_; // guards all members below
    std::condition_variable available_;
    std::map<std::string, waiters> lookups_; // those that wait and those that run
    std::list<std::string> queue_;           // those that wait
    std::size_t idle_ = 0;                   // threads that look nothing up
    std::size_t threads_ = 0;
};

/// Waits for the lookup of a name for a limited time.
class lookup_operation {
public:
    using result_type = found_addresses;

    lookup_operation(std::string host, duration limit) noexcept : host_{std::move(host)}, limit_{limit} {}
    lookup_operation(lookup_operation&&) noexcept = default;
    ~lookup_operation() { leave(); }

    poll<found_addresses> poll_result(context& cx);

private:
    void leave() noexcept;

    std::string host_;
    duration limit_;
    std::shared_ptr<lookup_waiter> waiter_;
    deadline_timer timer_;
};

} // namespace weir::detail
