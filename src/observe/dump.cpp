// SPDX-License-Identifier: MIT
#include <weir/observe/dump.hpp>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include <weir/core/timed_out.hpp>
#include <weir/executor/detail/wait_dump.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/observe/metrics.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/signals.hpp>

namespace weir {

std::string dump(executor& ex) {
    std::string text = detail::describe_waits(ex);
    const std::vector<stage_metrics> stages = metered_stages(ex);
    if (stages.empty()) return text;
    text += "\nmetered stages\n";
    for (const stage_metrics& stage : stages) {
        text += "  " + stage.name + ": " + std::to_string(stage.items) + " items; its consumer waited for " +
                detail::to_text(stage.waited) + ", and did not ask for " + detail::to_text(stage.unasked) + '\n';
    }
    return text;
}

task<> dump_on_signal() { return dump_on_signal(SIGUSR1); }

task<> dump_on_signal(int number) {
    executor& ex = *co_await this_executor();
    auto received = signals(number);
    while (co_await next(received)) {
        const std::string text = dump(ex);
        std::fwrite(text.data(), 1, text.size(), stderr);
    }
}

} // namespace weir
