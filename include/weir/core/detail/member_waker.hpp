// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/waker.hpp>

namespace weir::detail {

/// A waker that calls a member function of its owner: how an operator with work of its own gets to run.
///
///     detail::member_waker<buffer_stream, &buffer_stream::fill> driver_;
template <class Owner, void (Owner::*Run)() noexcept>
class member_waker : public waker {
public:
    member_waker() noexcept : waker{&run} {}

    /// Called at each poll, with the waker of the poll; the owner stays where it is after the first.
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
