// SPDX-License-Identifier: MIT
// What does it cost to send data through TLS 1.3, encryption and decryption together, on one thread?

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/io/unix.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/task.hpp>
#include <weir/tls/stream.hpp>

#include "support/bench.hpp"
#include "support/tls.hpp"

namespace {

constexpr std::size_t block = 64 * 1024;
using secure = weir::tls::stream<weir::unix_stream>;

std::int64_t bare(const bench::identity& with, std::uint64_t n) {
    bench::bare_tls tls{with};
    bench::bare_tls::connection c;
    tls.handshake(c);
    const std::string data(block, 'x');
    std::vector<char> to(block);
    std::size_t left_to_write = n * block;
    std::size_t left_to_read = left_to_write;
    SSL_set_mode(c.client.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    while (left_to_read != 0) {
        std::size_t size = 0;
        while (left_to_write != 0 && SSL_write_ex(c.client.get(), data.data(), block, &size) == 1)
            left_to_write -= size;
        while (SSL_read_ex(c.server.get(), to.data(), to.size(), &size) == 1) left_to_read -= size;
    }
    return static_cast<std::int64_t>(n);
}

weir::task<> write_blocks(secure& to, std::uint64_t n) {
    const std::string data(block, 'x');
    for (; n != 0; --n) co_await to.write(data);
}

weir::task<> read_blocks(secure& from, std::uint64_t n) {
    std::vector<char> to(block);
    for (std::size_t left = n * block; left != 0;) left -= co_await from.read(to);
}

std::int64_t with_weir(weir::backend_kind kind, const bench::identity& with, std::uint64_t n) {
    weir::executor ex{kind};
    auto [client, server] = bench::secure_pair(ex, bench::context_of(with));
    auto both = weir::when_all(write_blocks(client, n), read_blocks(server, n));
    ex.run(std::move(both));
    return static_cast<std::int64_t>(n);
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does it cost to send 64 KiB through TLS 1.3, both ends on one thread?",
                      "ns/block", 5000};
    return bench::compare(q, bare, with_weir);
}
