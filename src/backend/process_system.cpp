// SPDX-License-Identifier: MIT
#include <weir/backend/process_system.hpp>

#include <cstring>
#include <string>

namespace weir {

std::string exit_status::to_string() const {
    if (signal == 0) return "exited with " + std::to_string(code);
    std::string text = "killed by signal " + std::to_string(signal);
    if (const char* name = ::sigabbrev_np(signal)) ((text += " (") += name) += ')';
    return text;
}

} // namespace weir
