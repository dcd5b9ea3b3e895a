// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/frame_pool.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/detail/time_limit.hpp>

namespace weir::detail {

class cleanups;

/// The cleanup of a scope. It is created while the scope exists, so that nothing can fail at the scope's end. It then
/// belongs to a task group or to the executor, which runs it to its end.
class cleanup : public list_link, public pooled {
public:
    cleanup(duration within, std::source_location place) noexcept : within_{within}, place_{place} {}
    virtual ~cleanup() { waker_.forget_root(); }

    /// To be called while the scope exists: makes it a root in a task group.
    /// @throws std::bad_alloc
    void prepare(run_queue& queue, std::uint32_t group);
    /// To be called when the executor is destroyed before the scope.
    void abandon() noexcept { waker_.forget_root(); }

    std::source_location place() const noexcept { return place_; }

    /// Starts in the next turn.
    void start(cleanups& owner) noexcept;

private:
    friend class cleanups;

    virtual poll<unit> poll_cleanup(context& cx) = 0;

    void run() noexcept;

    cleanups* owner_ = nullptr;
    std::uint64_t number_ = 0;
    duration within_;
    std::source_location place_;
    time_limit limit_;
    bool started_ = false;
    member_waker<cleanup, &cleanup::run> waker_;
};

/// The owner of cleanups and of live operations, such as a task group.
class cleanups_owner {
public:
    virtual void describe(wait_report& report) const = 0;
    virtual void list(live_roots& into) = 0;

protected:
    ~cleanups_owner() = default;
};

/// The running cleanups, in the order of their start.
class cleanups {
public:
    cleanups() = default;
    explicit cleanups(cleanups_owner& owner) noexcept : owner_{&owner} {}
    ~cleanups() { drop(); }

    bool empty() const noexcept { return running_.empty(); }

    /// Identifies all cleanups started so far, for `done`.
    std::uint64_t mark() const noexcept { return last_number_; }
    bool done(std::uint64_t mark) noexcept { return empty() || running_.front().number_ > mark; }

    /// A waiter that is woken when a cleanup has finished, or by `wake`.
    class waiter : public list_link {
        friend class cleanups;
        referring_slot slot_;
    };
    cleanups_owner* owner() const noexcept { return owner_; }
    void wait(waiter& who, context& cx) noexcept;
    void wake() noexcept;

    /// Moves all cleanups to another owner, in the group with the given number.
    void move_to(cleanups& other, std::uint32_t group) noexcept;
    void drop() noexcept;

private:
    friend class cleanup;

    friend described;

    void describe(wait_report& report) const {
        if (owner_ != nullptr) owner_->describe(report);
    }
    void add(cleanup& one) noexcept;
    void ended(cleanup& one) noexcept;

    cleanups_owner* owner_ = nullptr;
    described self_{*this};
    intrusive_list<cleanup> running_;
    std::uint64_t last_number_ = 0;
    intrusive_list<waiter> waiters_;
};

/// The counters of all task groups of one name.
struct group_counts {
    std::string name;
    std::size_t running = 0;
    std::size_t waiting = 0;
    std::uint64_t done = 0;
    std::uint64_t failed = 0;
    std::uint64_t dropped = 0;
};

/// Task groups by number. The number of a destroyed group is not used again for another group.
class group_table {
public:
    /// @returns the number of the new group, or 0, which is no group, when there are too many
    std::uint32_t add(cleanups& group);
    void remove(std::uint32_t number) noexcept;
    cleanups* find(std::uint32_t number) const noexcept;
    template <class F>
    void each(F f) const {
        for (const entry& e : entries_) {
            if (e.group != nullptr) f(*e.group);
        }
    }

    /// The counters for a name, which stay where they are.
    group_counts& counts(std::string_view name);
    const std::vector<std::unique_ptr<group_counts>>& counts() const noexcept { return counts_; }

private:
    static constexpr unsigned index_bits = 20;
    static constexpr std::uint32_t generation = std::uint32_t{1} << index_bits;

    struct entry {
        cleanups* group;
        std::uint32_t number;
        std::uint32_t next_free;
    };

    static std::size_t index_of(std::uint32_t number) noexcept { return number % generation; }

    std::vector<entry> entries_;
    std::uint32_t free_ = generation;                   // none
    std::vector<std::unique_ptr<group_counts>> counts_; // in the order of the first groups
};

} // namespace weir::detail
