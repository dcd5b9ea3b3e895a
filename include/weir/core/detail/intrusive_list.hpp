// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <utility>

#include <weir/core/assert.hpp>

namespace weir::detail {

/// Base of a member of an intrusive list. Its destructor removes it from the list. It must not be moved while linked.
class list_link {
public:
    list_link() noexcept = default;
    list_link(list_link&& other) noexcept {
        WEIR_ASSERT(!other.linked(), "a waiting stream or task must not be moved");
    }
    ~list_link() { unlink(); }

    bool linked() const noexcept { return next_ != nullptr; }

    void unlink() noexcept {
        if (next_ == nullptr) return;
        prev_->next_ = next_;
        next_->prev_ = prev_;
        next_ = nullptr;
    }

protected:
    /// Takes the position of another link in its list, if it is in one.
    void take_place_of(list_link& other) noexcept {
        if (!other.linked()) return;
        next_ = std::exchange(other.next_, nullptr);
        prev_ = other.prev_;
        next_->prev_ = prev_->next_ = this;
    }

private:
    template <class>
    friend class intrusive_list;
    template <class, class>
    friend class pairing_heap;

    list_link* next_ = nullptr;
    list_link* prev_ = nullptr;
};

/// A list of objects that derive from list_link. The list does not own them.
template <class T>
class intrusive_list {
public:
    intrusive_list() noexcept { clear(); }
    intrusive_list(intrusive_list&& other) noexcept : intrusive_list{} { splice(other); }
    intrusive_list& operator=(intrusive_list&&) = delete;
    ~intrusive_list() {
        while (!empty()) pop_front();
        clear();
        head_.next_ = head_.prev_ = nullptr;
    }

    bool empty() const noexcept { return head_.next_ == &head_; }

    /// The number of items, counted up to a limit.
    std::size_t size(std::size_t most) const noexcept {
        std::size_t n = 0;
        for (const list_link* link = head_.next_; link != &head_ && n != most; link = link->next_) ++n;
        return n;
    }

    T& front() noexcept { return static_cast<T&>(*head_.next_); }

    /// Calls f with each item. f does not change the list.
    template <class F>
    void each(F f) {
        for (list_link* link = head_.next_; link != &head_; link = link->next_) f(static_cast<T&>(*link));
    }

    void push_back(T& item) noexcept { insert(static_cast<list_link&>(item), head_); }
    void push_front(T& item) noexcept { insert(static_cast<list_link&>(item), *head_.next_); }

    T& pop_front() noexcept {
        list_link& first = *head_.next_;
        head_.next_ = first.next_;
        first.next_->prev_ = &head_;
        first.next_ = nullptr;
        return static_cast<T&>(first);
    }

    /// Moves everything from another list to the end of this one.
    void splice(intrusive_list& other) noexcept {
        if (other.empty()) return;
        list_link* first = other.head_.next_;
        list_link* last = other.head_.prev_;
        first->prev_ = head_.prev_;
        head_.prev_->next_ = first;
        last->next_ = &head_;
        head_.prev_ = last;
        other.clear();
    }

private:
    void clear() noexcept { head_.next_ = head_.prev_ = &head_; }

    static void insert(list_link& item, list_link& before) noexcept {
        list_link* const last = before.prev_;
        item.prev_ = last;
        last->next_ = &item;
        before.prev_ = &item;
        item.next_ = &before;
    }

    list_link head_;
};

} // namespace weir::detail
