// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/assert.hpp>

namespace weir::detail {

/// Reports, in debug builds, that a stream was moved after its first poll or polled after its end. Sources hold one,
/// and every pipeline has a source. The layout is the same in all builds, so that debug and release code link.
class poll_checker {
public:
    poll_checker() noexcept = default;
    poll_checker(const poll_checker&) noexcept {}
    poll_checker(poll_checker&& other) noexcept { other.must_not_have_been_polled(); }
    /// For a stream that replaces another, which may have been polled.
    poll_checker& operator=(poll_checker&& other) noexcept {
        other.must_not_have_been_polled();
        polled_ = ended_ = false;
        return *this;
    }

    /// To be called at the start of each poll.
    void check() noexcept {
#ifndef NDEBUG
        WEIR_ASSERT(!ended_, "a stream was polled after its end");
        polled_ = true;
#endif
    }
    /// To be called before `done` is returned or an error is thrown.
    void ended() noexcept {
#ifndef NDEBUG
        ended_ = true;
#endif
    }
    /// Returns the answer of f, the part of a poll that calls the user's code. `done` or an exception counts as the
    /// end.
    template <class F>
    auto checked(F f) {
#ifdef NDEBUG
        return f();
#else
        try {
            auto answer = f();
            if (answer.is_done()) ended();
            return answer;
        } catch (...) {
            ended();
            throw;
        }
#endif
    }

private:
    void must_not_have_been_polled() const noexcept {
        WEIR_ASSERT(!polled_, "a stream was moved after its first poll");
    }

    [[maybe_unused]] bool polled_ = false; // read in debug builds only
    [[maybe_unused]] bool ended_ = false;
};

} // namespace weir::detail
