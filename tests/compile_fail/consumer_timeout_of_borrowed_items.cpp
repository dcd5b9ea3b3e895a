// SPDX-License-Identifier: MIT
// expect: weir::consumer_timeout(d)
// expect: to_owned()

#include <chrono>
#include <string_view>

#include <weir/operators/consumer_timeout.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/just.hpp>

int main() {
    using namespace std::chrono_literals;
    using namespace std::string_view_literals;
    auto right = weir::just("a"sv) | weir::to_owned() | weir::consumer_timeout(1s) | weir::drain();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just("a"sv) | weir::consumer_timeout(1s) | weir::drain();
#endif
}
