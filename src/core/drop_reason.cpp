// SPDX-License-Identifier: MIT
#include <weir/core/drop_reason.hpp>

#include <exception>
#include <utility>

#include <weir/executor/executor.hpp>

namespace weir::detail {

void report_error_of_on_drop(std::exception_ptr error) noexcept {
    executor* const here = executor::current();
    if (here == nullptr) std::rethrow_exception(std::move(error)); // ends the program, which prints what it was
    here->report(std::move(error), {}, "an on_drop");
}

} // namespace weir::detail
