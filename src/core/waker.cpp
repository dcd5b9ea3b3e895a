// SPDX-License-Identifier: MIT
#include <weir/core/waker.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace weir {

namespace {

/// Returns the parent record. Returns null when the record has no parent, and when the parent's record was reused and
/// is now younger than its child.
detail::root_record* parent_of(const detail::root_record* record) noexcept {
    detail::root_record* const parent = record->parent;
    return parent != nullptr && record->id != detail::root_record::unused && parent->id < record->id ? parent : nullptr;
}

/// Ids decrease from a record to its parents.
bool belongs_to(const detail::root_record* record, const detail::root_record* root) noexcept {
    while (record != nullptr && record != root && record->id > root->id) record = parent_of(record);
    return record == root;
}

} // namespace

/// Whether the record still belongs to the root of this waker, as far as the waker knows.
bool waker::root_lives() const noexcept {
    if (has(detail::root_kind::locals)) return static_cast<const detail::local_record*>(root_)->generation == stamp_;
    if (has(detail::root_kind::spawned | detail::root_kind::member)) {
        return static_cast<std::uint32_t>(root_->id) == stamp_;
    }
    return root_->id != detail::root_record::unused;
}

/// The record for wakers that belong to the same root. A root without a record gets one.
detail::root_record* waker::find_record() const noexcept {
    if (being_destroyed_) return root_;
    detail::root_record* const found = root_lives() ? root_ : &queue_->no_root_;
    if (has(detail::root_kind::locals)) return found;
    const bool is_member = kind_ == detail::root_kind::member;
    detail::root_record* const own = queue_->add_record(found, is_member ? found->group : 0);
    if (own == nullptr) return &queue_->any_root_; // the next waker that is to belong to this root tries again
    root_ = own;
    kind_ = detail::root_kind::known;
    return own;
}

void waker::share_root(const waker& parent) noexcept {
    root_ = parent.root();
    kind_ = detail::root_kind::none;
    stamp_locals();
}

void waker::change_root(const waker& parent) noexcept {
    if (!is_root()) share_root(parent);
}

void waker::become_root(run_queue& queue, detail::root_record* own) noexcept {
    become_root(queue, detail::root_kind::known, own);
    stamp_locals();
}

/// Remembers which locals the record has. A waker may outlive its root, whose record then gets those of another one.
void waker::stamp_locals() noexcept {
    if (!root_->is(detail::root_record::carries)) return;
    kind_ = kind_ | detail::root_kind::locals;
    stamp_ = static_cast<const detail::local_record*>(root_)->generation;
}

/// Gives a root without a record one with the parent's task-locals. Without memory for it the root has no task-locals.
void waker::copy_locals() noexcept {
    auto* const own = queue_->add_locals(root_, group(), static_cast<const detail::local_record*>(root_)->values);
    if (own != nullptr) {
        become_root(*queue_, own);
    } else if (kind_ == detail::root_kind::spawned) {
        become_root(*queue_, kind_, &queue_->any_root_); // the record of the parent may get other locals
    }
}

void waker::remove_record() noexcept {
    queue_->remove(root_);
    kind_ = detail::root_kind::none;
    root_ = &queue_->no_root_;
}

run_queue::run_queue(executor& owner) noexcept
    : owner_{owner}, reaper_{[](waker& self) noexcept { self.queue().destroy_dropped(); }} {
    reaper_.bind(*this);
}

std::uint32_t run_queue::group() const noexcept {
    if (innermost_ != nullptr) return innermost_->root_->group;
    return running_ != nullptr ? running_->group() : running_root_->group;
}

detail::root_record* run_queue::root_of_destruction() const noexcept {
    return innermost_ != nullptr ? innermost_->root_ : running_root_;
}

detail::root_record* run_queue::add_record(detail::root_record* parent, std::uint32_t group) noexcept {
    detail::root_record* const record = records_.take();
    if (record != nullptr) *record = {.id = next_id(), .parent = parent, .group = group};
    return record;
}

detail::root_record* run_queue::add_group(detail::root_record* parent, std::uint32_t group) noexcept {
    if (parent != nullptr && parent->is(detail::root_record::carries)) [[unlikely]]
        return add_locals(parent, group, static_cast<const detail::local_record*>(parent)->values);
    return add_record(parent, group);
}

detail::locals_ref run_queue::locals() const noexcept {
    if (innermost_ == nullptr && running_ != nullptr) return locals_of(*running_);
    const detail::root_record* const here = root_of_destruction();
    return here->is(detail::root_record::carries) ? static_cast<const detail::local_record*>(here)->values
                                                  : detail::locals_ref{};
}

detail::locals_ref run_queue::locals_of(const waker& root) noexcept {
    if (!root.has(detail::root_kind::locals) || !root.root_lives()) return {};
    return static_cast<const detail::local_record*>(root.root_)->values;
}

detail::root_record* run_queue::add_locals(detail::root_record* parent, std::uint32_t group,
                                           detail::locals_ref values) noexcept {
    detail::local_record* const record = local_records_.take();
    if (record == nullptr) return nullptr;
    record->id = next_id();
    record->parent = parent;
    record->group = group;
    record->flags = detail::root_record::carries;
    record->values = std::move(values);
    return record;
}

detail::root_record* run_queue::add_scope(detail::root_record* parent, detail::locals_ref values) noexcept {
    if (parent == &any_root_) return nullptr;
    detail::root_record* const record = add_locals(parent, parent->group, std::move(values));
    if (record != nullptr) record->flags |= detail::root_record::scope;
    return record;
}

bool run_queue::move_scope(const waker& scope, detail::root_record* parent) noexcept {
    detail::root_record& record = *scope.root_;
    if (record.parent == parent) [[likely]]
        return true;
    if (parent == &any_root_) return false;
    if (parent->id > record.id) record.id = next_id(); // ids decrease from a record to its parents
    record.parent = parent;
    record.group = parent->group;
    return true;
}

run_queue::substitution::~substitution() {
    queue_.running_ = outer_;
    // The outer root may have got a record meanwhile, and the record around it may have been removed.
    queue_.running_root_ = outer_ != nullptr ? outer_->root_ : outer_root_;
}

void run_queue::remove(detail::root_record* record) noexcept {
    if (running_root_ == record) leave_root(record);
    if (record->flags == 0) [[likely]] {
        records_.put(record);
    } else if (record->is(detail::root_record::on_stack)) {
        record->flags |= detail::root_record::dead; // wakers that are being destroyed still belong to its parents
    } else {
        release(record);
    }
}

void run_queue::leave_root(detail::root_record* record) noexcept {
    detail::root_record* const parent = parent_of(record);
    running_root_ = parent != nullptr ? parent : &no_root_;
}

void run_queue::release(detail::root_record* record) noexcept {
    const bool carries = record->is(detail::root_record::carries);
    record->flags = 0;
    if (!carries) return records_.put(record);
    auto* const own = static_cast<detail::local_record*>(record);
    const detail::locals_ref values = std::move(own->values); // their destructor may run code of the user
    ++own->generation;
    local_records_.put(own);
}

run_queue::destruction::destruction(run_queue& queue) noexcept
    : queue_{queue}, outer_{queue.innermost_}, root_{&queue.no_root_} {
    queue.innermost_ = this;
}

run_queue::destruction::destruction(run_queue& queue, waker& root) noexcept
    : queue_{queue}, outer_{queue.innermost_}, root_{root.root_} {
    if (root.has(detail::root_kind::known)) {
        own_ = root.root_;
    } else if (!root.root_lives()) {
        root_ = &queue.no_root_;
    }
    root.being_destroyed_ = true;
    // Everything above a marked record is marked.
    for (detail::root_record* r = root_; r != nullptr && !r->is(detail::root_record::on_stack); r = parent_of(r)) {
        r->flags |= detail::root_record::on_stack;
        ++marked_;
    }
    queue.innermost_ = this;
}

run_queue::destruction::~destruction() {
    detail::root_record* r = root_;
    for (std::size_t n = marked_; n != 0; --n) {
        detail::root_record* const parent = parent_of(r);
        r->flags &= static_cast<std::uint8_t>(~detail::root_record::on_stack);
        if (r->is(detail::root_record::dead)) queue_.release(r);
        r = parent;
    }
    if (own_ != nullptr) queue_.remove(own_);
    queue_.innermost_ = outer_;
    if (queue_.leaving_) [[unlikely]]
        queue_.destroy_dropped();
}

bool run_queue::on_stack(const waker& root) const noexcept {
    if (running_ == &root || root.being_destroyed_ || any_root_.is(detail::root_record::on_stack) ||
        running_root_ == &any_root_)
        return true;
    if (!root.has(detail::root_kind::known)) return false; // no waker belongs to it
    if (root.root_->is(detail::root_record::on_stack)) return true;
    // A stream may have outlived the root that polled it last. Which root owns it is then not known.
    if (running_ != nullptr && !running_->root_lives()) return !running_->is_root();
    return belongs_to(running_root_, root.root_);
}

/// Whether the running waker is the root or a part of it, and not another root that belongs to it.
bool run_queue::runs(const waker& root) const noexcept {
    if (shared_code_ != 0) return false;
    if (running_ == &root) return true;
    if (running_ == nullptr || !root.has(detail::root_kind::known) || !running_->root_lives()) return false;
    const detail::root_record* part = running_root_;
    const bool is_part =
        !running_->is_root() || (running_->has(detail::root_kind::known) && part->is(detail::root_record::scope));
    while (part != nullptr && part->is(detail::root_record::scope)) part = parent_of(part);
    return is_part && part == root.root_;
}

bool run_queue::drop(waker& root, waker::function destroy) noexcept {
    WEIR_ASSERT(may_be_used_here(), "an operation was dropped on a thread that does not run its executor");
    if (on_stack(root)) {
        static_cast<detail::list_link&>(root).unlink();
        root.on_wake(destroy);
        dropped_.push_back(root); // where wakes have no effect
        leaving_ = true;
        if (runs(root)) stopping_ = true;
        if (!reaper_.queued()) ready_.push_front(reaper_);
        return false;
    }
    const destruction here{*this, root};
    destroy(root);
    return true;
}

/// Finds out whether the running waker belongs to a dropped root that is still on the stack.
void run_queue::find_stopping() noexcept {
    stopping_ = false;
    dropped_.each([this](const waker& one) { stopping_ = stopping_ || runs(one); });
}

/// Returns the next dropped root that has left the stack. A root that belongs to another root precedes it.
waker* run_queue::next_dropped() noexcept {
    find_stopping();
    waker* next = nullptr;
    detail::intrusive_list<waker> all;
    all.splice(dropped_);
    while (!all.empty()) {
        waker& one = all.pop_front();
        dropped_.push_back(one);
        if (!on_stack(one) && (next == nullptr || belongs_to(one.root_, next->root_))) next = &one;
    }
    return next;
}

void run_queue::destroy_dropped() noexcept {
    if (destroying_dropped_) return;
    destroying_dropped_ = true;
    while (waker* const next = next_dropped()) {
        static_cast<detail::list_link&>(*next).unlink();
        const destruction here{*this, *next};
        next->run_(*next);
    }
    destroying_dropped_ = false;
    leaving_ = !dropped_.empty();
}

std::size_t run_queue::run_reordered(std::size_t most) noexcept {
    most = order_->turn_length(most);
    std::size_t ran = 0;
    for (; ran != most && !ready_.empty(); ++ran) {
        for (std::size_t n = order_->pass_over(); n != 0; --n) ready_.push_back(ready_.pop_front());
        waker& next = ready_.pop_front();
        enter(next);
        order_->runs(next);
        next.run_(next);
        leave();
        if (leaving_) destroy_dropped();
        if (order_ == nullptr) return finish_turn(ran + 1); // it was taken away by what ran
        order_->ran();
    }
    return finish_turn(ran);
}

std::size_t run_queue::finish_turn(std::size_t ran) noexcept {
    leave();
    ready_.splice(deferred_);
    return ran;
}

} // namespace weir
