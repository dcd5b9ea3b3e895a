// SPDX-License-Identifier: MIT
#include <kernel/cpus.hpp>

#include <cerrno>
#include <string>
#include <system_error>

#include <pthread.h>
#include <sched.h>

namespace weir::detail {

std::vector<int> usable_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) {
        throw std::system_error{errno, std::system_category(), "weir::runtime: which processors may be used"};
    }
    std::vector<int> usable;
    for (int cpu = 0; cpu != CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) usable.push_back(cpu);
    }
    return usable;
}

void pin_this_thread(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(cpu), &set);
    if (const int error = ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set); error != 0) {
        throw std::system_error{error, std::system_category(),
                                "weir::runtime: pin a thread to processor " + std::to_string(cpu)};
    }
}

} // namespace weir::detail
