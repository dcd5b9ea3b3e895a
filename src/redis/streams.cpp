// SPDX-License-Identifier: MIT
#include <weir/redis/streams.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/limit_exceeded.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/redis/detail/stream_entries.hpp>
#include <weir/redis/error.hpp>
#include <weir/scope/with_timeout.hpp>

namespace weir::redis {

namespace detail {

namespace {

/// Renews what the member has, and takes free streams up to its share.
/// KEYS: the members, the counter of tokens, the leases. ARGV: the member, the milliseconds of a lease, where to look
/// first, the member's token of each lease or 0. Returns the share, and a token or 0 for each lease.
/// Writes that need memory may fail on a server that is full: the leases are renewed all the same.
constexpr std::string_view renew_script = R"(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.pcall('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local all = redis.call('ZRANGE', KEYS[1], 0, -1)
table.sort(all)
local rank = 0
for i, m in ipairs(all) do
  if m == ARGV[1] then rank = i - 1 end
end
local n = #KEYS - 2
local members = math.max(#all, 1)
local share = math.floor(n / members)
if rank < n % members then share = share + 1 end
local result = {share}
local mine = 0
for i = 1, n do
  local token = ARGV[i + 3]
  result[i + 1] = 0
  if token ~= '0' and redis.call('GET', KEYS[i + 2]) == ARGV[1] .. ':' .. token then
    redis.call('PEXPIRE', KEYS[i + 2], ARGV[2])
    result[i + 1] = tonumber(token)
    mine = mine + 1
  end
end
for j = 0, n - 1 do
  local i = (j + ARGV[3]) % n + 1
  if mine < share and result[i + 1] == 0 and redis.call('EXISTS', KEYS[i + 2]) == 0 then
    local token = redis.pcall('INCR', KEYS[2])
    if type(token) == 'number' then
      local taken = redis.pcall('SET', KEYS[i + 2], ARGV[1] .. ':' .. token, 'NX', 'PX', ARGV[2])
      if taken and not taken.err then
        result[i + 1] = token
        mine = mine + 1
      end
    end
  end
end
return result
)";

/// KEYS: the lease, the stream. ARGV: the lease's value, the group, the member, the count.
/// Returns {-1} without the lease, {1, entries}, or {0, the last ID that the group was given, how many it has missed}.
constexpr std::string_view read_script = R"(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local got = redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[3], 'COUNT', ARGV[4], 'STREAMS', KEYS[2], '>')
if got then return {1, got[1][2]} end
local added = false
local s = redis.call('XINFO', 'STREAM', KEYS[2])
for i = 1, #s, 2 do
  if s[i] == 'entries-added' then added = s[i + 1] end
end
for _, g in ipairs(redis.call('XINFO', 'GROUPS', KEYS[2])) do
  local f = {}
  for i = 1, #g, 2 do f[g[i]] = g[i + 1] end
  if f['name'] == ARGV[2] then
    local read = f['entries-read']
    if added and read then return {0, f['last-delivered-id'], added - read} end
    return {0, f['last-delivered-id'], 0}
  end
end
return {-1}
)";

/// KEYS: the lease, the stream. ARGV: the lease's value or '', the group, the member, the count, the idle time, the
/// first ID. Returns {-1} without the lease, or {1, the next ID, entries, what XPENDING says of them, removed IDs}.
constexpr std::string_view claim_script = R"(
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local r = redis.call('XAUTOCLAIM', KEYS[2], ARGV[2], ARGV[3], ARGV[5], ARGV[6], 'COUNT', ARGV[4])
local first, last
for _, e in ipairs(r[2]) do
  if e then
    first = first or e[1]
    last = e[1]
  end
end
local pending = {}
if first then pending = redis.call('XPENDING', KEYS[2], ARGV[2], first, last, #r[2], ARGV[3]) end
return {1, r[1], r[2], pending, r[3] or {}}
)";

/// KEYS: the lease, the stream. ARGV: the lease's value or '', the group, the IDs. Returns whether it has the lease.
constexpr std::string_view commit_script = R"(
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 3, #ARGV, 1000 do
  redis.call('XACK', KEYS[2], ARGV[2], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
return 1
)";

/// KEYS: the lease. ARGV: its value.
constexpr std::string_view release_script = R"(
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
)";

/// Deletes consumers for which nothing is pending. KEYS: the streams. ARGV: the group, the member, the idle time: the
/// member alone for an idle time of -1, otherwise the others that have been idle for so long.
constexpr std::string_view delete_script = R"(
local deleted = 0
for _, key in ipairs(KEYS) do
  local all = redis.pcall('XINFO', 'CONSUMERS', key, ARGV[1])
  if not all.err then
    for _, c in ipairs(all) do
      local f = {}
      for i = 1, #c, 2 do f[c[i]] = c[i + 1] end
      local own = f['name'] == ARGV[2]
      local chosen = own
      if ARGV[3] ~= '-1' then chosen = not own and f['idle'] >= tonumber(ARGV[3]) end
      if chosen and f['pending'] == 0 then
        redis.call('XGROUP', 'DELCONSUMER', key, ARGV[1], f['name'])
        deleted = deleted + 1
      end
    end
  end
end
return deleted
)";

constexpr std::size_t max_streams = 1000; // the keys of a script

std::int64_t milliseconds_of(duration d) noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

std::string random_name() {
    std::random_device seed;
    std::string name{"member-"};
    constexpr std::string_view digits = "0123456789abcdef";
    for (int i = 0; i != 16; ++i) name += digits[seed() % digits.size()];
    return name;
}

void check_group(const group_options& o) {
    const auto check = [](bool ok, const char* what) {
        if (!ok) throw std::invalid_argument{std::string{"weir::redis::group_member: options."}.append(what)};
    };
    check(!o.group.empty(), "group is empty");
    check(!o.streams.empty(), "streams is empty");
    check(o.streams.size() <= max_streams, "streams has more than 1000 keys");
    auto sorted = o.streams;
    std::ranges::sort(sorted);
    check(std::ranges::adjacent_find(sorted) == sorted.end(), "streams has a key twice");
    check(o.lease >= std::chrono::milliseconds{30}, "lease is shorter than 30ms");
    check(o.claim_after > duration::zero(), "claim_after is not positive");
    check(o.block >= std::chrono::milliseconds{1}, "block is shorter than 1ms");
    check(!o.value_field.empty() && o.value_field != o.key_field, "value_field is empty, or the same as key_field");
}

} // namespace

class group_core {
public:
    group_core(const client& c, group_options o)
        : options_{std::move(o)},
          blocking_{c.settings()},
          connects_{c.connects_by()},
          control_{client_for(c.settings())} {
        check_group(options_);
        if (options_.member.empty()) options_.member = random_name();
        blocking_.blocking_commands = blocking_commands::accepted;
        const std::string base = options_.prefix + options_.group;
        members_ = base + ":members";
        leases_.push_back(members_);
        leases_.push_back(base + ":tokens");
        for (const std::string& key : options_.streams) {
            source& s = sources_.emplace_back();
            s.stream = key;
            s.lease = base;
            s.lease.append(":lease:").append(key);
            leases_.push_back(s.lease);
        }
        first_ = std::hash<std::string>{}(options_.member) % sources_.size();
    }

    task<messages::group_change> next_change() {
        for (;;) {
            if (!changes_.empty()) {
                messages::group_change next = std::move(changes_.front());
                changes_.pop_front();
                co_return next;
            }
            if (!prepared_) co_await create_groups();
            executor& ex = *executor::current();
            if (!ordered()) {
                if (joined_) co_await sleep_until(time_point::max());
                co_await join_without_order();
                continue;
            }
            if (next_renewal_ > ex.now()) co_await sleep_until(next_renewal_);
            next_renewal_ = ex.time_after(options_.lease / 3);
            std::exception_ptr failure;
            try {
                co_await renew();
                renewed_ = ex.now();
            } catch (...) {
                failure = std::current_exception();
            }
            if (failure == nullptr) continue;
            // Another member may have the streams by now.
            if (ex.now() - renewed_ > options_.lease) {
                for (source& s : sources_) lose(s);
            }
            if (changes_.empty()) std::rethrow_exception(failure);
        }
    }

    task<std::vector<messages::record>> fetch(const messages::assignment& a, std::size_t n) {
        for (;;) {
            source* const s = find(a);
            if (s == nullptr) { // it will be told
                co_await sleep_for(options_.lease / 3);
                continue;
            }
            if (s->reading) read_again(*s); // an earlier call has failed or was dropped
            s->reading = true;
            n = std::min(n, s->most);
            std::vector<messages::record> got;
            if (s->recovering) {
                got = co_await recover(*s, n);
            } else if (!ordered() && s->next_claim <= executor::current()->now()) {
                got = co_await claim(*s, n, options_.claim_after);
            } else if (ordered()) {
                got = co_await read_leased(*s, n);
            } else {
                got = co_await read_shared(*s, n);
            }
            s->reading = false;
            if (!got.empty()) co_return got;
            if (!ordered() || s->recovering || s->wait_behind.empty()) continue;
            co_await wait(*s);
        }
    }

    task<bool> commit(const messages::assignment& a, const std::vector<messages::position>& done) {
        const source* const s = find(a);
        if (s == nullptr) co_return false;
        std::vector<std::string> ids;
        ids.reserve(done.size());
        for (const messages::position& p : done) ids.push_back(to_string(p));
        auto committing = control_.idempotent<bool>("EVAL", commit_script, 2, s->lease, s->stream, s->lease_value,
                                                    options_.group, ids);
        co_return co_await std::move(committing);
    }

    task<> release(const messages::assignment& a) {
        source* const s = find(a);
        if (s == nullptr || !ordered()) co_return;
        const std::string lease = s->lease;
        const std::string held = s->lease_value;
        forget(*s);
        auto releasing = control_.idempotent<void>("EVAL", release_script, 1, lease, held);
        co_await std::move(releasing);
    }

    task<> leave() {
        for (source& s : sources_) {
            if (s.token == 0) continue;
            const messages::assignment a{s.stream, s.token};
            co_await release(a);
        }
        co_await delete_consumers(-1);
        auto leaving = control_.idempotent<void>("ZREM", members_, options_.member);
        co_await std::move(leaving);
    }

    task<messages::partition_status> inspect(const messages::assignment& a) {
        messages::partition_status status;
        const source* s = find(a);
        if (s == nullptr) co_return status;
        auto asking = control_.idempotent<std::vector<std::map<std::string, value>>>("XINFO", "GROUPS", s->stream);
        const auto groups = co_await std::move(asking);
        s = find(a);
        if (s == nullptr) co_return status;
        status.trimmed = s->trimmed;
        for (const auto& group : groups) {
            const auto name = group.find("name");
            const auto lag = group.find("lag");
            if (name == group.end() || name->second.text() != options_.group) continue;
            if (lag == group.end() || lag->second.type() != value::kind::integer) continue;
            const auto n = static_cast<std::uint64_t>(std::max<std::int64_t>(lag->second.integer(), 0));
            status.lag = n - std::min(n, s->trimmed); // the server counts them as entries to come
        }
        co_return status;
    }

private:
    struct source {
        std::string stream;
        std::string lease;
        std::string lease_value = {};
        std::uint64_t token = 0; // 0 while it is not the member's
        bool revoked = false;

        bool recovering = true;       // entries that were given to a member and not acknowledged come first
        bool reading = false;         // something may have been given, and is not returned
        messages::position last = {}; // that was returned
        std::string cursor = "0-0";   // of a claim
        std::string wait_behind = {}; // the last ID that the group was given; "" when it is not known
        time_point next_claim = {};
        std::uint64_t trimmed = 0;
        std::size_t most = std::numeric_limits<std::size_t>::max(); // entries of a reply, after one was too large
        std::optional<client> waiter = {};
    };

    client client_for(const options& o) const { return client{o, connects_}; }
    bool ordered() const noexcept { return options_.order == stream_order::per_stream; }

    source* find(const messages::assignment& a) noexcept {
        const auto found = std::ranges::find_if(
            sources_, [&](const source& s) { return s.token == a.epoch && s.token != 0 && s.stream == a.partition; });
        return found != sources_.end() ? &*found : nullptr;
    }

    void take(source& s, std::uint64_t token) {
        s.token = token;
        s.revoked = false;
        s.lease_value = ordered() ? options_.member + ":" + std::to_string(token) : std::string{};
        s.last = {};
        read_again(s);
        tell(messages::change_kind::assigned, s);
    }
    void lose(source& s) {
        if (s.token == 0) return;
        tell(messages::change_kind::lost, s);
        forget(s);
    }
    void forget(source& s) noexcept {
        s.token = 0;
        s.revoked = false;
        s.waiter.reset();
    }
    void tell(messages::change_kind kind, const source& s) {
        messages::group_change change;
        change.kind = kind;
        change.assignment.partition = s.stream;
        change.assignment.epoch = s.token;
        changes_.push_back(std::move(change));
    }
    /// Starts again behind the last entry that was returned.
    void read_again(source& s) {
        s.recovering = true;
        s.reading = false;
        messages::position next = s.last;
        if (s.last != messages::position()) ++next.low;
        s.cursor = ordered() ? to_string(next) : "0-0";
        s.wait_behind.clear();
        s.waiter.reset(); // a command that waits there could take entries
    }

    task<> create_groups() {
        for (const source& s : sources_) {
            try {
                auto creating =
                    control_.command<void>("XGROUP", "CREATE", s.stream, options_.group, options_.start, "MKSTREAM");
                co_await std::move(creating);
            } catch (const error& e) {
                if (e.code() != "BUSYGROUP") throw; // it is there
            }
        }
        prepared_ = true;
    }
    /// After an answer that the stream or its group is not there.
    void check_group_exists(const error& e) noexcept {
        if (e.text().find("NOGROUP") != std::string::npos || e.text().find("no such key") != std::string::npos) {
            prepared_ = false;
        }
    }

    task<> join_without_order() {
        auto counting = control_.command<std::uint64_t>("INCR", leases_[1]);
        const std::uint64_t token = co_await std::move(counting);
        for (source& s : sources_) take(s, token);
        joined_ = true;
    }

    task<> renew() {
        std::vector<std::uint64_t> tokens;
        tokens.reserve(sources_.size());
        for (const source& s : sources_) tokens.push_back(s.token);
        auto renewing = with_timeout(options_.lease, control_.command<std::vector<std::uint64_t>>(
                                                         "EVAL", renew_script, leases_.size(), leases_, options_.member,
                                                         milliseconds_of(options_.lease), first_, tokens));
        const std::vector<std::uint64_t> answer = co_await std::move(renewing);
        if (answer.size() != sources_.size() + 1) throw type_error{"weir::redis: EVAL: leases are missing"};
        std::size_t kept = 0;
        for (std::size_t i = 0; i != sources_.size(); ++i) {
            source& s = sources_[i];
            // One that was given back in the meantime is free.
            if (tokens[i] != 0 && s.token != tokens[i]) continue;
            if (s.token != 0 && answer[i + 1] != s.token) lose(s);
            if (s.token == 0 && answer[i + 1] != 0) take(s, answer[i + 1]);
            if (s.token != 0 && !s.revoked) ++kept;
        }
        for (source& s : sources_) {
            if (kept <= answer[0]) break;
            if (s.token == 0 || s.revoked) continue;
            s.revoked = true;
            tell(messages::change_kind::revoked, s);
            --kept;
        }
    }

    /// What comes before new entries: what the group was given, and nobody has acknowledged.
    task<std::vector<messages::record>> recover(source& s, std::size_t n) {
        if (ordered()) {
            auto got = co_await claim(s, n, duration::zero());
            co_return got;
        }
        // What was given to this member, and has not arrived.
        auto asking = control_.command<value>("XREADGROUP", "GROUP", options_.group, options_.member, "COUNT", n,
                                              "STREAMS", s.stream, s.cursor);
        value answer = co_await std::move(asking);
        std::vector<messages::record> got = entries_of(s, std::move(answer));
        if (got.empty()) {
            s.recovering = false;
            s.cursor = "0-0";
        } else {
            s.cursor = to_string(got.back().position);
        }
        co_return got;
    }

    /// Claims entries that have been without an acknowledgement for so long.
    task<std::vector<messages::record>> claim(source& s, std::size_t n, duration idle) {
        const std::uint64_t token = s.token;
        std::vector<value> answer = co_await script(claim_script, s, n, milliseconds_of(idle), s.cursor);
        std::vector<messages::record> got;
        if (s.token != token || answer.size() != 5) co_return got; // the lease is lost
        std::size_t removed = answer[4].items().size();
        s.cursor = std::move(answer[1]).as<std::string>();
        got = to_records(std::move(answer[2]), names(), removed);
        set_attempts(got, std::move(answer[3]));
        s.trimmed += removed;
        if (s.cursor == "0-0") {
            if (s.recovering) {
                s.recovering = false;
                co_await delete_consumers(milliseconds_of(options_.lease));
            }
            s.next_claim = executor::current()->time_after(options_.claim_after / 2);
        }
        if (s.token != token) got.clear();
        note_last(s, got);
        co_return got;
    }

    task<std::vector<messages::record>> read_leased(source& s, std::size_t n) {
        const std::uint64_t token = s.token;
        s.wait_behind.clear();
        std::vector<value> answer = co_await script(read_script, s, n);
        std::vector<messages::record> got;
        if (s.token != token) co_return got;
        if (answer.size() == 2) {
            std::size_t removed = 0;
            got = to_records(std::move(answer[1]), names(), removed);
            note_last(s, got);
        } else if (answer.size() == 3) {
            s.wait_behind = std::move(answer[1]).as<std::string>();
            s.trimmed = std::max(s.trimmed, std::move(answer[2]).as<std::uint64_t>());
        } else {
            co_await sleep_for(options_.lease / 3); // the lease is lost
        }
        co_return got;
    }

    /// Waits for an entry behind the last one that the group was given. Takes nothing.
    task<> wait(source& s) {
        const std::string last = std::exchange(s.wait_behind, "");
        if (!s.waiter) s.waiter = client_for(blocking_);
        auto waiting = with_timeout(patience(), s.waiter->command<void>("XREAD", "COUNT", 1, "BLOCK",
                                                                        milliseconds_of(options_.block), "STREAMS",
                                                                        s.stream, last));
        co_await std::move(waiting);
    }

    task<std::vector<messages::record>> read_shared(source& s, std::size_t n) {
        if (!s.waiter) s.waiter = client_for(blocking_);
        auto reading = with_timeout(
            patience(), s.waiter->command<value>("XREADGROUP", "GROUP", options_.group, options_.member, "COUNT", n,
                                                 "BLOCK", milliseconds_of(options_.block), "STREAMS", s.stream, ">"));
        value answer = co_await std::move(reading);
        std::vector<messages::record> got = entries_of(s, std::move(answer));
        note_last(s, got);
        co_return got;
    }

    /// Executes a script that reads a stream.
    template <class... A>
    task<std::vector<value>> script(std::string_view text, source& s, std::size_t n, A... more) {
        try {
            auto running = control_.command<std::vector<value>>("EVAL", text, 2, s.lease, s.stream, s.lease_value,
                                                                options_.group, options_.member, n, more...);
            co_return co_await std::move(running);
        } catch (const error& e) {
            check_group_exists(e);
            throw;
        } catch (const connection_lost& e) {
            if (was_too_large(e)) s.most = std::max<std::size_t>(n / 2, 1);
            throw;
        }
    }
    /// Whether a reply had more than options.max_reply_size bytes.
    static bool was_too_large(const connection_lost& e) noexcept {
        try {
            if (e.cause() != nullptr) std::rethrow_exception(e.cause());
        } catch (const limit_exceeded&) {
            return true;
        } catch (...) {
            // another cause
        }
        return false;
    }

    /// The entries in a reply of XREADGROUP for one stream.
    std::vector<messages::record> entries_of(source& s, value&& answer) {
        if (answer.is_nil()) return {};
        auto streams = std::move(answer).as<std::vector<std::pair<std::string, value>>>();
        std::size_t removed = 0;
        std::vector<messages::record> got;
        if (!streams.empty()) got = to_records(std::move(streams.front().second), names(), removed);
        s.trimmed += removed;
        return got;
    }
    static void note_last(source& s, const std::vector<messages::record>& got) noexcept {
        for (const messages::record& r : got) s.last = std::max(s.last, r.position);
    }
    entry_fields names() const { return {options_.value_field, options_.key_field}; }
    /// How long a command that waits may take.
    duration patience() const noexcept {
        return blocking_.reply_timeout + std::min(options_.block, duration::max() - blocking_.reply_timeout);
    }

    /// @param idle  in milliseconds, of others; -1 for the member's own
    task<> delete_consumers(std::int64_t idle) {
        auto deleting = control_.idempotent<void>("EVAL", delete_script, options_.streams.size(), options_.streams,
                                                  options_.group, options_.member, idle);
        co_await std::move(deleting);
    }

    group_options options_;
    options blocking_; // of the connections that wait
    connector connects_;
    client control_;
    std::string members_;
    std::vector<std::string> leases_; // the keys of the script that renews
    std::size_t first_ = 0;           // the stream that the member would take first
    std::vector<source> sources_;
    std::deque<messages::group_change> changes_;
    time_point next_renewal_ = {};
    time_point renewed_ = {};
    bool prepared_ = false;
    bool joined_ = false;
};

} // namespace detail

group_member::group_member(const client& c, group_options o)
    : core_{std::make_unique<detail::group_core>(c, std::move(o))} {}

group_member::group_member(group_member&&) noexcept = default;

group_member::~group_member() = default;

task<messages::group_change> group_member::next_change() { return core_->next_change(); }
task<std::vector<messages::record>> group_member::fetch(const messages::assignment& a, std::size_t n) {
    return core_->fetch(a, n);
}
task<bool> group_member::commit(const messages::assignment& a, const std::vector<messages::position>& done) {
    return core_->commit(a, done);
}
task<> group_member::release(const messages::assignment& a) { return core_->release(a); }
task<> group_member::leave() { return core_->leave(); }
task<messages::partition_status> group_member::inspect(const messages::assignment& a) { return core_->inspect(a); }

const std::string& shard_of(const std::vector<std::string>& streams, std::string_view key) {
    if (streams.empty()) throw std::invalid_argument{"weir::redis::shard_of(streams, key): streams is empty"};
    std::uint64_t hash = 14695981039346656037U; // FNV-1a
    for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return streams[static_cast<std::size_t>(hash % streams.size())];
}

std::function<task<>(messages::dead_letter)> dead_letters_to(client& c, std::string stream) {
    return [&c, stream = std::move(stream)](messages::dead_letter letter) -> task<> {
        messages::header_list fields = std::move(letter.record.headers);
        fields.emplace_back("value", std::move(letter.record.value));
        fields.emplace_back("key", std::move(letter.record.key));
        fields.emplace_back("partition", std::move(letter.partition));
        fields.emplace_back("position", to_string(letter.record.position));
        fields.emplace_back("attempts", std::to_string(letter.attempts));
        auto adding = c.command<void>("XADD", stream, "*", fields);
        co_await std::move(adding);
    };
}

} // namespace weir::redis
