// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/detail/intrusive_list.hpp>

namespace weir::detail {

/// Base of a member of a heap or a list. It must be removed from a heap before it is destroyed.
class heap_link : public list_link {
private:
    template <class, class>
    friend class pairing_heap;

    heap_link* child_ = nullptr;
};

/// A heap of objects that derive from heap_link. It does not own them and never allocates. Insertion takes constant
/// time, removal of the least or of any other object O(log n), amortised.
///
/// The children of a node are a list. The first child's `prev_` is its parent, the others' the sibling before them.
template <class T, class Before>
class pairing_heap {
public:
    bool empty() const noexcept { return root_ == nullptr; }
    T& front() const noexcept { return static_cast<T&>(*root_); }

    void push(T& item) noexcept {
        heap_link& added = item;
        added.next_ = nullptr;
        added.child_ = nullptr;
        root_ = meld(root_, &added);
    }

    void erase(T& item) noexcept {
        heap_link& gone = item;
        heap_link* const rest = meld_children(gone);
        if (&gone == root_) {
            root_ = rest;
        } else {
            auto& before = static_cast<heap_link&>(*gone.prev_);
            if (before.child_ == &gone) {
                before.child_ = static_cast<heap_link*>(gone.next_);
            } else {
                before.next_ = gone.next_;
            }
            if (gone.next_ != nullptr) gone.next_->prev_ = &before;
            root_ = meld(root_, rest);
        }
        gone.next_ = nullptr;
    }

private:
    static heap_link* next_of(heap_link* link) noexcept { return static_cast<heap_link*>(link->next_); }

    /// Joins two roots, either of which may be null.
    static heap_link* meld(heap_link* a, heap_link* b) noexcept {
        if (a == nullptr) return b;
        if (b == nullptr) return a;
        if (Before{}(static_cast<T&>(*b), static_cast<T&>(*a))) std::swap(a, b);
        b->next_ = a->child_;
        if (b->next_ != nullptr) b->next_->prev_ = b;
        b->prev_ = a;
        a->child_ = b;
        return a;
    }

    /// Joins the children in two passes: pairs from first to last, then the pairs from last to first.
    static heap_link* meld_children(heap_link& parent) noexcept {
        heap_link* rest = std::exchange(parent.child_, nullptr);
        heap_link* pairs = nullptr; // linked by next_, the last of them first
        while (rest != nullptr) {
            heap_link* const a = rest;
            heap_link* const b = next_of(a);
            rest = b != nullptr ? next_of(b) : nullptr;
            a->next_ = nullptr;
            if (b != nullptr) b->next_ = nullptr;
            heap_link* const pair = meld(a, b);
            pair->next_ = pairs;
            pairs = pair;
        }
        heap_link* root = nullptr;
        while (pairs != nullptr) {
            heap_link* const pair = std::exchange(pairs, next_of(pairs));
            pair->next_ = nullptr;
            root = meld(root, pair);
        }
        return root;
    }

    heap_link* root_ = nullptr;
};

} // namespace weir::detail
