// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/waker.hpp>

namespace weir::detail {

/// A waker that calls a member function of its owner, for an operator that has work of its own to do.
///
///     detail::member_waker<buffer_stream, &buffer_stream::fill> driver_;
template <class Owner, void (Owner::*Run)() noexcept>
class member_waker : public waker {
public:
    member_waker() noexcept : waker{&run} {}

    /// To be called in each poll with the poll's waker. The owner must not be moved after the first call.
    void bind(Owner& owner, const waker& parent) noexcept {
        owner_ = &owner;
        waker::bind(parent);
    }
    void bind(Owner& owner, run_queue& queue) noexcept {
        owner_ = &owner;
        waker::bind(queue);
    }

private:
    static void run(waker& self) noexcept { (static_cast<member_waker&>(self).owner_->*Run)(); }

    Owner* owner_ = nullptr;
};

} // namespace weir::detail
