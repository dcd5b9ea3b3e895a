// SPDX-License-Identifier: MIT
#include <weir/core/waker.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

namespace weir {

struct detail::root_records::block {
    static constexpr std::size_t size = 60;

    block* next;
    root_record records[size];
};

detail::root_records::~root_records() {
    while (blocks_ != nullptr) {
        block* const next = blocks_->next;
        delete blocks_;
        blocks_ = next;
    }
}

detail::root_record* detail::root_records::add(root_record* parent, std::uint32_t group) noexcept {
    if (unused_ == nullptr) {
        block* const more = new (std::nothrow) block{blocks_, {}};
        if (more == nullptr) return nullptr;
        blocks_ = more;
        for (root_record& record : more->records) remove(&record);
    }
    root_record* const record = unused_;
    unused_ = record->parent;
    *record = {.id = next_id(), .parent = parent, .group = group};
    return record;
}

void detail::root_records::remove(root_record* record) noexcept {
    record->id = root_record::unused;
    record->parent = unused_;
    unused_ = record;
}

struct detail::local_records::block {
    static constexpr std::size_t size = 60;

    block* next;
    local_record records[size];
};

detail::local_records::~local_records() {
    while (blocks_ != nullptr) {
        block* const next = blocks_->next;
        delete blocks_;
        blocks_ = next;
    }
}

detail::local_record* detail::local_records::add(std::uint64_t id, root_record* parent, std::uint32_t group,
                                                 locals_ref values) noexcept {
    if (fresh_ == 0 && removed_ <= removals_before_reuse) {
        if (block* const more = new (std::nothrow) block{blocks_, {}}; more != nullptr) {
            blocks_ = more;
            fresh_ = block::size;
        } else if (removed_ == 0) {
            return nullptr;
        }
    }
    local_record* record = nullptr;
    if (fresh_ != 0) {
        record = &blocks_->records[--fresh_];
    } else {
        record = static_cast<local_record*>(first_removed_);
        first_removed_ = record->parent;
        --removed_;
    }
    record->id = id;
    record->parent = parent;
    record->group = group;
    record->flags = root_record::carries;
    record->values = std::move(values);
    return record;
}

void detail::local_records::remove(local_record* record) noexcept {
    record->id = root_record::unused;
    record->parent = nullptr;
    record->flags = 0;
    const locals_ref gone = std::move(record->values); // may run code of the user
    (removed_ == 0 ? first_removed_ : last_removed_->parent) = record;
    last_removed_ = record;
    ++removed_;
}

std::string detail::text_of(const locals_ref& locals) {
    std::string text;
    for (const local_value* one = locals.first(); one != nullptr; one = one->outer()) {
        const local_value* inner = locals.first();
        while (inner->key() != one->key()) inner = inner->outer();
        if (inner != one) continue; // another value was set inside
        if (!text.empty()) text += ", ";
        text += one->text();
    }
    return text;
}

namespace {

/// Returns the parent record. Returns null without one, and when the record was reused and is now younger than its
/// child.
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

detail::root_record* waker::make_record() const noexcept {
    if (being_destroyed_) return root_;
    const bool is_member = kind_ == detail::root_kind::member;
    detail::root_record* const parent = parent_lives() ? root_ : &queue_->no_root_;
    detail::root_record* const own = queue_->records_.add(parent, is_member ? parent->group : 0);
    if (own == nullptr) return &queue_->any_root_; // the next waker that is to belong to this root tries again
    root_ = own;
    kind_ = detail::root_kind::known;
    return own;
}

/// Gives a root with task-locals a record of its own. Without memory for the record the root has no task-locals.
void waker::share_locals() noexcept {
    const std::uint32_t group = kind_ == detail::root_kind::member ? root_->group : 0;
    auto* const own = queue_->local_records_.add(queue_->records_.next_id(), root_, group,
                                                 static_cast<const detail::local_record*>(root_)->values);
    if (own == nullptr) return;
    root_ = own;
    kind_ = detail::root_kind::known;
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

detail::root_record* run_queue::add_group(detail::root_record* parent, std::uint32_t group) noexcept {
    if (parent != nullptr && parent->is(detail::root_record::carries)) [[unlikely]] {
        return local_records_.add(records_.next_id(), parent, group,
                                  static_cast<const detail::local_record*>(parent)->values);
    }
    return records_.add(parent, group);
}

detail::locals_ref run_queue::locals() const noexcept {
    if (innermost_ == nullptr && running_ != nullptr) return locals_of(*running_);
    const detail::root_record* const here = root_of_destruction();
    return here->is(detail::root_record::carries) ? static_cast<const detail::local_record*>(here)->values
                                                  : detail::locals_ref{};
}

detail::locals_ref run_queue::locals_of(const waker& root) noexcept {
    // A root with locals has a record of its own.
    const bool has_record = root.kind_ == detail::root_kind::none || root.kind_ == detail::root_kind::known;
    if (!has_record || root.root_ == nullptr || !root.root_->is(detail::root_record::carries)) return {};
    return static_cast<const detail::local_record*>(root.root_)->values;
}

detail::root_record* run_queue::add_locals(detail::root_record* parent, std::uint32_t group,
                                           detail::locals_ref values) noexcept {
    return local_records_.add(records_.next_id(), parent, group, std::move(values));
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
    if (parent->id > record.id) record.id = records_.next_id(); // ids decrease from a record to its parents
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
        records_.remove(record);
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
    if (record->is(detail::root_record::carries)) {
        local_records_.remove(static_cast<detail::local_record*>(record));
    } else {
        records_.remove(record);
    }
}

run_queue::destruction::destruction(run_queue& queue) noexcept
    : queue_{queue}, outer_{queue.innermost_}, root_{&queue.no_root_} {
    queue.innermost_ = this;
}

run_queue::destruction::destruction(run_queue& queue, waker& root) noexcept
    : queue_{queue}, outer_{queue.innermost_}, root_{root.root_} {
    if (root.kind_ == detail::root_kind::known) {
        own_ = root.root_;
    } else if (!root.parent_lives()) {
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
    if (root.kind_ != detail::root_kind::known) return false; // no waker belongs to it
    if (root.root_->is(detail::root_record::on_stack)) return true;
    if (running_ != nullptr && running_->kind_ != detail::root_kind::none &&
        running_->kind_ != detail::root_kind::known && !running_->parent_lives())
        return false;
    return belongs_to(running_root_, root.root_);
}

/// Whether the running waker is the root or a part of it, and not another root that belongs to it.
bool run_queue::runs(const waker& root) const noexcept {
    if (running_ == &root) return true;
    if (running_ == nullptr || root.kind_ != detail::root_kind::known) return false;
    const detail::root_record* part = running_root_;
    const bool is_part = running_->kind_ == detail::root_kind::none ||
                         (running_->kind_ == detail::root_kind::known && part->is(detail::root_record::scope));
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

/// Returns the next dropped root that has left the stack. A root that belongs to another root precedes it. Also finds
/// out whether the running waker belongs to a dropped root that is still on the stack.
waker* run_queue::next_dropped() noexcept {
    waker* next = nullptr;
    stopping_ = false;
    detail::intrusive_list<waker> all;
    all.splice(dropped_);
    while (!all.empty()) {
        waker& one = all.pop_front();
        dropped_.push_back(one);
        stopping_ = stopping_ || runs(one);
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
