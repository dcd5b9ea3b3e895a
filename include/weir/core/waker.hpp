// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <weir/core/assert.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/detail/root.hpp>
#include <weir/core/detail/wake_order.hpp>
#include <weir/core/time.hpp>

namespace weir {

class executor;
class run_queue;
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

    /// Nothing runs it or wakes it any more.
    inline void retire() noexcept;

    /// Names the queue that wakes go to. Binding again to the same one does nothing.
    inline void bind(run_queue& queue) noexcept;
    /// The queue and the root of the waker that polled first.
    void bind(const waker& parent) noexcept {
        if (bound()) {
            WEIR_ASSERT(queue_ == parent.queue_, "a stream or task stays on the executor that first polled it");
            return;
        }
        queue_ = parent.queue_;
        belong_to(parent);
    }
    bool bound() const noexcept { return queue_ != nullptr; }
    run_queue& queue() const noexcept { return *queue_; }

    bool queued() const noexcept { return linked(); }

    inline void wake() noexcept;

    /// Wakes it in the executor's next turn, so that timers and I/O get in between.
    inline void defer() noexcept;

    /// What is to run from the next wake on.
    void on_wake(function run) noexcept { run_ = run; }
    function on_wake() const noexcept { return run_; }

    /// By when whoever waits wants its answer: that of the last poll that was made with this waker.
    time_point deadline() const noexcept { return deadline_; }
    void set_deadline(time_point deadline) noexcept { deadline_ = deadline; }

    /// From now on it belongs to the root to which the parent belongs, unless it is a root itself.
    void belong_to(const waker& parent) noexcept {
        if (kind_ == detail::root_kind::none) root_ = parent.root();
    }
    /// Makes it a root: of an operation that was spawned by a root, or of a member of a task group. It is bound, and
    /// was not polled.
    inline void become_root(detail::root_kind kind, detail::root_record* parent) noexcept;
    bool is_root() const noexcept { return kind_ != detail::root_kind::none; }
    /// A root has ended: nothing belongs to it any more.
    inline void forget_root() noexcept;

    /// The innermost task group that it is in, as the executor numbers them; 0 for none.
    std::uint32_t group() const noexcept { return kind_ == detail::root_kind::spawned ? 0 : root_->group; }
    /// The record of the root that it belongs to, for a waker that belongs to it as well.
    detail::root_record* root() const noexcept {
        if (kind_ == detail::root_kind::spawned || kind_ == detail::root_kind::member) [[unlikely]]
            return make_record();
        return root_;
    }

private:
    friend class run_queue;
    friend class waker_slot;
    friend class detail::intrusive_list<waker>;

    detail::root_record* make_record() const noexcept;
    bool parent_lives() const noexcept { return static_cast<std::uint32_t>(root_->id) == parent_stamp_; }

    function run_;
    run_queue* queue_ = nullptr;
    time_point deadline_ = time_point::max();
    waker_slot* slots_ = nullptr;
    // A root's record is made when another waker first belongs to it.
    mutable detail::root_record* root_ = nullptr;
    std::uint32_t parent_stamp_ = 0; // of a root without a record: tells whether its parent's record was reused
    mutable detail::root_kind kind_ = detail::root_kind::none;
    bool being_destroyed_ = false; // as a root. Last: what derives from a waker may use the space behind it
};

/// The wakers that are to run, in order. One per executor; confined to its thread.
class run_queue {
public:
    explicit run_queue(executor& owner) noexcept;
    run_queue(const run_queue&) = delete;
    run_queue& operator=(const run_queue&) = delete;

    executor& owner() noexcept { return owner_; }
    bool empty() const noexcept { return ready_.empty() && deferred_.empty(); }
    /// The task group of the waker that runs.
    std::uint32_t group() const noexcept;

    /// Runs at most `most` wakers, in the order in which they were woken, then lets the deferred ones in.
    /// Returns how many ran.
    inline std::size_t run(std::size_t most) noexcept;
    /// From now on in another order; it outlives the last `run`.
    void reorder(wake_order& order) noexcept { order_ = &order; }

    /// The root of the waker that runs, for what it spawns; the record of no root when none runs.
    detail::root_record* root() noexcept;
    /// A record for a task group that belongs to a root.
    detail::root_record* add_group(detail::root_record* parent, std::uint32_t group) noexcept;
    void remove_group(detail::root_record* record) noexcept { remove(record); }

    /// Destroys a root. At once; or, when the root or something that belongs to it is on the stack, as soon as that has
    /// left the stack: then nothing of it runs any more, and the answer is false.
    bool drop(waker& root, waker::function destroy) noexcept;
    /// Whether what runs was dropped by what it called: it polls nothing and calls nothing any more, and answers
    /// pending.
    bool stopping() const noexcept { return stopping_; }
    /// Whether a root was dropped that what runs may belong to, or may outlive: an operation that was spawned, and a
    /// member of a group, need not die with the root that spawned it or that made the group. So what runs loses
    /// nothing, but yields before it begins something new.
    bool leaving() const noexcept { return leaving_; }

    /// The waker that runs is a root that has ended and is about to be destroyed.
    void leave(const waker& root) noexcept {
        if (running_ == &root) running_ = nullptr;
    }

    /// While it lives, a root is being destroyed, or everything.
    class destruction;

private:
    friend class waker;

    std::size_t run_reordered(std::size_t most) noexcept;
    void enter(const waker& next) noexcept {
        running_ = &next;
        running_root_ = next.root_;
    }
    void leave() noexcept {
        running_ = nullptr;
        running_root_ = &no_root_;
    }
    bool on_stack(const waker& root) const noexcept;
    bool runs(const waker& root) const noexcept;
    waker* next_dropped() noexcept;
    void destroy_dropped() noexcept;
    void remove(detail::root_record* record) noexcept;

    executor& owner_;
    detail::intrusive_list<waker> ready_;
    detail::intrusive_list<waker> deferred_;
    wake_order* order_ = nullptr;
    // What is on the stack: the waker that runs, and above it what is being destroyed.
    const waker* running_ = nullptr;
    detail::root_record* running_root_ = &no_root_;
    destruction* innermost_ = nullptr;
    bool stopping_ = false;
    bool leaving_ = false; // there are dropped ones
    bool destroying_dropped_ = false;
    detail::root_record no_root_{.id = 0};
    detail::root_record any_root_{.id = 0}; // where there was no memory for a record: taken to be that of every root
    detail::root_records records_;
    detail::intrusive_list<waker> dropped_; // while they are on the stack
    waker reaper_;                          // destroys them, before anything else runs
};

class run_queue::destruction {
public:
    explicit destruction(run_queue& queue) noexcept;
    destruction(run_queue& queue, waker& root) noexcept;
    destruction(const destruction&) = delete;
    destruction& operator=(const destruction&) = delete;
    ~destruction();

private:
    friend class run_queue;

    run_queue& queue_;
    destruction* outer_;
    detail::root_record* root_;          // that belongs to it
    detail::root_record* own_ = nullptr; // the root's own record, to be removed
    std::size_t marked_ = 0;             // from root_ on, so many records were marked as being on the stack
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

inline void waker::retire() noexcept {
    unlink();
    while (slots_ != nullptr) slots_->disarm();
}

inline void waker::bind(run_queue& queue) noexcept {
    WEIR_ASSERT(queue_ == nullptr || queue_ == &queue, "a stream or task stays on the executor that first polled it");
    queue_ = &queue;
    if (root_ == nullptr) root_ = &queue.no_root_;
}

inline void waker::wake() noexcept {
    if (!linked()) queue_->ready_.push_back(*this);
}

inline void waker::defer() noexcept {
    if (!linked()) queue_->deferred_.push_back(*this);
}

inline void waker::become_root(detail::root_kind kind, detail::root_record* parent) noexcept {
    kind_ = kind;
    root_ = parent;
    parent_stamp_ = static_cast<std::uint32_t>(parent->id);
}

inline void waker::forget_root() noexcept {
    if (kind_ != detail::root_kind::known || being_destroyed_) return;
    queue_->remove(root_);
    kind_ = detail::root_kind::none;
    root_ = &queue_->no_root_;
}

inline std::size_t run_queue::run(std::size_t most) noexcept {
    if (order_ != nullptr) [[unlikely]]
        return run_reordered(most);
    std::size_t ran = 0;
    for (; ran != most && !ready_.empty(); ++ran) {
        waker& next = ready_.pop_front();
        enter(next);
        next.run_(next);
    }
    leave();
    if (leaving_) [[unlikely]]
        destroy_dropped();
    ready_.take(deferred_);
    return ran;
}

} // namespace weir
