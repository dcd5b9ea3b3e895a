#pragma once

#include <weir/core/detail/requirements.hpp>

namespace weir::detail {

/// Lets a function of an object see that the object was destroyed by something that the function called.
///
/// A task may drop the pipeline that polls it: by cancelling its group, or by letting go of a handle. A poll that came
/// back from a child and goes on to use the operator must ask first.
///
///     const liveness::watch self{liveness_};
///     auto item = child.poll_next(cx);
///     if (self.gone()) return pending;
class liveness {
public:
    liveness() noexcept = default;
    liveness(liveness&&) noexcept {}
    ~liveness() {
        if (gone_ != nullptr) *gone_ = true;
    }

    class watch {
    public:
        // g++ 12 cannot see that the pointer goes with the watch or with the object, whichever dies first.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdangling-pointer"
#endif
        explicit watch(liveness& object) noexcept : object_{object} { object_.gone_ = &gone_; }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
        watch(const watch&) = delete;
        watch& operator=(const watch&) = delete;
        ~watch() {
            if (!gone_) object_.gone_ = nullptr;
        }

        bool gone() const noexcept { return gone_; }

    private:
        liveness& object_;
        bool gone_ = false;
    };

private:
    bool* gone_ = nullptr; // in the frame of the function that watches
};

} // namespace weir::detail
