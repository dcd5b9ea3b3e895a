// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <memory>
#include <semaphore>
#include <thread>
#include <utility>

namespace support {

/// Tells on which thread its tokens died. A token stands for what is captured, or held.
class witness {
    struct seen {
        std::atomic<int> alive = 0;
        std::atomic<std::thread::id> died;
        std::counting_semaphore<> deaths{0};
    };

public:
    class token {
    public:
        explicit token(std::shared_ptr<seen> s) : seen_{std::move(s)} { ++seen_->alive; }
        token(token&& other) noexcept = default;
        ~token() {
            if (!seen_) return;
            --seen_->alive;
            seen_->died = std::this_thread::get_id();
            seen_->deaths.release();
        }

    private:
        std::shared_ptr<seen> seen_;
    };

    token make() const { return token{seen_}; }
    int alive() const { return seen_->alive; }
    /// Where the last one died.
    std::thread::id died() const { return seen_->died; }
    /// Waits until one has died that was not waited for.
    void wait() const { seen_->deaths.acquire(); }

private:
    std::shared_ptr<seen> seen_ = std::make_shared<seen>();
};

} // namespace support
