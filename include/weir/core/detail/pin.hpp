// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/assert.hpp>

namespace weir::detail {

/// Catches the move of a stream that was polled, and polls after the end, in debug builds. Sources hold one: every
/// pipeline has a source. Its layout is the same in all builds, so that debug and release code link.
class pin {
public:
    pin() noexcept = default;
    pin(const pin&) noexcept {}
    pin(pin&& other) noexcept { other.must_not_have_been_polled(); }
    /// For a stream that takes the place of another, which may have been polled.
    pin& operator=(pin&& other) noexcept {
        other.must_not_have_been_polled();
        polled_ = ended_ = false;
        return *this;
    }

    /// At the start of each poll.
    void check() noexcept {
#ifndef NDEBUG
        WEIR_ASSERT(!ended_, "a stream was polled after its end");
        polled_ = true;
#endif
    }
    /// Where the end or a failure is answered.
    void ended() noexcept {
#ifndef NDEBUG
        ended_ = true;
#endif
    }
    /// Answers what f answers, the part of a poll that calls a user's code: `done` and an exception are the end.
    template <class F>
    auto watch(F f) {
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
