// SPDX-License-Identifier: MIT
// expect: weir::http::by_tls(f): f cannot be called with a tcp_stream and a std::string
// expect: or does not return a task or another operation with a byte stream

#include <string>
#include <utility>

#include <weir/http/client.hpp>
#include <weir/io/tcp.hpp>
#include <weir/task.hpp>

weir::task<weir::tcp_stream> shake(weir::tcp_stream s, std::string) { co_return std::move(s); }

int main() {
    auto right = weir::http::by_tls(shake);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::http::by_tls([](weir::tcp_stream s, std::string) { return s; });
#endif
}
