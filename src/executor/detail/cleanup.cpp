// SPDX-License-Identifier: MIT
#include <weir/executor/detail/cleanup.hpp>

#include <exception>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include <weir/core/timed_out.hpp>
#include <weir/executor/executor.hpp>

namespace weir::detail {

void cleanup::prepare(run_queue& queue, std::uint32_t group) {
    locals_ref locals = queue.locals();
    root_record* const own =
        locals ? queue.add_locals(nullptr, group, std::move(locals)) : queue.add_group(nullptr, group);
    if (own == nullptr) throw std::bad_alloc{};
    waker_.bind(*this, queue);
    waker_.become_root(queue, own);
}

void cleanup::start(cleanups& owner) noexcept {
    owner.add(*this);
    waker_.wake();
}

void cleanup::run() noexcept {
    executor& ex = waker_.queue().owner();
    std::exception_ptr error;
    try {
        if (!started_) {
            started_ = true;
            waker_.set_deadline(ex.time_after(within_));
            limit_.set(ex, waker_.deadline());
        }
        context cx{waker_};
        if (poll_cleanup(cx).is_pending()) {
            if (!limit_.over(cx)) return;
            error = std::make_exception_ptr(timed_out{"weir::async_finally: the cleanup was not done", within_});
        }
    } catch (...) {
        error = std::current_exception();
    }
    const std::source_location place = place_;
    owner_->ended(*this);
    waker_.queue().leave(waker_);
    delete this;
    if (error != nullptr) ex.report(std::move(error), place, "an async_finally");
}

void cleanups::add(cleanup& one) noexcept {
    one.owner_ = this;
    one.number_ = ++last_number_;
    running_.push_back(one);
}

void cleanups::ended(cleanup& one) noexcept {
    static_cast<list_link&>(one).unlink();
    wake();
}

void cleanups::wait(waiter& who, context& cx) noexcept {
    who.slot_.refer_to(self_);
    who.slot_.arm(cx.waker());
    if (!who.linked()) waiters_.push_back(who);
}

void cleanups::wake() noexcept {
    while (!waiters_.empty()) waiters_.pop_front().slot_.wake();
}

void cleanups::move_to(cleanups& other, std::uint32_t group) noexcept {
    while (!empty()) {
        cleanup& one = running_.pop_front();
        one.waker_.root()->group = group;
        other.add(one);
    }
}

void cleanups::drop() noexcept {
    while (!empty()) delete &running_.pop_front();
}

std::uint32_t group_table::add(cleanups& group) {
    if (free_ == generation) {
        if (entries_.size() == generation) return 0;
        const auto index = static_cast<std::uint32_t>(entries_.size());
        entries_.push_back({nullptr, index, generation});
        free_ = index;
    }
    entry& e = entries_[free_];
    free_ = e.next_free;
    e.group = &group;
    e.number += generation;
    if (e.number == 0) e.number += generation;
    return e.number;
}

void group_table::remove(std::uint32_t number) noexcept {
    if (number == 0) return;
    entry& e = entries_[index_of(number)];
    e.group = nullptr;
    e.next_free = std::exchange(free_, static_cast<std::uint32_t>(index_of(number)));
}

cleanups* group_table::find(std::uint32_t number) const noexcept {
    const std::size_t index = index_of(number);
    if (index >= entries_.size() || entries_[index].number != number) return nullptr;
    return entries_[index].group;
}

group_counts& group_table::counts(std::string_view name) {
    for (const auto& one : counts_) {
        if (one->name == name) return *one;
    }
    auto added = std::make_unique<group_counts>();
    added->name = name;
    counts_.push_back(std::move(added));
    return *counts_.back();
}

} // namespace weir::detail
