// SPDX-License-Identifier: MIT
// A client with retries over TLS and HTTP, in a simulation, against a server that is cut off, slowed and restarted:
// each request is answered once or fails with a reason, and nothing is left open.
//
//     http_storm [--seeds N]        the seeds 1 to N; WEIR_SEED=n in the environment: that one alone
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <weir/executor/sleep.hpp>
#include <weir/http/client.hpp>
#include <weir/http/server.hpp>
#include <weir/io/tcp.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/resilience/retry.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>
#include <weir/tls/stream.hpp>

#include "../tls/support.hpp"

namespace {

using namespace std::chrono_literals;
namespace http = weir::http;

constexpr int requests = 40;
const weir::endpoint address{"10.0.0.1", 443};

/// What happened, over all seeds.
struct counts {
    std::size_t answered = 0;
    std::map<std::string, std::size_t> failed; // by the error
    std::size_t handled = 0;
    std::size_t restarts = 0;
};

void require(bool ok, const std::string& what) {
    if (!ok) throw std::logic_error{what};
}

/// The kind of an error: its text without the addresses of the peers.
std::string kind_of(std::string_view what) {
    std::string kind;
    for (const char c : what) {
        if (c >= '0' && c <= '9') {
            if (kind.empty() || kind.back() != '#') kind += '#';
        } else {
            kind += c;
        }
    }
    return kind;
}

class storm {
public:
    storm(weir::testing::simulation& sim, counts& all, const weir::tls::context& ours, const weir::tls::context& trust)
        : sim_{&sim}, all_{&all}, ours_{&ours}, trust_{&trust} {}

    void run() {
        const std::size_t before = sim_->descriptors();
        {
            auto server = sim_->spawn(serve());
            auto weather = sim_->spawn(change_weather());
            sim_->run(ask_all());
        }
        sim_->run(weir::sleep_for(5s)); // connections end
        require(sim_->descriptors() == before, "a descriptor is left open");
        for (const auto& [target, times] : handled_)
            require(answers_[target] <= times, target + ": more answers than calls");
    }

private:
    weir::task<http::response> answer(http::request& r) {
        const int times = ++handled_[r.target];
        ++all_->handled;
        std::string text = co_await r.text();
        if (times % 3 == 0) co_await weir::sleep_for(30ms);
        http::response made{200, std::move(text)};
        made.headers.add("Request", r.target);
        if (r.target.ends_with("5")) made.headers.add("Connection", "close");
        if (r.target.ends_with("6") && times == 1) made.status = 503;
        co_return made;
    }

    weir::task<> serve_one(weir::tcp_stream s) {
        try {
            auto shaking = weir::with_timeout(1s, weir::tls::server(std::move(s), *ours_));
            auto encrypted = co_await std::move(shaking);
            auto handler = [this](http::request& r) { return answer(r); };
            http::server_options limits;
            limits.idle_timeout = 40ms;
            auto serving = http::serve(std::move(encrypted), handler, limits);
            co_await std::move(serving);
        } catch (const std::exception&) {} // of the handshake
    }

    /// The server restarts: it drops its listener, its connections and its handlers.
    weir::task<> serve() {
        for (;;) {
            auto listener = co_await weir::listen(address);
            auto one = [this](weir::tcp_stream s) { return serve_one(std::move(s)); };
            auto clients = weir::accept(std::move(listener)) | weir::map_async_unordered(100, one);
            try {
                auto serving = weir::with_timeout(60ms, std::move(clients) | weir::drain());
                co_await std::move(serving);
            } catch (const weir::timed_out&) {}
            ++all_->restarts;
            co_await weir::sleep_for(10ms);
        }
    }

    /// Connections are cut off and slowed, now and then.
    weir::task<> change_weather() {
        for (bool slow = false;; slow = !slow) {
            sim_->network().options().bandwidth = slow ? 200'000 : 5'000'000;
            co_await weir::sleep_for(45ms);
            sim_->network().reset("10.0.0.1");
        }
    }

    weir::task<std::string> send(const http::client& c, int i) {
        std::string target{"https://127.0.0.1/"};
        target.append(std::to_string(i));
        std::string body(static_cast<std::size_t>(i) * 500, 'x');
        http::client_request r{i % 4 == 3 ? "POST" : "PUT", http::url{target}, std::move(body)};
        auto sending = c.send(std::move(r));
        auto answer = co_await std::move(sending);
        auto reading = answer.text();
        const std::string text = co_await std::move(reading);
        const std::string own = "/" + std::to_string(i);
        require(answer.headers.get("Request") == own, own + ": the answer to another request");
        require(text.size() == static_cast<std::size_t>(i) * 500, own + ": a body of another size");
        if (answer.status == 503) throw std::runtime_error{"a status of the server"};
        co_return own;
    }

    weir::task<> ask(const http::client& c, int i) {
        weir::retry_policy policy{.attempts = i % 4 == 3 ? 1U : 4U, .delay = 20ms};
        policy.when = [](const std::exception_ptr& error) {
            try {
                std::rethrow_exception(error);
            } catch (const std::logic_error&) {
                return false;
            } catch (...) {
                return true;
            }
        };
        try {
            auto sending = weir::retry([&] { return send(c, i); }, policy);
            const std::string own = co_await std::move(sending);
            ++answers_[own];
            ++all_->answered;
        } catch (const std::logic_error&) {
            throw;
        } catch (const std::exception& e) {
            require(*e.what() != '\0', "a failure without a reason");
            ++all_->failed[kind_of(e.what())];
        }
        ++ended_;
    }

    weir::task<> ask_all() {
        http::client_options options;
        options.connections_per_origin = 3;
        options.connect_timeout = 2s;
        options.exchange.head_timeout = 2s;
        options.total_timeout = 10s;
        options.connector = http::by_tls([this](weir::tcp_stream s, std::string host) {
            return weir::tls::client(std::move(s), std::move(host), *trust_);
        });
        const http::client c{options};
        auto one = [&](int i) { return ask(c, i); };
        co_await (weir::iota(0, requests) | weir::map_async_unordered(5, one) | weir::drain());
        require(ended_ == requests, "a request has no result");
        for (const auto& [target, times] : handled_) {
            // A POST is sent once. Others: four attempts, each of which may be sent once more.
            const bool is_post = std::stoi(target.substr(1)) % 4 == 3;
            require(times <= (is_post ? 1 : 8), target + ": sent too often");
        }
        for (const auto& [target, times] : answers_) require(times == 1, target + ": answered more than once");
    }

    weir::testing::simulation* sim_;
    counts* all_;
    const weir::tls::context* ours_;
    const weir::tls::context* trust_;
    std::map<std::string, int> handled_; // calls of the handler, by the target
    std::map<std::string, int> answers_;
    int ended_ = 0;
};

} // namespace

int main(int argc, char** argv) {
    const std::uint64_t seeds = argc == 3 && std::string_view{argv[1]} == "--seeds" ? std::stoull(argv[2]) : 30;
    const weir::tls::context ours{support::with_certificate("server")};
    const weir::tls::context trust{support::trusting()};
    weir::testing::simulation_options options;
    options.network.reset = 0.002;
    options.network.refuse = 0.03;
    options.network.short_transfer = 0.2;
    options.network.abort_accept = 0.02;
    counts all;
    try {
        weir::testing::for_each_seed(seeds, options,
                                     [&](weir::testing::simulation& sim) { storm{sim, all, ours, trust}.run(); });
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        return EXIT_FAILURE;
    }
    std::size_t failed = 0;
    for (const auto& [what, times] : all.failed) {
        std::cout << times << ' ' << what << '\n';
        failed += times;
    }
    std::cout << seeds << " seeds: " << all.answered << " answered, " << failed << " failed, " << all.handled
              << " calls of the handler, " << all.restarts << " restarts\n";
    // A storm that harms nobody, or everybody, tests nothing.
    const bool blows = all.answered > seeds * requests / 2 && failed > seeds / 10 && all.restarts > seeds;
    return blows ? EXIT_SUCCESS : EXIT_FAILURE;
}
