// SPDX-License-Identifier: MIT
// What does a full handshake of TLS 1.3 cost a client and a server together, on one thread?

#include <cstdint>

#include <weir/executor/executor.hpp>

#include "support/bench.hpp"
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
    const weir::tls::context context = bench::context_of(with);
    for (std::uint64_t i = 0; i != n; ++i) bench::secure_pair(ex, context);
    return static_cast<std::int64_t>(n);
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does a full handshake of TLS 1.3 cost, both ends on one thread?",
                      "ns/handshake", 300};
    return bench::compare(q, bare, with_weir);
}
