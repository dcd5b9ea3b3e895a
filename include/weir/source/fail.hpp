// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir {

template <class T>
class [[nodiscard("add a sink and co_await it")]] fail_stream {
public:
    using value_type = T;

    explicit fail_stream(std::exception_ptr error) noexcept : error_{std::move(error)} {}

    poll<T> poll_next(context&) {
        checker_.check();
        checker_.ended();
        std::rethrow_exception(error_);
    }

    void outline(stage_outline&) const noexcept {}

private:
    std::exception_ptr error_;
    detail::poll_checker checker_;
};

/// fail<T>(error): a stream that fails without an item.
///
///     fail<int>(std::runtime_error{"no"})  #
///
/// @param error  the exception to throw, or a std::exception_ptr to it
/// @throws std::invalid_argument for a null std::exception_ptr
///
/// Ends: never. Errors: the argument, at the first poll.
/// See: empty, never.
template <class T, class E>
fail_stream<T> fail(E error) {
    if constexpr (std::is_same_v<E, std::exception_ptr>) {
        if (error == nullptr) throw std::invalid_argument{"weir::fail(error): error is null"};
        return fail_stream<T>{std::move(error)};
    } else {
        return fail_stream<T>{std::make_exception_ptr(std::move(error))};
    }
}

} // namespace weir
