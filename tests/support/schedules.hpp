// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>
#include <weir/testing/virtual_executor.hpp>

/// Every interleaving of a few actors, up to a length.
///
/// A world has actors, and says what each of them can do next. `explore` makes a new world for every schedule, which is
/// a list of such actions, and checks after each action, and at the end of every schedule, what the world expects.
namespace support {

/// What a world knows of an attempt, whatever it attempts.
class attempt_base {
public:
    explicit attempt_base(weir::executor& ex) noexcept : executor_{ex} {}
    attempt_base(const attempt_base&) = delete;
    attempt_base& operator=(const attempt_base&) = delete;
    virtual ~attempt_base() = default;

    /// Whether the operation was started, has no result yet, and was not abandoned.
    virtual bool running() const noexcept = 0;
    virtual void poll() = 0;
    virtual void abandon() noexcept = 0;

    /// It runs, and was woken since it was polled.
    bool woken() const noexcept { return running() && woken_; }

protected:
    class flag : public weir::waker {
    public:
        flag(weir::executor& ex, bool& woken) noexcept : waker{&run}, woken_{woken} {
            bind(weir::detail::executor_access::queue(ex));
        }

    private:
        static void run(waker& self) noexcept { static_cast<flag&>(self).woken_ = true; }

        bool& woken_;
    };

    weir::executor& executor_;
    bool woken_ = false;
    std::optional<flag> waker_;
};

/// One operation after another, each started, polled and abandoned when the schedule says so.
template <weir::operation A>
class attempt final : public attempt_base {
public:
    using result_type = typename A::result_type;

    /// @param ended  called with the result of an operation, or with null when it has thrown weir::closed or the like
    attempt(weir::executor& ex, std::function<void(result_type*)> ended) : attempt_base{ex}, ended_{std::move(ended)} {}

    /// Begins what make() gives, and polls it.
    template <class Make>
    void start(Make make) {
        waker_.emplace(executor_, woken_);
        operation_.construct_with(std::move(make));
        poll();
    }

    bool running() const noexcept override { return static_cast<bool>(operation_); }
    void poll() override {
        woken_ = false;
        std::optional<result_type> result;
        try {
            weir::context cx{*waker_};
            auto answer = operation_->poll_result(cx);
            if (answer.is_pending()) return;
            result.emplace(*std::move(answer));
        } catch (const std::exception&) {}
        abandon();
        ended_(result ? &*result : nullptr);
    }
    void abandon() noexcept override {
        operation_.reset();
        waker_.reset();
        woken_ = false;
    }

private:
    std::function<void(result_type*)> ended_;
    weir::detail::manual_lifetime<A> operation_;
};

/// Base of a world.
class world {
public:
    explicit world(weir::executor& ex) : executor_{ex} {}
    world(const world&) = delete;
    world& operator=(const world&) = delete;
    virtual ~world() = default;

    /// The numbers of the actions that are possible now.
    std::vector<std::size_t> possible() const {
        std::vector<std::size_t> all;
        for (std::size_t i = 0; i != actions_.size(); ++i) {
            if (actions_[i].possible()) all.push_back(i);
        }
        return all;
    }
    void act(std::size_t i) {
        actions_[i].run();
        step();
    }
    const char* name(std::size_t i) const noexcept { return actions_[i].name; }

    /// Polls the woken attempts until none is woken. An attempt that still waits then cannot continue.
    void come_to_rest() {
        for (bool more = true; more;) {
            more = false;
            for (attempt_base* one : attempts_) {
                if (!one->woken()) continue;
                one->poll();
                step();
                more = true;
            }
        }
        for (attempt_base* one : attempts_) {
            if (!one->running()) continue;
            one->poll();
            expect(one->running(), "one could have gone on and was not woken");
            step();
        }
        at_rest();
    }

    const std::string& failure() const noexcept { return failure_; }

protected:
    /// After each action.
    virtual void check() {}
    /// When nobody can go on.
    virtual void at_rest() {}

    void can(const char* name, std::function<bool()> possible, std::function<void()> run) {
        actions_.push_back({name, std::move(possible), std::move(run)});
    }
    /// An actor that does one thing at a time may poll it, also for nothing, and abandon it.
    void can_poll_and_abandon(
        const char* polls, const char* abandons, attempt_base& one, std::function<void()> abandoned = [] {}) {
        attempts_.push_back(&one);
        can(polls, [&one] { return one.running(); }, [&one] { one.poll(); });
        can(
            abandons, [&one] { return one.running(); },
            [&one, abandoned = std::move(abandoned)] {
                one.abandon();
                abandoned();
            });
    }

    void expect(bool holds, const char* what) {
        if (!holds && failure_.empty()) failure_ = what;
    }

    weir::executor& executor_;

private:
    struct action {
        const char* name;
        std::function<bool()> possible;
        std::function<void()> run;
    };

    void step() {
        weir::detail::executor_access::queue(executor_).run(1000);
        check();
    }

    std::vector<action> actions_;
    std::vector<attempt_base*> attempts_;
    std::string failure_;
};

struct exploration {
    std::size_t schedules = 0;
    std::string failure; ///< what did not hold, and in which schedule; empty if all did
};

/// @param make   makes a world on an executor: `std::unique_ptr<World>(weir::executor&)`
/// @param depth  the longest schedules
template <class Make>
class explorer {
public:
    explicit explorer(Make make, std::size_t depth) : make_{std::move(make)}, depth_{depth} {}

    exploration run() {
        visit();
        return std::move(result_);
    }

private:
    void visit() {
        ++result_.schedules;
        std::vector<std::size_t> next;
        {
            auto w = make_(executor_);
            for (const std::size_t i : path_) w->act(i);
            if (path_.size() != depth_) next = w->possible();
            w->come_to_rest();
            if (!w->failure().empty()) {
                result_.failure = w->failure();
                const char* separator = ": ";
                for (const std::size_t i : path_) {
                    result_.failure += separator;
                    result_.failure += w->name(i);
                    separator = ", ";
                }
            }
        }
        for (const std::size_t i : next) {
            if (!result_.failure.empty()) return;
            path_.push_back(i);
            visit();
            path_.pop_back();
        }
    }

    Make make_;
    std::size_t depth_;
    weir::testing::virtual_executor executor_;
    std::vector<std::size_t> path_;
    exploration result_;
};

/// Shorter where a schedule takes longer.
template <class Make>
exploration explore(std::size_t depth, Make make) {
#if WEIR_POOL_FRAMES == 0 || !defined(__OPTIMIZE__)
    --depth;
#endif
    return explorer<Make>{std::move(make), depth}.run();
}

} // namespace support
