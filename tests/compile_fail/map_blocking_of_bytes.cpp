// SPDX-License-Identifier: MIT
// expect: weir::map_blocking(n, pool, f): items cross threads

#include <string>

#include <weir/io/bytes.hpp>
#include <weir/operators/map_blocking.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/just.hpp>

int main() {
    weir::thread_pool pool{1};
    auto right = weir::just(weir::bytes{"a"}) | weir::to_owned() |
                 weir::map_blocking(1, pool, [](std::string text) { return text.size(); });
#ifdef MUST_NOT_COMPILE
    auto wrong =
        weir::just(weir::bytes{"a"}) | weir::map_blocking(1, pool, [](weir::bytes text) { return text.size(); });
#endif
}
