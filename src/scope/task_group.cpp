// SPDX-License-Identifier: MIT
#include <weir/scope/task_group.hpp>

#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace weir {

namespace {

using access = detail::executor_access;

executor& executor_here() {
    executor* const here = executor::current();
    if (here == nullptr) throw std::logic_error{"weir::task_group: no executor runs on this thread"};
    return *here;
}

} // namespace

task_group::task_group(task_group_options options) : task_group{executor_here(), options} {}

task_group::task_group(executor& ex, task_group_options options)
    : task_group{ex, access::queue(ex).root(), access::queue(ex).group(), options} {}

task_group::task_group(executor& ex, detail::root_record* owner, std::uint32_t outer, task_group_options options)
    : executor_{ex}, outer_{outer}, options_{options} {
    detail::check(options_);
    if (options_.name != nullptr) counts_ = &access::groups(executor_).counts(options_.name);
    number_ = access::groups(executor_).add(cleanups_);
    record_ = access::queue(executor_).add_group(owner, number_);
    if (record_ == nullptr) {
        access::groups(executor_).remove(number_);
        throw std::bad_alloc{};
    }
}

task_group::~task_group() {
    if (body_ != nullptr) std::exchange(body_, nullptr)->destroy();
    cancel();
    access::groups(executor_).remove(number_);
    access::queue(executor_).remove_group(record_);
    access::adopt(executor_, cleanups_, outer_);
    failures_.each([this](const detail::failure_list::failure& f) { executor_.report(f.error, f.place); });
}

void detail::check(const task_group_options& options) {
    if (options.max_concurrent == 0) {
        throw std::invalid_argument{"weir::task_group: max_concurrent must be at least 1"};
    }
    if (options.name != nullptr && *options.name == '\0') {
        throw std::invalid_argument{"weir::task_group: name is empty"};
    }
}

void task_group::describe(detail::wait_report& report) const {
    std::string text = std::to_string(running_) + " operations run";
    if (waiting_ != 0) text += ", " + std::to_string(waiting_) + " wait for a place";
    if (body_ != nullptr) text += "; the body of its with_group runs";
    report.object(this, "weir::task_group", text);
}

void task_group::list(detail::live_roots& into) {
    if (body_ != nullptr) into.add(body_->shown());
    started_.each([&](detail::group_member& one) { into.add(one.shown()); });
}

void task_group::cancel() noexcept {
    // A destructor may use or destroy the group.
    detail::intrusive_list<detail::group_member> gone;
    take_all(gone);
    cleanups_.wake();
    while (!gone.empty()) gone.pop_front().destroy();
}

void task_group::add(detail::group_member& one) noexcept {
    queued_.push_back(one);
    ++waiting_;
    if (counts_ != nullptr) ++counts_->waiting;
    start_more();
}

void task_group::add_body(detail::group_member& body) noexcept {
    body_ = &body;
    start(body);
}

void task_group::start(detail::group_member& one) noexcept {
    one.start(access::queue(executor_), record_, options_.deadline);
}

void task_group::start_more() noexcept {
    while (!queued_.empty() && running_ < options_.max_concurrent) {
        detail::group_member& next = queued_.pop_front();
        --waiting_;
        ++running_;
        if (counts_ != nullptr) --counts_->waiting, ++counts_->running;
        started_.push_back(next);
        start(next);
    }
}

void task_group::take_all(detail::intrusive_list<detail::group_member>& into) noexcept {
    into.splice(started_);
    into.splice(queued_);
    if (counts_ != nullptr) {
        counts_->running -= running_;
        counts_->waiting -= waiting_;
        counts_->dropped += running_ + waiting_;
    }
    running_ = waiting_ = 0;
}

void task_group::ended(detail::group_member& one, std::exception_ptr error, std::source_location place) noexcept {
    detail::intrusive_list<detail::group_member> gone;
    const bool is_body = &one == body_;
    if (is_body) {
        body_ = nullptr;
    } else {
        static_cast<detail::list_link&>(one).unlink();
        --running_;
        if (counts_ != nullptr) --counts_->running, ++(error == nullptr ? counts_->done : counts_->failed);
    }
    if (error != nullptr) {
        failures_.add(std::move(error), place);
        if (is_body || fails_fast()) {
            if (body_ != nullptr) gone.push_back(*std::exchange(body_, nullptr));
            take_all(gone);
        }
    }
    start_more();
    cleanups_.wake();
    one.die(); // may destroy the group
    while (!gone.empty()) gone.pop_front().destroy();
}

void task_group::rethrow() {
    if (failures_.empty()) return;
    if (fails_fast()) {
        const std::exception_ptr error = failures_.first();
        failures_.clear();
        std::rethrow_exception(error);
    }
    std::vector<std::exception_ptr> errors;
    errors.reserve(failures_.size());
    failures_.each([&](const detail::failure_list::failure& f) { errors.push_back(f.error); });
    group_error all{std::move(errors)};
    failures_.clear();
    throw std::move(all);
}

} // namespace weir
