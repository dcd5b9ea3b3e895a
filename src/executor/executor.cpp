// SPDX-License-Identifier: MIT
#include <weir/executor/executor.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>

#include <weir/core/assert.hpp>
#include <weir/core/detail/this_thread.hpp>
#include <weir/executor/detail/loop_observer.hpp>
#include <weir/executor/detail/new_executor.hpp>
#include <weir/executor/detail/wait_dump.hpp>

namespace weir {

namespace {

thread_local executor* running_here = nullptr;

// With I/O in flight and wakers ready, the backend is visited no more often than this: a visit is a system call.
constexpr duration visit_interval = std::chrono::microseconds{20};

void ignore_sigpipe() noexcept {
    struct sigaction action{};
    if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
        action.sa_handler = SIG_IGN;
        ::sigaction(SIGPIPE, &action, nullptr);
    }
}

/// Makes this thread the one that runs the executor.
void start_running(executor& ex) noexcept {
    WEIR_ASSERT(detail::executor_access::queue(ex).may_be_used_here(),
                "an executor was run while another thread runs it");
    running_here = &ex;
    detail::executor_access::queue(ex).run_on(detail::this_thread());
}
void end_running(executor& ex) noexcept {
    detail::executor_access::queue(ex).run_on(nullptr);
    running_here = nullptr;
}

} // namespace

executor* executor::current() noexcept { return running_here; }

executor::session::session(executor& ex) : ex_{ex} {
    if (running_here != nullptr) {
        throw std::logic_error{"weir::run: an executor is already running on this thread; co_await the operation "
                               "or spawn it there instead"};
    }
    start_running(ex);
    ex.now_ = ex.backend_->now();
    ex.inbox_->served(true);
}

executor::session::~session() {
    ex_.finish_cleanups();
    end_running(ex_);
    ex_.inbox_->served(false);
}

executor::executor(backend_kind kind) : executor{make_backend(kind)} {
    const char* const trace = std::getenv("WEIR_TRACE");
    if (trace != nullptr && *trace != '\0') detail::trace_new_executor(*this, trace);
}

executor::executor(std::unique_ptr<weir::backend> io)
    : backend_{std::move(io)},
      now_{backend_->now()},
      random_{backend_->random_seed()},
      inbox_{std::make_shared<detail::inbox>(*backend_)} {
    ignore_sigpipe();
}

void executor::shut_down() noexcept {
    WEIR_ASSERT(queue_.may_be_used_here(), "an executor was destroyed while another thread runs it");
    executor* const outer = std::exchange(running_here, this);
    const void* const thread = queue_.run_on(detail::this_thread());
    const run_queue::destruction everything{queue_};
    do {
        while (!spawned_tasks_.empty()) spawned_tasks_.front().drop();
        while (!spawned_.empty()) spawned_.pop_front().destroy();
        finish_cleanups();
    } while (!spawned_tasks_.empty() || !spawned_.empty() || !cleanups_.empty());
    while (!guards_.empty()) {
        detail::cleanup& late = guards_.pop_front();
        late.abandon();
        try {
            throw std::logic_error{"weir::async_finally: the executor was destroyed before the scope"};
        } catch (...) { // or there is no memory for the message
            report(std::current_exception(), late.place(), "an async_finally");
        }
    }
    inbox_->close();
    queue_.run_on(thread);
    running_here = outer;
}

void executor::stop() noexcept {
    stop_requested_.store(true, std::memory_order_release); // pairs with the exchange in run_until
    backend_->notify();
}

executor::statistics executor::stats() const noexcept {
    statistics result = stats_;
    result.timers_fired = timers_.fired();
    result.timers_armed = timers_.size();
    result.io_started = backend_->started();
    result.io_cancelled = backend_->cancelled();
    result.io_completed = backend_->started() - backend_->cancelled() - backend_->in_flight();
    result.wakers_ready = queue_.size(static_cast<std::size_t>(-1));
    result.io_in_flight = backend_->in_flight();
    return result;
}

void executor::report(std::exception_ptr error, std::source_location place, const char* what) noexcept {
    if (error_handler_) {
        error_handler_(std::move(error), place);
        return;
    }
    char line[16] = "";
    if (place.line() != 0) std::snprintf(line, sizeof line, ":%u", static_cast<unsigned>(place.line()));
    const auto print = [&](const char* colon, const char* message) {
        std::fprintf(stderr, "weir: %s%s%s%s failed%s%s%s\n", what != nullptr ? what : "an operation spawned",
                     line[0] != 0 ? " at " : "", place.file_name(), line, what != nullptr ? "" : " and is not awaited",
                     colon, message);
    };
    try {
        std::rethrow_exception(std::move(error));
    } catch (const std::exception& e) {
        print(": ", e.what());
    } catch (...) {
        print("", "");
    }
    std::terminate();
}

void executor::turn(time_point until) {
    if (running_here != nullptr)
        throw std::logic_error{"weir::executor::turn: an executor is already running on this thread"};
    start_running(*this);
    now_ = backend_->now();
    inbox_->served(true);
    const struct leave {
        executor& ex;

        ~leave() {
            end_running(ex);
            ex.inbox_->served(false);
        }
    } at_exit{*this};
    run_ready();
    visit_backend(until);
}

/// @param before  the phase that has ended
inline void executor::fire_timers(detail::loop_phase before) noexcept {
    if (observer_ == nullptr) [[likely]] {
        timers_.expire(now_);
        return;
    }
    observer_->ended(before);
    if (const time_point due = timers_.next(); due <= now_) observer_->late_by(now_ - due);
    timers_.expire(now_);
    observer_->ended(detail::loop_phase::timers);
}

void executor::run_ready() noexcept {
    ++stats_.turns;
    stats_.wakers_run += queue_.run(wakers_per_turn);
    now_ = backend_->now();
    fire_timers(detail::loop_phase::ready);
}

void executor::visit_backend(time_point until) {
    const bool ready = !idle() || (until > now_ && inbox_->replies().soon(now_));
    if (!ready || (backend_->in_flight() != 0 && now_ - last_wait_ >= visit_interval)) {
        ++stats_.waits;
        backend_->wait(ready ? now_ : std::min(until, timers_.next()));
        last_wait_ = now_ = backend_->now();
        fire_timers(detail::loop_phase::io);
    }
    if (!inbox_->notified()) return;
    inbox_->run();
    if (observer_ != nullptr) observer_->ended(detail::loop_phase::inbox);
}

void executor::run_until(const bool& finished, const detail::live_root& main) {
    const detail::live_root* const outer = std::exchange(main_, &main);
    const struct leave {
        executor& ex;
        const detail::live_root* outer;

        ~leave() { ex.main_ = outer; }
    } at_exit{*this, outer};
    now_ = backend_->now();
    try {
        while (!finished) {
            if (stop_requested_.exchange(false, std::memory_order_acquire)) throw stopped{};
            if (idle() && timers_.size() == 0 && backend_->in_flight() == 0 && !backend_->may_wake()) throw deadlock{};
            run_ready();
            // Not when the operation is done: the visit might wait for an event that no operation needs.
            if (!finished) visit_backend(time_point::max());
        }
    } catch (const deadlock&) {
        std::string waits;
        try {
            waits = detail::describe_waits(*this);
        } catch (const std::bad_alloc&) {
            throw deadlock{};
        }
        throw deadlock{waits};
    }
}

void executor::finish_cleanups() noexcept {
    if (cleanups_.empty()) return;
    const std::uint64_t last = cleanups_.mark();
    try {
        now_ = backend_->now();
        while (!cleanups_.done(last)) {
            run_ready();
            if (!cleanups_.done(last)) visit_backend(time_point::max());
        }
    } catch (...) { // an error of the backend, after which no operation can complete
        cleanups_.drop();
        report(std::current_exception(), {}, "the backend of an executor");
    }
}

detail::cleanups& executor::cleanups_of(std::uint32_t group) noexcept {
    detail::cleanups* const found = groups_.find(group);
    return found != nullptr ? *found : cleanups_;
}

detail::root_object::root_object(executor& ex, step_function step, function run) : root_waker{run}, step_{step} {
    run_queue& home = executor_access::queue(ex);
    become_root(home, root_kind::spawned, home.root());
    wake_first();
    inherit_locals();
}

void detail::root_object::poll_once() noexcept {
    if (finished_) return; // a late wake
    try {
        context cx{*this};
        if (!step_(*this, &cx)) return;
    } catch (...) {
        error_ = std::current_exception();
    }
    step_(*this, nullptr);
    finished_ = true;
}

void detail::executor_access::list(executor& ex, live_roots& into) {
    if (ex.main_ != nullptr) into.add(*ex.main_);
    ex.spawned_tasks_.each([&](const spawned_task& one) { into.add(one.shown()); });
    ex.spawned_.each([&](spawned_entry& one) { into.add(one.shown()); });
    ex.groups_.each([&](cleanups& group) {
        if (group.owner() != nullptr) group.owner()->list(into);
    });
}

void detail::executor_access::start(executor& ex, cleanup& one, std::uint32_t group) noexcept {
    static_cast<list_link&>(one).unlink();
    one.start(ex.cleanups_of(group));
}

namespace detail {

template <>
void headers_and_library_of_weir_differ<0, 1, sizeof(executor), sizeof(coroutine_state), sizeof(io_operation),
                                        WEIR_POOL_FRAMES>() noexcept {}

} // namespace detail

} // namespace weir
