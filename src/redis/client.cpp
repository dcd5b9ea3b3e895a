// SPDX-License-Identifier: MIT
#include <weir/redis/client.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/redis/detail/link.hpp>
#include <weir/sync/closed.hpp>

namespace weir::redis {

namespace detail {

/// The queue of a client and its connection, which a task of its own drives. The client and the driver share it.
class client_core : public std::enable_shared_from_this<client_core> {
public:
    client_core(options o, connector connect)
        : options_{std::move(o)}, connect_{std::move(connect)}, reconnect_{options_.reconnect} {}
    client_core(const client_core&) = delete;
    client_core& operator=(const client_core&) = delete;

    /// To be called when the client is destroyed. The driver may be on the stack, in the user's function that connects,
    /// and then ends later.
    void close() noexcept {
        fail_all([error = error_of([] { return closed{"weir::redis::client"}; })](request&) { return error; });
        driver_.reset();
    }

    void enter(request& r, context& cx) {
        if (!running_) {
            driver_.emplace(cx.executor().spawn(run(std::make_unique<running>(shared_from_this()), cx.executor())));
        }
        r.phase_ = request::phase::waiting;
        waiting_.push_back(r);
        ++waiting_count_;
        work_.wake();
    }
    /// To be called when a request is dropped.
    void leave(request& r) noexcept {
        if (r.phase_ == request::phase::waiting) {
            --waiting_count_; // it unlinks itself
        } else {
            in_flight_[static_cast<std::size_t>(r.number_ - first_number_)].owner = nullptr;
        }
    }

    connection_state state() const noexcept { return state_; }
    client_statistics stats() const noexcept {
        client_statistics s = stats_;
        s.waiting = waiting_count_;
        s.in_flight = in_flight_.size();
        return s;
    }
    const options& settings() const noexcept { return options_; }
    const connector& connects_by() const noexcept { return connect_; }

private:
    friend weir::detail::described;

    void describe(weir::detail::wait_report& report) const {
        report.object(this, "weir::redis::client", in_flight_.empty() ? "no command waits" : "commands have no reply");
    }

    struct sent_request {
        request* owner;      // null when it was dropped
        std::size_t replies; // that have not arrived
        bool blocks;
    };

    /// Waits until a command waits.
    class [[nodiscard]] next_work {
    public:
        using result_type = unit;

        explicit next_work(client_core& core) noexcept : core_{&core} {}

        poll<unit> poll_result(context& cx) noexcept {
            if (!core_->waiting_.empty()) return unit{};
            core_->work_.arm(cx.waker());
            return pending;
        }

    private:
        client_core* core_;
    };

    /// Serves commands until the connection fails.
    class [[nodiscard]] connection {
    public:
        using result_type = unit;

        explicit connection(client_core& core) noexcept : core_{&core} {}

        poll<unit> poll_result(context& cx) {
            if (!core_->serve(cx)) return cx.yield();
            return pending;
        }

    private:
        client_core* core_;
    };

    /// Ends the connection and fails all commands when the driver ends: because the client or the executor is
    /// destroyed, or because there is no memory.
    class running {
    public:
        explicit running(std::shared_ptr<client_core> core) noexcept : core_{std::move(core)} {
            core_->running_ = true;
        }
        running(const running&) = delete;
        running& operator=(const running&) = delete;
        ~running() {
            core_->running_ = false;
            core_->end_connection();
            core_->state_ = connection_state::disconnected;
            core_->fail_all([this](request&) { return error_; });
        }

        client_core& core() const noexcept { return *core_; }
        void fail_with(std::exception_ptr error) noexcept { error_ = std::move(error); }

    private:
        std::shared_ptr<client_core> core_;
        std::exception_ptr error_ = error_of([] { return closed{"weir::redis::client"}; });
    };

    static task<> run(std::unique_ptr<running> self, executor& ex) {
        client_core& core = self->core();
        try {
            for (;;) {
                if (core.waiting_.empty()) {
                    core.state_ = connection_state::disconnected;
                    next_work work{core};
                    co_await std::move(work);
                }
                co_await core.connect_and_serve(ex);
            }
        } catch (...) {
            self->fail_with(std::current_exception());
        }
    }

    /// The error that make returns, or that of a lack of memory.
    template <class F>
    static std::exception_ptr error_of(F make) noexcept {
        try {
            return std::make_exception_ptr(make());
        } catch (...) {
            return std::current_exception();
        }
    }

    /// One attempt to connect and, when it has failed, the wait before the next.
    task<> connect_and_serve(executor& ex) {
        std::exception_ptr failure;
        bool refused = false;
        if (state_ == connection_state::disconnected) state_ = connection_state::connecting;
        try {
            auto opening = open_link(options_, connect_);
            link_ = co_await std::move(opening);
        } catch (const error&) {
            failure = std::current_exception();
            refused = true;
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure == nullptr) {
            state_ = connection_state::connected;
            ++stats_.connections;
            const std::uint64_t replies = stats_.replies;
            try {
                connection served{*this};
                co_await std::move(served);
            } catch (...) {
                failure = std::current_exception();
            }
            lose(failure);
            if (stats_.replies != replies) reconnect_.succeeded();
            if (waiting_.empty()) co_return;
            state_ = connection_state::reconnecting;
            // A connection that has served commands is made again at once.
            if (stats_.replies != replies) co_return;
        }
        if (refused || !reconnect_.again(failure)) {
            reconnect_.succeeded();
            state_ = connection_state::disconnected;
            fail_waiting([&](request& r) {
                if (r.times_sent_ != 0) return error_of([&] { return connection_lost{r.name_, failure}; });
                if (refused) return failure;
                return error_of([&] { return not_connected{r.name_, failure}; });
            });
            co_return;
        }
        state_ = connection_state::reconnecting;
        co_await sleep_for(reconnect_.wait(ex));
    }

    /// Writes and reads as much as possible. Returns false when the budget is spent.
    /// @throws when the connection has failed
    bool serve(context& cx) {
        for (;;) {
            if (writing_) writing_ = !link_->poll_write(cx);
            if (!writing_ && write_batch(cx)) continue;
            while (link_->next(reply_)) {
                deliver(std::move(reply_));
                if (!cx.spend()) return false;
            }
            if (!link_->poll_read(cx)) break;
            silence_.set(cx.executor().time_after(options_.reply_timeout));
            suspected_ = false;
            if (!cx.spend()) return false;
        }
        work_.arm(cx.waker());
        if (in_flight_.empty() || blocking_ != 0 || !silence_.poll(cx)) return true;
        // The program may have been busy for so long. Replies that have arrived in the meantime are read first.
        if (std::exchange(suspected_, true)) {
            throw timed_out{"weir::redis: " + link_->name() + " has sent nothing", options_.reply_timeout};
        }
        return false;
    }

    /// Starts a write of the commands that wait. Returns whether there was any.
    bool write_batch(context& cx) {
        output_.clear();
        if (output_.capacity() > largest_buffer) std::string{}.swap(output_);
        const bool idle = in_flight_.empty();
        while (!waiting_.empty() && in_flight_.size() < options_.max_in_flight && output_.size() < batch) {
            request& r = waiting_.front();
            const std::size_t before = output_.size();
            r.unlink();
            --waiting_count_;
            try {
                const std::size_t replies = r.encode_(r, output_);
                in_flight_.push_back(sent_request{&r, replies, r.blocks_});
            } catch (...) {
                // The command is too large for the memory. The others are not affected.
                output_.resize(before);
                r.fail(std::current_exception());
                continue;
            }
            r.phase_ = request::phase::sent;
            r.number_ = first_number_ + in_flight_.size() - 1;
            if (r.times_sent_++ != 0) {
                ++stats_.sent_again;
                r.received_ = 0;
                r.reply_ = {};
            }
            if (r.blocks_) ++blocking_;
        }
        if (output_.empty()) return false;
        if (idle) silence_.set(cx.executor().time_after(options_.reply_timeout));
        link_->start_write(output_);
        writing_ = true;
        return true;
    }

    void deliver(value&& v) {
        if (in_flight_.empty()) {
            if (v.is_error()) throw error{"", v.text()}; // such as that of too many clients
            throw protocol_error{"weir::redis: " + link_->name() + ": a reply without a command"};
        }
        sent_request& first = in_flight_.front();
        const bool is_last = --first.replies == 0;
        request* const owner = first.owner;
        if (is_last) pop_in_flight();
        ++stats_.replies;
        if (owner == nullptr) {
            ++stats_.discarded;
        } else {
            owner->receive(std::move(v), is_last);
        }
    }

    sent_request pop_in_flight() noexcept {
        const sent_request first = in_flight_.pop_front();
        ++first_number_;
        if (first.blocks) --blocking_;
        return first;
    }

    void end_connection() noexcept {
        link_.reset();
        writing_ = false;
        suspected_ = false;
        silence_.cancel();
    }

    /// Ends the connection, and decides about the commands without a reply.
    void lose(const std::exception_ptr& cause) noexcept {
        end_connection();
        ++stats_.losses;
        weir::detail::intrusive_list<request> again;
        while (!in_flight_.empty()) {
            request* const r = pop_in_flight().owner;
            if (r == nullptr) continue;
            if (r->at_loss_ == loss::sends_again && r->times_sent_ < times_to_send()) {
                r->phase_ = request::phase::waiting;
                ++waiting_count_;
                again.push_back(*r);
            } else {
                r->fail(error_of([&] { return connection_lost{r->name_, cause}; }));
            }
        }
        again.splice(waiting_);
        waiting_.splice(again);
    }
    std::size_t times_to_send() const noexcept { return std::min<std::size_t>(options_.reconnect.attempts, 200); }

    /// Fails each command that is not sent with the error that choose returns for it.
    template <class F>
    void fail_waiting(F choose) {
        while (!waiting_.empty()) {
            std::exception_ptr error = choose(waiting_.front());
            --waiting_count_;
            waiting_.pop_front().fail(std::move(error));
        }
    }
    template <class F>
    void fail_all(F choose) {
        while (!in_flight_.empty()) {
            request* const r = pop_in_flight().owner;
            if (r != nullptr) r->fail(choose(*r));
        }
        fail_waiting(choose);
    }

    static constexpr std::size_t batch = 256 * 1024;           // bytes of one write, unless a command is larger
    static constexpr std::size_t largest_buffer = 1024 * 1024; // that is kept between writes

    options options_;
    connector connect_;
    weir::detail::backoff reconnect_;
    weir::detail::intrusive_list<request> waiting_;
    std::size_t waiting_count_ = 0;
    weir::detail::ring_buffer<sent_request> in_flight_;
    std::uint64_t first_number_ = 0; // of the first command in flight
    std::size_t blocking_ = 0;       // commands in flight that wait on the server
    client_statistics stats_;
    connection_state state_ = connection_state::disconnected;
    bool running_ = false; // the driver
    bool writing_ = false;
    bool suspected_ = false; // reply_timeout has passed, and another turn decides
    value reply_;            // the last one
    std::string output_;
    std::unique_ptr<link> link_; // after the output, so that a write is cancelled before its bytes are freed
    weir::detail::described_slot work_{*this};
    weir::detail::resettable_deadline silence_;
    std::optional<join_handle<task<>>> driver_; // last: it uses everything else
};

void request::describe(weir::detail::wait_report& report) const {
    report.object(core_, "weir::redis::client", phase_ == phase::sent ? "no reply yet" : "not sent yet");
}

void request::leave() noexcept {
    if (phase_ == phase::waiting || phase_ == phase::sent) core_->leave(*this);
}

void request::receive(value&& v, bool is_last) noexcept {
    if (!reply_.is_error()) {
        if (!v.is_error() && !is_last) ++received_;
        if (v.is_error() || is_last) reply_ = std::move(v);
    }
    if (!is_last) return;
    phase_ = phase::answered;
    waiter_.wake();
}

void request::fail(std::exception_ptr error) noexcept {
    failure_ = std::move(error);
    phase_ = phase::failed;
    waiter_.wake();
}

bool request::poll_replies(context& cx) {
    if (phase_ == phase::answered) return true;
    if (phase_ == phase::failed) std::rethrow_exception(std::move(failure_));
    waiter_.arm(cx.waker());
    if (phase_ == phase::fresh) core_->enter(*this, cx);
    return false;
}

value request::take(std::string_view command) {
    if (reply_.is_error()) throw error{command, std::move(reply_).text()};
    return std::move(reply_);
}

namespace {

enum class effect : std::uint8_t {
    waits,   // on the server
    changes, // the connection for its other users
};

} // namespace

struct special_command {
    std::string_view name;
    detail::effect does;
    std::string_view option = {};     // without this argument, it does nothing special
    std::string_view subcommand = {}; // the same for the first argument
};

namespace {

constexpr std::array special_commands{
    special_command{"AUTH", effect::changes},
    special_command{"BLMOVE", effect::waits},
    special_command{"BLMPOP", effect::waits},
    special_command{"BLPOP", effect::waits},
    special_command{"BRPOP", effect::waits},
    special_command{"BRPOPLPUSH", effect::waits},
    special_command{"BZMPOP", effect::waits},
    special_command{"BZPOPMAX", effect::waits},
    special_command{"BZPOPMIN", effect::waits},
    special_command{"CLIENT", effect::changes, {}, "REPLY"}, // commands without replies
    special_command{"DISCARD", effect::changes},
    special_command{"EXEC", effect::changes},
    special_command{"HELLO", effect::changes},
    special_command{"MONITOR", effect::changes},
    special_command{"MULTI", effect::changes},
    special_command{"PSUBSCRIBE", effect::changes},
    special_command{"PSYNC", effect::changes},
    special_command{"PUNSUBSCRIBE", effect::changes},
    special_command{"QUIT", effect::changes},
    special_command{"RESET", effect::changes},
    special_command{"SCRIPT", effect::changes, {}, "DEBUG"},
    special_command{"SELECT", effect::changes},
    special_command{"SSUBSCRIBE", effect::changes},
    special_command{"SUBSCRIBE", effect::changes},
    special_command{"SUNSUBSCRIBE", effect::changes},
    special_command{"SYNC", effect::changes},
    special_command{"UNSUBSCRIBE", effect::changes},
    special_command{"UNWATCH", effect::changes},
    special_command{"WAIT", effect::waits},
    special_command{"WAITAOF", effect::waits},
    special_command{"WATCH", effect::changes},
    special_command{"XREAD", effect::waits, "BLOCK"},
    special_command{"XREADGROUP", effect::waits, "BLOCK"},
};

char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
bool same_word(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return upper(x) == upper(y); });
}

/// For each first letter, the lengths of the special commands, as bits. They tell most other commands apart without a
/// comparison of names.
constexpr auto special_lengths = [] {
    std::array<std::uint32_t, 32> all{};
    for (const special_command& s : special_commands) all[s.name[0] & 31] |= std::uint32_t{1} << s.name.size();
    return all;
}();

} // namespace

const special_command* find_special(std::string_view name) noexcept {
    if (name.empty() || name.size() >= 32) return nullptr;
    // The lower bits of a letter are the same in both cases.
    const std::uint32_t lengths = special_lengths[static_cast<unsigned char>(name[0]) & 31];
    if ((lengths >> name.size() & 1) == 0) return nullptr;
    const auto found = std::find_if(special_commands.begin(), special_commands.end(),
                                    [&](const special_command& s) { return same_word(s.name, name); });
    return found == special_commands.end() ? nullptr : found;
}

bool is_word_of(const special_command& command, std::size_t index, std::string_view argument) noexcept {
    return same_word(argument, command.subcommand.empty() ? command.option : command.subcommand) &&
           (index == 0 || command.subcommand.empty());
}

bool check_special(const special_command& command, bool has_word, const options& o) {
    if (!has_word && !(command.option.empty() && command.subcommand.empty())) return false;
    if (command.does == effect::waits && o.blocking_commands == blocking_commands::accepted) return true;
    std::string message{"weir::redis: "};
    message.append(command.name);
    if (!command.subcommand.empty()) message.append(" ").append(command.subcommand);
    throw std::invalid_argument{message.append(
        command.does == effect::changes
            ? " changes the connection for all its users; the options log in and select a database, `execute` runs "
              "transactions, and `subscribe` subscribes"
            : " would make all commands of the client wait; use a client of its own, with "
              "options.blocking_commands")};
}

} // namespace detail

void transaction::add(std::string_view name, const detail::special_command* special, bool has_word) {
    if (name.empty()) throw std::invalid_argument{"weir::redis: a command of a transaction has no name"};
    if (special != nullptr && special->does == detail::effect::changes && (has_word || special->subcommand.empty())) {
        std::string message{"weir::redis: "};
        message.append(special->name);
        if (has_word) message.append(" ").append(special->subcommand);
        throw std::invalid_argument{message.append(" cannot be in a transaction")};
    }
    names_.emplace_back(name);
}

transaction_operation::transaction_operation(detail::client_core& core, transaction t)
    : request{core, "EXEC", &encode, detail::loss::fails, false}, transaction_{std::move(t)} {
    if (transaction_.empty()) throw std::invalid_argument{"weir::redis: execute: the transaction has no commands"};
}

std::size_t transaction_operation::encode(const request& self, std::string& to) {
    const transaction& t = static_cast<const transaction_operation&>(self).transaction_;
    detail::append_command(to, "MULTI");
    to += t.commands_;
    detail::append_command(to, "EXEC");
    return t.size() + 2;
}

poll<std::vector<reply>> transaction_operation::poll_result(context& cx) {
    if (!this->poll_replies(cx)) return pending;
    const std::vector<std::string>& names = transaction_.names_;
    // The server answers MULTI, each command, and EXEC. A command that it refuses makes EXEC fail.
    const std::size_t at = this->failed_at();
    value all = this->take(at == 0 ? "MULTI" : at <= names.size() ? std::string_view{names[at - 1]} : "EXEC");
    std::vector<value>& values = detail::items_of(all, {.command = "EXEC"}, names.size());
    std::vector<reply> replies;
    replies.reserve(values.size());
    for (std::size_t i = 0; i != values.size(); ++i) replies.emplace_back(std::move(values[i]), names[i]);
    return replies;
}

client::client(options o) : client{std::move(o), detail::connector{}} {}

client::client(options o, detail::connector connect) {
    detail::check(o);
    if (!connect) connect = detail::connector_to(o);
    core_ = std::make_shared<detail::client_core>(std::move(o), std::move(connect));
}

client& client::operator=(client&& other) noexcept {
    if (this == &other) return *this;
    if (core_) core_->close();
    core_ = std::move(other.core_);
    return *this;
}

client::~client() {
    if (core_) core_->close();
}

connection_state client::state() const noexcept { return core_->state(); }
client_statistics client::stats() const noexcept { return core_->stats(); }
const options& client::settings() const noexcept { return core_->settings(); }
const detail::connector& client::connects_by() const noexcept { return core_->connects_by(); }

} // namespace weir::redis
