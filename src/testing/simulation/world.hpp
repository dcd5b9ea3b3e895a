// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <weir/backend/backend.hpp>
#include <weir/executor/random_bits.hpp>
#include <weir/testing/simulation.hpp>

#include "backend/unread.hpp"

namespace weir::testing::detail {

using weir::detail::intrusive_list;

class world;

/// The receiver of an event.
class actor {
public:
    virtual ~actor() = default;
    /// @param what  the argument of `world::schedule`
    virtual void happen(std::uint32_t what) = 0;
};

/// The object that a descriptor refers to.
class node : public actor {
public:
    explicit node(world& w) noexcept : world_{w} {}

    /// Performs a request like a system call in non-blocking mode. Returns its result, or -EAGAIN.
    virtual int attempt(const io_request& request) = 0;
    /// Does the same, but returns an answer that was put back first.
    int answer(const io_request& request);
    /// Keeps the answer of a dropped read, which no code has seen.
    virtual void put_back(const io_request& request, int result);
    /// Returns the result of closing it, which an operation of kind close reports.
    virtual int close_result() { return 0; }
    /// To be called after the last descriptor was closed.
    virtual void close() noexcept = 0;
    /// Returns the time that a request takes when it need not wait. With a negative value the world chooses the time.
    virtual duration time_for(const io_request&) { return duration{-1}; }

    void happen(std::uint32_t) override { retry(); }

    /// Attempts the waiting operations again.
    void retry_readers() { retry(readers); }
    void retry_writers() { retry(writers); }
    void retry() {
        retry_readers();
        retry_writers();
    }

    intrusive_list<io_operation> readers;
    intrusive_list<io_operation> writers;
    std::uint32_t opened = 0; // the number of this opening, which operations record

protected:
    using boundaries = weir::detail::unread::boundaries;
    void keep(const io_request& request, int result, boundaries b) { unread_.put_back(request, result, b); }
    void retry(intrusive_list<io_operation>& waiting);

    world& world_;

private:
    weir::detail::unread unread_;
};

class network_state;
class file_state;

/// The state of a simulation without its executor: time, future events, and open descriptors.
class world final : public descriptor_closer, public wake_order, public std::enable_shared_from_this<world> {
public:
    world(std::uint64_t seed, const simulation_options& options);
    ~world();

    random_bits random;
    bool chance(double probability) noexcept;
    std::uint64_t below(std::uint64_t end) noexcept { return end == 0 ? 0 : random() % end; }
    /// Returns a random duration in this range, a multiple of the tick.
    duration between(duration shortest, duration longest) noexcept;
    /// Returns n, or less in the case of a short transfer. n must be positive.
    std::size_t some_of(std::size_t n, double short_transfer) noexcept;

    std::size_t turn_length(std::size_t most) noexcept override;
    std::size_t pass_over() noexcept override;

    time_point now{};
    void schedule(time_point at, std::shared_ptr<actor> whom, std::uint32_t what);
    /// Advances the time to the next event, at most to `until`, and runs the events that are due.
    /// @throws deadlock when there is neither an event nor a time limit
    void wait(time_point until);
    void turn_taken() noexcept;

    void start(io_operation& operation);
    void cancel(io_operation& operation) noexcept;
    void put_back(const io_operation& operation, int result) noexcept;
    std::size_t in_flight = 0;
    void complete(io_operation& operation, int result) noexcept;

    std::shared_ptr<node> find(int fd) const noexcept;
    template <class Node>
    std::shared_ptr<Node> find_as(int fd) const noexcept {
        return std::dynamic_pointer_cast<Node>(find(fd));
    }
    template <class Node, class F>
    void each_of(F f) {
        for (const auto& n : nodes_) {
            if (auto* const one = dynamic_cast<Node*>(n.get())) f(*one);
        }
    }
    bool full() const noexcept { return open_ >= options.descriptors; }
    int add(std::shared_ptr<node> n);
    void close(int fd) noexcept override;
    std::size_t open_descriptors() const noexcept { return open_; }

    void tell(std::string_view what, std::uint64_t subject = 0, std::int64_t value = 0, std::string text = {}) {
        history.add(now.time_since_epoch(), what, subject, value, std::move(text));
    }

    simulation_options options;
    std::string host;
    testing::trace history;
    std::uint64_t last_number = 0; // the last number of a connection, a listener or a file
    std::string output;            // the bytes that were written to descriptors 1 and 2
    std::unique_ptr<network_state> net;
    std::unique_ptr<file_state> disk;

private:
    struct event {
        time_point at;
        std::uint64_t order;
        std::uint64_t number;
        std::shared_ptr<actor> whom;
        std::uint32_t what;

        friend bool operator<(const event& a, const event& b) noexcept { // the next event is the greatest
            if (a.at != b.at) return a.at > b.at;
            if (a.order != b.order) return a.order > b.order;
            return a.number > b.number;
        }
    };

    /// The event that attempts a delayed operation.
    class late;

    node* behind(const io_request& request) const noexcept;
    void try_now(io_operation& operation);

    std::vector<event> events_;
    std::uint64_t last_event_ = 0;
    std::unordered_map<std::uint64_t, io_operation*> late_; // by backend_data
    std::uint64_t last_late_ = 0;
    std::vector<std::shared_ptr<node>> nodes_;
    std::size_t open_ = 0;
    std::uint32_t last_opened_ = 0;
};

} // namespace weir::testing::detail
