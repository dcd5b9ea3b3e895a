// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/tcp.hpp>
#include <weir/redis/detail/reader.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/sync/mutex.hpp>
#include <weir/task.hpp>

namespace support::redis {

inline std::string bulk(std::string_view text) {
    std::string all = "$" + std::to_string(text.size()) + "\r\n";
    return all.append(text).append("\r\n");
}

/// The data of a server, which outlives its restarts.
struct database {
    std::map<std::string, std::string> strings;
    std::map<std::string, int> executed; ///< how often MARK was executed, by its argument
    std::string password;                ///< that AUTH needs; "" for none
    std::uint64_t commands = 0;
    std::uint64_t reads = 0; ///< of the server
    std::uint64_t connections = 0;
};

/// A server in memory, which runs until it is dropped. It executes commands in order, as Redis does.
class server {
public:
    explicit server(database& data) : data_{data} {}

    bool silent = false; ///< answers nothing

    /// Sends a message to all subscribers. Returns their number.
    weir::task<int> publish(std::string channel, std::string payload) {
        int n = 0;
        for (const auto& s : std::list{sessions_}) {
            std::string out;
            if (s->channels.contains(channel)) out += "*3\r\n" + bulk("message") + bulk(channel) + bulk(payload);
            for (const std::string& pattern : s->patterns) {
                // Only `prefix*`.
                if (!channel.starts_with(std::string_view{pattern}.substr(0, pattern.size() - 1))) continue;
                out += "*4\r\n" + bulk("pmessage") + bulk(pattern) + bulk(channel) + bulk(payload);
            }
            if (out.empty()) continue;
            ++n;
            try {
                co_await write(s, std::move(out));
            } catch (const std::system_error&) {
                // The subscriber is gone.
            }
        }
        co_return n;
    }
    std::size_t subscriptions() const {
        std::size_t n = 0;
        for (const auto& s : sessions_) n += s->channels.size() + s->patterns.size();
        return n;
    }

    weir::task<> run(weir::endpoint at) {
        auto listener = co_await weir::listen(at);
        auto all = weir::with_group([&](weir::task_group& group) -> weir::task<> {
            for (;;) {
                auto client = co_await listener.accept();
                group.spawn(serve(std::move(client)));
            }
        });
        co_await std::move(all);
    }

private:
    struct session {
        weir::tcp_stream stream;
        weir::mutex<> writing{};
        std::set<std::string> channels{};
        std::set<std::string> patterns{};
        bool logged_in = false;
        bool in_transaction = false;
        bool spoiled = false; // a command of the transaction was refused
        std::vector<std::vector<std::string>> queued{};
        std::string out{};
    };

    /// The place of a session in the list, until its task ends or is dropped.
    class registration {
    public:
        registration(std::list<std::shared_ptr<session>>& all, std::shared_ptr<session> s)
            : all_{all}, place_{all.insert(all.end(), std::move(s))} {}
        registration(const registration&) = delete;
        registration& operator=(const registration&) = delete;
        ~registration() { all_.erase(place_); }

    private:
        std::list<std::shared_ptr<session>>& all_;
        std::list<std::shared_ptr<session>>::iterator place_;
    };

    weir::task<> serve(weir::tcp_stream stream) {
        ++data_.connections;
        const auto owned = std::make_shared<session>(std::move(stream));
        session& s = *owned;
        const registration known{sessions_, owned};
        try {
            weir::redis::detail::reader commands{"client", 1 << 20};
            std::array<char, 4096> buffer;
            while (const std::size_t n = co_await s.stream.read(buffer)) {
                ++data_.reads;
                commands.feed(std::span{buffer.data(), n});
                for (weir::redis::value v; commands.next(v);) {
                    const auto words = std::move(v).as<std::vector<std::string>>();
                    ++data_.commands;
                    if (words[0] == "SLEEP" || words[0] == "BLPOP") {
                        const int unit = words[0] == "SLEEP" ? 1 : 1000;
                        auto nap = weir::sleep_for(std::chrono::milliseconds{std::stoi(words.back()) * unit});
                        co_await std::move(nap);
                    } else if (words[0] == "CLOSE") {
                        co_return;
                    } else if (words[0] == "FOREVER") {
                        auto nap = weir::sleep_for(std::chrono::hours{1000});
                        co_await std::move(nap);
                    }
                    s.out += in_turn(s, words);
                }
                const std::string out = std::exchange(s.out, "");
                if (!out.empty() && !silent) co_await write(owned, out);
            }
        } catch (const std::system_error&) {
            // The network has failed.
        }
    }

    static weir::task<> write(std::shared_ptr<session> to, std::string what) {
        auto waiting = to->writing.lock();
        const auto locked = co_await std::move(waiting);
        co_await to->stream.write(what);
    }

    std::string in_turn(session& s, const std::vector<std::string>& words) {
        const std::string& name = words[0];
        if (name == "AUTH") {
            s.logged_in = words.back() == data_.password;
            return s.logged_in ? "+OK\r\n" : "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
        }
        if (!data_.password.empty() && !s.logged_in) return "-NOAUTH Authentication required.\r\n";
        if (name == "MULTI") {
            s.in_transaction = true;
            s.spoiled = false;
            s.queued.clear();
            return "+OK\r\n";
        }
        if (name == "EXEC") {
            s.in_transaction = false;
            if (s.spoiled) return "-EXECABORT Transaction discarded because of previous errors.\r\n";
            std::string all = "*" + std::to_string(s.queued.size()) + "\r\n";
            for (const auto& one : s.queued) all += execute(s, one);
            return all;
        }
        if (s.in_transaction) {
            if (name == "NONSENSE") {
                s.spoiled = true;
                return "-ERR unknown command\r\n";
            }
            s.queued.push_back(words);
            return "+QUEUED\r\n";
        }
        return execute(s, words);
    }

    std::string execute(session& s, const std::vector<std::string>& words) {
        const std::string& name = words[0];
        if (name == "SELECT" || name == "CLIENT" || name == "SLEEP") return "+OK\r\n";
        if (name == "PING")
            return words.size() == 1 && s.channels.empty() && s.patterns.empty() ? "+PONG\r\n"
                                                                                 : "*2\r\n$4\r\npong\r\n$0\r\n\r\n";
        if (name == "ECHO") return bulk(words[1]);
        if (name == "MARK") {
            ++data_.executed[words[1]];
            return bulk(words[1]);
        }
        if (name == "SET") {
            data_.strings[words[1]] = words[2];
            return "+OK\r\n";
        }
        if (name == "GET") {
            const auto found = data_.strings.find(words[1]);
            return found == data_.strings.end() ? "$-1\r\n" : bulk(found->second);
        }
        if (name == "EXPIRE") return ":1\r\n";
        if (name == "INCR" || name == "DECR") {
            std::string& text = data_.strings[words[1]];
            if (text.empty()) text = "0";
            std::int64_t n = 0;
            if (std::from_chars(text.data(), text.data() + text.size(), n).ptr != text.data() + text.size()) {
                return "-ERR value is not an integer or out of range\r\n";
            }
            text = std::to_string(name == "INCR" ? n + 1 : n - 1);
            return ":" + text + "\r\n";
        }
        if (name == "SUBSCRIBE" || name == "PSUBSCRIBE") {
            std::string all;
            auto& subscribed = name == "SUBSCRIBE" ? s.channels : s.patterns;
            for (std::size_t i = 1; i != words.size(); ++i) {
                if (words[i] == "forbidden") return all + "-NOPERM No permissions to access a channel\r\n";
                subscribed.insert(words[i]);
                all += "*3\r\n" + bulk(name == "SUBSCRIBE" ? "subscribe" : "psubscribe") + bulk(words[i]) + ":1\r\n";
            }
            return all;
        }
        if (name == "BLPOP") return "*-1\r\n";
        if (name == "TWICE") return "+one\r\n+two\r\n"; // a violation of the protocol
        if (name == "GARBAGE") return "what?\r\n";
        return "-ERR unknown command\r\n";
    }

    database& data_;
    std::list<std::shared_ptr<session>> sessions_;
};

} // namespace support::redis
