// SPDX-License-Identifier: MIT
#include <weir/observe/error_trail.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <executor/detail/type_outline.hpp>
#include <weir/core/detail/error_notes.hpp>
#include <weir/core/detail/locals.hpp>

namespace weir {

class error_trail::kept final : public detail::error_listener {
public:
    explicit kept(std::size_t most) : most_{most} {}

    void passes(const std::exception_ptr& error, const char* type, std::source_location place) noexcept override {
        note(error, [&] {
            std::string line = "left ";
            line += type != nullptr ? detail::type_outline(type) : detail::function_outline(place.function_name());
            if (place.line() != 0) line += text_of(place);
            return line;
        });
    }
    void passes(const std::exception_ptr& error, const detail::locals_ref& locals) noexcept override {
        note(error, [&] { return "with " + detail::text_of(locals); });
    }
    void passes_checkpoint(const std::exception_ptr& error, const std::string& name,
                           std::source_location place) noexcept override {
        note(error, [&] { return "passed " + name + text_of(place); });
    }

    std::vector<std::string> lines_of(const std::exception_ptr& error) {
        const std::lock_guard lock{mutex_};
        const auto found = std::ranges::find(errors_, error, &passed::error);
        return found != errors_.end() ? found->lines : std::vector<std::string>{};
    }

    /// The one that exists, or null.
    static inline constinit std::atomic<kept*> only = nullptr;

private:
    struct passed {
        std::exception_ptr error;
        std::vector<std::string> lines;
    };

    static constexpr std::size_t most_lines = 32;

    static std::string text_of(std::source_location place) {
        return std::string{" at "} + place.file_name() + ":" + std::to_string(place.line());
    }

    /// Without memory for a line, the error passes without it.
    template <class Line>
    void note(const std::exception_ptr& error, Line line) noexcept {
        std::exception_ptr oldest; // destroyed without the lock: an exception may be of the user's type
        try {
            std::string text = line();
            const std::lock_guard lock{mutex_};
            auto found = std::ranges::find(errors_, error, &passed::error);
            if (found == errors_.end()) {
                if (errors_.size() == most_) {
                    oldest = std::move(errors_.front().error);
                    errors_.pop_front();
                }
                found = errors_.insert(errors_.end(), passed{error, {}});
            }
            auto& lines = found->lines;
            // Each coroutine of a request reports the same values.
            if (lines.size() == most_lines || std::ranges::find(lines, text) != lines.end()) return;
            lines.push_back(std::move(text));
        } catch (...) {}
    }

    const std::size_t most_;
    std::mutex mutex_;
    std::deque<passed> errors_; // the oldest first
};

error_trail::error_trail(std::size_t most) : kept_{std::make_unique<kept>(most)} {
    if (most == 0) throw std::invalid_argument{"weir::error_trail: most must be at least 1"};
    kept* none = nullptr;
    if (!kept::only.compare_exchange_strong(none, kept_.get())) {
        throw std::logic_error{"weir::error_trail: there is one already"};
    }
    detail::listen_to_errors(kept_.get());
}

error_trail::~error_trail() {
    detail::listen_to_errors(nullptr);
    kept::only = nullptr;
}

std::vector<std::string> error_trail::of(const std::exception_ptr& error) {
    kept* const here = kept::only;
    return here != nullptr ? here->lines_of(error) : std::vector<std::string>{};
}

} // namespace weir
