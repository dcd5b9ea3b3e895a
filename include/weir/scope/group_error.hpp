// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace weir {

/// Thrown when operations of a task group with group_errors::collect have failed. Holds all errors in order of
/// occurrence.
class group_error : public std::runtime_error {
public:
    explicit group_error(std::vector<std::exception_ptr> errors)
        : std::runtime_error{message(errors)}, errors_{std::move(errors)} {}

    const std::vector<std::exception_ptr>& errors() const noexcept { return errors_; }

private:
    static std::string message(const std::vector<std::exception_ptr>& errors) {
        std::string text = "weir::task_group: " + std::to_string(errors.size()) + " failed";
        const char* separator = ": ";
        for (const std::exception_ptr& error : errors) {
            text += std::exchange(separator, "; ");
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                text += e.what();
            } catch (...) {
                text += "not a std::exception";
            }
        }
        return text;
    }

    std::vector<std::exception_ptr> errors_;
};

} // namespace weir
