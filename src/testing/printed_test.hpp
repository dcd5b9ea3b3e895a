// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace weir::testing::detail {

/// A marble test of an operator `op` as text, to be pasted.
struct printed_test {
    std::string setup;    // statements, each with its indentation and its end of line
    std::string upstream; // an expression
    std::string consumer; // the second argument of play; may be empty

    std::string played() const {
        return "m.play(" + upstream + " | op" + (consumer.empty() ? "" : ", ") + consumer + ')';
    }
    std::string items() const { return "weir::testing::without_ticks(" + played() + ')'; }

    std::string checked(std::string_view condition, std::string_view remark) const {
        return line("CHECK(" + std::string{condition} + ')', remark);
    }
    std::string unchecked(std::string_view remark) const { return line(played(), remark); }

private:
    std::string line(const std::string& statement, std::string_view remark) const {
        std::string text = setup + "    " + statement + ';';
        if (!remark.empty()) text.append(" // ").append(remark);
        if (remark.ends_with('\\')) text += '.'; // the comment ends with its line
        return text += '\n';
    }
};

} // namespace weir::testing::detail
