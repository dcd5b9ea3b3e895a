#pragma once

#include <weir/core/context.hpp>
#include <weir/core/intrusive_list.hpp>
#include <weir/core/waker.hpp>

namespace weir {

class executor;

namespace detail {

/// Something that another thread wants an executor to do. The executor's inbox is guarded by a mutex; entries are
/// created anywhere, and run and destroyed on the executor's thread.
class inbox_entry : private list_link {
public:
    inbox_entry() noexcept = default;
    inbox_entry(const inbox_entry&) = delete;
    inbox_entry& operator=(const inbox_entry&) = delete;

    virtual void run() noexcept = 0;
    /// The executor is going away and will not run it.
    virtual void discard() noexcept = 0;

protected:
    ~inbox_entry() = default;

private:
    friend class weir::executor;
    friend class intrusive_list<inbox_entry>;
};

} // namespace detail

/// An event that any thread may signal and one executor waits for.
///
/// Threads: `notify` from any thread, as long as the object lives; the rest from the executor's thread.
class remote_event final : private detail::inbox_entry {
public:
    explicit remote_event(executor& ex) noexcept : ex_{ex} {}
    ~remote_event();

    void notify() noexcept;

    /// True once for all notifications since the last time; else the context's waker is woken at the next.
    bool poll(context& cx) noexcept {
        if (notified_) {
            notified_ = false;
            return true;
        }
        waiter_.arm(cx.wk);
        return false;
    }

private:
    void run() noexcept override {
        notified_ = true;
        waiter_.wake();
    }
    void discard() noexcept override {}

    executor& ex_;
    waker_slot waiter_;
    bool notified_ = false;
};

} // namespace weir
