// SPDX-License-Identifier: MIT
#include <weir/observe/what_happened.hpp>

#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <weir/scope/group_error.hpp>

using weir::what_happened;

namespace {

template <class E>
std::exception_ptr nest(E outer) {
    try {
        try {
            throw std::out_of_range{"row 7"};
        } catch (...) {
            std::throw_with_nested(std::move(outer));
        }
    } catch (...) {
        return std::current_exception();
    }
}

} // namespace

TEST_SUITE("observe/what_happened") {
    TEST_CASE("what_happened names the type and the message") {
        CHECK(what_happened(std::make_exception_ptr(std::runtime_error{"no answer"})) ==
              "std::runtime_error: no answer");
        CHECK(what_happened(std::make_exception_ptr(7)) == "an object of type int");
        CHECK(what_happened(nullptr) == "no error");
    }

    TEST_CASE("what_happened shows the errors within an error") {
        const std::string nested = what_happened(nest(std::runtime_error{"import"}));
        CHECK(nested.find("import\n  std::out_of_range: row 7") != std::string::npos);

        const weir::group_error group{{nest(std::logic_error{"first"}), std::make_exception_ptr(std::bad_alloc{})}};
        const std::string all = what_happened(std::make_exception_ptr(group));
        INFO(all);
        CHECK(all.starts_with("weir::group_error: "));
        CHECK(all.find("first\n    std::out_of_range: row 7\n  std::bad_alloc: ") != std::string::npos);
    }
}
