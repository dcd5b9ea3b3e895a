// SPDX-License-Identifier: MIT
#include <weir/messages/record.hpp>

#include <string>

namespace weir::messages {

std::string to_string(const position& p) {
    std::string text = std::to_string(p.high);
    text += '-';
    text += std::to_string(p.low);
    return text;
}

} // namespace weir::messages
