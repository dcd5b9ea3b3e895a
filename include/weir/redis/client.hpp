// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/waker.hpp>
#include <weir/redis/detail/arguments.hpp>
#include <weir/redis/detail/transport.hpp>
#include <weir/redis/options.hpp>
#include <weir/redis/value.hpp>

namespace weir::redis {

class client;

/// What the connection of a client does.
enum class connection_state : std::uint8_t {
    disconnected, ///< no command waits. The next one connects
    connecting,
    connected,
    reconnecting, ///< the last attempt has failed; another one follows, or runs
};

/// Counters of a client, and its present load.
struct client_statistics {
    std::uint64_t connections = 0; ///< that were made
    std::uint64_t losses = 0;      ///< of connections
    std::uint64_t replies = 0;     ///< that have arrived
    std::uint64_t discarded = 0;   ///< replies to commands that were dropped in the meantime
    std::uint64_t sent_again = 0;  ///< commands that were sent on another connection
    std::size_t waiting = 0;       ///< commands that are not sent yet, at present
    std::size_t in_flight = 0;     ///< commands without a reply, at present
};

namespace detail {

class client_core;
class group_core;

/// What may become of a command whose connection is lost before the reply.
enum class loss : std::uint8_t { fails, sends_again };

/// A command in the queue of its client or on its connection.
class request : public weir::detail::list_link {
public:
    /// Appends the command as it is sent, and returns the number of replies to it.
    using encode_function = std::size_t (*)(const request& self, std::string& to);

    request(client_core& core, std::string_view name, encode_function encode, loss at_loss, bool blocks) noexcept
        : core_{&core}, encode_{encode}, name_{name}, at_loss_{at_loss}, blocks_{blocks} {}
    request(request&&) noexcept = default; // before its first poll
    ~request() { leave(); }

protected:
    std::string_view name() const noexcept { return name_; }

    /// Returns true when the last reply has arrived.
    /// @throws the error of a command that was not sent, or has lost its connection
    bool poll_replies(context& cx);
    /// The last reply.
    /// @throws redis::error for the first error of several replies
    value take(std::string_view command);
    /// Of several replies, the position of the first that was an error.
    std::size_t failed_at() const noexcept { return received_; }

private:
    friend client_core;
    friend weir::detail::described;

    enum class phase : std::uint8_t { fresh, waiting, sent, answered, failed };

    void describe(weir::detail::wait_report& report) const;
    void leave() noexcept;
    void receive(value&& v, bool is_last) noexcept;
    void fail(std::exception_ptr error) noexcept;

    client_core* core_; // lives until the command has ended, unless it is fresh
    encode_function encode_;
    std::string_view name_;
    std::uint64_t number_ = 0; // among the commands that were sent
    std::size_t received_ = 0; // replies; stops at the first error of several
    value reply_;
    std::exception_ptr failure_;
    weir::detail::described_slot waiter_{*this};
    std::uint8_t times_sent_ = 0;
    phase phase_ = phase::fresh;
    loss at_loss_;
    bool blocks_;
};

/// A command that changes the connection or waits on the server, perhaps only with a certain word.
struct special_command;

/// Null for most commands.
const special_command* find_special(std::string_view name) noexcept;
/// @param index  of the argument, from 0
bool is_word_of(const special_command& command, std::size_t index, std::string_view argument) noexcept;
/// @param has_word  whether an argument is the word on which the effect depends
/// @return whether the command waits on the server
/// @throws std::invalid_argument for a command that would disturb the other users of a connection
bool check_special(const special_command& command, bool has_word, const options& o);

/// Whether an argument is the word on which the effect of the command depends.
template <class... A>
bool has_word_of(const special_command& command, const A&... arguments) {
    bool found = false;
    std::size_t index = 0;
    [[maybe_unused]] const auto look = [&](const auto& a) {
        if constexpr (std::convertible_to<decltype(a), std::string_view>)
            found = found || is_word_of(command, index, a);
        ++index;
    };
    [[maybe_unused]] const auto look_in = [&]<class Argument>(const Argument& a) {
        if constexpr (range_argument<Argument>) {
            for (const auto& item : a) look(item);
        } else {
            look(a);
        }
    };
    (look_in(arguments), ...);
    return found;
}

template <class T, class... Kept>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] command_operation : private request {
public:
    using result_type = std::conditional_t<std::is_void_v<T>, unit, T>;

    template <class... A>
    command_operation(client_core& core, std::string_view name, loss at_loss, bool blocks, A&&... arguments)
        : request{core, name, &encode, at_loss, blocks}, arguments_{std::forward<A>(arguments)...} {}

    poll<result_type> poll_result(context& cx) {
        if (!this->poll_replies(cx)) return pending;
        if constexpr (std::is_void_v<T>) {
            static_cast<void>(this->take(this->name()));
            return unit{};
        } else {
            return convert<T>(this->take(this->name()), {.command = this->name()});
        }
    }

private:
    static std::size_t encode(const request& self, std::string& to) {
        const auto& me = static_cast<const command_operation&>(self);
        std::apply([&](const auto&... kept) { append_command(to, me.name(), use(kept)...); }, me.arguments_);
        return 1;
    }

    std::tuple<Kept...> arguments_;
};

} // namespace detail

/// Commands that the server executes as one: no command of another connection comes between them.
///
///     weir::redis::transaction both;
///     both.command("DECRBY", "from", 10).command("INCRBY", "to", 10);
///     const auto replies = co_await client.execute(std::move(both));
///
/// The commands are sent together, between MULTI and EXEC, and copied when they are added.
class transaction {
public:
    /// Adds a command.
    /// @throws std::invalid_argument for a command that cannot be in a transaction
    template <detail::argument... A>
    transaction& command(std::string_view name, const A&... arguments) {
        const detail::special_command* const special = detail::find_special(name);
        add(name, special, special != nullptr && detail::has_word_of(*special, arguments...));
        detail::append_command(commands_, name, arguments...);
        return *this;
    }

    std::size_t size() const noexcept { return names_.size(); }
    bool empty() const noexcept { return names_.empty(); }

private:
    friend class transaction_operation;

    void add(std::string_view name, const detail::special_command* special, bool has_word);

    std::string commands_;
    std::vector<std::string> names_;
};

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] transaction_operation : private detail::request {
public:
    using result_type = std::vector<reply>;

    transaction_operation(detail::client_core& core, transaction t);

    poll<std::vector<reply>> poll_result(context& cx);

private:
    static std::size_t encode(const request& self, std::string& to);

    transaction transaction_;
};

/// A client of a Redis server. Any number of tasks of one executor send their commands over its one connection.
///
///     weir::redis::client client{{.host = "cache.example.org"}};
///     co_await client.command("SET", "greeting", "hello");
///     const auto text = co_await client.command<std::optional<std::string>>("GET", "greeting");
///     const auto n = co_await client.command<std::int64_t>("INCRBY", "visits", 3);
///
/// The commands of a turn are sent by one write. The first command connects, with AUTH, SELECT and CLIENT SETNAME as
/// the options say. A connection that is lost is made again when commands wait, with the waits of options.reconnect:
///
/// | the command                        | when the connection is lost                | when none can be made  |
/// |------------------------------------|--------------------------------------------|------------------------|
/// | is not sent                        | is sent on the next one                    | fails: not_connected   |
/// | is sent and has no reply           | fails: connection_lost; it may be executed |                        |
/// | the same, by `client.idempotent()` | is sent again on the next one              | fails: connection_lost |
///
/// A command is sent options.reconnect.attempts times at most.
///
/// A server that refuses the login is not asked again before the next command: the commands that wait fail with its
/// redis::error.
///
/// Commands that change the connection for all its users are refused: SUBSCRIBE, MULTI, SELECT, CLIENT REPLY, and
/// others. Blocking
/// ones such as BLPOP need a client of their own, with options.blocking_commands.
///
/// Errors: those of `command`; std::invalid_argument for options.
/// Dropped: a command that is dropped before it is sent is not sent. One that is dropped later may be executed, and its
/// reply is discarded: no reply is shifted to another command. Destroying the client closes the connection, and
/// commands that wait for it fail with `closed`.
/// Threads: one executor.
/// Cost: no allocation per command, apart from the text of its reply. A connection has a buffer of 16 KiB for replies,
/// and one for the commands that are sent together.
/// See: subscribe, with_timeout, transaction.
class client {
public:
    /// @throws std::invalid_argument for options that are out of range, and for TLS
    explicit client(options o);
    /// With a function that connects: it returns an operation whose result is a byte_stream, such as a TLS connection.
    /// @throws std::invalid_argument for options that are out of range
    template <detail::connects F>
    client(options o, F connect) : client{std::move(o), detail::connector_of(std::move(connect))} {}
    client(client&&) noexcept = default;
    client& operator=(client&&) noexcept;
    ~client();

    /// `co_await client.command("SET", key, value, "EX", 60)`: sends a command and returns its reply.
    ///
    /// An argument is text, bytes, an integer or a floating-point number. A range of those is as many arguments, and a
    /// range of pairs, such as a map, is twice as many. With a type, such as `command<std::int64_t>`, the reply is
    /// converted as by `reply::as`; void discards it. While options.max_in_flight commands have no reply, others wait.
    ///
    /// Errors: redis::error, the server's; type_error; connection_lost; not_connected; protocol_error and
    /// limit_exceeded as their cause.
    /// Lifetime: borrows the name, and arguments that are no temporaries, until it has its result; and the client until
    /// it is awaited.
    /// @throws std::invalid_argument for a command that is refused
    template <class T = reply, class... A>
    auto command(std::string_view name, A&&... arguments) {
        return make<T>(detail::loss::fails, name, std::forward<A>(arguments)...);
    }
    /// The same for a command that may be executed twice, such as GET or SET: it is sent again when the connection is
    /// lost before its reply.
    template <class T = reply, class... A>
    auto idempotent(std::string_view name, A&&... arguments) {
        return make<T>(detail::loss::sends_again, name, std::forward<A>(arguments)...);
    }

    /// `co_await client.execute(transaction)`: the replies to its commands. The error of one of them is thrown when its
    /// reply is converted.
    ///
    /// Errors: redis::error when the server refuses a command, and then executes none; connection_lost; not_connected.
    /// @throws std::invalid_argument for a transaction without commands
    transaction_operation execute(transaction t) { return {*core_, std::move(t)}; }

    connection_state state() const noexcept;
    client_statistics stats() const noexcept;
    /// The options, with the password.
    const options& settings() const noexcept;
    /// How it connects, for `subscribe`.
    const detail::connector& connects_by() const noexcept;

private:
    friend class detail::group_core;

    client(options o, detail::connector connect);

    template <class T, class... A>
    auto make(detail::loss at_loss, std::string_view name, A&&... arguments) {
        constexpr bool ok = (detail::argument<std::remove_cvref_t<A>> && ...);
        static_assert(ok, "weir::redis: command(name, arguments...): an argument is text, bytes, an integer, a "
                          "floating-point number, or a range of those; write a bool or a char as a number or a text");
        if constexpr (ok) {
            const detail::special_command* const special = detail::find_special(name);
            const bool blocks =
                special != nullptr &&
                detail::check_special(*special, detail::has_word_of(*special, arguments...), settings());
            return detail::command_operation<T, typename detail::kept<A>::type...>{
                *core_, name, at_loss, blocks, detail::keep(std::forward<A>(arguments))...};
        } else {
            return detail::command_operation<T>{*core_, name, at_loss, false};
        }
    }

    std::shared_ptr<detail::client_core> core_;
};

} // namespace weir::redis
