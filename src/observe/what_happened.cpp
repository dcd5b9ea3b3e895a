// SPDX-License-Identifier: MIT
#include <weir/observe/what_happened.hpp>

#include <cstddef>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <typeinfo>

#include <cxxabi.h>

#include <weir/observe/error_trail.hpp>
#include <weir/scope/group_error.hpp>

namespace weir {

namespace {

constexpr std::size_t deepest = 32;

std::string name_of(const std::type_info& type) {
    const std::unique_ptr<char, decltype(&std::free)> text{abi::__cxa_demangle(type.name(), nullptr, nullptr, nullptr),
                                                           &std::free};
    return text != nullptr ? text.get() : type.name();
}

void add(std::string& text, const std::exception_ptr& error, std::size_t depth) {
    if (depth == deepest) return;
    if (depth != 0) text += '\n' + std::string(2 * depth, ' ');
    const auto add_trail = [&] {
        for (const std::string& line : error_trail::of(error)) text += '\n' + std::string(2 * depth + 2, ' ') + line;
    };
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        text += name_of(typeid(e)) + ": " + e.what();
        add_trail();
        if (const auto* const group = dynamic_cast<const group_error*>(&e); group != nullptr) {
            for (const std::exception_ptr& each : group->errors()) add(text, each, depth + 1);
        }
        if (const auto* const outer = dynamic_cast<const std::nested_exception*>(&e);
            outer != nullptr && outer->nested_ptr() != nullptr) {
            add(text, outer->nested_ptr(), depth + 1);
        }
    } catch (...) {
        const std::type_info* const type = abi::__cxa_current_exception_type();
        text += type != nullptr ? "an object of type " + name_of(*type) : "an unknown error";
        add_trail();
    }
}

} // namespace

std::string what_happened(const std::exception_ptr& error) {
    if (error == nullptr) return "no error";
    std::string text;
    add(text, error, 0);
    return text;
}

} // namespace weir
