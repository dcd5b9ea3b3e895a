// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/executor/executor.hpp>
#include <weir/messages/consumer.hpp>
#include <weir/messages/detail/attention.hpp>
#include <weir/messages/detail/member.hpp>
#include <weir/messages/detail/promise.hpp>
#include <weir/messages/message.hpp>
#include <weir/messages/record.hpp>
#include <weir/resilience/retry_policy.hpp>
#include <weir/task.hpp>

namespace weir::messages::detail {

/// What the partitions of a consumer share with it. Messages may outlive the consumer.
struct shared_part {
    consumer_options options;
    consumer_statistics counters = {};
    std::unique_ptr<detail::member> body = {};
    attention closer = {}; // woken when a partition has closed
};

/// An assigned partition: the window of its messages, and the task that commits them.
///
/// | phase  | messages are delivered | answers count | commits | leaves the phase                                   |
/// |--------|------------------------|---------------|---------|----------------------------------------------------|
/// | open   | yes                    | yes           | yes     | `end`, `abandon`                                   |
/// | ending | no                     | yes           | yes     | when all messages are answered, or at the deadline |
/// | closed | no                     | no            | no      |                                                    |
class partition_core : public std::enable_shared_from_this<partition_core> {
public:
    partition_core(std::shared_ptr<shared_part> shared, assignment a, executor& ex);
    partition_core(const partition_core&) = delete;
    partition_core& operator=(const partition_core&) = delete;

    const assignment& assigned() const noexcept { return assignment_; }
    bool is_open() const noexcept { return phase_ == phase::open; }
    /// Whether it has closed and the broker has it back.
    bool is_gone() const noexcept { return gone_; }

    void start(executor& ex);
    poll<message<std::string>> poll_next(context& cx);
    const consumer_options& options() const noexcept { return shared_->options; }
    void give(std::uint64_t number, answer a, std::optional<duration> wait) noexcept;

    /// Delivers nothing more, and closes when all messages are answered and committed, or at the deadline.
    void end(time_point deadline) noexcept;
    /// The program has dropped the stream.
    void end_by_program() noexcept { end(ex_.time_after(shared_->options.revoke_limit)); }
    /// Closes at once, without a commit, and drops the operations of the broker.
    void abandon() noexcept;

    /// Adds its load.
    void add_to(consumer_statistics& s, time_point now) const noexcept;
    std::size_t unanswered() const noexcept { return unanswered_; }
    std::size_t uncommitted() const noexcept {
        return static_cast<std::size_t>(next_ - head_) + acknowledged_.size() + committing_.size();
    }

private:
    friend weir::detail::described;

    enum class phase : std::uint8_t { open, ending, closed };

    enum class state : std::uint8_t {
        delivered,
        acknowledged,
        waiting,   // rejected; to be delivered again when it is due
        exhausted, // rejected too often
        left,      // dropped or rejected, and not to be delivered again here
    };

    /// The memory of larger copies is given back when they are acknowledged.
    static constexpr std::size_t kept_text = 4096;

    struct entry {
        messages::record record;
        state what = state::delivered;
        time_point since = {}; // of the delivery; of the next one while it waits
    };

    void describe(weir::detail::wait_report& report) const;

    entry& at(std::uint64_t number) noexcept { return entries_[static_cast<std::size_t>(number % entries_.size())]; }
    const entry& at(std::uint64_t number) const noexcept {
        return entries_[static_cast<std::size_t>(number % entries_.size())];
    }
    std::size_t room() const noexcept { return entries_.size() - uncommitted(); }
    bool is_in_window(const position& p) const noexcept;

    /// The number of the waiting message that is due first, or next_.
    std::uint64_t first_waiting() const noexcept;
    message<std::string> deliver(std::uint64_t number, record&& r);
    message<std::string> deliver_again(std::uint64_t number);
    void advance() noexcept;
    void fail(std::exception_ptr error) noexcept;
    void exhaust(entry& e) noexcept;
    time_point head_is_stuck_at() const noexcept;
    void check_head(time_point now);

    bool commit_is_due(time_point now) const noexcept;
    time_point next_visit() const noexcept;
    static task<> tend(std::shared_ptr<partition_core> self);
    task<> commit();
    task<> bury();
    task<> look();
    void count_failure(std::exception_ptr failure);
    void close() noexcept;

    /// Closes the partition when its task ends or is dropped.
    class closing_guard {
    public:
        explicit closing_guard(partition_core& core) noexcept : core_{core} {}
        closing_guard(const closing_guard&) = delete;
        closing_guard& operator=(const closing_guard&) = delete;
        ~closing_guard() {
            core_.close();
            core_.gone_ = true;
            core_.shared_->closer.signal();
        }

    private:
        partition_core& core_;
    };

    std::shared_ptr<shared_part> shared_;
    assignment assignment_;
    executor& ex_; // while it is not closed
    phase phase_ = phase::open;
    bool gone_ = false;
    time_point deadline_ = time_point::max(); // of the phase `ending`

    // Messages head_ <= number < next_ are delivered and not ready to be committed.
    std::vector<entry> entries_;
    std::uint64_t head_ = 0;
    std::uint64_t next_ = 0;
    std::size_t unanswered_ = 0;
    std::size_t waiting_ = 0;
    std::size_t exhausted_ = 0;
    bool reported_ = false; // the head as stuck
    position last_;         // that was delivered

    std::vector<position> acknowledged_; // to be committed
    std::vector<position> committing_;
    time_point first_acknowledged_ = {};
    time_point not_before_ = {}; // the next attempt of a commit or a dead letter
    time_point next_look_ = {};
    weir::detail::backoff committing_again_;
    partition_status status_;

    std::vector<record> fetched_; // fetched_[taken_] is the next to be delivered
    std::size_t taken_ = 0;
    std::optional<task<std::vector<record>>> fetch_;
    weir::detail::backoff fetching_again_;
    time_point no_fetch_before_ = {};
    std::exception_ptr error_;

    weir::detail::described_slot consumer_{*this};
    weir::detail::resettable_deadline consumer_timer_;
    attention tender_;
    std::optional<join_handle<task<>>> tending_;
};

class consumer_core {
public:
    consumer_core(std::unique_ptr<member> body, consumer_options options);
    consumer_core(const consumer_core&) = delete;
    consumer_core& operator=(const consumer_core&) = delete;
    ~consumer_core() { abandon(); }

    poll<partition> poll_next(context& cx);
    /// Ends all streams. Answers are waited for.
    void stop() noexcept;
    void abandon() noexcept;
    static task<close_report> close(std::shared_ptr<consumer_core> self);
    consumer_statistics stats() const;
    const consumer_options& options() const noexcept { return shared_->options; }
    /// @throws std::logic_error the second time
    void take_partitions();

private:
    friend weir::detail::described;

    void describe(weir::detail::wait_report& report) const;
    task<> follow_group(executor& ex);
    void apply(group_change change, executor& ex);

    std::shared_ptr<shared_part> shared_;
    std::vector<std::shared_ptr<partition_core>> partitions_;
    std::deque<std::shared_ptr<partition_core>> fresh_; // not seen by the program yet
    std::exception_ptr error_;
    weir::detail::described_slot consumer_{*this};
    std::optional<join_handle<task<>>> following_;
    bool taken_ = false;
    bool stopping_ = false;
};

} // namespace weir::messages::detail
