// SPDX-License-Identifier: MIT
// What does a full handshake of TLS 1.3 cost a client and a server together, on one thread?

#include <cstdint>
#include <utility>

#include <weir/executor/executor.hpp>
#include <weir/io/unix.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/tls/stream.hpp>

#include "support/bench.hpp"
#include "support/echo_servers.hpp"
#include "support/tls.hpp"

namespace {

std::int64_t bare(const bench::identity& with, std::uint64_t n) {
    bench::bare_tls tls{with};
    for (std::uint64_t i = 0; i != n; ++i) {
        bench::bare_tls::connection c;
        tls.handshake(c);
    }
    return static_cast<std::int64_t>(n);
}

std::int64_t with_weir(weir::backend_kind kind, const bench::identity& with, std::uint64_t n) {
    weir::executor ex{kind};
    weir::tls::context_options options;
    options.certificates = options.authorities = with.certificate;
    options.key = with.key;
    options.sessions = 0;
    const weir::tls::context context{options};
    for (std::uint64_t i = 0; i != n; ++i) {
        auto pair = ex.run(weir::unix_pair());
        auto handshakes = weir::when_all(weir::tls::client(std::move(pair.first), "localhost", context),
                                         weir::tls::server(std::move(pair.second), context));
        ex.run(std::move(handshakes));
    }
    return static_cast<std::int64_t>(n);
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does a full handshake of TLS 1.3 cost, both ends on one thread?",
                      "ns/handshake", 300};
    const bench::identity with = bench::make_identity();
    q.floor("OpenSSL in a loop", [&](std::uint64_t n) { return bare(with, n); });
    q.weir("epoll", [&](std::uint64_t n) { return with_weir(weir::backend_kind::epoll, with, n); });
    if (bench::have_uring()) {
        q.weir("io_uring", [&](std::uint64_t n) { return with_weir(weir::backend_kind::uring, with, n); });
    } else {
        q.missing("io_uring");
    }
    return q.run();
}
