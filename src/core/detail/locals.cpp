// SPDX-License-Identifier: MIT
#include <weir/core/detail/locals.hpp>

#include <string>
#include <vector>

#include <weir/core/detail/one_line.hpp>

namespace weir::detail {

locals_ref locals_ref::without(const void* key) const {
    std::vector<const local_value*> inner;
    const locals_ref* rest = this;
    while (*rest && rest->first()->key() != key) {
        inner.push_back(&rest->first()->value());
        rest = &rest->first()->outer();
    }
    if (!*rest) return *this;
    locals_ref list = rest->first()->outer();
    for (; !inner.empty(); inner.pop_back()) {
        const local_value& value = *inner.back();
        list = locals_ref{new local_link{value, list}};
        value.share();
    }
    return list;
}

std::string text_of(const locals_ref& locals) {
    std::string text;
    for (const local_link* one = locals.first(); one != nullptr; one = one->outer().first()) {
        if (!text.empty()) text += ", ";
        append_in_one_line(text, one->value().text());
    }
    return text;
}

} // namespace weir::detail
