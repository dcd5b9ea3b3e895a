// SPDX-License-Identifier: MIT
// Shows a feed of prices on a display that is slower: ten frames per second, each with the newest prices of the symbols
// that have changed. The newest price of a symbol is never lost, and memory does not grow with the feed.
//
//     price_board              reads `SYMBOL PRICE` per line from standard input
//     price_board HOST PORT    reads them from a TCP server
//
// When 1000 different symbols wait for the display, the feed waits as well. SIGINT and SIGTERM end the program after
// the last frame, and a second signal ends it at once.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/io/resolve.hpp>
#include <weir/weir.hpp>

#include "arguments.hpp"

using namespace std::chrono_literals;

namespace {

struct quote {
    std::string symbol;
    double price = 0;
};

std::optional<quote> parse(std::string_view line) {
    const std::size_t blank = line.find(' ');
    if (blank == 0 || blank == line.npos) return {};
    quote result{.symbol = std::string{line.substr(0, blank)}};
    line.remove_prefix(blank + 1);
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), result.price);
    return error == std::errc{} && end == line.data() + line.size() ? std::optional{result} : std::nullopt;
}

weir::async_stream<weir::bytes> feed(const std::string& host, std::uint16_t port) {
    if (host.empty()) return weir::read(weir::standard_input());
    return weir::once(weir::tcp_connect(host, port)) |
           weir::concat_map([](weir::tcp_stream connection) { return weir::read(std::move(connection)); });
}

weir::task<> show(weir::async_stream<weir::bytes> input) {
    std::uint64_t received = 0, replaced = 0, malformed = 0, frames = 0;
    const auto read_quote = [&](const weir::bytes& line) {
        auto result = parse(line);
        ++(result ? received : malformed);
        return result;
    };
    auto display = weir::standard_output();
    const auto draw = [&](std::vector<quote> changed) -> weir::task<> {
        const auto next_frame = weir::executor::current()->now() + 100ms;
        std::ranges::sort(changed, {}, &quote::symbol);
        std::ostringstream frame;
        frame << "frame " << ++frames << '\n';
        for (const quote& q : changed) frame << q.symbol << ' ' << q.price << '\n';
        const std::string text = frame.str();
        co_await display.write(text);
        co_await weir::sleep_until(next_frame);
    };
    auto shown = std::move(input) | weir::lines({.limit = 100, .on_long = weir::long_lines::skip}) |
                 weir::filter_map(read_quote) | weir::take_until(weir::signals(SIGINT, SIGTERM)) |
                 weir::latest_per_key_frames(1000, &quote::symbol, [&](const quote&) { ++replaced; }) |
                 weir::for_each(draw);
    co_await weir::when_any(std::move(shown), weir::signals(SIGINT, SIGTERM) | weir::skip(1) | weir::first());
    std::cerr << received << " prices, " << replaced << " replaced by newer ones, " << malformed << " malformed lines, "
              << frames << " frames\n";
}

} // namespace

int main(int argc, char** argv) {
    std::string host;
    std::uint16_t port = 0;
    CLI::App app{"Shows the newest prices of a feed, ten times per second.", "price_board"};
    auto* const host_option = app.add_option("HOST", host);
    app.add_option("PORT", port);
    parse_arguments(app, argc, argv, "[HOST PORT]", [&] {
        if (host_option->count() != 0 && port == 0) throw CLI::RequiredError{"PORT"};
    });
    return run_program(app, show(feed(host, port)));
}
