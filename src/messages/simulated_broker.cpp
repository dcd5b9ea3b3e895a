// SPDX-License-Identifier: MIT
#include <weir/messages/simulated_broker.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/limit_exceeded.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/messages/detail/attention.hpp>

namespace weir::messages {

namespace detail {

class simulated_state {
public:
    struct log {
        std::vector<record> records;
        std::size_t trimmed = 0;   // records that are not there any more
        std::size_t committed = 0; // the first record that is not committed
        std::uint64_t epoch = 0;
        std::optional<std::uint64_t> owner;
        bool revoked = false;
        time_point taken_away = {}; // when it is not released until then
        std::size_t next = 0;       // the record that the owner fetches next
        std::size_t missed = 0;     // records that were trimmed before the owner got them
        attention arrival;
    };

    struct participant {
        time_point seen = {};
        time_point deaf_until = {};
        std::deque<group_change> changes;
        attention news;
        bool joined = false;
    };

    explicit simulated_state(simulated_broker_options o) : options{o}, logs(o.partitions) {}

    participant& of(std::uint64_t id) { return members[id]; }

    /// The time that an operation takes, and its faults.
    /// @throws std::runtime_error
    task<> travel(std::uint64_t id, const char* what) {
        executor& ex = *executor::current();
        const double part = std::uniform_real_distribution<double>{}(ex.random());
        const auto latency = static_cast<double>(options.max_latency.count()) * part;
        const duration delay = slowness + duration(static_cast<duration::rep>(latency));
        co_await sleep_for(delay);
        while (members.contains(id) && of(id).deaf_until > ex.now()) co_await sleep_until(of(id).deaf_until);
        if (unreachable_until > ex.now()) fail(what, "no connection");
        if (happens(options.failing)) fail(what, "the connection was lost");
    }
    void answer(const char* what) {
        if (happens(options.lost_reply)) fail(what, "the connection was lost before the reply");
    }

    void see(std::uint64_t id) {
        participant& p = of(id);
        p.joined = true;
        p.seen = executor::current()->now();
    }

    /// Takes partitions from members that are gone, and spreads the partitions evenly.
    void settle() {
        const time_point now = executor::current()->now();
        for (auto& [id, p] : members) {
            if (p.joined && now - p.seen > options.session_timeout) expire(id, p);
        }
        for (std::size_t i = 0; i != logs.size(); ++i) {
            if (logs[i].owner && logs[i].revoked && logs[i].taken_away <= now) take_away(i);
        }
        std::map<std::uint64_t, std::size_t> shares;
        for (const auto& [id, p] : members) {
            if (p.joined) shares.emplace(id, 0);
        }
        if (shares.empty()) return;
        for (const log& l : logs) {
            if (l.owner && !l.revoked) ++shares[*l.owner];
        }
        const auto fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
        for (std::size_t i = 0; i != logs.size(); ++i) {
            if (logs[i].owner) continue;
            const auto least = std::ranges::min_element(shares, fewer);
            assign(i, least->first);
            ++least->second;
        }
        for (;;) {
            const auto most = std::ranges::max_element(shares, fewer);
            const auto least = std::ranges::min_element(shares, fewer);
            std::size_t coming = 0; // to those who have few
            for (const log& l : logs) coming += l.owner && l.revoked ? 1U : 0U;
            if (most->second <= least->second + coming + 1) return;
            for (std::size_t i = 0; i != logs.size(); ++i) {
                if (logs[i].owner != most->first || logs[i].revoked) continue;
                logs[i].revoked = true;
                logs[i].taken_away = now + options.rebalance_limit;
                tell(most->first, change_kind::revoked, i);
                --most->second;
                break;
            }
        }
    }

    /// Whether the assignment is that of the partition, and the partition that of the member.
    log* owned(std::uint64_t id, const assignment& a) {
        log& l = logs[index_of(a)];
        return l.owner == id && l.epoch == a.epoch ? &l : nullptr;
    }
    std::size_t index_of(const assignment& a) const { return std::stoul(a.partition.substr(1)); }

    void free(std::size_t i) {
        logs[i].owner.reset();
        logs[i].revoked = false;
        settle();
    }
    void take_away(std::size_t i) {
        tell(*logs[i].owner, change_kind::lost, i);
        logs[i].owner.reset();
        logs[i].revoked = false;
    }
    void leave(std::uint64_t id) {
        for (log& l : logs) {
            if (l.owner != id) continue;
            l.owner.reset();
            l.revoked = false;
        }
        members.erase(id);
        if (executor::current() != nullptr) settle();
    }

    simulated_broker_options options;
    std::vector<log> logs;
    std::map<std::uint64_t, participant> members;
    std::uint64_t next_member = 1;
    time_point unreachable_until = {};
    duration slowness = {};

private:
    [[noreturn]] static void fail(const char* what, const char* why) {
        std::string text{"weir::messages::simulated_broker: "};
        throw std::runtime_error{text.append(what).append(": ").append(why)};
    }
    static bool happens(double probability) {
        if (probability == 0) return false;
        return std::uniform_real_distribution<double>{}(executor::current()->random()) < probability;
    }

    void expire(std::uint64_t id, participant& p) {
        p.joined = false;
        for (std::size_t i = 0; i != logs.size(); ++i) {
            if (logs[i].owner == id) take_away(i);
        }
    }
    void assign(std::size_t i, std::uint64_t id) {
        log& l = logs[i];
        l.owner = id;
        l.revoked = false;
        ++l.epoch;
        l.next = l.committed;
        tell(id, change_kind::assigned, i);
    }
    void tell(std::uint64_t id, change_kind kind, std::size_t i) {
        group_change change;
        change.kind = kind;
        change.assignment = {simulated_broker::name_of(i), logs[i].epoch};
        participant& p = of(id);
        p.changes.push_back(std::move(change));
        p.news.signal();
    }
};

} // namespace detail

simulated_broker::member::member(std::shared_ptr<detail::simulated_state> state, std::uint64_t id) noexcept
    : state_{std::move(state)}, id_{id} {}

simulated_broker::member::~member() = default; // it is noticed by its silence

task<group_change> simulated_broker::member::next_change() {
    detail::simulated_state& s = *state_;
    for (;;) {
        co_await s.travel(id_, "heartbeat");
        s.see(id_);
        s.settle();
        detail::simulated_state::participant& me = s.of(id_);
        if (!me.changes.empty()) {
            group_change next = std::move(me.changes.front());
            me.changes.pop_front();
            co_return next;
        }
        auto waiting = me.news.wait(executor::current()->time_after(s.options.heartbeat));
        co_await std::move(waiting);
    }
}

task<std::vector<record>> simulated_broker::member::fetch(const assignment& a, std::size_t n) {
    detail::simulated_state& s = *state_;
    for (;;) {
        co_await s.travel(id_, "fetch");
        std::vector<record> got;
        detail::simulated_state::log* l = s.owned(id_, a);
        if (l == nullptr) {
            co_await sleep_for(s.options.heartbeat); // it will be told
            continue;
        }
        if (l->next < l->trimmed) {
            l->missed += l->trimmed - l->next;
            l->next = l->trimmed;
        }
        if (l->next == l->records.size()) {
            auto waiting = l->arrival.wait(executor::current()->time_after(s.options.heartbeat));
            co_await std::move(waiting);
            continue;
        }
        s.answer("fetch"); // before anything is given, so that it is given to the next call
        const std::size_t end = std::min(l->records.size(), l->next + n);
        got.assign(l->records.begin() + static_cast<std::ptrdiff_t>(l->next),
                   l->records.begin() + static_cast<std::ptrdiff_t>(end));
        l->next = end;
        co_return got;
    }
}

task<bool> simulated_broker::member::commit(const assignment& a, const std::vector<position>& done) {
    detail::simulated_state& s = *state_;
    co_await s.travel(id_, "commit");
    detail::simulated_state::log* l = s.owned(id_, a);
    if (l == nullptr) co_return false;
    if (!done.empty()) l->committed = std::max(l->committed, static_cast<std::size_t>(done.back().low) + 1);
    s.answer("commit");
    co_return true;
}

task<> simulated_broker::member::release(const assignment& a) {
    co_await state_->travel(id_, "release");
    if (state_->owned(id_, a) != nullptr) state_->free(state_->index_of(a));
}

task<> simulated_broker::member::leave() {
    co_await state_->travel(id_, "leave");
    state_->leave(id_);
}

task<partition_status> simulated_broker::member::inspect(const assignment& a) {
    co_await state_->travel(id_, "inspect");
    partition_status status;
    if (const detail::simulated_state::log* l = state_->owned(id_, a); l != nullptr) {
        status.lag = l->records.size() - l->next;
        status.trimmed = l->missed;
    }
    co_return status;
}

simulated_broker::simulated_broker(simulated_broker_options o) {
    const auto check = [](bool ok, const char* what) {
        if (!ok) throw std::invalid_argument{std::string{"weir::messages::simulated_broker: options."}.append(what)};
    };
    check(o.partitions != 0, "partitions is 0");
    check(o.heartbeat > duration::zero(), "heartbeat is not positive");
    check(o.session_timeout > o.heartbeat, "session_timeout is not longer than heartbeat");
    check(o.rebalance_limit >= duration::zero(), "rebalance_limit is negative");
    check(o.max_latency >= duration::zero(), "max_latency is negative");
    check(o.failing >= 0 && o.failing < 1, "failing is not a probability below 1");
    check(o.lost_reply >= 0 && o.lost_reply < 1, "lost_reply is not a probability below 1");
    state_ = std::make_shared<detail::simulated_state>(o);
}

simulated_broker::member simulated_broker::join() { return member{state_, state_->next_member++}; }

position simulated_broker::publish(std::size_t partition, std::string key, std::string value, header_list headers) {
    if (partition >= state_->logs.size()) {
        throw std::invalid_argument{"weir::messages::simulated_broker: publish: there is no such partition"};
    }
    detail::simulated_state::log& l = state_->logs[partition];
    if (l.records.size() == state_->options.max_records) {
        throw limit_exceeded{"weir::messages::simulated_broker: publish: a partition has max_records"};
    }
    record added;
    added.position.low = l.records.size();
    added.key = std::move(key);
    added.value = std::move(value);
    added.headers = std::move(headers);
    const executor* ex = executor::current();
    if (ex != nullptr) {
        const auto since =
            std::chrono::duration_cast<std::chrono::system_clock::duration>(ex->now().time_since_epoch());
        added.timestamp = std::chrono::system_clock::time_point{since};
    }
    l.records.push_back(std::move(added));
    l.arrival.signal();
    return l.records.back().position;
}

std::string simulated_broker::name_of(std::size_t partition) {
    std::string name{"p"};
    return name.append(std::to_string(partition));
}

std::size_t simulated_broker::committed(std::size_t partition) const { return state_->logs.at(partition).committed; }

std::size_t simulated_broker::assigned() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(state_->logs, [](const auto& l) { return l.owner.has_value(); }));
}

std::size_t simulated_broker::members() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(state_->members, [](const auto& m) { return m.second.joined; }));
}

void simulated_broker::trim(std::size_t partition, std::size_t n) {
    detail::simulated_state::log& l = state_->logs.at(partition);
    l.trimmed = std::min(l.records.size(), l.trimmed + n);
}

void simulated_broker::disconnect(duration d) { state_->unreachable_until = executor::current()->time_after(d); }

void simulated_broker::pause_first(duration d) {
    for (auto& [id, p] : state_->members) {
        if (!p.joined) continue;
        p.deaf_until = executor::current()->time_after(d);
        return;
    }
}

void simulated_broker::slow_down(duration d) { state_->slowness += d; }

void simulated_broker::restart() {
    for (std::size_t i = 0; i != state_->logs.size(); ++i) {
        if (state_->logs[i].owner) state_->take_away(i);
    }
    state_->settle();
}

} // namespace weir::messages
