// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

namespace support {

/// Counts how many scopes run, and how many have run at a time at most. A coroutine enters a scope, which ends with it.
///
///     const auto scope = running.enter();
class running_scopes {
public:
    class scope {
    public:
        explicit scope(running_scopes& all) : all_{all} { all_.most_ = std::max(all_.most_, ++all_.now_); }
        scope(const scope&) = delete;
        scope& operator=(const scope&) = delete;
        ~scope() { --all_.now_; }

    private:
        running_scopes& all_;
    };

    scope enter() { return scope{*this}; }

    int now() const noexcept { return now_; }
    int most() const noexcept { return most_; }

private:
    int now_ = 0;
    int most_ = 0;
};

} // namespace support
