// SPDX-License-Identifier: MIT
#include <weir/executor/detail/inbox.hpp>

#include <weir/backend/backend.hpp>

namespace weir::detail {

bool inbox::enter(inbox_entry& entry) noexcept {
    {
        const std::lock_guard lock{mutex_};
        if (!open_) return false;
        if (static_cast<list_link&>(entry).linked()) return true;
        entries_.push_back(entry);
    }
    // The entry may have run already.
    if (!notified_.exchange(true, std::memory_order_acq_rel)) {
        const std::lock_guard lock{io_mutex_};
        if (io_ != nullptr) io_->notify();
    }
    return true;
}

void inbox::leave(inbox_entry& entry) noexcept {
    const std::lock_guard lock{mutex_};
    static_cast<list_link&>(entry).unlink();
}

void inbox::run() noexcept {
    notified_.exchange(false, std::memory_order_acq_rel);
    intrusive_list<inbox_entry> batch;
    {
        const std::lock_guard lock{mutex_};
        batch.splice(entries_);
    }
    for (;;) {
        inbox_entry* entry = nullptr;
        {
            // An entry may leave while others run.
            const std::lock_guard lock{mutex_};
            if (batch.empty()) return;
            entry = &batch.pop_front();
        }
        entry->run();
    }
}

void inbox::close() noexcept {
    for (;;) {
        inbox_entry* entry = nullptr;
        {
            const std::lock_guard lock{mutex_};
            open_ = false;
            if (entries_.empty()) break;
            entry = &entries_.pop_front();
        }
        entry->discard();
    }
    const std::lock_guard lock{io_mutex_};
    io_ = nullptr;
}

namespace {

/// Guards waits_for_ of all inboxes.
std::mutex& waiting_mutex() noexcept {
    static std::mutex it;
    return it;
}

} // namespace

void inbox::served(bool by_somebody) noexcept {
    served_.store(by_somebody);
    if (by_somebody) {
        // Either this thread takes an entry whose sender found the executor idle, or the sender finds that it runs.
        run();
    } else {
        changed();
    }
}

bool inbox::start_waiting(inbox* own) noexcept {
    const std::lock_guard lock{waiting_mutex()};
    for (const inbox* next = this; next != nullptr; next = next->waits_for_) {
        if (next == own) return false;
    }
    if (own != nullptr) own->waits_for_ = this;
    return true;
}

void inbox::end_waiting(inbox* own) noexcept {
    if (own == nullptr) return;
    const std::lock_guard lock{waiting_mutex()};
    own->waits_for_ = nullptr;
}

} // namespace weir::detail
