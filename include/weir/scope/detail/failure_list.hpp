// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <source_location>
#include <utility>
#include <vector>

namespace weir::detail {

/// Errors of operations with the places of their spawns. Adding an error cannot fail: the first one needs no memory,
/// and room for the others was reserved when their operations were spawned.
class failure_list {
public:
    struct failure {
        std::exception_ptr error;
        std::source_location place;
    };

    bool empty() const noexcept { return first_.error == nullptr; }
    std::size_t size() const noexcept { return empty() ? 0 : 1 + more_.size(); }
    const std::exception_ptr& first() const noexcept { return first_.error; }

    /// Reserves room for n further errors.
    void make_room(std::size_t n) {
        const std::size_t wanted = more_.size() + n;
        if (wanted > more_.capacity()) more_.reserve(std::max(wanted, 2 * more_.capacity()));
    }
    void add(std::exception_ptr error, std::source_location place) noexcept {
        if (empty()) {
            first_ = {std::move(error), place};
        } else {
            more_.push_back({std::move(error), place});
        }
    }
    void clear() noexcept {
        first_ = {};
        more_.clear();
    }

    /// Calls f with each error, in order of arrival.
    template <class F>
    void each(F f) const {
        if (empty()) return;
        f(first_);
        for (const failure& one : more_) f(one);
    }

private:
    failure first_;
    std::vector<failure> more_;
};

} // namespace weir::detail
