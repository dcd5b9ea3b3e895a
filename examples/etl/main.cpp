// SPDX-License-Identifier: MIT
// Extract, transform, load: pages of measurements are fetched over HTTP, parsed, and stored in SQLite, with bounded
// queues between the stages. The database blocks, so it has a thread of its own; the executor continues.
//
//     etl [--db FILE] [--pages N] [--rows N] [--delay MS] [--from URL]
//
//     --db FILE     the file that stores the measurements (etl.sqlite)
//     --pages N     the number of pages (100)
//     --from URL    the server: page k is URL/page/k, with one `id,station,seconds,value` per line. Without it, a
//                   server inside the program generates the pages:
//     --rows N      rows on each generated page (200)
//     --delay MS    the time until the answer for a generated page (20)
//
// A page is stored whole or not at all. The database records stored pages: a second run fetches only the missing ones,
// and stores nothing twice. SIGINT and SIGTERM end the program after the pages in flight have been stored. A second
// signal ends it at once; the next run fetches the lost pages again.
//
// Exit status: 0; 1 when something failed or is missing; 2 for wrong arguments.

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include <weir/http/client.hpp>
#include <weir/http/server.hpp>
#include <weir/weir.hpp>

#include "../arguments.hpp"
#include "database.hpp"

namespace {

using namespace std::chrono_literals;

struct options {
    std::string db = "etl.sqlite";
    int pages = 100;
    int rows = 200;
    int delay = 20;
    std::string from;
};

/// The text of a page, not yet parsed.
struct text {
    std::string name;
    std::string content;
};

weir::task<weir::http::response> answer(const weir::http::request& r, const options& wanted) {
    std::int64_t number = -1;
    const std::string_view path = r.path();
    if (path.starts_with("/page/")) std::from_chars(path.data() + 6, path.data() + path.size(), number);
    co_await weir::sleep_for(std::chrono::milliseconds{wanted.delay});
    std::string rows;
    for (std::int64_t i = 0; i != wanted.rows && number >= 0; ++i) {
        const std::int64_t id = number * wanted.rows + i;
        rows += std::to_string(id) + ",station-" + std::to_string(id % 17) + ',' + std::to_string(1'700'000'000 + id) +
                ',' + std::to_string(id % 400) + ".5\n";
    }
    co_return weir::http::response{number < 0 ? 404U : 200U, std::move(rows)};
}

weir::task<> serve(weir::tcp_listener& listener, const options& wanted) {
    const auto serve_one = [&wanted](weir::tcp_stream client) {
        return weir::http::serve(std::move(client),
                                 [&wanted](const weir::http::request& r) { return answer(r, wanted); });
    };
    co_await (weir::accept(listener) | weir::map_async_unordered(100, serve_one) | weir::drain());
}

weir::task<text> fetch_page(const weir::http::client& client, std::string base, std::string name) {
    const weir::http::url from{base + name};
    const auto attempt = [&]() -> weir::task<std::string> {
        auto response = co_await client.get(from);
        if (response.status != 200) throw std::runtime_error{"status " + std::to_string(response.status)};
        co_return co_await response.text();
    };
    const weir::retry_policy policy{.attempts = 4, .delay = 100ms, .attempt_timeout = 10s};
    try {
        std::string content = co_await weir::retry(attempt, policy);
        co_return text{std::move(name), std::move(content)};
    } catch (const std::exception& e) {
        throw std::runtime_error{from.to_string() + ": " + e.what()};
    }
}

template <class T>
bool take_number(std::string_view& rest, T& number) {
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    return error == std::errc{};
}

bool take_comma(std::string_view& rest) {
    if (!rest.starts_with(',')) return false;
    rest.remove_prefix(1);
    return true;
}

std::optional<measurement> parse_row(std::string_view rest) {
    measurement m;
    if (!take_number(rest, m.id) || !take_comma(rest)) return std::nullopt;
    m.station = rest.substr(0, rest.find(','));
    rest.remove_prefix(m.station.size());
    const bool whole =
        take_comma(rest) && take_number(rest, m.seconds) && take_comma(rest) && take_number(rest, m.value);
    // The database has no place for NaN.
    if (!whole || !rest.empty() || m.station.empty() || !std::isfinite(m.value)) return std::nullopt;
    return m;
}

page parse(text from) {
    page result{.name = std::move(from.name), .rows = {}};
    for (std::string_view rest = from.content; !rest.empty();) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (auto row = parse_row(line)) {
            result.rows.push_back(*std::move(row));
        } else {
            ++result.malformed;
        }
    }
    return result;
}

/// Says that a page has no rows. It is not stored, so that the next run fetches it again.
bool has_rows(const page& p) {
    if (p.rows.empty()) std::cerr << "etl: " << p.name << ": no rows\n";
    return !p.rows.empty();
}

weir::task<int> load(const options& wanted) {
    weir::executor& ex = *co_await weir::this_executor();
    database db{wanted.db};
    weir::thread_pool disk{1}; // destroyed before the database; its destructor waits for the running job

    std::optional<weir::tcp_listener> listener;
    std::optional<weir::join_handle<weir::task<>>> server;
    std::string base = wanted.from;
    if (base.empty()) {
        const weir::endpoint any_port{"127.0.0.1", 0};
        listener.emplace(co_await weir::listen(any_port));
        server.emplace(ex.spawn(serve(*listener, wanted)));
        base = "http://" + listener->local_endpoint().to_string();
    }

    std::vector<std::string> names;
    const std::vector<std::string> stored = db.stored_pages();
    const std::unordered_set<std::string> known{stored.begin(), stored.end()};
    for (int k = 0; k != wanted.pages; ++k) {
        std::string name = "/page/" + std::to_string(k);
        if (!known.contains(name)) names.push_back(std::move(name));
    }
    const std::size_t missing = names.size();

    std::size_t pages = 0;
    std::size_t rows = 0;
    std::size_t malformed = 0;
    std::stop_source interrupted;
    const weir::http::client client;
    auto fetch_one = [&](std::string name) { return fetch_page(client, base, std::move(name)); };
    auto store = [&](std::vector<page> batch) -> weir::task<> {
        const std::size_t count = batch.size();
        std::size_t more = 0;
        for (const page& p : batch) more += p.rows.size();
        // The job owns the batch, because it runs to its end even if the pipeline is dropped.
        auto work = [&db, batch = std::move(batch)] { db.store(batch); };
        co_await weir::offload(disk, std::move(work));
        pages += count;
        rows += more;
    };
    // Handles one signal only: a second one has its default effect.
    auto watch = ex.spawn(weir::signals(SIGINT, SIGTERM) | weir::take(1) | weir::for_each([&](int) {
                              std::cerr << "etl: storing what is in flight\n";
                              interrupted.request_stop();
                          }));

    co_await (weir::from_range(std::move(names)) |        // the missing pages,
              weir::take_until(interrupted.get_token()) | // until a signal arrives (started fetches go on),
              weir::map_async_unordered(8, fetch_one) |   // are fetched, eight at a time,
              weir::buffer(16) |                          // at most 16 pages ahead of
              weir::map(parse) |                          // the parser,
              weir::inspect([&](const page& p) { malformed += p.malformed; }) |
              weir::filter(has_rows) | // which leaves out what is no page,
              weir::buffer(16) |       // and 16 pages ahead of
              weir::chunk(10, 200ms) | // the database, which
              weir::for_each(store));  // stores them in batches.

    std::cout << pages << " pages stored, " << rows << " rows, " << malformed << " malformed; " << db.count()
              << " rows in " << wanted.db << std::endl;
    if (!std::cout) throw std::system_error{errno, std::generic_category(), "write standard output"};
    if (interrupted.stop_requested()) std::cerr << "etl: interrupted; " << missing - pages << " pages are missing\n";
    co_return pages == missing ? 0 : 1;
}

options parsed(int argc, char** argv) {
    options wanted;
    CLI::App app{"Fetches pages of measurements and stores them in SQLite.", "etl"};
    app.add_option("--db", wanted.db, "the file that stores the measurements");
    app.add_option("--from", wanted.from, "the server; without it, one inside the program");
    app.add_option("--pages", wanted.pages, "the number of pages (100)")->check(CLI::Range(0, 1'000'000));
    app.add_option("--rows", wanted.rows, "rows on each generated page (200)")->check(CLI::Range(0, 1'000'000));
    app.add_option("--delay", wanted.delay, "milliseconds until an answer (20)")->check(CLI::Range(0, 1'000'000));
    parse_arguments(app, argc, argv, "[--db FILE] [--pages N] [--rows N] [--delay MS] [--from URL]", [&] {
        if (wanted.db.empty()) throw CLI::ValidationError{"--db", "SQLite would use a temporary file"};
    });
    return wanted;
}

} // namespace

int main(int argc, char** argv) {
    const options wanted = parsed(argc, argv);
    std::signal(SIGXFSZ, SIG_IGN); // a write beyond the file size limit then fails with an error
    try {
        return weir::run(load(wanted));
    } catch (const std::exception& e) {
        std::cerr << "etl: " << e.what() << '\n';
        return 1;
    }
}
