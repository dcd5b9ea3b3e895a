// SPDX-License-Identifier: MIT
// Fetches many URLs at once with bounded concurrency, timeouts and retries. Prints one line per URL, in the order of
// the arguments.
//
//     fetch [-n CONCURRENCY] [--timeout S] [--total-timeout S] [--retries N] [--limit BYTES] [--serve-demo] URL...
//
//     -n CONCURRENCY       the number of URLs that are fetched at the same time (16)
//     --timeout S          seconds for one attempt, its redirects included (10)
//     --total-timeout S    seconds for everything (no limit)
//     --retries N          further attempts after a 5xx, a timeout or a broken connection (3)
//     --limit BYTES        the longest body that is accepted (67108864)
//     --serve-demo         starts the server of demo_server.hpp inside the program; URLs may then be paths of it, and
//                          without URLs the program fetches a tour of its pages
//
// Exit status: 0; 1 when a URL failed or was not reached in time; 2 for wrong arguments.

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include <weir/http/client.hpp>
#include <weir/http/error.hpp>
#include <weir/weir.hpp>

#include "../arguments.hpp"
#include "demo_server.hpp"

namespace {

using namespace std::chrono_literals;

struct options {
    std::size_t concurrency = 16;
    weir::duration timeout = 10s;
    weir::duration total_timeout = weir::duration::max();
    std::size_t retries = 3;
    std::uint64_t limit = 64 << 20;
    bool serve_demo = false;
    std::vector<std::string> urls;
};

/// A status of 500 or more. Another attempt may succeed.
class server_error : public std::runtime_error {
public:
    explicit server_error(unsigned status) : std::runtime_error{"status " + std::to_string(status)} {}
};

struct page {
    unsigned status = 0;
    std::uint64_t size = 0;
};

/// The outcome for one URL.
struct outcome {
    std::size_t index = 0;
    page answer;
    std::string error; ///< empty if there was an answer
    int attempts = 0;
    weir::duration took{};

    bool failed() const { return !error.empty() || answer.status >= 400; }
};

/// Redirects are followed by the client.
weir::task<page> get(const weir::http::client& client, const weir::http::url& from) {
    auto answer = co_await client.get(from);
    if (answer.status >= 500) throw server_error{answer.status};
    const auto add = [](std::uint64_t size, const weir::bytes& part) { return size + part.size(); };
    auto reading = answer.body() | weir::fold(std::uint64_t{0}, add);
    const std::uint64_t size = co_await std::move(reading);
    co_return page{answer.status, size};
}

/// Returns whether another attempt may succeed after this error.
bool worth_another(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const server_error&) {
        return true;
    } catch (const weir::timed_out&) {
        return true;
    } catch (const weir::http::no_response&) {
        return true;
    } catch (const weir::http::bad_message& e) {
        return e.reason() == weir::http::fault::truncated;
    } catch (const std::system_error& e) {
        return e.code() == std::errc::connection_reset || e.code() == std::errc::broken_pipe ||
               e.code() == std::errc::connection_refused || e.code() == std::errc::timed_out;
    } catch (...) {
        return false;
    }
}

/// Fetches a URL. Never fails, because an error is an outcome.
weir::task<outcome> fetch(const weir::http::client& client, std::size_t index, const options& wanted) {
    const weir::executor& ex = *co_await weir::this_executor();
    const auto began = ex.now();
    outcome result;
    result.index = index;
    try {
        const weir::http::url from{wanted.urls[index]};
        const auto attempt = [&] {
            ++result.attempts;
            return get(client, from);
        };
        const weir::retry_policy policy{.attempts = wanted.retries + 1,
                                        .delay = 100ms,
                                        .max_delay = 5s,
                                        .attempt_timeout = wanted.timeout,
                                        .when = worth_another};
        result.answer = co_await weir::retry(attempt, policy);
    } catch (const std::exception& e) {
        result.error = e.what();
    }
    result.took = ex.now() - began;
    co_return result;
}

/// Prints outcomes in the order of the URLs, each as soon as all before it are known.
class report {
public:
    explicit report(const options& wanted) : wanted_{wanted}, outcomes_(wanted.urls.size()) {}

    void add(outcome one) {
        ++known_;
        if (one.failed()) ++failed_;
        outcomes_[one.index] = std::move(one);
        clear_progress();
        for (; printed_ != outcomes_.size() && outcomes_[printed_]; ++printed_) print(*outcomes_[printed_]);
        if (on_terminal_)
            std::cerr << known_ << '/' << outcomes_.size() << " done, " << failed_ << " failed" << std::flush;
    }

    /// Reports the URLs without an outcome as failed. Returns the number of failed URLs.
    std::size_t finish(std::string_view why) {
        for (std::size_t i = printed_; i != outcomes_.size(); ++i) {
            if (outcomes_[i]) continue;
            outcome none;
            none.index = i;
            none.error = why;
            add(std::move(none));
        }
        clear_progress();
        return failed_;
    }

private:
    void clear_progress() const {
        if (on_terminal_) std::cerr << "\r\033[K";
    }

    void print(const outcome& one) const {
        std::cout << (one.failed() ? "FAIL  " : "ok    ");
        if (one.error.empty()) {
            std::cout << one.answer.status << std::setw(11) << one.answer.size << " B";
        } else {
            std::cout << "  -" << std::setw(13) << ' ';
        }
        std::cout << std::fixed << std::setprecision(3) << std::setw(9)
                  << std::chrono::duration<double>{one.took}.count() << " s  " << one.attempts << "x  "
                  << wanted_.urls[one.index];
        if (!one.error.empty()) std::cout << "  " << one.error;
        std::cout << std::endl;
        if (!std::cout) throw std::system_error{errno, std::generic_category(), "write standard output"};
    }

    const options& wanted_;
    std::vector<std::optional<outcome>> outcomes_;
    std::size_t printed_ = 0;
    std::size_t known_ = 0;
    std::size_t failed_ = 0;
    const bool on_terminal_ = ::isatty(STDERR_FILENO) == 1;
};

weir::task<int> fetch_all(options& wanted) {
    weir::executor& ex = *co_await weir::this_executor();
    std::optional<demo_server> server;
    std::optional<weir::join_handle<weir::task<>>> serving;
    if (wanted.serve_demo) {
        const weir::endpoint any_port{"127.0.0.1", 0};
        server.emplace(co_await weir::listen(any_port));
        serving.emplace(ex.spawn(server->serve()));
        for (std::string& text : wanted.urls) {
            if (text.starts_with('/')) text.insert(0, server->address());
        }
    }

    weir::http::client_options limits;
    limits.connections_per_origin = limits.connections = wanted.concurrency;
    limits.exchange.max_body = wanted.limit;
    limits.headers.add("User-Agent", "weir-example");
    const weir::http::client client{std::move(limits)};
    report all{wanted};
    std::string unfinished = "not finished in time";
    auto fetch_one = [&](std::size_t index) { return fetch(client, index, wanted); };
    auto too_late = weir::timer(wanted.total_timeout);
    auto interrupted = weir::signals(SIGINT, SIGTERM) | weir::inspect([&](int) { unfinished = "interrupted"; });

    co_await (weir::iota(std::size_t{0}, wanted.urls.size()) |                // each URL is fetched,
              weir::map_async_unordered(wanted.concurrency, fetch_one) |      // a bounded number at a time,
              weir::take_until(std::move(too_late)) |                         // until the time is up,
              weir::take_until(std::move(interrupted)) |                      // or a signal arrives,
              weir::for_each([&](outcome one) { all.add(std::move(one)); })); // and reported.
    co_return all.finish(unfinished) == 0 ? 0 : 1;
}

void parse(CLI::App& app, options& wanted, int argc, char** argv) {
    double timeout = 10;
    double total_timeout = 0;
    app.add_option("-n", wanted.concurrency, "URLs at the same time (16)")->check(CLI::Range(1, 10000));
    app.add_option("--timeout", timeout, "for one attempt (10)")->check(seconds_text);
    app.add_option("--total-timeout", total_timeout, "for everything")->check(seconds_text);
    app.add_option("--retries", wanted.retries, "further attempts (3)")->check(CLI::Range(0, 100));
    app.add_option("--limit", wanted.limit, "the longest body, in bytes")
        ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 62U));
    app.add_flag("--serve-demo", wanted.serve_demo, "starts a server inside the program");
    app.add_option("URL", wanted.urls);
    parse_arguments(app, argc, argv,
                    "[-n CONCURRENCY] [--timeout S] [--total-timeout S] [--retries N] [--limit BYTES] [--serve-demo] "
                    "URL...",
                    [&] {
                        if (wanted.urls.empty() && !wanted.serve_demo) throw CLI::RequiredError{"URL"};
                    });
    wanted.timeout = seconds(timeout);
    if (total_timeout != 0) wanted.total_timeout = seconds(total_timeout);
    if (wanted.urls.empty()) {
        wanted.urls = {"/delay/100", "/delay/300",  "/flaky/2",    "/reset/1",   "/redirect/3",
                       "/delay/50",  "/chunked/50", "/status/404", "/status/500"};
    }
}

} // namespace

int main(int argc, char** argv) {
    options wanted;
    CLI::App app{"Fetches many URLs at once, with bounded concurrency, timeouts and retries.", "fetch"};
    parse(app, wanted, argc, argv);
    return run_program(app, fetch_all(wanted));
}
