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
#include <string>
#include <type_traits>
#include <utility>

#include <weir/backend/backend.hpp>
#include <weir/core/detail/frame_pool.hpp>
#include <weir/core/detail/lazy_operation.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/detail/root_waker.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/detail/cleanup.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/detail/observations.hpp>
#include <weir/executor/detail/timer_wheel.hpp>
#include <weir/executor/random_bits.hpp>
#include <weir/task.hpp>

namespace weir {

template <operation A>
class join_handle;

/// Thrown by `run` when `executor::stop` or a std::stop_token ended it before its operation had a result. The operation
/// was dropped.
class stopped : public std::runtime_error {
public:
    // The base has an empty text, which needs no memory: a stop must not fail for lack of memory.
    stopped() : std::runtime_error{""} {}
    const char* what() const noexcept override { return "weir: stopped before there was a result"; }
};

/// Thrown by `run` under virtual time when nothing can wake the operation any more: no waker is ready, no timer is
/// armed, and no I/O is in flight.
class deadlock : public std::logic_error {
public:
    deadlock() : std::logic_error{text} {}
    /// @param waits  describes what waits for what
    explicit deadlock(const std::string& waits) : std::logic_error{text + ('\n' + waits)} {}

private:
    static constexpr const char* text = "weir: deadlock: the operation waits for something that nothing will wake";
};

namespace detail {

class loop_observer;
enum class loop_phase : std::uint8_t;

/// The part of a root object that does not depend on the type of its operation.
class root_object : public root_waker {
public:
    bool finished() const noexcept { return finished_; }
    const bool& finished_flag() const noexcept { return finished_; }
    bool failed() const noexcept { return error_ != nullptr; }
    std::exception_ptr error() const noexcept { return error_; }

protected:
    /// Polls the operation, keeps its answer, and returns whether that is the result. Without a context, destroys the
    /// operation. It is no virtual function, since the check of virtual functions by UBSan needs a free descriptor.
    using step_function = bool (*)(root_object& self, context* cx);

    /// Makes this object a root of the executor, and wakes it.
    root_object(executor& ex, step_function step, function run = &root_object::run);
    ~root_object() = default;

    /// Polls the operation, and destroys it when it has a result or an error.
    void poll_once() noexcept;
    void rethrow_error() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
    }

private:
    static void run(waker& self) noexcept { static_cast<root_object&>(self).poll_once(); }

    step_function step_;
    std::exception_ptr error_;
    bool finished_ = false;
};

/// Runs an operation as a root. The operation is destroyed as soon as it has a result.
template <operation A>
class root_operation : public root_object {
public:
    template <class... Run>
    root_operation(executor& ex, A operation, Run... run)
        : root_object{ex, &step, run...}, operation_(std::move(operation)) {}

    /// Returns the result or throws the error, once it has finished.
    typename A::result_type take() {
        rethrow_error();
        return *std::move(result_);
    }

    drawing drawn() const noexcept { return drawing_of(operation_); }

private:
    static bool step(root_object& self, context* cx) {
        auto& me = static_cast<root_operation&>(self);
        if (cx == nullptr) {
            me.operation_.reset();
            return true;
        }
        me.result_ = me.operation_->poll_result(*cx);
        return !me.result_.is_pending();
    }

    resettable<A> operation_;
    poll<typename A::result_type> result_{pending};
};

/// The part of a spawned operation that its executor uses.
class spawned_entry : public list_link {
public:
    spawned_entry() noexcept = default;

    virtual void destroy() noexcept = 0;
    virtual live_root shown() noexcept = 0;

protected:
    ~spawned_entry() = default;
};

/// The part of a task's join_handle that its executor uses. A task is its own waker and keeps its result, so that only
/// a place in a list is needed.
class spawned_task : public list_link {
public:
    spawned_task(const spawned_task&) = delete;
    spawned_task& operator=(const spawned_task&) = delete;

    /// Destroys the operation: at once, or when it has left the stack.
    void drop() noexcept {
        unlink();
        if (state_ != nullptr) std::exchange(state_, nullptr)->drop_root();
    }
    live_root shown() const noexcept { return {state_, state_, {}, place_, "spawned"}; }

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
class executor_access;

template <class A>
constexpr void cannot_be_run() {
    static_assert(
        !stream<A>,
        "weir::run, executor::spawn: a stream alone has no result; end the pipeline with a sink, such as | drain()");
    static_assert(stream<A>,
                  "weir::run, executor::spawn: takes a task, a pipeline that ends in a sink, or a function of no "
                  "arguments that returns one of these");
}

} // namespace detail

/// Runs wakers, timers and I/O on one thread.
///
///     weir::executor ex;
///     auto server = ex.spawn(serve());
///     ex.run(client());
///
/// A turn of the executor runs the ready wakers, fires the timers that are due, submits and completes I/O in one system
/// call, and runs the functions that other threads have posted. The clock is read once per turn.
///
/// An executor ignores SIGPIPE if its disposition was the default, so that a write to a closed pipe or socket fails
/// instead of ending the process.
///
/// Dropped: the destructor drops all spawned operations, and runs the cleanups of async_finally.
/// Threads: `post`, `stop` and `notify` may be called on any thread, and `stop` and `notify` in signal handlers too.
/// All other members belong to one thread.
/// See: run, runtime, virtual_executor.
class executor {
public:
    /// Called with an error without a receiver, and the place where the failed operation was spawned. The place is
    /// empty for what has none, such as an on_drop or a function given to post.
    using error_handler = std::function<void(std::exception_ptr, std::source_location)>;

    /// The maximum number of wakers that run between two checks of timers and I/O.
    static constexpr std::size_t wakers_per_turn = 128;

    /// Counters of the executor's work, and its present load.
    struct statistics {
        std::uint64_t turns = 0;
        std::uint64_t wakers_run = 0;
        std::uint64_t waits = 0; ///< visits to the backend
        std::uint64_t timers_fired = 0;
        std::uint64_t io_started = 0;
        std::uint64_t io_completed = 0; ///< with a result or an error, and not cancelled
        std::uint64_t io_cancelled = 0;
        std::size_t wakers_ready = 0; ///< at present
        std::size_t timers_armed = 0; ///< at present
        std::size_t io_in_flight = 0; ///< at present
    };

    /// @throws std::system_error when the backend cannot be created
    explicit executor(backend_kind kind = backend_kind::automatic);
    explicit executor(std::unique_ptr<weir::backend> io);
    executor(const executor&) = delete;
    executor& operator=(const executor&) = delete;
    virtual ~executor() { shut_down(); }

    /// The first step of the destructor: drops all spawned operations and refuses new ones.
    void shut_down() noexcept;

    /// Returns the executor that runs on this thread, or null when no executor runs there.
    static executor* current() noexcept;

    /// Runs until the operation has a result and the cleanups of async_finally have finished. Returns the result or
    /// throws the error. Spawned operations run in the meantime.
    /// @throws stopped; std::logic_error when an executor is already running on this thread
    template <operation A>
    await_result_t<A> run(A operation);

    /// Starts an operation in the next turn. Dropping the handle drops the operation.
    template <operation A>
    join_handle<A> spawn(A operation, std::source_location place = std::source_location::current());

    /// The same with a function that returns the operation. The executor calls it in the next turn and keeps it as long
    /// as the operation, so that a coroutine may use the captures of a lambda.
    ///
    ///     auto served = ex.spawn([port]() -> weir::task<> { co_await serve(port); });
    ///
    /// Rejects any other argument with a readable error.
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

    /// Calls f on the executor's thread when the executor next runs. May be called on any thread. An exception of f
    /// goes to the error handler.
    template <std::invocable F>
    void post(F f) {
        static_assert(!detail::returns_work<F&>, "executor::post(f): f returns an operation or a stream, and nothing "
                                                 "would await it; spawn it in f, or write spawn_on(executor, f)");
        if constexpr (!detail::returns_work<F&>) enter(std::move(f));
    }

    /// Makes the present or the next `run` drop its operation and throw `stopped`.
    void stop() noexcept;

    /// The time as read in this turn.
    time_point now() const noexcept { return now_; }
    /// The time after d from now; time_point::max() when the sum exceeds it.
    time_point time_after(duration d) const noexcept {
        return d > time_point::max() - now_ ? time_point::max() : now_ + d;
    }

    /// A random number generator, seeded by the machine, or by the seed of a simulation.
    random_bits& random() noexcept { return random_; }

    weir::backend& io() noexcept { return *backend_; }
    statistics stats() const noexcept;

    /// Sets the error handler. The default prints to stderr and calls std::terminate.
    void on_error(error_handler handler) { error_handler_ = std::move(handler); }
    /// `what` is what has failed, in the words of the default handler; null for an operation that was spawned.
    void report(std::exception_ptr error, std::source_location place, const char* what = nullptr) noexcept;

    /// Runs one turn. Waits when nothing is ready, at most until the given time.
    /// @throws std::logic_error when an executor is already running on this thread
    void turn(time_point until = time_point::max());
    /// Whether nothing is ready to run.
    bool idle() const noexcept { return queue_.empty() && !inbox_->notified(); }

private:
    friend class detail::executor_access;
    template <class A>
    friend class detail::spawned_handle;
    template <operation A>
    friend class detail::remote_spawn;

    class session;

    template <class F>
    class posted;

    template <class F>
    void enter(F f);
    void run_ready() noexcept;
    void fire_timers(detail::loop_phase before) noexcept;
    void visit_backend(time_point until);
    void run_until(const bool& finished, const detail::live_root& main);
    void finish_cleanups() noexcept;
    detail::cleanups& cleanups_of(std::uint32_t group) noexcept;
    void adopt(detail::spawned_entry& entry) noexcept { spawned_.push_back(entry); }
    void adopt(detail::spawned_task& task) noexcept { spawned_tasks_.push_back(task); }

    std::unique_ptr<weir::backend> backend_;
    time_point now_{};
    time_point last_wait_{};
    run_queue queue_{*this};
    detail::timer_wheel timers_;
    const detail::live_root* main_ = nullptr; // the operation of `run`
    detail::intrusive_list<detail::spawned_entry> spawned_;
    detail::intrusive_list<detail::spawned_task> spawned_tasks_;
    detail::intrusive_list<detail::cleanup> guards_; // cleanups of scopes that exist
    detail::cleanups cleanups_;
    detail::group_table groups_;
    statistics stats_;
    std::unique_ptr<detail::observations> observations_;
    detail::loop_observer* observer_ = nullptr;
    std::weak_ptr<void> file_watcher_;
    random_bits random_;
    error_handler error_handler_;

    const std::shared_ptr<detail::inbox> inbox_;
    std::atomic<bool> stop_requested_ = false;
};

/// A guard for the duration of `run`, which waits for the cleanups that were started by its end.
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

/// The parts of an executor that the library uses and its users do not.
class executor_access {
public:
    static run_queue& queue(executor& ex) noexcept { return ex.queue_; }
    static timer_wheel& timers(executor& ex) noexcept { return ex.timers_; }
    static group_table& groups(executor& ex) noexcept { return ex.groups_; }
    /// Calls into.add with every live operation.
    static void list(executor& ex, live_roots& into);
    static std::unique_ptr<observations>& observed(executor& ex) noexcept { return ex.observations_; }
    /// Null for none.
    static void observe_loop(executor& ex, loop_observer* one) noexcept { ex.observer_ = one; }
    /// What the followed files of the executor share. They own it.
    static std::weak_ptr<void>& file_watcher(executor& ex) noexcept { return ex.file_watcher_; }
    /// The inbox for other threads. It may outlive the executor.
    static const std::shared_ptr<weir::detail::inbox>& inbox(const executor& ex) noexcept { return ex.inbox_; }

    /// Registers a cleanup whose scope has been entered.
    static void guard(executor& ex, cleanup& one) noexcept { ex.guards_.push_back(one); }
    /// Starts the cleanup of a scope that has ended, in the group with that number or else in the executor.
    static void start(executor& ex, cleanup& one, std::uint32_t group) noexcept;
    /// Takes over the cleanups of a destroyed group.
    static void adopt(executor& ex, cleanups& left, std::uint32_t group) noexcept {
        left.move_to(ex.cleanups_of(group), group);
    }
};

/// A spawned operation. Its executor owns it until it has finished and no handle refers to it.
template <class A>
class spawned final : public root_operation<A>, public spawned_entry, public pooled {
public:
    spawned(executor& ex, A operation, std::source_location place)
        : root_operation<A>{ex, std::move(operation), &run}, place_{place} {}

    /// Drops the operation when the executor or the handle is destroyed: at once, or when it has left the stack.
    void destroy() noexcept override {
        if (handle_ != nullptr) *std::exchange(handle_, nullptr) = nullptr;
        static_cast<list_link&>(static_cast<spawned_entry&>(*this)).unlink();
        dropped_ = true;
        this->queue().drop(*this, [](waker& self) noexcept { delete &static_cast<spawned&>(self); });
    }
    live_root shown() noexcept override { return {this, nullptr, this->drawn(), place_, "spawned", this->finished()}; }

    void detach() noexcept {
        handle_ = nullptr;
        if (this->finished()) end_detached();
    }

    /// The handle's pointer to this object, cleared when the executor is destroyed first.
    void known_at(spawned** handle) noexcept { handle_ = handle; }

    const waker* waiting() const noexcept { return joiner_.waiting(); }
    /// For the joining coroutine.
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

    friend described;

    void describe(wait_report& report) { report.object(static_cast<waker*>(this), "spawned", "has not ended"); }

    described_slot joiner_{*this};
    spawned** handle_ = nullptr;
    std::source_location place_;
    bool dropped_ = false;
};

/// A reference to a spawned operation, for a join_handle and other waiters.
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

/// A detached task.
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
    live_root shown() noexcept override { return {operation_.state_, operation_.state_, {}, place_, "spawned"}; }

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
        run_queue& home = executor_access::queue(ex);
        state().start(home, root_kind::spawned, home.root());
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

/// The handle of a spawned operation. Awaiting it returns the result or throws the error. Dropping it drops the
/// operation; the result or error of a finished operation is discarded.
template <operation A>
class [[nodiscard("co_await it, keep it, or detach it: dropping it drops the operation")]] join_handle {
public:
    using result_type = typename A::result_type;

    /// Lets the operation run to its end. Its error then goes to the executor's handler.
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
        if (spawned_.empty()) throw std::logic_error{"weir: join_handle: joined twice, or its executor was destroyed"};
    }

    detail::spawned_handle<A> spawned_;
};

/// The result stays in the task until the awaiting coroutine resumes.
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
    run_until(root.finished_flag(), {&root, nullptr, root.drawn(), {}, "run"});
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
            static_cast<void>(f_());
        } catch (...) {
            ex_.report(std::current_exception(), {}, "a function given to post");
        }
        delete this;
    }
    void discard() noexcept override { delete this; }

private:
    executor& ex_;
    F f_;
};

template <class F>
void executor::enter(F f) {
    auto& entry = *new posted<F>{*this, std::move(f)};
    if (!inbox_->enter(entry)) entry.discard();
}

/// Runs one operation on an executor of its own, and returns its result. Accepts a task, a pipeline that ends in a
/// sink, or a function that returns one.
///
///     weir::run(weir::iota(1, 5) | weir::map(square) | weir::for_each(print));
///
/// @throws the operation's error; std::system_error when the backend cannot be created
template <class A>
auto run(A operation, backend_kind kind = backend_kind::automatic) {
    if constexpr (weir::operation<A> || detail::returns_operation<A&>) {
        executor ex{kind};
        return ex.run(std::move(operation));
    } else {
        detail::cannot_be_run<A>();
    }
}

namespace detail {

/// The library defines this function for its version (major, minor), its layout of the objects that headers access, and
/// its way to allocate frames. With headers of another weir, with flags that change the layout of the standard library,
/// or with a sanitizer in one of the two only, a program does not link; with another library at run time, it does not
/// start.
template <std::size_t... VersionAndSizes>
void headers_and_library_of_weir_differ() noexcept;
template <>
void headers_and_library_of_weir_differ<0, 1, sizeof(executor), sizeof(coroutine_state), sizeof(io_operation),
                                        WEIR_POOL_FRAMES>() noexcept;

// One pointer per program. `retain` holds it against --gc-sections.
[[gnu::used, gnu::retain]] inline void (*const library_of_these_headers)() noexcept =
    &headers_and_library_of_weir_differ<0, 1, sizeof(executor), sizeof(coroutine_state), sizeof(io_operation),
                                        WEIR_POOL_FRAMES>;

} // namespace detail

} // namespace weir
