// SPDX-License-Identifier: MIT
// Shows the counters of a running pipeline on the terminal, four times per second, and as a web page. The stage that
// holds the others back is marked.
//
//     watch [--seconds S] [--store MS] [--http PORT]        watch --http 8080, and open http://127.0.0.1:8080/
//
// Without a terminal it prints the last counters at the end. SIGINT and SIGTERM end it.

#include <chrono>
#include <csignal>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>

#include <nlohmann/json.hpp>
#include <weir/weir.hpp>

#include "../arguments.hpp"
#include "page.hpp"
#include "screen.hpp"

using namespace std::chrono_literals;

namespace {

/// The pipeline that is watched. Two stores run at a time.
auto work(weir::duration store) {
    const auto takes = [](weir::duration d) {
        return [d](std::uint64_t n) -> weir::task<std::uint64_t> {
            co_await weir::sleep_for(d);
            co_return n;
        };
    };
    return weir::interval(4ms) | weir::meter("read") | weir::map_async(8, takes(15ms)) | weir::meter("looked up") |
           weir::map_async(2, takes(store)) | weir::meter("stored") | weir::drain();
}

struct frame {
    std::vector<weir::stage_metrics> stages;
    weir::time_point at;
    nlohmann::json shown; // "rows", and in words the "verdict"
};

/// The counters now, and what has changed since the last frame.
frame next_frame(weir::executor& ex, const frame& last) {
    frame now{weir::metered_stages(ex), ex.now(), {{"rows", nlohmann::json::array()}, {"verdict", "nothing yet"}}};
    const std::optional<weir::bottleneck_report> slow = weir::bottleneck(ex);
    const bool consumer = slow && slow->where == weir::bottleneck_report::part::consumer;
    const double passed = std::chrono::duration<double>{now.at - last.at}.count();
    for (std::size_t i = now.stages.size(); i-- != 0;) { // the sink was the first that was polled
        const weir::stage_metrics& stage = now.stages[i];
        const weir::stage_metrics old = i < last.stages.size() ? last.stages[i] : weir::stage_metrics{};
        const double waited = std::chrono::duration<double>{stage.waited - old.waited}.count();
        now.shown["rows"].push_back({{"name", stage.name},
                                     {"items", stage.items},
                                     {"rate", static_cast<double>(stage.items - old.items) / passed},
                                     {"waited", waited / passed},
                                     {"slow", slow && !consumer && slow->meter == stage.name}});
    }
    if (slow) now.shown["verdict"] = slow->text();
    now.shown["consumer"] = consumer;
    return now;
}

std::string table(const nlohmann::json& shown, int width) {
    std::ostringstream out;
    out << std::fixed << std::setprecision(1) << "  stage            items      /s  its consumer waits\n";
    for (const auto& row : shown["rows"]) {
        const auto bar = static_cast<std::size_t>(row["waited"].get<double>() * std::max(width - 42, 4));
        out << (row["slow"] ? "> " : "  ") << std::left << std::setw(12) << row["name"].get<std::string>() << std::right
            << std::setw(10) << row["items"].get<std::uint64_t>() << std::setw(8) << row["rate"].get<double>() << "  "
            << std::string(bar, '#') << '\n';
    }
    out << (shown["consumer"] ? "> " : "  ") << "consumer\n" << shown["verdict"].get<std::string>() << '\n';
    return out.str();
}

weir::task<> show_on_terminal(weir::state<frame> frames) {
    const screen here;
    weir::file terminal = weir::standard_output();
    const auto draw = [&](int) -> weir::task<> {
        const std::string drawn = screen::drawing(table(frames.get().shown, screen::width()));
        co_await terminal.write(drawn);
    };
    const auto any = [](const auto&) { return 0; };
    co_await (weir::merge(frames.watch() | weir::map(any), weir::signals(SIGWINCH) | weir::map(any)) |
              weir::for_each(draw));
}

/// Answers GET / with the page, and GET /events with each new frame.
weir::task<> answer(weir::tcp_stream client, weir::state<frame> frames) {
    auto head = weir::read(client) | weir::lines({.limit = 8192}) | weir::first();
    const auto request = co_await std::move(head);
    const std::string line = request ? std::string{request->view()} : "";
    const bool events = line.starts_with("GET /events "), known = events || line.starts_with("GET / ");
    std::string reply = known ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 404 Not Found\r\n";
    reply += "Connection: close\r\nCache-Control: no-store\r\nContent-Type: ";
    reply += events ? "text/event-stream\r\n\r\n" : "text/html; charset=utf-8\r\n\r\n";
    if (!events) reply += known ? page : "The page is at /.\n";
    co_await client.write(reply);
    const auto event = [](const frame& f) { return "data: " + f.shown.dump() + "\n\n"; };
    if (events) co_await (frames.watch() | weir::map(event) | weir::write(client));
}

weir::task<> serve(std::uint16_t port, weir::state<frame> frames) {
    const weir::endpoint here{"127.0.0.1", port};
    weir::tcp_listener listener = co_await weir::listen(here);
    std::cerr << "watch: http://" << listener.local_endpoint().to_string() << "/\n";
    const auto handle = [frames](weir::tcp_stream client) { return answer(std::move(client), frames); };
    weir::serve_options limits{.max_connections = 100};
    limits.on_error = [](std::exception_ptr) {}; // a client that has gone
    co_await (weir::accept(std::move(listener)) | weir::serve(handle, std::move(limits)));
}

weir::task<> watch(weir::duration store, std::optional<double> length, std::optional<std::uint16_t> port) {
    weir::executor& ex = *co_await weir::this_executor();
    const weir::state<frame> frames{next_frame(ex, {})};
    weir::task_group running;
    running.spawn(work(store));
    running.spawn(weir::interval(250ms) | weir::for_each([&](auto) { frames.set(next_frame(ex, frames.get())); }));
    if (port) running.spawn(serve(*port, frames));
    if (screen::is_terminal()) running.spawn(show_on_terminal(frames));
    const weir::time_point end = length ? ex.now() + seconds(*length) : weir::time_point::max();
    co_await weir::when_any(running.join(), weir::signals(SIGINT, SIGTERM) | weir::first(), weir::sleep_until(end));
    running.cancel(); // the terminal is as it was
    std::cout << table(frames.get().shown, screen::width());
}

} // namespace

int main(int argc, char** argv) {
    std::optional<double> length;
    std::optional<std::uint16_t> port;
    double store = 25;
    CLI::App app{"Shows the counters of a running pipeline on the terminal and as a web page.", "watch"};
    app.add_option("--seconds", length)->check(seconds_text);
    app.add_option("--store", store)->check(CLI::Range(1.0, 10'000.0));
    app.add_option("--http", port);
    parse_arguments(app, argc, argv, "[--seconds S] [--store MS] [--http PORT]", [] {});
    try {
        weir::run(watch(seconds(store / 1000), length, port));
    } catch (const std::exception& e) {
        std::cerr << "watch: " << e.what() << '\n';
        return 1;
    }
}
