// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <weir/core/assert.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/detail/locals.hpp>
#include <weir/core/detail/root.hpp>
#include <weir/core/detail/slot_mark.hpp>
#include <weir/core/detail/this_thread.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/detail/wake_order.hpp>
#include <weir/core/time.hpp>

namespace weir {

class executor;
class run_queue;

/// The part of a waiting object that can be woken: a function to run, and a link in the run queue.
///
/// A wake puts the waker on the run queue. Further wakes before it runs have no effect. The function never runs inline.
/// A waker may be moved until it is bound. Its destructor removes it from the run queue and from every slot.
class waker : private detail::list_link {
public:
    using function = void (*)(waker&) noexcept;

    explicit waker(function run) noexcept : run_{run} {}
    waker(waker&& other) noexcept : list_link{}, run_{other.run_} {
        WEIR_ASSERT(other.queue_ == nullptr, "moved after its first poll");
    }
    inline ~waker();

    /// Removes it from the run queue and from every slot, so that it no longer runs.
    inline void retire() noexcept;

    /// Sets the run queue. Binding again to the same queue has no effect.
    inline void bind(run_queue& queue) noexcept;
    /// Takes the run queue and the root of the waker of the first poll.
    void bind(const waker& parent) noexcept {
        if (bound()) {
            WEIR_ASSERT(queue_ == parent.queue_, "a stream or task stays on the executor that first polled it");
            return;
        }
        queue_ = parent.queue_;
        check_thread();
        join_root(parent);
    }
    bool bound() const noexcept { return queue_ != nullptr; }
    run_queue& queue() const noexcept { return *queue_; }

    bool queued() const noexcept { return linked(); }

    inline void wake() noexcept;
    /// The same for a waker that is not on the run queue.
    inline void wake_first() noexcept;

    /// Wakes it in the executor's next turn, after timers and I/O.
    inline void defer() noexcept;

    /// Sets the function for later wakes.
    void on_wake(function run) noexcept { run_ = run; }
    function on_wake() const noexcept { return run_; }

    /// The deadline of the last poll that was made with this waker.
    time_point deadline() const noexcept { return deadline_; }
    void set_deadline(time_point deadline) noexcept { deadline_ = deadline; }

    /// Makes it belong to the root of the parent, unless it is a root itself.
    void belong_to(const waker& parent) noexcept {
        // A waker with task-locals never has the record of a parent without.
        if (root_ != parent.root_ || parent.shares_by_call()) [[unlikely]]
            change_root(parent);
    }
    /// Sets the run queue, and makes it the root of a spawned operation or of a member of a task group. Its operation
    /// must not have been polled.
    inline void become_root(run_queue& queue, detail::root_kind kind, detail::root_record* parent) noexcept;
    /// The same for a root that has a record of its own from the start.
    void become_root(run_queue& queue, detail::root_record* own) noexcept;
    /// To be called after becoming a root without a record: gives it the parent's task-locals.
    void inherit_locals() noexcept {
        if (root_->is(detail::root_record::carries)) [[unlikely]]
            copy_locals();
    }
    bool is_root() const noexcept {
        return has(detail::root_kind::known | detail::root_kind::spawned | detail::root_kind::member);
    }
    /// To be called when a root has ended: no waker belongs to it any more.
    void forget_root() noexcept {
        if (has(detail::root_kind::known) && !being_destroyed_) remove_record();
    }

    /// The executor's number for the innermost task group that contains it; 0 for none.
    std::uint32_t group() const noexcept { return kind_ == detail::root_kind::spawned ? 0 : root_->group; }
    /// The record of its root, for another waker that is to belong to the same root.
    detail::root_record* root() const noexcept {
        if (shares_by_call()) [[unlikely]]
            return find_record();
        return root_;
    }

private:
    friend class run_queue;
    friend class detail::slot_base;
    friend struct detail::slot_access;
    friend class detail::intrusive_list<waker>;

    /// No other thread runs its executor.
    inline void check_thread() const noexcept;
    bool has(detail::root_kind any) const noexcept { return detail::has_any(kind_, any); }
    detail::root_record* find_record() const noexcept;
    void remove_record() noexcept;
    /// Makes it belong to the root of the parent. It must not belong to the record of task-locals.
    void join_root(const waker& parent) noexcept {
        if (parent.shares_by_call()) [[unlikely]]
            return share_root(parent);
        root_ = parent.root_;
    }
    /// Whether others that are to belong to its root need more than its record, as it is.
    bool shares_by_call() const noexcept {
        return has(detail::root_kind::spawned | detail::root_kind::member | detail::root_kind::locals);
    }
    void share_root(const waker& parent) noexcept;
    void change_root(const waker& parent) noexcept;
    void copy_locals() noexcept;
    void stamp_locals() noexcept;
    bool root_lives() const noexcept;

    function run_;
    run_queue* queue_ = nullptr;
    time_point deadline_ = time_point::max();
    detail::slot_base* slots_ = nullptr;
    // A root's record is created when the first other waker belongs to it.
    mutable detail::root_record* root_ = nullptr;
    std::uint32_t stamp_ = 0; // shows whether the record was reused, for a root without a record and for locals
    mutable detail::root_kind kind_ = detail::root_kind::none;
    bool being_destroyed_ = false; // for a root. Last, so that derived classes may use the padding behind it
};

/// The wakers that are ready to run, in order. Each executor has one, which only its thread uses.
class run_queue {
public:
    explicit run_queue(executor& owner) noexcept;
    run_queue(const run_queue&) = delete;
    run_queue& operator=(const run_queue&) = delete;

    executor& owner() noexcept { return owner_; }
    bool empty() const noexcept { return ready_.empty() && deferred_.empty(); }
    /// The task group of the running waker.
    std::uint32_t group() const noexcept;

    /// Runs at most `most` wakers in the order of their wakes, then appends the deferred wakers. Returns how many ran.
    inline std::size_t run(std::size_t most) noexcept;
    /// Runs wakers in another order from now on; null for that of their wakes. `order` must outlive the last `run`.
    void reorder(wake_order* order) noexcept { order_ = order; }
    wake_order* order() const noexcept { return order_; }
    /// How many wakers wait for their run, counted up to a limit.
    std::size_t size(std::size_t most) const noexcept {
        const std::size_t ready = ready_.size(most);
        return ready + deferred_.size(most - ready);
    }

    /// The root of the running waker, for operations that it spawns; the record of no root when no waker runs.
    detail::root_record* root() noexcept {
        return innermost_ == nullptr && running_ != nullptr ? running_->root() : root_of_destruction();
    }
    /// A record for a task group that belongs to a root.
    detail::root_record* add_group(detail::root_record* parent, std::uint32_t group) noexcept;
    void remove_group(detail::root_record* record) noexcept { remove(record); }

    /// The task-locals of the code that runs.
    detail::locals_ref locals() const noexcept;
    /// The task-locals of the root with that waker.
    static detail::locals_ref locals_of(const waker& root) noexcept;
    /// Adds a record with task-locals. Returns null when there is no memory.
    detail::root_record* add_locals(detail::root_record* parent, std::uint32_t group,
                                    detail::locals_ref values) noexcept;
    /// The same for a part of its parent.
    detail::root_record* add_scope(detail::root_record* parent, detail::locals_ref values) noexcept;
    /// Makes a scope a part of another root. Returns false when there is no memory for that root.
    bool move_scope(const waker& scope, detail::root_record* parent) noexcept;

    /// Destroys a root. Returns true when that happened at once. When the root or one of its wakers is on the stack,
    /// the root is destroyed as soon as that has left the stack, and the answer is false.
    bool drop(waker& root, waker::function destroy) noexcept;
    /// Whether a callee dropped the running operation, which must then poll and call nothing more and return `pending`.
    bool stopping() const noexcept { return stopping_; }
    /// Whether a root was dropped to which the running operation may belong. It may also outlive that root: a spawned
    /// operation and a member of a group may outlive the root that spawned them. The running operation therefore loses
    /// no item, but yields before it starts anything new.
    bool leaving() const noexcept { return leaving_; }

    /// To be called when the running waker is a root that has ended and is about to be destroyed.
    void leave(const waker& root) noexcept {
        if (running_ == &root) running_ = nullptr;
    }

    /// Whether this thread may use the executor: no other thread runs it. Only for assertions.
    bool may_be_used_here() const noexcept {
        // Relaxed: a thread that uses an executor after another has synchronised with it.
        const void* const thread = thread_.load(std::memory_order_relaxed);
        return thread == nullptr || thread == detail::this_thread();
    }
    /// The running waker, or null.
    const waker* running() const noexcept { return running_; }

    /// Sets the thread that runs the executor: this_thread(), or null for none. Returns the last one.
    const void* run_on(const void* thread) noexcept { return thread_.exchange(thread, std::memory_order_relaxed); }

    /// A guard for the time in which one root, or every root, is being destroyed.
    class destruction;
    /// A guard for the time in which code runs as a part of another waker than the one that the queue runs.
    class substitution;
    /// A guard for the time in which code runs that may outlive the running operation, although that polls it, such as
    /// a source with several consumers. If it drops the operation, it is not stopped, and loses nothing.
    class shared_code;

private:
    friend class waker;

    detail::root_record* add_record(detail::root_record* parent, std::uint32_t group) noexcept;
    std::uint64_t next_id() noexcept { return ++last_id_; }
    std::size_t run_reordered(std::size_t most) noexcept;
    std::size_t finish_turn(std::size_t ran) noexcept;
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
    detail::root_record* root_of_destruction() const noexcept;
    waker* next_dropped() noexcept;
    void find_stopping() noexcept;
    void destroy_dropped() noexcept;
    void remove(detail::root_record* record) noexcept;
    void release(detail::root_record* record) noexcept;
    void leave_root(detail::root_record* record) noexcept;

    executor& owner_;
    std::atomic<const void*> thread_ = nullptr;
    detail::intrusive_list<waker> ready_;
    detail::intrusive_list<waker> deferred_;
    wake_order* order_ = nullptr;
    // What is on the stack: the running waker, and above it the objects that are being destroyed.
    const waker* running_ = nullptr;
    detail::root_record* running_root_ = &no_root_;
    destruction* innermost_ = nullptr;
    bool stopping_ = false;
    bool leaving_ = false;     // a dropped root is still on the stack
    unsigned shared_code_ = 0; // the number of guards
    bool destroying_dropped_ = false;
    detail::root_record no_root_{.id = 0};
    // Used when no record could be allocated: counts as the record of every root.
    detail::root_record any_root_{.id = 0};
    detail::record_pool<detail::root_record> records_;
    detail::record_pool<detail::local_record> local_records_;
    std::uint64_t last_id_ = 0;             // of a record
    detail::intrusive_list<waker> dropped_; // roots that are dropped and still on the stack
    waker reaper_;                          // destroys the dropped roots before any other waker runs
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
    detail::root_record* root_;          // the root that is being destroyed
    detail::root_record* own_ = nullptr; // the root's own record, to be removed
    std::size_t marked_ = 0;             // how many records, from root_ on, were marked as being on the stack
};

class run_queue::substitution {
public:
    explicit substitution(const waker& scope) noexcept
        : queue_{scope.queue()}, outer_{queue_.running_}, outer_root_{queue_.running_root_} {
        queue_.enter(scope);
    }
    substitution(const substitution&) = delete;
    substitution& operator=(const substitution&) = delete;
    ~substitution();

private:
    run_queue& queue_;
    const waker* outer_;
    detail::root_record* outer_root_;
};

class run_queue::shared_code {
public:
    explicit shared_code(run_queue& queue) noexcept : queue_{queue} { ++queue_.shared_code_; }
    shared_code(const shared_code&) = delete;
    shared_code& operator=(const shared_code&) = delete;
    ~shared_code() {
        --queue_.shared_code_;
        if (queue_.leaving_) [[unlikely]]
            queue_.find_stopping();
    }

private:
    run_queue& queue_;
};

namespace detail {

/// The part of a slot that does not depend on its mark.
class slot_base {
public:
    bool armed() const noexcept { return waker_ != nullptr; }
    /// The waker that waits, or null.
    const waker* waiting() const noexcept { return waker_; }

protected:
    slot_base() noexcept = default;
    slot_base(slot_base&& other) noexcept { WEIR_ASSERT(!other.armed(), "moved after its first poll"); }
    ~slot_base() = default;

    // The mark is the same in all calls. As it is known at compile time, it is part of an address and costs no
    // instruction.

    template <slot_mark Mark>
    void arm_as(waker& wk) noexcept {
        wk.check_thread();
        if (waker_ == &wk) return;
        disarm_as<Mark>();
        waker_ = &wk;
        next_ = wk.slots_;
        link_ = link_to(wk.slots_) + static_cast<unsigned char>(Mark);
        if (next_ != nullptr) next_->relink(next_);
        wk.slots_ = this;
    }
    template <slot_mark Mark>
    void disarm_as() noexcept {
        if (waker_ != nullptr) remove(link_ - static_cast<unsigned char>(Mark));
    }
    template <slot_mark Mark>
    void wake_as() noexcept {
        if (waker_ == nullptr) return;
        waker& wk = *waker_;
        disarm_as<Mark>();
        wk.wake();
    }

private:
    friend class weir::waker;
    friend struct slot_access;

    static constexpr std::uintptr_t mark_bits = 7; // the address of a pointer does not use them

    static char* link_to(slot_base*& pointer) noexcept { return reinterpret_cast<char*>(&pointer); }
    std::uintptr_t mark() const noexcept { return reinterpret_cast<std::uintptr_t>(link_) & mark_bits; }
    /// Sets the pointer to this slot, and keeps the mark.
    void relink(slot_base*& pointer) noexcept { link_ = link_to(pointer) + mark(); }
    void remove(char* link) noexcept {
        slot_base*& pointer = *reinterpret_cast<slot_base**>(link);
        pointer = next_;
        if (next_ != nullptr) next_->relink(pointer);
        waker_ = nullptr;
    }
    /// For a slot whose mark is not known.
    void remove() noexcept { remove(link_ - mark()); }

    waker* waker_ = nullptr;
    // Read only while armed. g++ 12 cannot see that in inlined destructors, and would warn about uninitialised members.
    slot_base* next_ = nullptr;
    // The address of the pointer to this slot, which is the waker's list head or the previous slot's next_; plus the
    // mark.
    char* link_ = nullptr;
};

/// A slot with a mark, which tells a dump what the slot is in.
template <slot_mark Mark>
class marked_slot : public slot_base {
public:
    marked_slot() noexcept = default;
    marked_slot(marked_slot&&) noexcept = default;
    ~marked_slot() { disarm(); }

    void arm(waker& wk) noexcept { this->template arm_as<Mark>(wk); }
    void disarm() noexcept { this->template disarm_as<Mark>(); }
    /// Wakes the stored waker, once per `arm`.
    void wake() noexcept { this->template wake_as<Mark>(); }
};

/// A slot in an object that describes itself. See `described`.
class described_slot : public marked_slot<slot_mark::described> {
public:
    template <class Object>
    explicit described_slot(Object& object) noexcept : what_{object} {}

private:
    friend struct slot_access;

    described what_;
};

/// A slot in an object that refers to what describes itself.
class referring_slot : public marked_slot<slot_mark::referring> {
public:
    void refer_to(const described& what) noexcept { what_ = &what; }

private:
    friend struct slot_access;

    const described* what_ = nullptr;
};

} // namespace detail

/// Stores the waker that a leaf must wake. Slot and waker are linked both ways, so that either may be destroyed first.
///
/// A waker may be in many slots. A slot holds one waker, that of the last poll.
class waker_slot : public detail::marked_slot<detail::slot_mark::none> {};

inline void waker::check_thread() const noexcept {
    WEIR_ASSERT(queue_ == nullptr || queue_->may_be_used_here(),
                "used on a thread that does not run its executor; call executor::post, or use what threads/ has");
}

inline waker::~waker() {
    while (slots_ != nullptr) slots_->remove();
}

inline void waker::retire() noexcept {
    unlink();
    while (slots_ != nullptr) slots_->remove();
}

inline void waker::bind(run_queue& queue) noexcept {
    WEIR_ASSERT(queue_ == nullptr || queue_ == &queue, "a stream or task stays on the executor that first polled it");
    queue_ = &queue;
    check_thread();
    if (root_ == nullptr) root_ = &queue.no_root_;
}

inline void waker::wake() noexcept {
    check_thread();
    if (!linked()) queue_->ready_.push_back(*this);
}

inline void waker::wake_first() noexcept {
    check_thread();
    WEIR_ASSERT(!linked(), "the waker is on the run queue");
    queue_->ready_.push_back(*this);
}

inline void waker::defer() noexcept {
    check_thread();
    if (!linked()) queue_->deferred_.push_back(*this);
}

inline void waker::become_root(run_queue& queue, detail::root_kind kind, detail::root_record* parent) noexcept {
    WEIR_ASSERT(queue_ == nullptr || queue_ == &queue, "an operation stays on its executor");
    queue_ = &queue;
    check_thread();
    kind_ = kind;
    root_ = parent;
    stamp_ = static_cast<std::uint32_t>(parent->id);
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
    ready_.splice(deferred_);
    return ran;
}

} // namespace weir
