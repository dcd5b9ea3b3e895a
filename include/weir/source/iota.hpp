#pragma once

#include <concepts>
#include <limits>

#include <weir/core/stream.hpp>

namespace weir {

template <std::weakly_incrementable T>
    requires std::copyable<T> && std::equality_comparable<T>
class iota_stream {
public:
    using value_type = T;

    iota_stream(T first, T last) : next_{std::move(first)}, last_{std::move(last)} {}

    poll<T> poll_next(context&) {
        pin_.check();
        if (next_ == last_) {
            pin_.ended();
            return done;
        }
        return next_++;
    }

private:
    T next_;
    T last_;
    detail::pin pin_;
};

/// iota(first, last): first, first + 1, ..., last - 1, as std::views::iota.
///
///     iota(1, 4)  123|
///
/// @param last  not before first; where it is left out the stream goes on to the largest value of the type
inline constexpr auto iota = []<class T>(T first, T last = std::numeric_limits<T>::max()) {
    return iota_stream<T>{first, last};
};

} // namespace weir
