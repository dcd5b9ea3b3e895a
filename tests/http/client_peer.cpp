// SPDX-License-Identifier: MIT
/// A client over HTTP for http/client_peers_test.py. Reads requests from its standard input, one a line, and prints the
/// outcome of each:
///
///     GET http://127.0.0.1:8080/a              200 size=5 kept=1 first=hello
///     POST http://127.0.0.1:8080/b 100000      a body of so many bytes, in chunks
///     EXPECT http://127.0.0.1:8080/b 100000    the same with `Expect: 100-continue`
///     PUT http://127.0.0.1:8080/b 100          a body with a length
///     CUT http://127.0.0.1:8080/c              drops the response after its first part
///     EVENTS http://127.0.0.1:8080/d           the type, the ID and the data of each event, up to the end
///
/// `http_client_peer ROOT.PEM` trusts these certificates for https.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>

#include <weir/async_stream.hpp>
#include <weir/executor/executor.hpp>
#include <weir/http/client.hpp>
#include <weir/http/compression.hpp>
#include <weir/http/event_source.hpp>
#include <weir/io/file.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/lines.hpp>
#include <weir/task.hpp>

#ifdef WITH_TLS
#include <weir/tls/stream.hpp>
#endif

namespace {

using namespace std::chrono_literals;
namespace http = weir::http;

weir::async_stream<std::string> letters(std::size_t size) {
    for (std::size_t left = size; left != 0;) {
        std::string part(std::min<std::size_t>(left, 10'000), 'x');
        left -= part.size();
        co_yield std::move(part);
    }
}

weir::task<std::string> outcome(const http::client& client, std::string line) {
    std::istringstream words{line};
    std::string method;
    std::string url;
    std::size_t size = 0;
    words >> method >> url >> size;
    http::client_request r{method == "EXPECT" ? "POST" : method == "CUT" ? "GET" : method, http::url{url}};
    if (method == "PUT") r.body = http::body{std::string(size, 'x')};
    if (method == "POST" || method == "EXPECT") r.body = http::body{letters(size)};
    if (method == "EXPECT") r.expect = http::expect_continue::yes;

    std::ostringstream result;
    try {
        auto sending = client.send(std::move(r));
        auto answer = co_await std::move(sending);
        std::size_t total = 0;
        std::string first;
        if (method == "CUT") {
            auto parts = std::move(answer).body();
            const auto part = co_await weir::next(parts);
            if (part) first = part->to_string();
        } else {
            const auto add = [&](const weir::bytes& part) {
                total += part.size();
                if (first.size() < 40) first.append(part.slice(0, 40 - first.size()));
            };
            auto reading = answer.body() | weir::for_each(add);
            co_await std::move(reading);
            result << answer.status << " size=" << total << " kept=" << client.idle();
            for (const auto [name, value] : answer.trailers()) result << ' ' << name << '=' << value;
            result << " first=" << first.substr(0, first.find_first_of("\r\n"));
            co_return result.str();
        }
    } catch (const std::exception& e) {
        result << "error " << e.what();
        co_return result.str();
    }
    result << "cut kept=" << client.idle();
    co_return result.str();
}

weir::task<std::string> events(const http::client& client, std::string from) {
    std::string result;
    http::event_source_options options;
    options.reconnect.delay = 10ms;
    const auto add = [&](const http::event& e) {
        result.append(e.type).append(" ").append(e.id.value_or("-")).append(" ").append(e.data).append("; ");
    };
    try {
        auto receiving = http::event_source(client, from, std::move(options)) | weir::for_each(add);
        co_await std::move(receiving);
    } catch (const std::exception& e) {
        co_return std::string{"error "}.append(e.what());
    }
    std::replace(result.begin(), result.end(), '\n', '|');
    co_return result.append("end");
}

weir::task<> answer_lines(http::client_options options) {
    const http::client client{std::move(options)};
    auto input = weir::lines(weir::standard_input());
    while (const auto line = co_await weir::next(input)) {
        const std::string text_of_line = line->to_string();
        auto asking = text_of_line.starts_with("EVENTS ") ? events(client, text_of_line.substr(7))
                                                          : outcome(client, text_of_line);
        const std::string text = co_await std::move(asking);
        std::cout << text << std::endl;
    }
}

} // namespace

int main(int argc, char** argv) {
    http::client_options options;
    options.compression = http::has_zlib() ? http::compression::accepted : http::compression::refused;
    options.exchange.head_timeout = 5s;
    options.exchange.body_timeout = 5s;
#ifdef WITH_TLS
    weir::tls::context_options trust;
    if (argc == 2) {
        std::ifstream file{argv[1]};
        trust.authorities.assign(std::istreambuf_iterator<char>{file}, {});
    }
    const weir::tls::context trusted{trust};
    options.connector = http::by_tls([trusted](weir::tcp_stream s, std::string host) {
        return weir::tls::client(std::move(s), std::move(host), trusted);
    });
#endif
    static_cast<void>(argc);
    static_cast<void>(argv);
    weir::run(answer_lines(std::move(options)));
    return EXIT_SUCCESS;
}
