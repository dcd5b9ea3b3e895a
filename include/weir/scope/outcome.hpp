// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

#include <weir/core/assert.hpp>
#include <weir/core/detail/result.hpp>

namespace weir {

/// The result or the error of an operation. T may be void or a reference.
///
///     auto [a, b] = co_await weir::when_all_settled(first(), second());
///     if (a) use(*a);
///     else log(a.error());
template <class T = void>
class [[nodiscard("see whether it holds an error")]] outcome {
    using object = typename detail::as_result<T>::type;

public:
    /// Holds a result.
    explicit outcome(object result) : state_{std::in_place_index<0>, std::move(result)} {}
    static outcome failed(std::exception_ptr error) noexcept { return outcome{std::move(error), 0}; }

    bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// Returns the result, or throws the error.
    decltype(auto) value() & {
        rethrow();
        return get(*this);
    }
    decltype(auto) value() const& {
        rethrow();
        return get(*this);
    }
    decltype(auto) value() && {
        rethrow();
        return get(std::move(*this));
    }

    /// Returns the result, which must exist.
    decltype(auto) operator*() & noexcept { return checked(*this); }
    decltype(auto) operator*() const& noexcept { return checked(*this); }
    decltype(auto) operator*() && noexcept { return checked(std::move(*this)); }
    auto* operator->() noexcept
        requires(!std::is_void_v<T>)
    {
        return &checked(*this);
    }

    /// Null when there is a result.
    std::exception_ptr error() const noexcept { return has_value() ? nullptr : std::get<1>(state_); }

private:
    outcome(std::exception_ptr error, int) noexcept : state_{std::in_place_index<1>, std::move(error)} {}

    void rethrow() const {
        if (!has_value()) std::rethrow_exception(std::get<1>(state_));
    }

    template <class Self>
    static decltype(auto) checked(Self&& self) noexcept {
        WEIR_ASSERT(self.has_value(), "outcome: there is no result");
        return get(std::forward<Self>(self));
    }
    template <class Self>
    static decltype(auto) get(Self&& self) noexcept {
        if constexpr (std::is_reference_v<T>) {
            return static_cast<T>(*std::get_if<0>(&self.state_));
        } else if constexpr (!std::is_void_v<T>) {
            return std::forward<Self>(self).object_of();
        }
    }
    object& object_of() & noexcept { return *std::get_if<0>(&state_); }
    const object& object_of() const& noexcept { return *std::get_if<0>(&state_); }
    object&& object_of() && noexcept { return std::move(*std::get_if<0>(&state_)); }

    std::variant<object, std::exception_ptr> state_;
};

} // namespace weir
