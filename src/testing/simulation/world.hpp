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

/// Whom an event concerns.
class actor {
public:
    virtual ~actor() = default;
    /// @param what  as it was given to `world::schedule`
    virtual void happen(std::uint32_t what) = 0;
};

/// What is behind a descriptor.
class node : public actor {
public:
    explicit node(world& w) noexcept : world_{w} {}

    /// As a system call without waiting has it: the result, or -EAGAIN.
    virtual int attempt(const io_request& request) = 0;
    /// The same, where what was put back comes first.
    int answer(const io_request& request);
    /// A read that has this answer is dropped, and nobody has seen it.
    virtual void put_back(const io_request& request, int result);
    /// The last descriptor is gone.
    virtual void close() noexcept = 0;
    /// How long a request takes that need not wait for anybody; less than 0: as the world likes.
    virtual duration time_for(const io_request&) { return duration{-1}; }

    void happen(std::uint32_t) override { retry(); }

    /// Tries again what waits.
    void retry_readers() { retry(readers); }
    void retry_writers() { retry(writers); }
    void retry() {
        retry_readers();
        retry_writers();
    }

    intrusive_list<io_operation> readers;
    intrusive_list<io_operation> writers;
    std::uint32_t opened = 0; // a number of its own, as operations note it

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

/// All of a simulation but its executor: time, what will happen, what is open.
class world final : public descriptor_closer, public wake_order, public std::enable_shared_from_this<world> {
public:
    world(std::uint64_t seed, const simulation_options& options);
    ~world();

    // Chance.
    random_bits random;
    bool chance(double probability) noexcept;
    std::uint64_t below(std::uint64_t end) noexcept { return end == 0 ? 0 : random() % end; }
    /// A multiple of the tick.
    duration between(duration shortest, duration longest) noexcept;
    /// At most n, and less if there is a fault; n > 0
    std::size_t some_of(std::size_t n, double short_transfer) noexcept;

    std::size_t turn_length(std::size_t most) noexcept override;
    std::size_t pass_over() noexcept override;

    // Time.
    time_point now{};
    void schedule(time_point at, std::shared_ptr<actor> whom, std::uint32_t what);
    /// Goes to the next event, or until then.
    /// @throws deadlock when there is none, and no time limit
    void wait(time_point until);
    void turn_taken() noexcept;

    // Operations.
    void start(io_operation& operation);
    void cancel(io_operation& operation) noexcept;
    void put_back(const io_operation& operation, int result) noexcept;
    std::size_t in_flight = 0;
    void complete(io_operation& operation, int result) noexcept;

    // Descriptors.
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
    std::uint64_t last_number = 0; // of connections, listeners, files
    std::string output;            // what was written to descriptors 1 and 2
    std::unique_ptr<network_state> net;
    std::unique_ptr<file_state> disk;

private:
    struct event {
        time_point at;
        std::uint64_t order;
        std::uint64_t number;
        std::shared_ptr<actor> whom;
        std::uint32_t what;

        friend bool operator<(const event& a, const event& b) noexcept { // the next one is the greatest
            if (a.at != b.at) return a.at > b.at;
            if (a.order != b.order) return a.order > b.order;
            return a.number > b.number;
        }
    };

    /// An operation that is tried later.
    class late;

    node* behind(const io_request& request) const noexcept;
    void try_now(io_operation& operation);
    static bool writes(const io_request& request) noexcept;

    std::vector<event> events_;
    std::uint64_t last_event_ = 0;
    std::unordered_map<std::uint64_t, io_operation*> late_; // by backend_data
    std::uint64_t last_late_ = 0;
    std::vector<std::shared_ptr<node>> nodes_;
    std::size_t open_ = 0;
    std::uint32_t last_opened_ = 0;
};

} // namespace weir::testing::detail
