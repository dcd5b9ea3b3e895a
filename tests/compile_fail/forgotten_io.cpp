// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: co_await it, or pass it to weir::run or spawn

#include <weir/io/tcp.hpp>
#include <weir/task.hpp>

weir::task<> answer(weir::tcp_stream& connection, weir::byte_view what) {
    co_await connection.write(what);
#ifdef MUST_NOT_COMPILE
    connection.write(what);
#endif
}
