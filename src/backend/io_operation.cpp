// SPDX-License-Identifier: MIT
#include <weir/backend/io_operation.hpp>

#include <cerrno>
#include <cstddef>

#include <weir/core/assert.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

void io_operation::start(executor& ex, const io_request& request) {
    WEIR_ASSERT(!in_flight(), "an I/O operation was started twice");
    backend_ = &ex.io();
    request_ = request;
    state_ = state::in_flight;
    ++backend_->started_;
    backend_->start(*this);
}

io_operation& io_operation::of(detail::slot_base& slot) noexcept {
// The offset is a constant: no base is virtual.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
    return *reinterpret_cast<io_operation*>(reinterpret_cast<char*>(&slot) - offsetof(io_operation, waiter_));
#pragma GCC diagnostic pop
}

void io_operation::cancel() noexcept {
    if (state_ == state::in_flight) {
        ++backend_->cancelled_;
        backend_->cancel(*this);
    }
    if (state_ == state::complete) {
        if (request_.reads()) {
            if (result_ != -ECANCELED) backend_->put_back(*this, result_);
        } else if (result_ >= 0 &&
                   (request_.what == io_request::kind::accept || request_.what == io_request::kind::open)) {
            backend_->close(result_);
        }
    }
    state_ = state::idle;
    waiter_.disarm();
}

} // namespace weir
