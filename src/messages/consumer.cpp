// SPDX-License-Identifier: MIT
#include <weir/messages/consumer.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/executor/sleep.hpp>
#include <weir/messages/detail/consumer_core.hpp>
#include <weir/scope/with_timeout.hpp>

namespace weir::messages {

namespace detail {

namespace {

/// The wait before the next delivery of a message that was delivered `attempts` times.
duration wait_after(retry_policy& policy, std::uint32_t attempts, executor& ex) {
    const double longest = static_cast<double>(policy.max_delay.count());
    double ticks = static_cast<double>(policy.delay.count()) * std::pow(policy.factor, attempts - 1);
    if (!(ticks < longest)) ticks = longest;
    if (policy.jitter == jitter::full) ticks *= policy.random(ex);
    return duration{static_cast<duration::rep>(ticks)};
}

/// The time after d from t; time_point::max() when the sum exceeds it.
time_point later(time_point t, duration d) noexcept { return d > time_point::max() - t ? time_point::max() : t + d; }

[[noreturn]] void refuse(const char* option, const char* what) {
    std::string text{"weir::messages::consumer: options."};
    text.append(option).append(what);
    throw std::invalid_argument{text};
}

void check(const consumer_options& o) {
    if (o.max_in_flight == 0) refuse("max_in_flight", " is 0");
    if (o.max_fetch == 0) refuse("max_fetch", " is 0");
    if (o.max_partitions == 0) refuse("max_partitions", " is 0");
    if (o.commit_every == 0) refuse("commit_every", " is 0");
    if (o.commit_interval <= duration::zero()) refuse("commit_interval", " is not positive");
    if (o.stuck_after <= duration::zero()) refuse("stuck_after", " is not positive");
    if (o.revoke_limit < duration::zero()) refuse("revoke_limit", " is negative");
    if (o.shutdown_limit <= duration::zero()) refuse("shutdown_limit", " is not positive");
    if (o.inspect_interval <= duration::zero()) refuse("inspect_interval", " is not positive");
    static_cast<void>(weir::detail::backoff{o.redelivery});
    static_cast<void>(weir::detail::backoff{o.faults});
}

} // namespace

void promise::give(answer a, std::optional<duration> wait) noexcept {
    if (core_ == nullptr) return;
    const std::shared_ptr<partition_core> core = std::exchange(core_, nullptr);
    core->give(number_, a, wait);
}

std::string_view promise::partition() const noexcept {
    return core_ != nullptr ? std::string_view{core_->assigned().partition} : std::string_view{};
}

std::uint64_t promise::epoch() const noexcept { return core_ != nullptr ? core_->assigned().epoch : 0; }

partition_core::partition_core(std::shared_ptr<shared_part> shared, assignment a, executor& ex)
    : shared_{std::move(shared)},
      assignment_{std::move(a)},
      ex_{ex},
      entries_(shared_->options.max_in_flight),
      next_look_{ex.now()},
      committing_again_{shared_->options.faults},
      fetching_again_{shared_->options.faults} {
    acknowledged_.reserve(entries_.size());
    committing_.reserve(entries_.size());
}

void partition_core::start(executor& ex) { tending_.emplace(ex.spawn(tend(shared_from_this()))); }

void partition_core::describe(weir::detail::wait_report& report) const {
    std::string name{"weir::messages, partition "};
    name += assignment_.partition;
    report.object(this, name, room() == 0 ? "messages have no answer" : "no message has come");
}

bool partition_core::is_in_window(const position& p) const noexcept {
    for (std::uint64_t n = head_; n != next_; ++n) {
        if (at(n).record.position == p) return true;
    }
    return std::ranges::find(acknowledged_, p) != acknowledged_.end() ||
           std::ranges::find(committing_, p) != committing_.end();
}

std::uint64_t partition_core::first_waiting() const noexcept {
    std::uint64_t first = next_;
    if (waiting_ == 0) return first;
    for (std::uint64_t n = head_; n != next_; ++n) {
        if (at(n).what == state::waiting && (first == next_ || at(n).since < at(first).since)) first = n;
    }
    return first;
}

message<std::string> partition_core::deliver(std::uint64_t number, record&& r) {
    ++unanswered_;
    ++shared_->counters.delivered;
    std::string value = std::move(r.value);
    promise answers{shared_from_this(), number};
    return {std::move(value), std::move(r), std::move(answers)};
}

message<std::string> partition_core::deliver_again(std::uint64_t number) {
    entry& e = at(number);
    record copy = e.record;
    ++e.record.attempt;
    copy.attempt = e.record.attempt;
    e.what = state::delivered;
    e.since = ex_.now();
    --waiting_;
    ++shared_->counters.redelivered;
    return deliver(number, std::move(copy));
}

poll<message<std::string>> partition_core::poll_next(context& cx) {
    const consumer_options& o = shared_->options;
    for (;;) {
        const time_point now = cx.executor().now();
        if (error_ == nullptr && phase_ == phase::open) {
            check_head(now);
            if (cx.stopping()) return cx.yield();
        }
        if (error_ != nullptr) std::rethrow_exception(error_);
        if (phase_ != phase::open) return done;
        const std::uint64_t waiting = first_waiting();
        if (waiting != next_ && at(waiting).since <= now) return deliver_again(waiting);
        time_point next = waiting != next_ ? at(waiting).since : time_point::max();
        if (room() != 0) {
            if (taken_ != fetched_.size()) {
                record& r = fetched_[taken_++];
                if (r.position > last_ || !is_in_window(r.position)) {
                    const std::uint64_t number = next_;
                    entry& e = at(number);
                    e.record = r;
                    e.what = state::delivered;
                    e.since = now;
                    ++next_;
                    last_ = std::max(last_, r.position);
                    if (r.attempt <= o.redelivery.attempts) return deliver(number, std::move(r));
                    exhaust(e);
                }
                if (!cx.spend()) return cx.yield();
                continue;
            }
            if (!fetch_ && no_fetch_before_ <= now) {
                fetched_.clear();
                taken_ = 0;
                fetch_.emplace(shared_->body->fetch(assignment_, std::min(room(), o.max_fetch)));
            }
            if (fetch_) {
                std::exception_ptr failure;
                try {
                    auto answer = fetch_->poll_result(cx);
                    if (cx.stopping()) return cx.yield();
                    if (answer.is_item()) {
                        fetched_ = *std::move(answer);
                        fetch_.reset();
                        fetching_again_.succeeded();
                        if (!cx.spend()) return cx.yield();
                        continue;
                    }
                } catch (...) {
                    failure = std::current_exception();
                }
                if (failure != nullptr) {
                    fetch_.reset();
                    ++shared_->counters.faults;
                    if (!fetching_again_.again(failure)) {
                        fail(failure);
                        continue;
                    }
                    no_fetch_before_ = ex_.time_after(fetching_again_.wait(ex_));
                }
            }
            if (!fetch_) next = std::min(next, no_fetch_before_);
        }
        next = std::min(next, head_is_stuck_at());
        consumer_.arm(cx.waker());
        consumer_timer_.set(next);
        if (consumer_timer_.poll(cx)) return cx.yield();
        return pending;
    }
}

void partition_core::give(std::uint64_t number, answer a, std::optional<duration> wait) noexcept {
    consumer_statistics& counters = shared_->counters;
    if (phase_ == phase::closed) {
        ++counters.late_answers;
        return;
    }
    entry& e = at(number);
    --unanswered_;
    switch (a) {
    case answer::acknowledged:
        ++counters.acknowledged;
        e.what = state::acknowledged;
        if (number == head_) advance();
        break;
    case answer::rejected:
        ++counters.rejected;
        if (phase_ == phase::ending) {
            e.what = state::left;
        } else if (e.record.attempt >= shared_->options.redelivery.attempts) {
            exhaust(e);
        } else {
            retry_policy& policy = shared_->options.redelivery;
            e.what = state::waiting;
            e.since = ex_.time_after(wait ? *wait : wait_after(policy, e.record.attempt, ex_));
            ++waiting_;
            consumer_.wake();
        }
        break;
    case answer::failed:
        e.what = state::left;
        fail(std::make_exception_ptr(dropped_message{assignment_.partition, e.record.position}));
        break;
    }
    if (phase_ == phase::ending) tender_.signal();
}

void partition_core::exhaust(entry& e) noexcept {
    ++shared_->counters.dead_letters;
    if (shared_->options.dead_letter) {
        e.what = state::exhausted;
        ++exhausted_;
        tender_.signal();
    } else {
        e.what = state::left;
        fail(std::make_exception_ptr(attempts_exhausted{assignment_.partition, e.record.position, e.record.attempt}));
    }
}

/// Moves acknowledged messages at the head to those that are to be committed.
void partition_core::advance() noexcept {
    const bool none_before = acknowledged_.empty();
    while (head_ != next_ && at(head_).what == state::acknowledged) {
        record& copy = at(head_).record;
        acknowledged_.push_back(copy.position); // there is room
        if (copy.value.capacity() > kept_text) std::string().swap(copy.value);
        ++head_;
        reported_ = false;
    }
    if (acknowledged_.empty()) return;
    if (none_before) first_acknowledged_ = ex_.now();
    if (none_before || acknowledged_.size() >= shared_->options.commit_every || room() == 0) tender_.signal();
}

void partition_core::fail(std::exception_ptr error) noexcept {
    if (error_ == nullptr) error_ = std::move(error);
    consumer_.wake();
}

time_point partition_core::head_is_stuck_at() const noexcept {
    if (head_ == next_ || reported_) return time_point::max();
    return later(at(head_).since, shared_->options.stuck_after);
}

void partition_core::check_head(time_point now) {
    if (head_is_stuck_at() > now) return;
    reported_ = true;
    ++shared_->counters.stuck;
    const stuck_message error{assignment_.partition, at(head_).record.position, now - at(head_).since};
    fail(std::make_exception_ptr(error));
    const auto& told = shared_->options.on_stuck;
    if (told) told(error);
}

void partition_core::end(time_point deadline) noexcept {
    if (phase_ == phase::closed) return;
    deadline_ = std::min(deadline_, deadline);
    if (phase_ == phase::open) {
        phase_ = phase::ending;
        for (std::uint64_t n = head_; waiting_ != 0; ++n) {
            if (at(n).what != state::waiting) continue;
            at(n).what = state::left;
            --waiting_;
        }
        fetch_.reset();
        taken_ = fetched_.size();
        consumer_.wake();
    }
    tender_.signal();
}

void partition_core::close() noexcept {
    if (phase_ == phase::closed) return;
    phase_ = phase::closed;
    fetch_.reset();
    taken_ = fetched_.size();
    consumer_.wake();
}

void partition_core::abandon() noexcept {
    close();
    tending_.reset();
    gone_ = true;
    shared_->closer.signal();
}

void partition_core::add_to(consumer_statistics& s, time_point now) const noexcept {
    if (phase_ == phase::closed) return;
    ++s.partitions;
    s.in_flight += unanswered_;
    s.uncommitted += uncommitted();
    s.trimmed += status_.trimmed;
    if (status_.lag) s.lag = s.lag.value_or(0) + *status_.lag;
    for (std::uint64_t n = head_; n != next_; ++n) {
        if (at(n).what != state::delivered) continue;
        s.oldest_unacknowledged = std::max(s.oldest_unacknowledged, now - at(n).since);
    }
}

bool partition_core::commit_is_due(time_point now) const noexcept {
    if (not_before_ > now) return false;
    if (!committing_.empty()) return true;
    if (acknowledged_.empty()) return false;
    return phase_ == phase::ending || acknowledged_.size() >= shared_->options.commit_every || room() == 0 ||
           now - first_acknowledged_ >= shared_->options.commit_interval;
}

time_point partition_core::next_visit() const noexcept {
    time_point next = std::min(deadline_, head_is_stuck_at());
    if (phase_ == phase::open) next = std::min(next, next_look_);
    if (!committing_.empty() || exhausted_ != 0) next = std::min(next, not_before_);
    if (!acknowledged_.empty()) {
        const time_point due = later(first_acknowledged_, shared_->options.commit_interval);
        next = std::min(next, std::max(due, not_before_));
    }
    return next;
}

/// Commits, buries, measures and ends. Holds the partition until it has closed.
task<> partition_core::tend(std::shared_ptr<partition_core> self) {
    const closing_guard guard{*self};
    partition_core& me = *self;
    while (me.phase_ != phase::closed) {
        time_point now = me.ex_.now();
        if (me.exhausted_ != 0 && me.not_before_ <= now) co_await me.bury();
        if (me.phase_ != phase::closed && me.commit_is_due(now)) co_await me.commit();
        if (me.phase_ == phase::open && me.next_look_ <= now) co_await me.look();
        now = me.ex_.now();
        if (me.phase_ == phase::open) {
            try {
                me.check_head(now);
            } catch (...) {
                me.fail(std::current_exception());
            }
        }
        if (me.phase_ == phase::ending) {
            const bool finished =
                me.unanswered_ == 0 && me.exhausted_ == 0 && me.acknowledged_.empty() && me.committing_.empty();
            if (finished || me.deadline_ <= now) break;
        }
        if (me.phase_ == phase::closed) break;
        auto waiting = me.tender_.wait(me.next_visit());
        co_await std::move(waiting);
    }
    me.close();
    try {
        auto releasing = me.shared_->body->release(me.assignment_);
        co_await std::move(releasing);
    } catch (...) {
        ++me.shared_->counters.faults;
    }
}

task<> partition_core::commit() {
    if (committing_.empty()) committing_.swap(acknowledged_);
    consumer_statistics& counters = shared_->counters;
    const time_point started = ex_.now();
    std::exception_ptr failure;
    try {
        auto committing = shared_->body->commit(assignment_, committing_);
        if (co_await std::move(committing)) {
            counters.committed += committing_.size();
            ++counters.commits;
            counters.commit_latency.add(ex_.now() - started);
            committing_.clear();
            committing_again_.succeeded();
            consumer_.wake();
        } else {
            ++counters.stale_commits;
            close(); // and it is given back, in case that the broker still counts it as this member's
        }
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure != nullptr) count_failure(failure);
}

/// A failure of the broker or of the function for dead letters.
void partition_core::count_failure(std::exception_ptr failure) {
    ++shared_->counters.faults;
    if (!committing_again_.again(failure)) fail(failure);
    not_before_ = ex_.time_after(committing_again_.wait(ex_));
}

/// Hands over the messages that were rejected too often.
task<> partition_core::bury() {
    for (std::uint64_t n = head_; n != next_; ++n) {
        if (at(n).what != state::exhausted) continue;
        std::exception_ptr failure;
        try {
            dead_letter letter;
            letter.partition = assignment_.partition;
            letter.record = at(n).record;
            letter.attempts = letter.record.attempt;
            auto burying = shared_->options.dead_letter(std::move(letter));
            co_await std::move(burying);
        } catch (...) {
            failure = std::current_exception();
        }
        if (phase_ == phase::closed) co_return;
        if (failure != nullptr) {
            count_failure(failure);
            co_return;
        }
        committing_again_.succeeded();
        at(n).what = state::acknowledged;
        --exhausted_;
        if (n == head_) {
            advance();
            n = head_ - 1;
        }
    }
}

task<> partition_core::look() {
    try {
        auto inspecting = shared_->body->inspect(assignment_);
        const partition_status status = co_await std::move(inspecting);
        if (phase_ != phase::closed) status_ = status;
    } catch (...) {
        ++shared_->counters.faults;
    }
    next_look_ = ex_.time_after(shared_->options.inspect_interval);
}

consumer_core::consumer_core(std::unique_ptr<member> body, consumer_options options) {
    check(options);
    shared_ = std::make_shared<shared_part>(std::move(options));
    shared_->body = std::move(body);
}

void consumer_core::describe(weir::detail::wait_report& report) const {
    report.object(this, "weir::messages::consumer", "no partition was assigned");
}

void consumer_core::take_partitions() {
    if (taken_) throw std::logic_error{"weir::messages::consumer: partitions() or messages() was called before"};
    taken_ = true;
}

poll<partition> consumer_core::poll_next(context& cx) {
    if (error_ != nullptr) std::rethrow_exception(error_);
    if (stopping_) return done;
    if (!following_) following_.emplace(cx.executor().spawn(follow_group(cx.executor())));
    while (!fresh_.empty()) {
        const std::shared_ptr<partition_core> next = std::move(fresh_.front());
        fresh_.pop_front();
        if (next->is_open()) return partition{next};
    }
    consumer_.arm(cx.waker());
    return pending;
}

task<> consumer_core::follow_group(executor& ex) {
    weir::detail::backoff again{shared_->options.faults};
    for (;;) {
        std::exception_ptr failure;
        try {
            auto changing = shared_->body->next_change();
            group_change change = co_await std::move(changing);
            again.succeeded();
            apply(std::move(change), ex);
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure == nullptr) continue;
        ++shared_->counters.faults;
        if (!again.again(failure)) {
            error_ = failure;
            consumer_.wake();
            co_return;
        }
        co_await sleep_for(again.wait(ex));
    }
}

void consumer_core::apply(group_change change, executor& ex) {
    consumer_statistics& counters = shared_->counters;
    if (change.kind == change_kind::assigned) {
        ++counters.assigned;
        if (!stopping_) std::erase_if(partitions_, [](const auto& p) { return p->is_gone(); });
        partitions_.push_back(std::make_shared<partition_core>(shared_, std::move(change.assignment), ex));
        partition_core& added = *partitions_.back();
        added.start(ex);
        if (stopping_) {
            added.end(ex.now());
        } else {
            fresh_.push_back(partitions_.back());
            consumer_.wake();
        }
        return;
    }
    const auto found = std::ranges::find_if(partitions_, [&](const auto& p) {
        return p->assigned().partition == change.assignment.partition && p->assigned().epoch == change.assignment.epoch;
    });
    if (change.kind == change_kind::revoked) {
        ++counters.revoked;
        if (found != partitions_.end()) (*found)->end(ex.time_after(shared_->options.revoke_limit));
    } else {
        ++counters.lost;
        if (found != partitions_.end()) (*found)->abandon();
    }
}

void consumer_core::stop() noexcept {
    if (stopping_) return;
    stopping_ = true;
    fresh_.clear();
    const executor* ex = executor::current();
    const duration limit = shared_->options.shutdown_limit / 5 * 4;
    for (const auto& p : partitions_) p->end(ex != nullptr ? ex->time_after(limit) : time_point{});
    consumer_.wake();
}

void consumer_core::abandon() noexcept {
    stopping_ = true;
    fresh_.clear();
    following_.reset();
    for (const auto& p : partitions_) p->abandon();
    consumer_.wake();
}

task<close_report> consumer_core::close(std::shared_ptr<consumer_core> self) {
    consumer_core& me = *self;
    const executor& ex = *executor::current();
    const time_point deadline = ex.time_after(me.shared_->options.shutdown_limit);
    me.stop();
    const auto gone = [](const auto& p) { return p->is_gone(); };
    while (!std::ranges::all_of(me.partitions_, gone) && ex.now() < deadline) {
        auto waiting = me.shared_->closer.wait(deadline);
        co_await std::move(waiting);
    }
    close_report report;
    for (const auto& p : me.partitions_) {
        report.unanswered += p->unanswered();
        report.uncommitted += p->uncommitted() - p->unanswered();
    }
    const bool joined = me.following_.has_value();
    me.following_.reset();
    if (joined && ex.now() < deadline) {
        try {
            auto leaving = with_timeout(deadline - ex.now(), me.shared_->body->leave());
            co_await std::move(leaving);
        } catch (...) {
            ++me.shared_->counters.faults;
        }
    }
    me.abandon();
    co_return report;
}

consumer_statistics consumer_core::stats() const {
    consumer_statistics s = shared_->counters;
    const executor* ex = executor::current();
    for (const auto& p : partitions_) p->add_to(s, ex != nullptr ? ex->now() : time_point{});
    return s;
}

} // namespace detail

partition::~partition() {
    if (core_ == nullptr || !core_->is_open()) return;
    core_->end_by_program();
}

poll<message<std::string>> partition::poll_next(context& cx) { return core_->poll_next(cx); }
void partition::outline(stage_outline& out) const {
    if (core_ != nullptr) out.holds(core_->options().max_in_flight);
}

const std::string& partition::name() const noexcept { return core_->assigned().partition; }

std::uint64_t partition::epoch() const noexcept { return core_->assigned().epoch; }

partition_stream::~partition_stream() {
    if (core_ != nullptr) core_->stop();
}

poll<partition> partition_stream::poll_next(context& cx) { return core_->poll_next(cx); }
void partition_stream::outline(stage_outline& out) const {
    if (core_ != nullptr) out.holds(core_->options().max_partitions);
}

consumer::consumer(std::unique_ptr<detail::member> body, consumer_options options)
    : core_{std::make_shared<detail::consumer_core>(std::move(body), std::move(options))} {}

consumer& consumer::operator=(consumer&& other) noexcept {
    if (this == &other) return *this;
    if (core_ != nullptr) core_->abandon();
    core_ = std::move(other.core_);
    return *this;
}

consumer::~consumer() {
    if (core_ != nullptr) core_->abandon();
}

partition_stream consumer::partitions() {
    core_->take_partitions();
    return partition_stream{core_};
}

task<close_report> consumer::close() { return detail::consumer_core::close(core_); }

consumer_statistics consumer::stats() const { return core_->stats(); }

std::size_t consumer::max_partitions() const noexcept { return core_->options().max_partitions; }

} // namespace weir::messages
