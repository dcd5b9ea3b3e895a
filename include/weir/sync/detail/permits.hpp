// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/sync/closed.hpp>
#include <weir/sync/detail/wait_queue.hpp>

namespace weir::detail {

/// A number of permits, which requests receive in order of arrival. Semaphores and mutexes are built from it.
class permits {
public:
    /// A request for permits.
    class request : public waiter {
    public:
        explicit request(std::size_t n) noexcept : n_{n} {}

        std::size_t count() const noexcept { return n_; }

    private:
        std::size_t n_;
    };

    /// @param name  of the owner, for messages; lives as long as the program
    permits(std::size_t n, const char* name) noexcept : available_{n}, name_{name} {}

    std::size_t available() const noexcept { return available_; }
    bool open() const noexcept { return open_; }

    /// Acquires n permits if they are available and no request waits.
    bool try_acquire(std::size_t n) noexcept {
        if (available_ < n || !waiters_.empty() || !open_) return false;
        available_ -= n;
        return true;
    }

    /// Returns an item when the request has its permits.
    /// @throws closed
    poll<unit> acquire(request& r, context& cx) {
        if (r.state() == wait_state::fresh) enter(r);
        switch (r.state()) {
        case wait_state::waiting:
            return r.wait(cx);
        case wait_state::granted:
            r.set_state(wait_state::finished);
            return unit{};
        default:
            throw closed{name_};
        }
    }

    /// Adds a request to the queue, unless it is granted or refused at once.
    void enter(request& r) noexcept {
        waiters_.enter(r);
        if (open_) {
            admit();
        } else {
            waiters_.release_front(wait_state::refused);
        }
    }

    /// Drops a request that is not finished.
    void leave(request& r) noexcept {
        if (r.state() == wait_state::waiting) {
            r.unlink();
            admit(); // the requests behind it may need fewer permits
        } else if (r.state() == wait_state::granted) {
            give_back(r.count());
        }
        r.set_state(wait_state::finished);
    }

    void give_back(std::size_t n) noexcept {
        available_ += n;
        admit();
    }

    /// Refuses waiting and later requests.
    void close() noexcept {
        open_ = false;
        waiters_.release_all(wait_state::refused);
    }

private:
    friend described;

    void describe(wait_report& report) const {
        report.object(this, name_, available_ == 0 ? "taken" : "too few permits are free");
    }

    void admit() noexcept {
        while (!waiters_.empty() && waiters_.front().count() <= available_) {
            available_ -= waiters_.front().count();
            waiters_.release_front(wait_state::granted);
        }
    }

    wait_queue<request> waiters_{*this};
    std::size_t available_;
    const char* name_;
    bool open_ = true;
};

} // namespace weir::detail
