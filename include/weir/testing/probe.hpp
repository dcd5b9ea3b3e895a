// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/root_waker.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/executor.hpp>

namespace weir::testing {

template <class T>
class probe_stream;

/// A source under the control of the test: the test decides its items, and sees its polls.
///
///     weir::testing::probe<int> source;
///     weir::testing::probe_sink sink{ex, source.stream() | weir::map(twice)};
///     CHECK(source.polls() == 0);
///     sink.request(1);
///     ex.run_ready();
///     source.push(21);
template <class T>
class probe {
public:
    probe() : state_{std::make_shared<state>()} {}

    /// Returns the stream. May be called once.
    probe_stream<T> stream() { return probe_stream<T>{state_}; }

    void push(T item) {
        state_->items.push_back(std::move(item));
        state_->waiter.wake();
    }
    void end() {
        state_->ended = true;
        state_->waiter.wake();
    }
    void fail(std::exception_ptr error) {
        state_->error = std::move(error);
        state_->waiter.wake();
    }

    /// The number of polls, and the number of delivered items.
    std::size_t polls() const noexcept { return state_->polls; }
    std::size_t taken() const noexcept { return state_->taken; }
    /// Whether a consumer waits and was not woken.
    bool waiting() const noexcept { return state_->waiter.armed(); }
    /// Whether the stream was destroyed.
    bool dropped() const noexcept { return state_->dropped; }
    /// Whether the stream was polled after its end or its error.
    bool polled_after_end() const noexcept { return state_->polled_after_end; }

private:
    friend class probe_stream<T>;

    struct state {
        std::deque<T> items;
        std::exception_ptr error;
        waker_slot waiter;
        std::size_t polls = 0;
        std::size_t taken = 0;
        bool ended = false;
        bool answered_end = false;
        bool polled_after_end = false;
        bool dropped = false;
    };

    std::shared_ptr<state> state_;
};

template <class T>
class probe_stream {
public:
    using value_type = T;

    probe_stream(probe_stream&&) noexcept = default;
    ~probe_stream() {
        if (state_ == nullptr) return;
        state_->dropped = true;
        state_->waiter.disarm();
    }

    poll<T> poll_next(context& cx) {
        auto& s = *state_;
        ++s.polls;
        if (s.answered_end) {
            s.polled_after_end = true;
            return done;
        }
        if (!s.items.empty()) {
            poll<T> item{std::move(s.items.front())};
            s.items.pop_front();
            ++s.taken;
            return item;
        }
        if (s.error != nullptr) {
            s.answered_end = true;
            std::rethrow_exception(s.error);
        }
        if (s.ended) {
            s.answered_end = true;
            return done;
        }
        s.waiter.arm(cx.waker());
        return pending;
    }

    void outline(stage_outline&) const noexcept {}

private:
    friend class probe<T>;

    using state = typename probe<T>::state;

    explicit probe_stream(std::shared_ptr<state> s) noexcept : state_{std::move(s)} {}

    std::shared_ptr<state> state_;
};

/// How a consumer asks a stream for items.
enum class asking {
    one_by_one, ///< with `poll_next`
    in_a_loop,  ///< with `poll_each`
};

/// A consumer under the control of the test. It polls on request, and then only after a wake, so that a lost wake
/// shows.
template <stream S>
class probe_sink {
public:
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    probe_sink(executor& ex, S upstream, asking how = asking::one_by_one)
        : consumer_{new consumer(*this, ex, std::move(upstream))}, how_{how} {}
    probe_sink(const probe_sink&) = delete;
    probe_sink& operator=(const probe_sink&) = delete;
    ~probe_sink() { drop(); }

    /// Requests n more items, which arrive when the executor runs.
    void request(std::size_t n = unlimited) {
        const bool asking = wanted_ != 0;
        wanted_ = n > unlimited - wanted_ ? unlimited : wanted_ + n;
        if (!asking && consumer_ != nullptr) consumer_->wake();
    }
    /// Throws a std::runtime_error, "consumer failed", when it has as many items.
    void fail_at(std::size_t items) noexcept { fails_at_ = items; }
    /// Destroys the stream: at once, or after the poll during which the stream itself calls this.
    void drop() noexcept {
        if (consumer_ != nullptr) std::exchange(consumer_, nullptr)->drop();
    }

    const std::vector<item_t<S>>& items() const noexcept { return items_; }
    bool ended() const noexcept { return ended_; }
    bool failed() const noexcept { return error_ != nullptr; }
    std::exception_ptr error() const noexcept { return error_; }
    /// The what() of the error; empty without an error.
    std::string error_message() const {
        if (error_ == nullptr) return {};
        try {
            std::rethrow_exception(error_);
        } catch (const std::exception& e) {
            return e.what();
        } catch (...) {
            return "not a std::exception";
        }
    }
    std::size_t polls() const noexcept { return polls_; }
    bool finished() const noexcept { return ended_ || failed(); }

private:
    /// The stream and its root, which may outlive the sink until the end of a poll.
    class consumer final : public weir::detail::root_waker {
    public:
        consumer(probe_sink& owner, executor& ex, S upstream)
            : root_waker{&run}, owner_{&owner}, upstream_(std::move(upstream)) {
            run_queue& home = weir::detail::executor_access::queue(ex);
            become_root(home, weir::detail::root_kind::spawned, home.root());
            inherit_locals();
        }

        void drop() noexcept {
            owner_ = nullptr;
            queue().drop(*this, [](waker& self) noexcept { delete &static_cast<consumer&>(self); });
        }

        bool operator()(item_t<S>&& item) {
            owner_->items_.push_back(std::move(item));
            if (owner_->items_.size() == owner_->fails_at_) throw std::runtime_error{"consumer failed"};
            if (owner_->wanted_ != unlimited) --owner_->wanted_;
            return wants_more();
        }

    private:
        static void run(waker& self) noexcept {
            auto& me = static_cast<consumer&>(self);
            context cx{me};
            while (me.wants_more()) {
                ++me.owner_->polls_;
                try {
                    if (me.owner_->how_ == asking::in_a_loop) {
                        const flow answer = weir::poll_each(me.upstream_, cx, me);
                        if (me.owner_ != nullptr && answer == flow::done) me.owner_->ended_ = true;
                        return;
                    }
                    auto item = me.upstream_.poll_next(cx);
                    if (me.owner_ == nullptr || item.is_pending()) return;
                    if (item.is_done()) {
                        me.owner_->ended_ = true;
                        return;
                    }
                    me(*std::move(item));
                } catch (...) {
                    if (me.owner_ != nullptr) me.owner_->error_ = std::current_exception();
                    return;
                }
                if (!cx.spend()) {
                    me.defer();
                    return;
                }
            }
        }

        bool wants_more() const noexcept { return owner_ != nullptr && owner_->wanted_ != 0 && !owner_->finished(); }

        probe_sink* owner_; // null when it was dropped
        S upstream_;
    };

    consumer* consumer_;
    asking how_;
    std::size_t fails_at_ = 0;
    std::vector<item_t<S>> items_;
    std::exception_ptr error_;
    std::size_t wanted_ = 0;
    std::size_t polls_ = 0;
    bool ended_ = false;
};

} // namespace weir::testing
