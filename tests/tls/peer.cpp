// SPDX-License-Identifier: MIT
/// A client and a server over TLS for tls/peers_test.py.
///
///     tls_peer server DIRECTORY CERTIFICATE [--clients] [--protocol NAME] [--host NAME CERTIFICATE]
///         echoes lines, and answers a line that begins with "GET " as a web server; `reload NAME` changes the
///         certificate; --host: shows another certificate to clients that ask for this host, and asks them for theirs
///     tls_peer client PORT DIRECTORY HOST [--certificate NAME] [--protocol NAME] [--open]
///         sends what it reads, and prints what it gets; --open: says that there is no more only after it got all
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/io/file.hpp>
#include <weir/io/tcp.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/signals.hpp>
#include <weir/task.hpp>
#include <weir/tls/stream.hpp>

namespace {

using namespace std::chrono_literals;
namespace tls = weir::tls;
using secure = tls::stream<weir::tcp_stream>;

struct arguments {
    std::vector<std::string> plain;
    std::string certificate;
    std::vector<std::string> protocols;
    std::string host;
    std::string certificate_of_host;
    bool clients = false;
    bool open = false;
};

arguments parse(int argc, char** argv) {
    arguments a;
    for (int i = 1; i < argc; ++i) {
        const std::string one = argv[i];
        if (one == "--clients") {
            a.clients = true;
        } else if (one == "--host") {
            a.host = argv[++i];
            a.certificate_of_host = argv[++i];
        } else if (one == "--certificate") {
            a.certificate = argv[++i];
        } else if (one == "--protocol") {
            a.protocols.emplace_back(argv[++i]);
        } else if (one == "--open") {
            a.open = true;
        } else {
            a.plain.push_back(one);
        }
    }
    return a;
}

std::string text(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    if (!in) throw std::runtime_error{"no file " + path};
    return {std::istreambuf_iterator<char>{in}, {}};
}

tls::context_options options_of(const arguments& a, const std::string& directory, const std::string& certificate) {
    tls::context_options o;
    o.authorities = text(directory + "/root.pem");
    o.protocols = a.protocols;
    if (!certificate.empty()) {
        o.certificates = text(directory + "/" + certificate + ".pem");
        o.key = text(directory + "/" + certificate + ".key");
    }
    if (a.clients) o.clients = tls::client_certificates::required;
    return o;
}

weir::task<> talk(weir::tcp_stream client, const arguments& a, tls::context with) {
    auto s = co_await weir::with_timeout(10s, tls::server(std::move(client), with));
    std::cout << "connected " << s.version() << " name=" << s.server_name() << " protocol=" << s.protocol()
              << " resumed=" << s.resumed() << " certificate=" << !s.peer_certificate().empty() << std::endl;
    std::string line;
    std::array<char, 20'000> buffer;
    while (const std::size_t size = co_await s.read(buffer)) {
        line.append(buffer.data(), size);
        std::size_t end = 0;
        while ((end = line.find('\n')) != line.npos) {
            const std::string one = line.substr(0, end + 1);
            line.erase(0, end + 1);
            if (one.starts_with("GET ")) {
                const std::string body(3'000'000, 'y');
                const std::string answer =
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body;
                co_await s.write(answer);
                co_await s.shutdown_write();
            } else if (one.starts_with("reload ")) {
                with.reload(options_of(a, a.plain[1], one.substr(7, one.size() - 8)));
                co_await s.write("reloaded\n");
            } else if (!one.starts_with("Host:") && one != "\r\n" && one.find(": ") == one.npos) {
                co_await s.write(one);
            }
        }
    }
    co_await s.shutdown_write();
    std::cout << "ended" << std::endl;
}

weir::task<> serve(const arguments& a) {
    tls::context_options own = options_of(a, a.plain[1], a.plain[2]);
    if (!a.host.empty()) {
        auto of_host = options_of(a, a.plain[1], a.certificate_of_host);
        of_host.clients = tls::client_certificates::required;
        own.hosts.emplace_back(a.host, tls::context{of_host});
    }
    const tls::context with{own};
    const weir::endpoint here{"127.0.0.1", 0};
    auto listener = co_await weir::listen(here);
    std::cout << "listening on " << listener.local_endpoint().port() << std::endl;
    const auto handler = [&](weir::tcp_stream client) { return talk(std::move(client), a, with); };
    weir::serve_options options;
    options.on_error = [](const std::exception_ptr& error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& e) {
            std::cout << e.what() << std::endl;
        }
    };
    auto stop = weir::signals(SIGTERM);
    co_await (weir::accept(std::move(listener)) | weir::serve(handler, std::move(stop), std::move(options)));
}

weir::task<> send_input(secure& to, bool end) {
    weir::file in = weir::standard_input();
    std::array<char, 20'000> buffer;
    while (const std::size_t size = co_await in.read(buffer)) co_await to.write(std::string_view(buffer.data(), size));
    if (end) co_await to.shutdown_write();
}

weir::task<> print_output(secure& from) {
    weir::file out = weir::standard_output();
    std::array<char, 20'000> buffer;
    while (const std::size_t size = co_await from.read(buffer))
        co_await out.write(std::string_view(buffer.data(), size));
}

weir::task<> connect(const arguments& a) {
    const tls::context with{options_of(a, a.plain[2], a.certificate)};
    const auto port = static_cast<std::uint16_t>(std::atoi(a.plain[1].c_str()));
    const weir::endpoint at{"127.0.0.1", port};
    auto plain = co_await weir::tcp_connect(at);
    auto s = co_await weir::with_timeout(10s, tls::client(std::move(plain), a.plain[3], with));
    std::cerr << "connected " << s.version() << " protocol=" << s.protocol() << " resumed=" << s.resumed() << std::endl;
    auto both = weir::when_all(send_input(s, !a.open), print_output(s));
    co_await both;
    if (a.open) co_await s.shutdown_write();
    std::cerr << "ended" << std::endl;
}

} // namespace

int main(int argc, char** argv) {
    const arguments a = parse(argc, argv);
    try {
        weir::run(a.plain.at(0) == "server" ? serve(a) : connect(a));
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
}
