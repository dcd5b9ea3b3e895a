// SPDX-License-Identifier: MIT
#include <weir/messages/conformance.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/timed_out.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>

namespace weir::messages {

namespace {

using namespace std::chrono_literals;

/// A broken rule.
class violation : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

std::string text_of(const char* what, std::size_t n) {
    std::string text{what};
    return text.append(std::to_string(n));
}

/// The values of records are "partition/number".
std::string value_of(std::size_t partition, std::size_t number) {
    std::string text = std::to_string(partition);
    return text.append("/").append(std::to_string(number));
}
std::pair<std::size_t, std::size_t> parts_of(const std::string& value) {
    const std::size_t slash = value.find('/');
    if (slash == std::string::npos) throw violation{"a value was changed: " + value};
    return {std::stoul(value.substr(0, slash)), std::stoul(value.substr(slash + 1))};
}

/// What the group has seen and acknowledged.
class ledger {
public:
    ledger(std::size_t partitions, bool exclusive) : seen_(partitions), exclusive_{exclusive} {}

    /// @throws violation
    void deliver(const message<std::string>& m) {
        const auto [partition, number] = parts_of(m.value());
        std::vector<std::size_t>& times = seen_.at(partition);
        if (times.size() <= number) times.resize(number + 1);
        const bool first = times[number]++ == 0;
        ++deliveries_;
        if (!first) ++duplicates_;
        if (!exclusive_ || !first) return;
        for (std::size_t i = 0; i != number; ++i) {
            if (times[i] == 0) throw violation{"out of order: " + m.value() + " before " + value_of(partition, i)};
        }
    }

    std::size_t duplicates() const noexcept { return duplicates_; }
    std::size_t times(std::size_t partition, std::size_t number) const {
        const auto& times = seen_.at(partition);
        return number < times.size() ? times[number] : 0;
    }
    /// The number of records 0 <= number < n of all partitions that were not seen.
    std::size_t missing(std::size_t n) const {
        std::size_t all = 0;
        for (const auto& times : seen_) {
            for (std::size_t i = 0; i != n; ++i) all += i >= times.size() || times[i] == 0 ? 1U : 0U;
        }
        return all;
    }

private:
    std::vector<std::vector<std::size_t>> seen_;
    std::size_t deliveries_ = 0;
    std::size_t duplicates_ = 0;
    bool exclusive_;
};

/// A consumer that writes what it gets into a ledger and acknowledges it.
class worker {
public:
    worker(broker_under_test& tested, ledger& book, consumer_options o) : consumer_{tested.join(std::move(o))} {
        auto record = for_each([this, &book](message<std::string> m) {
            if (failure_ != nullptr) return;
            try {
                book.deliver(m);
            } catch (...) {
                failure_ = std::current_exception();
            }
            m.ack();
        });
        auto all = consumer_.messages();
        working_.emplace(executor::current()->spawn(work(std::move(all) | std::move(record))));
    }

    /// @throws what it has failed with
    void check() const {
        if (failure_ != nullptr) std::rethrow_exception(failure_);
    }
    task<> close() {
        check();
        const close_report left = co_await consumer_.close();
        check();
        if (left.unanswered != 0) throw violation{"close: acknowledged messages count as unanswered"};
    }
    consumer_statistics stats() const { return consumer_.stats(); }

private:
    template <class A>
    task<> work(A pipeline) {
        try {
            co_await std::move(pipeline);
        } catch (...) {
            failure_ = std::current_exception();
        }
    }

    consumer consumer_;
    std::exception_ptr failure_;
    std::optional<join_handle<task<>>> working_;
};

class conformance_check {
public:
    conformance_check(broker_under_test& tested, const conformance_options& o) : tested_{tested}, o_{o} {}

    task<> run() {
        co_await timed("delivery in order", in_order());
        co_await timed("commits", commits());
        co_await timed("rejected messages", rejections());
        co_await timed("dead letters", dead_letters());
        co_await timed("members that join and leave", rebalances());
        co_await timed("a member that dies", death());
        if (o_.exclusive) co_await timed("late answers", late_answers());
        co_await timed("close", shutdown());
        co_await timed("a loss of connections", faults(fault::connection_loss));
        co_await timed("a pause", faults(fault::pause));
        co_await timed("a restart", faults(fault::restart));
        co_await timed("a slow broker", faults(fault::slowness));
    }

private:
    std::size_t partitions() const { return tested_.partitions(); }

    task<> timed(const char* name, task<> check) {
        std::string failure;
        try {
            co_await tested_.reset();
            auto limited = with_timeout(o_.patience, std::move(check));
            co_await std::move(limited);
            co_return;
        } catch (const std::exception& e) {
            failure = e.what();
        }
        throw violation{std::string{name}.append(": ").append(failure)};
    }

    static consumer_options small() {
        consumer_options o;
        o.max_in_flight = in_flight;
        o.max_fetch = 4;
        o.commit_every = 4;
        o.commit_interval = 20ms;
        o.revoke_limit = 1s;
        o.shutdown_limit = 5s;
        o.redelivery.delay = 10ms;
        o.redelivery.attempts = 1000;
        o.faults.attempts = retry_policy::unlimited;
        o.faults.max_delay = 200ms;
        return o;
    }

    /// Publishes the records from <= number < to of all partitions.
    task<> publish(std::size_t from, std::size_t to) {
        for (std::size_t i = from; i != to; ++i) {
            for (std::size_t p = 0; p != partitions(); ++p) co_await tested_.publish(p, value_of(p, i));
        }
    }
    /// Waits until all records 0 <= number < n of all partitions were delivered.
    template <class... W>
    task<> all_seen(const ledger& book, std::size_t n, const W&... workers) {
        while (book.missing(n) != 0) {
            (workers.check(), ...);
            co_await sleep_for(5ms);
        }
    }

    task<> in_order() {
        ledger book{partitions(), o_.exclusive};
        worker one{tested_, book, small()};
        co_await publish(0, o_.records);
        co_await all_seen(book, o_.records, one);
        co_await one.close();
        const consumer_statistics s = one.stats();
        if (book.duplicates() != 0) throw violation{text_of("duplicates without a fault: ", book.duplicates())};
        if (s.committed != o_.records * partitions()) throw violation{text_of("committed at the end: ", s.committed)};
        // Nothing is left.
        worker other{tested_, book, small()};
        co_await publish(o_.records, o_.records + 1);
        co_await all_seen(book, o_.records + 1, other);
        co_await other.close();
        if (book.duplicates() != 0) throw violation{text_of("delivered after the commit: ", book.duplicates())};
    }

    /// Each record but one of each partition is acknowledged: it and all behind it come again.
    task<> commits() {
        constexpr std::size_t kept = 3;
        co_await publish(0, in_flight);
        auto o = small();
        o.shutdown_limit = 500ms;
        {
            consumer first = tested_.join(o);
            auto all = first.messages();
            std::vector<message<std::string>> held;
            std::vector<message<std::string>> answered;
            for (std::size_t i = 0; i != in_flight * partitions(); ++i) {
                auto m = co_await next(all);
                if (!m) throw violation{"the stream has ended"};
                if (parts_of(m->value()).second == kept) {
                    held.push_back(*std::move(m));
                } else {
                    m->ack();
                }
            }
            const close_report left = co_await first.close();
            if (left.unanswered != partitions()) throw violation{text_of("unanswered at close: ", left.unanswered)};
        }
        ledger again{partitions(), false};
        worker second{tested_, again, small()};
        for (std::size_t p = 0; p != partitions(); ++p) {
            while (again.times(p, kept) == 0) {
                second.check();
                co_await sleep_for(5ms);
            }
            for (std::size_t i = 0; i != kept; ++i) {
                if (again.times(p, i) != 0) throw violation{"delivered after the commit: " + value_of(p, i)};
            }
        }
        co_await second.close();
    }

    task<> rejections() {
        co_await publish(0, 8);
        consumer c = tested_.join(small());
        auto all = c.messages();
        std::map<std::string, std::uint32_t> attempts;
        std::size_t answered = 0;
        while (answered != 8 * partitions()) {
            auto m = co_await next(all);
            if (!m) throw violation{"the stream has ended"};
            const std::uint32_t attempt = ++attempts[m->value()];
            if (m->attempt() < attempt) throw violation{"the attempt of " + m->value() + " is too small"};
            if (attempt == 1 && parts_of(m->value()).second % 2 == 0) {
                m->nack();
            } else if (attempt == 1 && parts_of(m->value()).second % 3 == 0) {
                // dropped
            } else {
                m->ack();
                ++answered;
            }
        }
        const close_report left = co_await c.close();
        if (left.unanswered + left.uncommitted != 0) throw violation{"something is left at close"};
        for (const auto& [value, n] : attempts) {
            const std::size_t number = parts_of(value).second;
            const std::uint32_t expected = number % 2 == 0 || number % 3 == 0 ? 2 : 1;
            if (n != expected) throw violation{text_of("deliveries: ", n) + " of " + value};
        }
    }

    task<> dead_letters() {
        co_await publish(0, 8);
        auto o = small();
        std::vector<std::string> buried;
        o.redelivery.attempts = 3;
        o.dead_letter = [&buried](dead_letter letter) -> task<> {
            buried.push_back(letter.record.value);
            co_return;
        };
        consumer c = tested_.join(o);
        std::size_t rejected = 0;
        std::size_t answered = 0;
        auto answer = for_each([&](message<std::string> m) {
            if (parts_of(m.value()).second == 1) {
                ++rejected;
                m.nack();
            } else {
                ++answered;
                m.ack();
            }
        });
        auto all = c.messages();
        const auto working = executor::current()->spawn(std::move(all) | std::move(answer));
        while (answered != 7 * partitions() || buried.size() != partitions()) co_await sleep_for(5ms);
        const close_report left = co_await c.close();
        if (rejected != 3 * partitions()) throw violation{text_of("deliveries of what was rejected: ", rejected)};
        if (left.unanswered + left.uncommitted != 0) throw violation{"dead letters are not committed"};
    }

    task<> rebalances() {
        ledger book{partitions(), o_.exclusive};
        std::size_t n = 5;
        auto first = std::make_unique<worker>(tested_, book, small());
        co_await publish(0, n);
        co_await all_seen(book, n, *first);
        worker second{tested_, book, small()};
        while (second.stats().delivered == 0 && partitions() > 1) { // it gets its share
            co_await publish(n, n + 1);
            co_await all_seen(book, ++n, *first, second);
            co_await sleep_for(20ms);
        }
        worker third{tested_, book, small()};
        co_await publish(n, n + 5);
        co_await first->close();
        co_await publish(n + 5, n + 10);
        n += 10;
        co_await all_seen(book, n, second, third);
        first.reset();
        co_await second.close();
        // All partitions are the third's now.
        co_await publish(n, n + 5);
        co_await all_seen(book, n + 5, third);
        co_await third.close();
        if (book.duplicates() != 0) throw violation{text_of("duplicates without a fault: ", book.duplicates())};
    }

    task<> death() {
        ledger book{partitions(), o_.exclusive};
        auto dies = std::make_unique<worker>(tested_, book, small());
        co_await publish(0, 5);
        co_await all_seen(book, 5, *dies);
        worker stays{tested_, book, small()};
        co_await publish(5, 10);
        dies.reset();
        co_await publish(10, o_.records);
        co_await all_seen(book, o_.records, stays);
        co_await stays.close();
        check_duplicates(book, 1);
    }

    task<> late_answers() {
        co_await publish(0, 1);
        auto o = small();
        o.revoke_limit = 100ms;
        consumer slow = tested_.join(o);
        std::vector<message<std::string>> held;
        auto hold = for_each([&held](message<std::string> m) { held.push_back(std::move(m)); });
        auto all = slow.messages();
        const auto working = executor::current()->spawn(std::move(all) | std::move(hold));
        while (held.size() != partitions()) co_await sleep_for(5ms);
        // Another member takes some of the partitions, and then all of them.
        ledger book{partitions(), false}; // the records that were acknowledged in time are not in it
        worker other{tested_, book, small()};
        while (book.missing(1) == partitions() && partitions() > 1) {
            other.check();
            co_await sleep_for(5ms);
        }
        const std::size_t taken = partitions() - book.missing(1);
        for (auto& m : held) m.ack();
        const consumer_statistics s = slow.stats();
        if (s.late_answers < taken) throw violation{text_of("late answers: ", s.late_answers)};
        co_await slow.close();
        co_await publish(1, 2);
        for (std::size_t p = 0; p != partitions(); ++p) {
            while (book.times(p, 1) == 0) {
                other.check();
                co_await sleep_for(5ms);
            }
        }
        co_await other.close();
    }

    task<> shutdown() {
        executor& ex = *executor::current();
        for (const bool silent : {false, true}) {
            co_await publish(0, 4);
            auto o = small();
            o.shutdown_limit = 1s;
            consumer c = tested_.join(o);
            std::vector<message<std::string>> held;
            auto hold = for_each([&held](message<std::string> m) { held.push_back(std::move(m)); });
            auto all = c.messages();
            const auto working = ex.spawn(std::move(all) | std::move(hold));
            while (held.size() < 4 * partitions()) co_await sleep_for(5ms);
            if (silent) static_cast<void>(co_await tested_.inject(fault::pause));
            const time_point began = ex.now();
            const close_report left = co_await c.close();
            if (left.unanswered < 4 * partitions()) throw violation{text_of("unanswered: ", left.unanswered)};
            if (ex.now() - began > o.shutdown_limit + 500ms) throw violation{"close took longer than its limit"};
            held.clear(); // too late
        }
    }

    task<> faults(fault what) {
        ledger book{partitions(), false};
        worker first{tested_, book, small()};
        worker second{tested_, book, small()};
        co_await publish(0, o_.records / 4);
        co_await all_seen(book, o_.records / 4, first, second);
        if (!co_await tested_.inject(what)) {
            co_await first.close();
            co_await second.close();
            co_return;
        }
        co_await publish(o_.records / 4, o_.records);
        co_await all_seen(book, o_.records, first, second);
        // It goes on as before.
        co_await publish(o_.records, o_.records + 4);
        co_await all_seen(book, o_.records + 4, first, second);
        co_await first.close();
        co_await second.close();
        check_duplicates(book, 2);
    }

    void check_duplicates(const ledger& book, std::size_t lost_owners) const {
        if (book.duplicates() <= lost_owners * partitions() * in_flight) return;
        throw violation{text_of("more duplicates than were in flight: ", book.duplicates())};
    }

    static constexpr std::size_t in_flight = 8;

    broker_under_test& tested_;
    const conformance_options& o_;
};

} // namespace

task<std::string> check_conformance(broker_under_test& tested, conformance_options o) {
    if (o.patience <= duration::zero()) {
        throw std::invalid_argument{"weir::messages::check_conformance: options.patience is not positive"};
    }
    if (o.records < 8) throw std::invalid_argument{"weir::messages::check_conformance: options.records is less than 8"};
    std::string failure;
    try {
        conformance_check all{tested, o};
        co_await all.run();
    } catch (const violation& e) {
        failure = e.what();
    }
    co_return failure;
}

} // namespace weir::messages
