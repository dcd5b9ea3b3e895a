// SPDX-License-Identifier: MIT
#include <weir/core/stage_outline.hpp>

#include <cstddef>
#include <string>

namespace weir {

namespace {

std::size_t sum_of_bounds(std::size_t a, std::size_t b) noexcept {
    return a < held_bound::any_number - b ? a + b : held_bound::any_number;
}

/// "up to 3 items", "any number of items"
std::string bound_text(std::size_t n, const char* one, const char* several) {
    if (n == held_bound::any_number) return std::string{"any number of "} + several;
    std::string text{"up to "};
    return text.append(std::to_string(n)).append(" ").append(n == 1 ? one : several);
}

} // namespace

held_bound& held_bound::operator+=(const held_bound& more) noexcept {
    items = sum_of_bounds(items, more.items);
    bytes = sum_of_bounds(bytes, more.bytes);
    weight = sum_of_bounds(weight, more.weight);
    inner_streams = sum_of_bounds(inner_streams, more.inner_streams);
    in_user_code = sum_of_bounds(in_user_code, more.in_user_code);
    unknown = sum_of_bounds(unknown, more.unknown);
    return *this;
}

held_bound held_bound::operator*(std::size_t n) const noexcept {
    const auto times = [n](std::size_t of) { return n == 0 || of <= any_number / n ? of * n : any_number; };
    return {times(items), times(bytes), times(weight), times(inner_streams), times(in_user_code), times(unknown)};
}

std::string held_bound::text() const {
    std::string all;
    const auto add = [&all](const std::string& part) { all.append(all.empty() ? "" : ", ").append(part); };
    if (items != 0) add(bound_text(items, "item", "items"));
    if (bytes != 0) add(bound_text(bytes, "byte", "bytes"));
    if (weight != 0)
        add(std::string{"items that weigh "}.append(weight == any_number ? "any number"
                                                                         : "up to " + std::to_string(weight)));
    if (inner_streams != 0) add("what " + bound_text(inner_streams, "inner stream holds", "inner streams hold"));
    if (in_user_code != 0) add("what user code keeps");
    if (unknown != 0) add("an unknown number of items");
    return all;
}

} // namespace weir
