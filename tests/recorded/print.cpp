// SPDX-License-Identifier: MIT
// Records a run that fails, and prints a test program with the marble test that recorded_marble_test returns for it.
//
//     print TRACE-FILE
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>

#include <weir/observe/meter.hpp>
#include <weir/observe/trace.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/interval.hpp>
#include <weir/testing/recorded.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "balance.hpp"

using namespace std::chrono_literals;

namespace {

void run_until_failure(const char* path) {
    weir::testing::virtual_executor ex;
    const weir::trace recorded{ex, std::make_shared<weir::trace_file>(path), {.one_in = 1}};
    const auto change = [](std::uint64_t n) { return n == 4 ? -50 : static_cast<int>(n) * 7; };
    const auto text = [](int n) { return std::to_string(n); };
    try {
        ex.run(weir::interval(30ms) | weir::map(change) | weir::meter("changes", text) | recorded::balance() |
               weir::meter("balance", text) | weir::drain());
    } catch (const std::exception&) { // is in the record
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    run_until_failure(argv[1]);
    std::printf("#include <chrono>\n#include <utility>\n\n#include <doctest/doctest.h>\n\n"
                "#include <weir/testing/marbles.hpp>\n\n#include <recorded/balance.hpp>\n\n"
                "TEST_CASE(\"a recorded run\") {\n    const auto op = recorded::balance();\n%s}\n",
                weir::testing::recorded_marble_test(argv[1], "changes").c_str());
}
