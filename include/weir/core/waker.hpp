#pragma once

#include <cstddef>
#include <cstdint>

#include <weir/core/assert.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/detail/wake_order.hpp>
#include <weir/core/time.hpp>

namespace weir {

class executor;
class waker;

/// The wakers that are to run, in order. One per executor; confined to its thread.
class run_queue {
public:
    explicit run_queue(executor& owner) noexcept : owner_{owner} {}

    executor& owner() noexcept { return owner_; }
    bool empty() const noexcept { return ready_.empty() && deferred_.empty(); }
    /// The task group of the waker that runs.
    std::uint32_t group() const noexcept { return group_; }

    /// Runs at most `most` wakers, in the order in which they were woken, then lets the deferred ones in.
    /// Returns how many ran.
    inline std::size_t run(std::size_t most) noexcept;
    /// From now on in another order; it outlives the last `run`.
    void reorder(wake_order& order) noexcept { order_ = &order; }

private:
    friend class waker;

    inline std::size_t run_reordered(std::size_t most) noexcept;

    executor& owner_;
    detail::intrusive_list<waker> ready_;
    detail::intrusive_list<waker> deferred_;
    wake_order* order_ = nullptr;
    std::uint32_t group_ = 0;
};

class waker_slot;

/// Whoever waits: a function to run, and a place in the run queue.
///
/// Waking puts the waker on the run queue, once, however often it is woken before it runs. It never runs inline.
/// A waker may be moved until it is bound. When it dies it leaves the run queue and every slot that names it.
class waker : private detail::list_link {
public:
    using function = void (*)(waker&) noexcept;

    explicit waker(function run) noexcept : run_{run} {}
    waker(waker&& other) noexcept : list_link{}, run_{other.run_} {
        WEIR_ASSERT(other.queue_ == nullptr, "moved after its first poll");
    }
    inline ~waker();

    /// Names the queue that wakes go to. Binding again to the same one does nothing.
    void bind(run_queue& queue) noexcept {
        WEIR_ASSERT(queue_ == nullptr || queue_ == &queue,
                    "a stream or task stays on the executor that first polled it");
        queue_ = &queue;
    }
    /// The queue and the task group of whoever polled first.
    void bind(const waker& parent) noexcept {
        if (bound()) {
            WEIR_ASSERT(queue_ == parent.queue_, "a stream or task stays on the executor that first polled it");
            return;
        }
        queue_ = parent.queue_;
        group_ = parent.group_;
    }
    bool bound() const noexcept { return queue_ != nullptr; }
    run_queue& queue() const noexcept { return *queue_; }

    bool queued() const noexcept { return linked(); }

    void wake() noexcept {
        if (!linked()) queue_->ready_.push_back(*this);
    }

    /// Wakes it in the executor's next turn, so that timers and I/O get in between.
    void defer() noexcept {
        if (!linked()) queue_->deferred_.push_back(*this);
    }

    /// What is to run from the next wake on.
    void on_wake(function run) noexcept { run_ = run; }

    /// By when whoever waits wants its answer: that of the last poll that was made with this waker.
    time_point deadline() const noexcept { return deadline_; }
    void set_deadline(time_point deadline) noexcept { deadline_ = deadline; }

    /// The innermost task group that it is in, as the executor numbers them; 0 for none.
    std::uint32_t group() const noexcept { return group_; }
    void set_group(std::uint32_t group) noexcept { group_ = group; }

private:
    friend class run_queue;
    friend class waker_slot;
    friend class detail::intrusive_list<waker>;

    function run_;
    run_queue* queue_ = nullptr;
    time_point deadline_ = time_point::max();
    waker_slot* slots_ = nullptr;
    std::uint32_t group_ = 0; // last: what derives from a waker may use the space behind it
};

/// Where a leaf keeps the waker that it must wake. Linked both ways with it: either may die first.
///
/// A waker may stand in many slots; a slot holds one waker, the one that polled last.
class waker_slot {
public:
    waker_slot() noexcept = default;
    waker_slot(waker_slot&& other) noexcept { WEIR_ASSERT(!other.armed(), "moved after its first poll"); }
    ~waker_slot() { disarm(); }

    bool armed() const noexcept { return waker_ != nullptr; }

    void arm(waker& wk) noexcept {
        if (waker_ == &wk) return;
        disarm();
        waker_ = &wk;
        next_ = wk.slots_;
        link_ = &wk.slots_;
        if (next_ != nullptr) next_->link_ = &next_;
        wk.slots_ = this;
    }

    void disarm() noexcept {
        if (waker_ == nullptr) return;
        *link_ = next_;
        if (next_ != nullptr) next_->link_ = link_;
        waker_ = nullptr;
    }

    /// Wakes whoever waits, once per arming.
    void wake() noexcept {
        if (waker_ == nullptr) return;
        waker& wk = *waker_;
        disarm();
        wk.wake();
    }

private:
    friend class waker;

    waker* waker_ = nullptr;
    // Read only while it is armed, but where g++ 12 inlines a destructor it cannot tell and warns of what has no value.
    waker_slot* next_ = nullptr;
    waker_slot** link_ = nullptr; // what points at this slot: the waker's list head or the slot before
};

inline waker::~waker() {
    while (slots_ != nullptr) slots_->disarm();
}

inline std::size_t run_queue::run(std::size_t most) noexcept {
    if (order_ != nullptr) [[unlikely]]
        return run_reordered(most);
    std::size_t ran = 0;
    for (; ran != most && !ready_.empty(); ++ran) {
        waker& next = ready_.pop_front();
        group_ = next.group_;
        next.run_(next);
    }
    group_ = 0;
    ready_.take(deferred_);
    return ran;
}

inline std::size_t run_queue::run_reordered(std::size_t most) noexcept {
    most = order_->turn_length(most);
    std::size_t ran = 0;
    for (; ran != most && !ready_.empty(); ++ran) {
        for (std::size_t n = order_->pass_over(); n != 0; --n) ready_.push_back(ready_.pop_front());
        waker& next = ready_.pop_front();
        group_ = next.group_;
        next.run_(next);
    }
    group_ = 0;
    ready_.take(deferred_);
    return ran;
}

} // namespace weir
