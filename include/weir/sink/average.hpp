// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

template <class T>
class mean {
public:
    using result_type = std::optional<double>;

    bool add(T&& item) noexcept {
        sum_ += static_cast<double>(item);
        ++count_;
        return true;
    }
    std::optional<double> finish() const noexcept {
        if (count_ == 0) return std::nullopt;
        return sum_ / static_cast<double>(count_);
    }

private:
    double sum_ = 0;
    std::size_t count_ = 0;
};

} // namespace detail

struct average_fn : detail::operator_fn<average_fn> {
    template <class S>
    using pipeline = detail::accumulating_sink<S, detail::mean<item_t<S>>>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool ok = std::is_arithmetic_v<T>;
        static_assert(ok, "weir::average(): the items are not numbers; map them to numbers, or write fold(init, f)");
        return ok;
    }
};

/// average(): the mean of numbers, or std::nullopt for a stream without items.
///
///     const std::optional<double> mean = co_await (temperatures() | weir::average());
///
/// The sum is a double.
///
/// Errors: upstream's.
/// Cost: no allocation.
/// See: sum, fold.
inline constexpr average_fn average{};

} // namespace weir
