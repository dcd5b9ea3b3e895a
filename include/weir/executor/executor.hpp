// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/backend/backend.hpp>
#include <weir/core/detail/frame_pool.hpp>
#include <weir/core/detail/lazy_operation.hpp>
#include <weir/core/detail/root_waker.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/detail/cleanup.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/detail/timer_wheel.hpp>
#include <weir/executor/random_bits.hpp>
#include <weir/task.hpp>

namespace weir {

template <operation A>
class join_handle;

/// `run` was ended, by `executor::stop` or by a std::stop_token, before its operation had a result; the operation was
/// dropped.
class stopped : public std::runtime_error {
public:
    // The base is empty, and so is made without memory: a stop must not fail for want of that.
    stopped() : std::runtime_error{""} {}
    const char* what() const noexcept override { return "weir: stopped before there was a result"; }
};

/// Nothing can ever wake the operation that is run: nothing is ready, no timer is armed, no I/O is in flight, and
/// nothing can come from outside. Only executors under virtual time can tell.
class deadlock : public std::logic_error {
public:
    deadlock() : std::logic_error{"weir: deadlock: the operation waits for something that nothing will wake"} {}
};

namespace detail {

/// Makes an operation the root of its own chain of polls. The operation is destroyed as soon as it has a result.
template <operation A>
class root_operation : public root_waker {
public:
    root_operation(executor& ex, A operation);

    bool finished() const noexcept { return finished_; }
    const bool& finished_flag() const noexcept { return finished_; }
    bool failed() const noexcept { return error_ != nullptr; }
    std::exception_ptr error() const noexcept { return error_; }

    /// The result, or the error, once it is finished.
    typename A::result_type take() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return *std::move(result_);
    }

protected:
    root_operation(executor& ex, A operation, function run);

    void poll_once() noexcept {
        if (finished_) return; // a late wake
        try {
            context cx{*this};
            result_ = operation_->poll_result(cx);
            if (result_.is_pending()) return;
        } catch (...) {
            error_ = std::current_exception();
        }
        operation_.reset();
        finished_ = true;
    }

private:
    std::optional<A> operation_;
    poll<typename A::result_type> result_{pending};
    std::exception_ptr error_;
    bool finished_ = false;
};

/// The part of a spawned operation that its executor knows.
class spawned_entry : public list_link {
public:
    spawned_entry() noexcept = default;

    virtual void destroy() noexcept = 0;

protected:
    ~spawned_entry() = default;
};

/// The part of a task's join_handle that its executor knows. A task is its own waker, and keeps its result: it needs no
/// more than a place in a list.
class spawned_task : public list_link {
public:
    spawned_task(const spawned_task&) = delete;
    spawned_task& operator=(const spawned_task&) = delete;

    /// At once or, when something of it is on the stack, as soon as that is no longer so.
    void drop() noexcept {
        unlink();
        if (state_ != nullptr) std::exchange(state_, nullptr)->drop_root();
    }

protected:
    spawned_task(coroutine_state& state, std::source_location place) noexcept : state_{&state}, place_{place} {}
    spawned_task(spawned_task&& other) noexcept { take_from(other); }
    ~spawned_task() { drop(); }

    void take_from(spawned_task& other) noexcept {
        take_place_of(other);
        state_ = std::exchange(other.state_, nullptr);
        place_ = other.place_;
    }

    coroutine_state* state_;
    std::source_location place_;
};

template <class A>
class spawned_handle;
template <operation A>
class remote_spawn;

template <class A>
constexpr void cannot_be_run() {
    static_assert(
        !stream<A>,
        "weir::run, weir::spawn: a stream alone has no result; end the pipeline with a sink, such as | drain()");
    static_assert(stream<A>,
                  "weir::run, weir::spawn: takes a task, a pipeline that ends in a sink, or a function of no "
                  "arguments that gives one of these");
}

} // namespace detail

/// Runs wakers, timers and I/O on one thread.
///
///     weir::executor ex;
///     auto server = ex.spawn(serve());
///     ex.run(client());
///
/// One turn: run what is ready, fire the timers that are due, submit and reap I/O in one system call, take in what
/// other threads posted. Time is read once a turn. Destroying the executor drops everything that was spawned on it, and
/// runs what async_finally guards leave to be done.
///
/// An executor sets the disposition of SIGPIPE to ignore if it was the default: writing to a closed pipe or socket is
/// an error where the write is, not the end of the process.
///
/// Threads: `post`, `stop` and `notify` may be called from any thread, `stop` and `notify` from signal handlers too.
/// Everything else belongs to one thread.
class executor {
public:
    /// Called with an error that has no other place to go, and where the operation that failed was spawned.
    using error_handler = std::function<void(std::exception_ptr, std::source_location)>;

    /// A waker runs at most this often before timers and I/O are looked at again.
    static constexpr std::size_t wakers_per_turn = 128;

    /// What the executor has done so far, and what it has at hand.
    struct statistics {
        std::uint64_t turns = 0;
        std::uint64_t wakers_run = 0;
        std::uint64_t waits = 0;      ///< visits to the backend
        std::size_t timers_armed = 0; ///< now
        std::size_t io_in_flight = 0; ///< now
    };

    /// @throws std::system_error when the backend cannot be had
    explicit executor(backend_kind kind = backend_kind::automatic);
    explicit executor(std::unique_ptr<weir::backend> io);
    executor(const executor&) = delete;
    executor& operator=(const executor&) = delete;
    virtual ~executor() { shut_down(); }

    /// What destroying it does first: drops everything that was spawned on it, and takes nothing more.
    void shut_down() noexcept;

    /// The executor that runs on this thread; null when there is none.
    static executor* current() noexcept;

    /// Runs until the operation has a result, and what async_finally guards have begun is done, and returns the result,
    /// or throws its error. What was spawned runs meanwhile.
    /// @throws stopped, and std::logic_error when an executor is already running on this thread
    template <operation A>
    await_result_t<A> run(A operation);

    /// Starts an operation in the next turn. Dropping the handle drops the operation.
    template <operation A>
    join_handle<A> spawn(A operation, std::source_location place = std::source_location::current());

    /// The same with a function that makes the operation. The executor calls it in the next turn, and keeps it as long
    /// as the operation: a coroutine may use what a lambda has captured.
    ///
    ///     auto served = ex.spawn([port]() -> weir::task<> { co_await serve(port); });
    ///
    /// What is neither does not compile.
    template <class F>
        requires(!operation<F>)
    auto run(F f) {
        if constexpr (detail::returns_operation<F&>) {
            return run(detail::lazy_operation<F>(std::move(f)));
        } else {
            detail::cannot_be_run<F>();
        }
    }
    template <class F>
        requires(!operation<F>)
    auto spawn(F f, std::source_location place = std::source_location::current()) {
        if constexpr (detail::returns_operation<F&>) {
            return spawn(detail::lazy_operation<F>(std::move(f)), place);
        } else {
            detail::cannot_be_run<F>();
        }
    }

    /// Calls f on the executor's thread, as long as the executor runs again. From any thread. An exception that leaves
    /// f goes to the error handler.
    template <std::invocable F>
    void post(F f);

    /// Makes the present or the next `run` drop its operation and throw `stopped`.
    void stop() noexcept;

    /// The time that was read in this turn.
    time_point now() const noexcept { return now_; }
    /// The moment d from now; time_point::max() when that is beyond it.
    time_point time_after(duration d) const noexcept {
        return d > time_point::max() - now_ ? time_point::max() : now_ + d;
    }

    /// For choices that are left to chance. Seeded by the machine; by the seed of a simulation in one.
    random_bits& random() noexcept { return random_; }

    run_queue& queue() noexcept { return queue_; }
    /// For other threads, which may keep it for longer than the executor lives.
    const std::shared_ptr<detail::inbox>& inbox() const noexcept { return inbox_; }
    weir::backend& io() noexcept { return *backend_; }
    detail::timer_wheel& timers() noexcept { return timers_; }
    detail::group_table& groups() noexcept { return groups_; }
    statistics stats() const noexcept;

    /// By default a message on stderr and std::terminate.
    void on_error(error_handler handler) { error_handler_ = std::move(handler); }
    void report(std::exception_ptr error, std::source_location place) noexcept;

    /// The scope that it is for has begun.
    void guard(detail::cleanup& one) noexcept { guards_.push_back(one); }
    /// It has died: it is now for the group with that number, or else for the executor, to run it.
    void begin(detail::cleanup& one, std::uint32_t group) noexcept;
    /// Where they go when their group dies.
    void adopt(detail::cleanups& left, std::uint32_t group) noexcept { left.move_to(cleanups_of(group), group); }

    /// One turn. Waits when nothing is ready, but not longer than until then.
    /// @throws std::logic_error when an executor is already running on this thread
    void turn(time_point until = time_point::max());
    /// Nothing is ready to run.
    bool idle() const noexcept { return queue_.empty() && !inbox_->notified(); }

private:
    template <class A>
    friend class detail::spawned_handle;
    template <operation A>
    friend class detail::remote_spawn;

    class session;

    template <class F>
    class posted;

    void run_ready() noexcept;
    void visit_backend(time_point until);
    void run_until(const bool& finished);
    void finish_cleanups() noexcept;
    detail::cleanups& cleanups_of(std::uint32_t group) noexcept;
    void adopt(detail::spawned_entry& entry) noexcept { spawned_.push_back(entry); }
    void adopt(detail::spawned_task& task) noexcept { spawned_tasks_.push_back(task); }

    std::unique_ptr<weir::backend> backend_;
    time_point now_{};
    time_point last_wait_{};
    run_queue queue_{*this};
    detail::timer_wheel timers_;
    detail::intrusive_list<detail::spawned_entry> spawned_;
    detail::intrusive_list<detail::spawned_task> spawned_tasks_;
    detail::intrusive_list<detail::cleanup> guards_; // of scopes that live
    detail::cleanups cleanups_;
    detail::group_table groups_;
    statistics stats_;
    random_bits random_;
    error_handler error_handler_;

    const std::shared_ptr<detail::inbox> inbox_;
    std::atomic<bool> stop_requested_ = false;
};

/// While `run` runs. What scopes have left to be done by its end is done before it is over.
class executor::session {
public:
    explicit session(executor& ex);
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session();

private:
    executor& ex_;
};

namespace detail {

template <operation A>
root_operation<A>::root_operation(executor& ex, A operation)
    : root_operation{ex, std::move(operation),
                     [](waker& self) noexcept { static_cast<root_operation&>(self).poll_once(); }} {}

template <operation A>
root_operation<A>::root_operation(executor& ex, A operation, function run)
    : root_waker{run}, operation_{std::in_place, std::move(operation)} {
    bind(ex.queue());
    become_root(root_kind::spawned, ex.queue().root());
    wake();
}

/// What `spawn` makes: owned by its executor until it is finished and nobody has a handle on it.
template <class A>
class spawned final : public root_operation<A>, public spawned_entry, public pooled {
public:
    spawned(executor& ex, A operation, std::source_location place)
        : root_operation<A>{ex, std::move(operation), &run}, place_{place} {}

    /// The executor goes away, or the handle, and the operation with it: at once or, when something of it is on the
    /// stack, as soon as that is no longer so.
    void destroy() noexcept override {
        if (handle_ != nullptr) *std::exchange(handle_, nullptr) = nullptr;
        static_cast<list_link&>(static_cast<spawned_entry&>(*this)).unlink();
        dropped_ = true;
        this->queue().drop(*this, [](waker& self) noexcept { delete &static_cast<spawned&>(self); });
    }

    void detach() noexcept {
        handle_ = nullptr;
        if (this->finished()) end_detached();
    }

    /// The handle's pointer here, to be cleared when the executor dies first.
    void known_at(spawned** handle) noexcept { handle_ = handle; }

    const waker* waiting() const noexcept { return joiner_.waiting(); }
    /// For whoever joins it.
    bool wait(context& cx) noexcept {
        if (!this->finished()) joiner_.arm(cx.waker());
        return this->finished();
    }

private:
    ~spawned() = default;

    static void run(waker& self) noexcept {
        auto& me = static_cast<spawned&>(self);
        me.poll_once();
        if (me.dropped_ || !me.finished()) return;
        me.joiner_.wake();
        if (me.handle_ == nullptr) me.end_detached();
    }

    void end_detached() noexcept {
        this->queue().leave(*this);
        if (this->failed()) this->queue().owner().report(this->error(), place_);
        delete this;
    }

    waker_slot joiner_;
    spawned** handle_ = nullptr;
    std::source_location place_;
    bool dropped_ = false;
};

/// What a join_handle holds, and whoever else waits for what was spawned.
template <class A>
class spawned_handle {
public:
    spawned_handle(executor& ex, A operation, std::source_location place);
    spawned_handle(spawned_handle&& other) noexcept { adopt(std::exchange(other.spawned_, nullptr)); }
    spawned_handle& operator=(spawned_handle&& other) noexcept {
        if (this == &other) return *this;
        drop();
        adopt(std::exchange(other.spawned_, nullptr));
        return *this;
    }
    ~spawned_handle() { drop(); }

    bool empty() const noexcept { return spawned_ == nullptr; }
    bool finished() const noexcept { return spawned_->finished(); }
    bool wait(context& cx) noexcept { return spawned_->wait(cx); }
    const waker* waiting() const noexcept { return spawned_->waiting(); }
    typename A::result_type take() {
        const spawned_handle ended{std::move(*this)};
        return ended.spawned_->take();
    }
    void detach() { std::exchange(spawned_, nullptr)->detach(); }

private:
    void adopt(spawned<A>* spawned) noexcept {
        spawned_ = spawned;
        if (spawned_ != nullptr) spawned_->known_at(&spawned_);
    }
    void drop() noexcept {
        if (spawned_ != nullptr) spawned_->destroy();
    }

    spawned<A>* spawned_ = nullptr;
};

/// A task that nobody is left to join.
template <class T>
class detached_task final : public spawned_entry, public coroutine_owner, public pooled {
public:
    detached_task(task<T> operation, std::source_location place) noexcept
        : operation_{std::move(operation)}, place_{place} {
        operation_.state_->owned_by(*this);
    }

    void destroy() noexcept override {
        static_cast<list_link&>(*this).unlink();
        operation_.state_->drop_root();
    }

private:
    void die() noexcept override { delete this; }
    void ended() noexcept override {
        run_queue& queue = operation_.state_->queue();
        const std::exception_ptr error = operation_.state_->error();
        const std::source_location place = place_;
        queue.leave(*operation_.state_);
        delete this;
        if (error != nullptr) queue.owner().report(error, place);
    }

    task<T> operation_;
    std::source_location place_;
};

template <class T>
class spawned_handle<task<T>> final : public spawned_task {
public:
    spawned_handle(executor& ex, task<T> operation, std::source_location place)
        : spawned_task{operation.release(), place} {
        state().start(ex.queue(), root_kind::spawned, ex.queue().root());
        ex.adopt(*this);
    }
    spawned_handle(spawned_handle&& other) noexcept = default;
    spawned_handle& operator=(spawned_handle&& other) noexcept {
        if (this == &other) return *this;
        drop();
        take_from(other);
        return *this;
    }

    bool empty() const noexcept { return state_ == nullptr; }
    bool finished() const noexcept { return state().has_ended(); }
    bool wait(context& cx) noexcept { return state().poll_finished(cx).is_item(); }
    poll<unit> wait(coroutine_state& waiting) noexcept { return state().poll_finished(waiting); }
    const waker* waiting() const noexcept { return state().waiting(); }
    typename task<T>::result_type take() { return release().take(); }
    void detach();

private:
    using state_type = task_state<typename task<T>::result_type>;

    state_type& state() const noexcept { return static_cast<state_type&>(*state_); }
    state_type& release() noexcept {
        unlink();
        return static_cast<state_type&>(*std::exchange(state_, nullptr));
    }
};

} // namespace detail

/// A spawned operation. Awaiting it gives its result or throws its error; dropping it drops the operation, and, when
/// that has ended, its result or error: whoever drops it does not want to know.
template <operation A>
class [[nodiscard("co_await it, keep it, or detach it: dropping it drops the operation")]] join_handle {
public:
    using result_type = typename A::result_type;

    /// Lets it run to its end without this handle. Its error then goes to the executor's handler.
    void detach() && {
        if (!spawned_.empty()) spawned_.detach();
    }

    bool finished() const noexcept { return !spawned_.empty() && spawned_.finished(); }

    poll<result_type> poll_result(context& cx) {
        check();
        if (!spawned_.wait(cx)) return pending;
        return spawned_.take();
    }

private:
    friend class executor;
    friend detail::sole_waiter;
    friend detail::await_traits<join_handle>;

    join_handle(executor& ex, A operation, std::source_location place) : spawned_{ex, std::move(operation), place} {}

    const waker* waiting() const noexcept { return spawned_.empty() ? nullptr : spawned_.waiting(); }

    void check() const {
        if (spawned_.empty()) throw std::logic_error{"weir: join_handle: joined twice, or its executor is gone"};
    }

    detail::spawned_handle<A> spawned_;
};

/// The result stays in the task until the coroutine that awaits it goes on.
template <class T>
struct detail::await_traits<join_handle<task<T>>> {
    using answer = poll<unit>;

    static answer ask(join_handle<task<T>>& handle, coroutine_state& self) {
        handle.check();
        return handle.spawned_.wait(self);
    }
    static T result(join_handle<task<T>>& handle, answer&&) {
        if constexpr (std::is_void_v<T>) {
            handle.spawned_.take();
        } else {
            return handle.spawned_.take();
        }
    }
};

template <operation A>
await_result_t<A> executor::run(A operation) {
    const session running{*this};
    detail::root_operation<A> root{*this, std::move(operation)};
    run_until(root.finished_flag());
    if constexpr (std::is_void_v<await_result_t<A>>) {
        root.take();
    } else {
        return root.take();
    }
}

template <operation A>
join_handle<A> executor::spawn(A operation, std::source_location place) {
    return join_handle<A>{*this, std::move(operation), place};
}

template <class A>
detail::spawned_handle<A>::spawned_handle(executor& ex, A operation, std::source_location place) {
    auto* node = new spawned<A>{ex, std::move(operation), place};
    ex.adopt(*node);
    adopt(node);
}

template <class T>
void detail::spawned_handle<task<T>>::detach() {
    executor& ex = state_->queue().owner();
    if (finished()) {
        try {
            static_cast<void>(take());
        } catch (...) {
            ex.report(std::current_exception(), place_);
        }
        return;
    }
    auto* const owner = new detached_task<T>{task<T>{&state()}, place_};
    static_cast<void>(release());
    ex.adopt(*owner);
}

template <class F>
class executor::posted final : public detail::inbox_entry {
public:
    posted(executor& ex, F f) : ex_{ex}, f_(std::move(f)) {}

    void run() noexcept override {
        try {
            f_();
        } catch (...) {
            ex_.report(std::current_exception(), std::source_location::current());
        }
        delete this;
    }
    void discard() noexcept override { delete this; }

private:
    executor& ex_;
    F f_;
};

template <std::invocable F>
void executor::post(F f) {
    auto& entry = *new posted<F>{*this, std::move(f)};
    if (!inbox_->enter(entry)) entry.discard();
}

/// Runs one operation (a task, a pipeline that ends in a sink, or what a function gives) on an executor of its own, to
/// its result.
///
///     weir::run(weir::iota(1, 5) | weir::map(square) | weir::for_each(print));
///
/// @throws what the operation throws; std::system_error when the backend cannot be had
template <class A>
auto run(A operation, backend_kind kind = backend_kind::automatic) {
    if constexpr (weir::operation<A> || detail::returns_operation<A&>) {
        executor ex{kind};
        return ex.run(std::move(operation));
    } else {
        detail::cannot_be_run<A>();
    }
}

} // namespace weir
