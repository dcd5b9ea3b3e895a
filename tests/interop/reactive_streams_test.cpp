// SPDX-License-Identifier: MIT
#include <weir/interop/reactive_streams.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/on_error_resume.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>
#include <weir/threads/runtime.hpp>
#include <weir/threads/spawn_on.hpp>

namespace rs = weir::rs;

namespace {

constexpr std::int64_t unbounded = std::numeric_limits<std::int64_t>::max();
constexpr int endless = 1'000'000;

struct test_error : std::runtime_error {
    test_error() : std::runtime_error{"test error"} {}
};

/// What f throws; empty when it returns.
template <class F>
std::string error_of(F f) {
    try {
        f();
    } catch (const std::exception& error) {
        return error.what();
    }
    return {};
}

/// Calls f on n threads at the same time.
template <class F>
void on_threads(int n, F f) {
    std::vector<std::jthread> threads;
    for (int i = 0; i != n; ++i) threads.emplace_back(f);
}

weir::async_stream<int> numbers(int n, bool fails, std::shared_ptr<int> token) {
    static_cast<void>(token);
    for (int i = 0; i != n; ++i) co_yield i;
    if (fails) throw test_error{};
}

/// What a recorder does inside the signals.
struct script {
    std::int64_t at_start = 0; // requested in on_subscribe; none for 0
    std::int64_t each = 0;     // requested in each on_next
    int cancel_at = -1;        // the number of the item
    int throw_at = -1;
};

/// A subscriber that keeps count of what publishers must not do.
class recorder final : public rs::subscriber<int> {
public:
    explicit recorder(script does) : does_{does} {}

    void on_subscribe(std::shared_ptr<rs::subscription> link) override {
        const signal here{*this};
        ++subscriptions;
        link_ = std::move(link);
        if (does_.at_start != 0) request(does_.at_start);
    }
    void on_next(int item) override {
        const signal here{*this};
        if (subscriptions == 0) early = true;
        if (std::this_thread::get_id() == requesting_) ++inside_request;
        const int number = ++items;
        if (number > requested) over = true;
        sum += item;
        if (number == does_.throw_at) throw test_error{};
        if (number == does_.cancel_at) return cancel();
        if (does_.each != 0) request(does_.each);
    }
    void on_error(std::exception_ptr what) override {
        const signal here{*this};
        error = error_of([&] { std::rethrow_exception(what); });
        ++failed;
    }
    void on_complete() override {
        const signal here{*this};
        ++completed;
    }

    void request(std::int64_t n) {
        requested += std::min(n, unbounded / 4);
        const std::thread::id outer = requesting_.exchange(std::this_thread::get_id());
        link_->request(n);
        requesting_ = outer;
    }
    void cancel() { link_->cancel(); }
    std::shared_ptr<rs::subscription> link() const { return link_; }

    bool terminated() const { return completed + failed != 0; }
    int signals() const { return items + completed + failed; }

    std::atomic<int> subscriptions = 0, items = 0, completed = 0, failed = 0;
    std::atomic<std::int64_t> requested = 0;
    std::atomic<int> sum = 0, inside_request = 0, deepest = 0;
    std::atomic<bool> over = false, early = false, overlap = false, after_end = false;
    std::string error; // valid once `failed`

private:
    struct signal {
        explicit signal(recorder& of) : self{of}, depth{++self.inside_} {
            if (self.terminated()) self.after_end = true;
            if (depth > 1) self.overlap = true;
            self.deepest = std::max(self.deepest.load(), depth);
        }
        signal(const signal&) = delete;
        signal& operator=(const signal&) = delete;
        ~signal() { --self.inside_; }

        recorder& self;
        const int depth;
    };

    const script does_;
    std::shared_ptr<rs::subscription> link_;
    std::atomic<int> inside_ = 0;
    std::atomic<std::thread::id> requesting_{};
};

/// A synchronous publisher of 0, 1, ... that breaks one rule, or none.
class plain_publisher final : public rs::publisher<int> {
public:
    plain_publisher(int n, bool fails, std::shared_ptr<int> token, std::string breaks)
        : n_{n}, fails_{fails}, token_{std::move(token)}, breaks_{std::move(breaks)} {}
    ~plain_publisher() override {
        for (const auto& link : links_) link->release();
    }

    void subscribe(std::shared_ptr<rs::subscriber<int>> to) override {
        if (to == nullptr) {
            if (breaks_ == "1.9") return;
            throw std::invalid_argument{"the subscriber is null"};
        }
        if (breaks_ == "1.9") to->on_next(0);
        if (++subscribers_ == 2) {
            if (breaks_ == "1.10") throw std::logic_error{"only once"};
            if (breaks_ == "3.14") return;
        }
        auto link = std::make_shared<subscription>(*this, to);
        if (breaks_ == "3.12" || breaks_ == "3.13") kept_.push_back(to);
        if (breaks_ == "3.12") leaked().push_back(token_);
        if (breaks_ == "1.11" && subscribers_ == 2) return to->on_subscribe(std::make_shared<dead>());
        links_.push_back(link);
        to->on_subscribe(link);
        link->start();
    }

private:
    struct dead final : rs::subscription {
        void request(std::int64_t) noexcept override {}
        void cancel() noexcept override {}
    };

    class subscription final : public rs::subscription, public std::enable_shared_from_this<subscription> {
    public:
        subscription(const plain_publisher& of, std::shared_ptr<rs::subscriber<int>> to)
            : n_{of.n_}, fails_{of.fails_}, token_{of.token_}, breaks_{of.breaks_}, to_{to}, known_{std::move(to)} {}

        void request(std::int64_t n) noexcept override {
            const auto self = shared_from_this();
            const std::lock_guard lock{mutex_};
            if (to_ == nullptr) return request_after_end();
            if (n < 1) {
                if (!is("3.9")) fail(std::make_exception_ptr(std::invalid_argument{"n < 1, see 3.9"}));
                return;
            }
            if ((is("3.2") && emitting_) || (is("3.8") && ++requests_ % 2 == 0)) return;
            const auto sum = static_cast<std::uint64_t>(demand_) + static_cast<std::uint64_t>(n);
            demand_ = static_cast<std::int64_t>(is("3.17") ? sum : std::min<std::uint64_t>(sum, unbounded));
            if (started_ && (!emitting_ || is("1.3") || is("3.3"))) emit();
        }
        /// Breaks the cycle of a subscriber that was not cancelled.
        void release() {
            to_ = nullptr;
            token_ = nullptr;
        }
        void start() {
            const std::lock_guard lock{mutex_};
            started_ = true;
            if (to_ != nullptr) emit();
        }
        void cancel() noexcept override {
            const std::lock_guard lock{mutex_};
            const bool again = std::exchange(cancelled_, true);
            const auto to = known_.lock();
            if (to != nullptr && (is("3.5") || (is("3.7") && again))) to->on_complete();
            if (is("1.8")) return;
            to_ = nullptr;
            token_ = nullptr;
        }

    private:
        bool is(std::string_view rule) const { return breaks_ == rule; }

        void request_after_end() {
            const auto to = known_.lock();
            if (to == nullptr) return;
            if (is("1.6") && !cancelled_) to->on_error(std::make_exception_ptr(test_error{}));
            if (is("3.6") && cancelled_) to->on_next(0);
        }
        void emit() {
            const bool outer = std::exchange(emitting_, true);
            while (to_ != nullptr && demand_ > (is("1.1") ? -1 : 0) && next_ != n_) {
                --demand_;
                const auto to = to_;
                try {
                    to->on_next(next_++);
                } catch (...) {
                    if (!is("2.13")) to_ = nullptr;
                }
            }
            emitting_ = outer;
            if (to_ == nullptr || next_ != n_ || is("1.2") || is("1.5")) return;
            if (fails_ && !is("1.4")) return fail(std::make_exception_ptr(test_error{}));
            const auto to = std::exchange(to_, nullptr);
            to->on_complete();
            if (is("1.7")) to->on_complete();
        }
        void fail(std::exception_ptr error) {
            token_ = nullptr;
            std::exchange(to_, nullptr)->on_error(std::move(error));
        }

        const int n_;
        const bool fails_;
        std::shared_ptr<int> token_;
        const std::string breaks_;
        std::recursive_mutex mutex_;
        std::shared_ptr<rs::subscriber<int>> to_; // null at the end
        const std::weak_ptr<rs::subscriber<int>> known_;
        std::int64_t demand_ = 0;
        int next_ = 0, requests_ = 0;
        bool started_ = false, emitting_ = false, cancelled_ = false;
    };

    static std::vector<std::shared_ptr<int>>& leaked() {
        static std::vector<std::shared_ptr<int>> tokens;
        return tokens;
    }

    const int n_;
    const bool fails_;
    const std::shared_ptr<int> token_;
    const std::string breaks_;
    std::atomic<int> subscribers_ = 0;
    std::vector<std::shared_ptr<rs::subscriber<int>>> kept_;
    std::vector<std::shared_ptr<subscription>> links_;
};

/// The publishers under test, and how to wait for them.
struct publishers {
    std::function<std::shared_ptr<rs::publisher<int>>(int n, bool fails, std::shared_ptr<int> token)> make;
    std::function<void()> settle; // lets the executor work for a while

    bool until(const std::function<bool()>& holds) const {
        for (int n = 0; n != 20'000 && !holds(); ++n) settle();
        return holds();
    }
};

/// One publisher with one subscriber.
struct play {
    play(const publishers& of, int n, script does, bool fails = false)
        : subject{of}, from{of.make(n, fails, token)}, to{std::make_shared<recorder>(does)} {
        from->subscribe(to);
        subject.settle();
    }

    std::shared_ptr<recorder> another(script does) {
        auto next = std::make_shared<recorder>(does);
        from->subscribe(next);
        subject.settle();
        return next;
    }
    bool until_terminated() const {
        return subject.until([this] { return to->terminated(); });
    }
    bool until_items(int n) const {
        return subject.until([this, n] { return to->items >= n; });
    }

    const publishers& subject;
    std::shared_ptr<int> token = std::make_shared<int>(0);
    std::shared_ptr<rs::publisher<int>> from;
    std::shared_ptr<recorder> to;
};

using publisher_rule = bool (*)(const publishers&);

const std::map<std::string, publisher_rule> publisher_rules = {
    {"1.1",
     [](const publishers& s) {
         const play p{s, 5, {.at_start = 2}};
         p.to->request(1);
         return p.until_items(3) && (s.settle(), !p.to->over);
     }},
    {"1.2",
     [](const publishers& s) {
         const play p{s, 2, {.at_start = 10}};
         return p.until_terminated() && p.to->items == 2;
     }},
    {"1.3",
     [](const publishers& s) {
         const play p{s, 60, {.at_start = 1, .each = 1}};
         on_threads(3, [&] {
             for (int i = 0; i != 10; ++i) p.to->request(1);
         });
         return p.until_terminated() && !p.to->overlap && p.to->sum == 59 * 60 / 2;
     }},
    {"1.4",
     [](const publishers& s) {
         const play p{s, 2, {.at_start = 10}, true};
         return p.until_terminated() && p.to->failed == 1 && p.to->items == 2 && p.to->error == "test error";
     }},
    {"1.5",
     [](const publishers& s) {
         const play p{s, 3, {.at_start = 10}};
         return p.until_terminated() && p.to->completed == 1;
     }},
    {"1.6",
     [](const publishers& s) {
         const play p{s, 1, {.at_start = 10}};
         if (!p.until_terminated()) return false;
         p.to->request(1);
         p.to->request(0);
         p.to->cancel();
         s.settle();
         return p.to->signals() == 2;
     }},
    {"1.7",
     [](const publishers& s) {
         const play ends{s, 1, {.at_start = 10}};
         const play fails{s, 1, {.at_start = 10}, true};
         if (!ends.until_terminated() || !fails.until_terminated()) return false;
         s.settle();
         return !ends.to->after_end && !fails.to->after_end;
     }},
    {"1.8",
     [](const publishers& s) {
         const play p{s, endless, {.at_start = unbounded, .cancel_at = 2}};
         const bool received = p.until_items(2);
         s.settle();
         return received && p.to->signals() == 2;
     }},
    {"1.9",
     [](const publishers& s) {
         const play p{s, 3, {}};
         const auto null = error_of([&] { p.from->subscribe(nullptr); });
         return null.find("null") != std::string::npos && p.to->subscriptions == 1 && !p.to->early;
     }},
    {"1.10",
     [](const publishers& s) {
         play p{s, 3, {}};
         std::shared_ptr<recorder> second;
         return error_of([&] { second = p.another({}); }).empty() && p.to->subscriptions == 1 &&
                second->subscriptions == 1;
     }},
    {"1.11",
     [](const publishers& s) {
         play p{s, 3, {.at_start = 10}};
         const auto second = p.another({.at_start = 10});
         const auto served = [](const recorder& r) { return r.completed == 1 && r.items == 3; };
         return s.until([&] { return p.to->terminated() && second->terminated(); }) && served(*p.to) &&
                (served(*second) || (second->failed == 1 && second->items == 0));
     }},
    {"2.13",
     [](const publishers& s) {
         const play p{s, 5, {.at_start = 10, .throw_at = 2}};
         return p.until_items(2) && (s.settle(), p.to->signals() == 2);
     }},
    {"3.2",
     [](const publishers& s) {
         const play p{s, 50, {.at_start = 1, .each = 1}};
         return p.until_terminated() && p.to->items == 50;
     }},
    {"3.3",
     [](const publishers& s) {
         const play p{s, 500, {.at_start = 1, .each = 1}};
         return p.until_terminated() && p.to->deepest == 1;
     }},
    {"3.4",
     [](const publishers& s) {
         const play p{s, endless, {.cancel_at = 2000}};
         p.to->request(unbounded);
         return p.to->inside_request < 1000 && p.until_items(2000);
     }},
    {"3.5",
     [](const publishers& s) {
         const play p{s, endless, {.at_start = 3}};
         if (!p.until_items(3)) return false;
         on_threads(4, [&] {
             for (int i = 0; i != 3; ++i) p.to->cancel();
         });
         s.settle();
         return p.to->signals() == 3;
     }},
    {"3.6",
     [](const publishers& s) {
         const play p{s, endless, {.at_start = 1}};
         if (!p.until_items(1)) return false;
         p.to->cancel();
         p.to->request(5);
         p.to->request(0);
         s.settle();
         return p.to->signals() == 1;
     }},
    {"3.7",
     [](const publishers& s) {
         const play p{s, endless, {}};
         p.to->cancel();
         p.to->cancel();
         s.settle();
         p.to->cancel();
         s.settle();
         return p.to->signals() == 0;
     }},
    {"3.8",
     [](const publishers& s) {
         const play p{s, 10, {}};
         for (const int n : {1, 2, 3}) p.to->request(n);
         return p.until_items(6) && (s.settle(), p.to->items == 6);
     }},
    {"3.9",
     [](const publishers& s) {
         const play zero{s, 3, {}};
         zero.to->request(0);
         const play negative{s, 3, {.at_start = -1}}; // inside on_subscribe
         const auto said = [](const play& p) {
             return p.until_terminated() && p.to->failed == 1 && p.to->error.find("3.9") != std::string::npos;
         };
         return said(zero) && said(negative);
     }},
    {"3.12",
     [](const publishers& s) {
         play p{s, endless, {.at_start = 5}};
         if (!p.until_items(5)) return false;
         p.to->cancel();
         p.from.reset();
         return s.until([&] { return p.token.use_count() == 1; });
     }},
    {"3.13",
     [](const publishers& s) {
         play p{s, endless, {.at_start = 5}};
         if (!p.until_items(5)) return false;
         p.to->cancel();
         const auto link = p.to->link();
         const std::weak_ptr<recorder> known{p.to};
         p.to.reset();
         return s.until([&] { return known.expired(); });
     }},
    {"3.14",
     [](const publishers& s) {
         play p{s, 3, {}};
         p.to->cancel();
         s.settle();
         const auto second = p.another({});
         if (second->subscriptions == 0) return false;
         second->request(10);
         return s.until([&] { return second->terminated(); });
     }},
    {"3.17",
     [](const publishers& s) {
         const play p{s, 100, {.at_start = 1, .each = unbounded}};
         on_threads(3, [&] {
             p.to->request(unbounded);
             p.to->request(5);
         });
         return p.until_terminated() && p.to->completed == 1 && p.to->items == 100;
     }},
};

/// A publisher that a test operates, and what was done to its subscriptions.
class manual_publisher final : public rs::publisher<int> {
public:
    class link final : public rs::subscription {
    public:
        explicit link(manual_publisher* sends = nullptr) : sends_{sends} {}

        void request(std::int64_t n) noexcept override {
            const call here{*this};
            requested += n;
            if (sends_ != nullptr) sends_->send_requested();
        }
        void cancel() noexcept override {
            const call here{*this};
            ++cancels;
        }

        std::atomic<std::int64_t> requested = 0;
        std::atomic<int> cancels = 0, calls = 0;
        std::atomic<bool> two_threads = false; // were inside at the same time
        std::atomic<bool> in_last_signal = false, called_in_last_signal = false;
        std::mutex mutex;
        std::set<std::thread::id> callers; // guarded by mutex

    private:
        struct call {
            explicit call(link& of) : self{of}, outer{self.caller_.exchange(std::this_thread::get_id())} {
                ++self.calls;
                if (outer != std::thread::id{} && outer != std::this_thread::get_id()) self.two_threads = true;
                if (self.in_last_signal) self.called_in_last_signal = true;
                const std::lock_guard lock{self.mutex};
                self.callers.insert(std::this_thread::get_id());
            }
            call(const call&) = delete;
            call& operator=(const call&) = delete;
            ~call() { self.caller_ = outer; }

            link& self;
            const std::thread::id outer;
        };

        manual_publisher* const sends_;
        std::atomic<std::thread::id> caller_{};
    };

    /// @param total  when it is not 0, as many items and the end are sent inside `request`
    explicit manual_publisher(int total = 0)
        : known{std::make_shared<link>(total == 0 ? nullptr : this)}, total_{total} {}

    void subscribe(std::shared_ptr<rs::subscriber<int>> subscriber) override {
        to = subscriber;
        subscribers.push_back(std::move(subscriber));
        to->on_subscribe(known);
        ++subscribed;
    }
    void complete() {
        known->in_last_signal = true;
        to->on_complete();
        known->in_last_signal = false;
    }
    void fail() {
        known->in_last_signal = true;
        to->on_error(std::make_exception_ptr(test_error{}));
        known->in_last_signal = false;
    }

    const std::shared_ptr<link> known;
    std::shared_ptr<rs::subscriber<int>> to;
    std::vector<std::shared_ptr<rs::subscriber<int>>> subscribers;
    std::atomic<int> subscribed = 0;

private:
    void send_requested() {
        if (std::exchange(sending_, true)) return;
        while (sent_ < known->requested && sent_ != total_) to->on_next(sent_++);
        sending_ = false;
        if (sent_ == total_ && !std::exchange(ended_, true)) complete();
    }

    const int total_;
    int sent_ = 0;
    bool sending_ = false, ended_ = false;
};

/// What has consumed a publisher.
struct consumption {
    void add(int item) {
        const std::lock_guard lock{mutex};
        items.push_back(item);
        thread = std::this_thread::get_id();
    }
    std::vector<int> received() {
        const std::lock_guard lock{mutex};
        return items;
    }

    std::mutex mutex;
    std::vector<int> items; // guarded by mutex
    std::atomic<std::thread::id> thread{};
    std::atomic<bool> completed = false, failed = false;
    std::function<void()> drop; // may be called twice
};

/// The subscribers under test.
struct subscribers {
    std::function<std::shared_ptr<consumption>(std::shared_ptr<manual_publisher>)> attach;
    std::function<void()> settle;
    std::thread::id home; // the thread that calls subscriptions

    bool until(const std::function<bool()>& holds) const {
        for (int n = 0; n != 20'000 && !holds(); ++n) settle();
        return holds();
    }
};

struct consuming {
    explicit consuming(const subscribers& of, int total = 0)
        : subject{of}, from{std::make_shared<manual_publisher>(total)}, by{of.attach(from)} {
        subject.until([this] { return from->subscribed == 1; });
    }
    ~consuming() {
        std::exchange(by->drop, nullptr)();
        from->to.reset();
        from->subscribers.clear();
    }

    bool until_requested(std::int64_t n) const {
        return subject.until([this, n] { return from->known->requested >= n; });
    }
    bool until_received(const std::vector<int>& items) const {
        return subject.until([&] { return by->received() == items; });
    }

    const subscribers& subject;
    std::shared_ptr<manual_publisher> from;
    std::shared_ptr<consumption> by;
};

/// A subscriber that asks for four items ahead and breaks one rule, or none.
class plain_subscriber final : public rs::subscriber<int> {
public:
    plain_subscriber(std::shared_ptr<consumption> by, std::string breaks)
        : by_{std::move(by)}, breaks_{std::move(breaks)} {}

    void on_subscribe(std::shared_ptr<rs::subscription> link) override {
        if (link == nullptr) {
            if (is("2.13")) return;
            throw std::invalid_argument{"null"};
        }
        if (link_ != nullptr) {
            is("2.5") ? link->request(1) : link->cancel();
            return;
        }
        link_ = std::move(link);
        if (!is("2.1")) request(4);
    }
    void on_next(int item) override {
        if (dropped_ && is("2.8")) throw std::logic_error{"cancelled"};
        if (dropped_ || (requesting_ && is("3.10"))) return;
        by_->add(is("2.11") ? 0 : item);
        if (is("2.7") || is("3.1")) {
            std::thread{[this] { link_->request(1); }}.join();
        } else if (!is("2.1")) {
            request(1);
        }
    }
    void on_error(std::exception_ptr error) override {
        if (error == nullptr) throw std::invalid_argument{"null"};
        if (is("2.3")) link_->cancel();
        if (!is("2.10")) by_->failed = true;
        ended_ = true;
    }
    void on_complete() override {
        if (is("2.3")) link_->cancel();
        if (!is("2.9") && !(requesting_ && is("3.11"))) by_->completed = true;
        ended_ = true;
    }

    void drop() {
        if (std::exchange(dropped_, true) || link_ == nullptr) return;
        if ((!ended_ || is("2.4")) && !is("2.6")) link_->cancel();
    }

private:
    bool is(std::string_view rule) const { return breaks_ == rule; }
    void request(std::int64_t n) {
        const bool outer = std::exchange(requesting_, true);
        link_->request(n);
        requesting_ = outer;
    }

    const std::shared_ptr<consumption> by_;
    const std::string breaks_;
    std::shared_ptr<rs::subscription> link_;
    bool requesting_ = false, dropped_ = false, ended_ = false;
};

using subscriber_rule = bool (*)(const subscribers&);

const std::map<std::string, subscriber_rule> subscriber_rules = {
    {"2.1", [](const subscribers& s) { return consuming{s}.until_requested(1); }},
    {"2.2",
     [](const subscribers& s) {
         const consuming c{s};
         if (!c.until_requested(1)) return false;
         c.from->to->on_next(7);
         return c.until_received({7}) && c.by->thread.load() != std::this_thread::get_id();
     }},
    {"2.3",
     [](const subscribers& s) {
         const consuming ends{s}, fails{s};
         if (!ends.until_requested(1) || !fails.until_requested(1)) return false;
         ends.from->complete();
         fails.from->fail();
         return !ends.from->known->called_in_last_signal && !fails.from->known->called_in_last_signal;
     }},
    {"2.4",
     [](const subscribers& s) {
         const consuming c{s};
         if (!c.until_requested(1)) return false;
         c.from->to->on_next(1);
         s.settle();
         c.from->complete();
         const int calls = c.from->known->calls;
         s.settle();
         c.by->drop();
         return c.from->known->calls == calls;
     }},
    {"2.5",
     [](const subscribers& s) {
         const consuming c{s};
         const auto second = std::make_shared<manual_publisher::link>();
         c.from->to->on_subscribe(second);
         if (second->cancels != 1 || second->requested != 0 || !c.until_requested(1)) return false;
         c.from->to->on_next(1);
         return c.until_received({1}) && c.from->known->cancels == 0;
     }},
    {"2.6",
     [](const subscribers& s) {
         const consuming c{s};
         if (!c.until_requested(1)) return false;
         c.by->drop();
         return s.until([&] { return c.from->known->cancels == 1; });
     }},
    {"2.7",
     [](const subscribers& s) {
         const consuming c{s, 200};
         return s.until([&] { return c.by->received().size() >= 100; }) && !c.from->known->two_threads;
     }},
    {"2.8",
     [](const subscribers& s) {
         const consuming c{s};
         if (!c.until_requested(1)) return false;
         c.by->drop();
         return error_of([&] { c.from->to->on_next(1); }).empty() && c.by->received().empty();
     }},
    {"2.9",
     [](const subscribers& s) {
         const consuming c{s};
         c.from->complete();
         return s.until([&] { return c.by->completed.load(); });
     }},
    {"2.10",
     [](const subscribers& s) {
         const consuming c{s};
         c.from->fail();
         return s.until([&] { return c.by->failed.load(); });
     }},
    {"2.11",
     [](const subscribers& s) {
         const consuming c{s};
         std::vector<int> sent;
         for (int i = 1; i != 20; ++i) {
             if (!c.until_requested(i)) return false;
             std::thread{[&] { c.from->to->on_next(i); }}.join();
             sent.push_back(i);
         }
         return c.until_received(sent);
     }},
    {"2.12",
     [](const subscribers& s) {
         const consuming c{s};
         const auto second = s.attach(c.from);
         s.until([&] { return c.from->subscribed == 2; });
         const bool differ = c.from->subscribers.at(0) != c.from->subscribers.at(1);
         std::exchange(second->drop, nullptr)();
         return differ;
     }},
    {"2.13",
     [](const subscribers& s) {
         const consuming c{s};
         return error_of([&] { c.from->to->on_subscribe(nullptr); }).find("null") != std::string::npos &&
                error_of([&] { c.from->to->on_error(nullptr); }).find("null") != std::string::npos &&
                c.until_requested(1) && error_of([&] { c.from->to->on_next(1); }).empty() && c.until_received({1});
     }},
    {"3.1",
     [](const subscribers& s) {
         const consuming c{s};
         if (!c.until_requested(1)) return false;
         c.from->to->on_next(1);
         s.settle();
         const std::lock_guard lock{c.from->known->mutex};
         return c.from->known->callers == std::set{s.home};
     }},
    {"3.10",
     [](const subscribers& s) {
         const consuming c{s, 50};
         std::vector<int> all(50);
         std::iota(all.begin(), all.end(), 0);
         return c.until_received(all);
     }},
    {"3.11",
     [](const subscribers& s) {
         const consuming c{s, 3};
         return s.until([&] { return c.by->completed.load(); });
     }},
};

/// Passes on what it receives, whether or not it was asked for, and no error.
class careless_processor final : public rs::processor<int, int> {
    struct ignoring final : rs::subscription {
        void request(std::int64_t) noexcept override {}
        void cancel() noexcept override {}
    };

public:
    void on_subscribe(std::shared_ptr<rs::subscription> link) override { link_ = std::move(link); }
    void on_next(int item) override { to_->on_next(item); }
    void on_error(std::exception_ptr) override {}
    void on_complete() override { to_->on_complete(); }
    void subscribe(std::shared_ptr<rs::subscriber<int>> to) override {
        to_ = std::move(to);
        to_->on_subscribe(std::make_shared<ignoring>());
        if (link_ != nullptr) link_->request(unbounded);
    }

private:
    std::shared_ptr<rs::subscription> link_;
    std::shared_ptr<rs::subscriber<int>> to_;
};

/// §4.2: a processor passes on an error although nothing was requested.
bool passes_error_on(const std::function<std::shared_ptr<rs::processor<int, int>>()>& make,
                     const std::function<void()>& settle) {
    const auto from = std::make_shared<manual_publisher>();
    const auto stage = make();
    from->subscribe(stage);
    const auto to = std::make_shared<recorder>(script{});
    stage->subscribe(to);
    settle();
    from->fail();
    for (int n = 0; n != 20'000 && !to->terminated(); ++n) settle();
    const bool passed = to->failed == 1 && to->error == "test error";
    to->cancel();
    return passed;
}

/// An executor with a thread of its own, and what is built on it.
class remote_subjects {
public:
    weir::executor& ex() { return rt_[0]; }

    std::function<void()> settle() {
        return [this] { turns(); };
    }
    publishers factories() {
        return {[this](int n, bool fails, std::shared_ptr<int> token) {
                    return rs::to_publisher([=] { return numbers(n, fails, token); }, ex());
                },
                settle()};
    }
    publishers streams() {
        return {[this](int n, bool fails, std::shared_ptr<int> token) {
                    return rs::to_publisher(numbers(n, fails, std::move(token)), ex());
                },
                settle()};
    }
    std::shared_ptr<rs::processor<int, int>> processor() {
        return rs::to_processor<int>(weir::map([](int x) { return x; }), ex(), 8);
    }
    publishers processors_as_publishers() {
        return {[this](int n, bool fails, std::shared_ptr<int> token) {
                    const auto stage = processor();
                    streams().make(n, fails, std::move(token))->subscribe(stage);
                    return stage;
                },
                settle()};
    }
    subscribers consumers() {
        return {[this](std::shared_ptr<manual_publisher> from) {
                    auto by = std::make_shared<consumption>();
                    auto running = std::make_shared<std::optional<weir::remote_join_handle<weir::unit>>>(
                        weir::spawn_on(ex(), [from, by] { return consume(from, by); }));
                    by->drop = [running, this] {
                        running->reset();
                        turns();
                    };
                    return by;
                },
                settle(), home()};
    }
    subscribers processors_as_subscribers() {
        return {[this](std::shared_ptr<manual_publisher> from) {
                    const auto stage = processor();
                    auto by = std::make_shared<consumption>();
                    from->subscribe(stage);
                    auto to = std::make_shared<keeper>(by);
                    stage->subscribe(to);
                    by->drop = [this, to] {
                        if (to->link != nullptr) to->link->cancel();
                        turns();
                    };
                    return by;
                },
                settle(), home()};
    }

    std::atomic<int> reported = 0;

private:
    struct keeper final : rs::subscriber<int> {
        explicit keeper(std::shared_ptr<consumption> into) : by{std::move(into)} {}
        void on_subscribe(std::shared_ptr<rs::subscription> given) override {
            link = std::move(given);
            link->request(unbounded);
        }
        void on_next(int item) override { by->add(item); }
        void on_error(std::exception_ptr) override { by->failed = true; }
        void on_complete() override { by->completed = true; }

        const std::shared_ptr<consumption> by;
        std::shared_ptr<rs::subscription> link;
    };

    static weir::task<> consume(std::shared_ptr<manual_publisher> from, std::shared_ptr<consumption> by) {
        try {
            co_await (rs::from_publisher(from, 8) | weir::for_each([&by](int item) { by->add(item); }));
            by->completed = true;
        } catch (const test_error&) {
            by->failed = true;
        }
    }

    static weir::task<> yields() {
        for (int i = 0; i != 20; ++i) co_await weir::yield();
    }
    void turns() {
        weir::spawn_on(ex(), [] { return yields(); }).get();
    }
    std::thread::id home() {
        return weir::spawn_on(ex(), []() -> weir::task<std::thread::id> { co_return std::this_thread::get_id(); })
            .get();
    }

    weir::runtime rt_{1, {.on_error = [this](std::exception_ptr, std::source_location) { ++reported; }}};
};

/// Checks all rules on several threads at the same time.
template <class Rules, class Subject>
void check_rules(const Rules& rules, const Subject& subject, const char* name) {
    on_threads(3, [&] {
        for (const auto& [number, rule] : rules) CHECK_MESSAGE(rule(subject), name << " breaks rule " << number);
    });
}

} // namespace

TEST_SUITE("interop/reactive_streams") {
    TEST_CASE("to_publisher keeps the rules of publishers and subscriptions: 1.1-1.11, 2.13, 3.2-3.9, 3.12-3.17") {
        remote_subjects w;
        check_rules(publisher_rules, w.factories(), "to_publisher(f)");
        check_rules(publisher_rules, w.streams(), "to_publisher(stream)");
        CHECK(w.reported == 6); // what the recorders of 2.13 have thrown
    }

    TEST_CASE("from_publisher keeps the rules of subscribers: 2.1-2.13, 3.1, 3.10, 3.11") {
        remote_subjects w;
        check_rules(subscriber_rules, w.consumers(), "from_publisher");
    }

    TEST_CASE("to_processor keeps the rules of publishers, subscribers and processors: 4.1, 4.2") {
        remote_subjects w;
        check_rules(publisher_rules, w.processors_as_publishers(), "to_processor");
        check_rules(subscriber_rules, w.processors_as_subscribers(), "to_processor");
        CHECK(passes_error_on([&w] { return w.processor(); }, w.settle()));
    }

    TEST_CASE("the check of each rule finds a violation that was planted, and no other in what is right") {
        const auto plain = [](std::string breaks) {
            return publishers{[breaks](int n, bool fails, std::shared_ptr<int> token) {
                                  return std::make_shared<plain_publisher>(n, fails, std::move(token), breaks);
                              },
                              [] {}};
        };
        const auto synchronous = [](const std::string& rule) { return rule == "3.4" || rule == "2.2"; };
        for (const auto& [number, rule] : publisher_rules) {
            CAPTURE(number);
            CHECK(rule(plain("")) == !synchronous(number)); // a request that sends all at once is a violation of 3.4
            CHECK_FALSE(rule(plain(number)));
        }
        const auto subscriber = [](std::string breaks) {
            const auto same = std::make_shared<std::shared_ptr<plain_subscriber>>();
            return subscribers{[breaks, same](std::shared_ptr<manual_publisher> from) {
                                   auto by = std::make_shared<consumption>();
                                   auto to = std::make_shared<plain_subscriber>(by, breaks);
                                   if (breaks == "2.12") to = *same != nullptr ? *same : (*same = to);
                                   from->subscribe(to);
                                   by->drop = [to] { to->drop(); };
                                   return by;
                               },
                               [] {}, std::this_thread::get_id()};
        };
        for (const auto& [number, rule] : subscriber_rules) {
            CAPTURE(number);
            CHECK(rule(subscriber("")) == !synchronous(number));
            CHECK_FALSE(rule(subscriber(number)));
        }
        const auto careless = [] { return std::make_shared<careless_processor>(); };
        CHECK_FALSE(passes_error_on(careless, [] {}));
        std::shared_ptr<rs::publisher<int>> from;
        CHECK_FALSE(publisher_rules.at("1.1")({[&](int n, bool fails, std::shared_ptr<int> token) {
                                                   from = plain("").make(n, fails, std::move(token));
                                                   const auto stage = careless();
                                                   from->subscribe(stage);
                                                   return stage;
                                               },
                                               [] {}}));
    }

    // §3.15, §3.16; an override that may throw does not compile.
    static_assert(noexcept(std::declval<rs::subscription&>().request(1)));
    static_assert(noexcept(std::declval<rs::subscription&>().cancel()));

    TEST_CASE("from_publisher: items that are sent inside request use no stack") {
        weir::testing::virtual_executor ex;
        const auto from = std::make_shared<manual_publisher>(100'000);
        CHECK(ex.run(rs::from_publisher(from, 4) | weir::count()) == 100'000);
        CHECK(from->known->cancels == 0);
        from->to.reset();
    }

    TEST_CASE("from_publisher holds no more than prefetch items, and asks for more when three quarters were taken") {
        weir::testing::virtual_executor ex;
        const auto from = std::make_shared<manual_publisher>();
        auto items = rs::from_publisher(from, 8);
        CHECK(from->subscribers.empty()); // before the first poll
        const auto take = [&](int expected) { CHECK(ex.run(weir::next(items)) == expected); };
        auto first = ex.spawn([&]() -> weir::task<> { CHECK(co_await weir::next(items) == 0); });
        ex.run(weir::yield());
        CHECK(from->known->requested == 8);
        for (int i = 0; i != 8; ++i) from->to->on_next(i);
        ex.run(std::move(first));
        for (int i = 1; i != 5; ++i) take(i);
        CHECK(from->known->requested == 8);
        take(5);
        CHECK(from->known->requested == 14);
        take(6);
        take(7);
        CHECK(from->known->requested == 14);
        for (int i = 8; i != 14; ++i) from->to->on_next(i);
        from->to->on_next(14); // not requested
        for (int i = 8; i != 14; ++i) take(i);
        CHECK(error_of([&] { ex.run(weir::next(items)); }).find("1.1") != std::string::npos);
    }

    TEST_CASE("from_publisher fails when the publisher is released, and refuses a prefetch of 0") {
        struct forgetful final : rs::publisher<int> {
            void subscribe(std::shared_ptr<rs::subscriber<int>>) override {}
        };
        weir::testing::virtual_executor ex;
        const auto from = std::make_shared<forgetful>();
        CHECK(error_of([&] { ex.run(rs::from_publisher(from, 1) | weir::drain()); }) ==
              "weir::rs: the publisher released its subscriber without an end or an error");
        CHECK_THROWS_AS(rs::from_publisher(from, 0), std::invalid_argument);
        CHECK_THROWS_AS(rs::from_publisher(std::shared_ptr<forgetful>{}, 1), std::invalid_argument);
        CHECK_THROWS_AS(rs::to_processor<int>(weir::take(1), ex, -1), std::invalid_argument);
    }

    TEST_CASE("to_publisher: a subscriber of an executor that has ended, or ends, receives `stopped`") {
        const auto early = std::make_shared<recorder>(script{.at_start = 3});
        const auto late = std::make_shared<recorder>(script{.at_start = 3});
        std::shared_ptr<rs::publisher<int>> from;
        {
            weir::testing::virtual_executor ex;
            from = rs::to_publisher([] { return weir::iota(0); }, ex);
            from->subscribe(early);
            ex.run(weir::yield());
            ex.run(weir::yield());
        }
        from->subscribe(late);
        CHECK(early->items == 3);
        CHECK(late->items == 0);
        for (const auto& to : {early, late}) CHECK(to->error == weir::stopped{}.what());
    }

    TEST_CASE("from_publisher: a prefetch past 2^63 - 1 asks for all items") {
        weir::testing::virtual_executor ex;
        const auto from = rs::to_publisher([] { return weir::iota(0, 10); }, ex);
        const auto most = std::numeric_limits<std::size_t>::max();
        CHECK(ex.run(rs::from_publisher(from, most) | weir::count()) == 10);
        const auto stage = rs::to_processor<int>(weir::take(9), ex, most);
        from->subscribe(stage);
        CHECK(ex.run(rs::from_publisher(stage, unbounded) | weir::count()) == 9);
    }

    TEST_CASE("to_processor: items that cannot be copied pass through a long chain, and a ring of two is freed") {
        using item = std::unique_ptr<int>;
        weir::testing::virtual_executor ex;
        const auto counts = weir::map([](item x) {
            ++*x;
            return x;
        });
        const auto made = weir::map([](int x) { return std::make_unique<int>(x); });
        std::shared_ptr<rs::publisher<item>> last = rs::to_publisher(weir::iota(0, 20) | made, ex);
        for (int i = 0; i != 30; ++i) {
            const auto stage = rs::to_processor<item>(counts, ex, 1 + i % 5);
            last->subscribe(stage);
            last = stage;
        }
        const auto value = weir::map([](const item& x) { return *x; });
        CHECK(ex.run(rs::from_publisher(last, 1) | value | weir::fold(0, std::plus{})) == 190 + 20 * 30);

        std::weak_ptr<void> in_ring;
        {
            weir::testing::virtual_executor short_lived;
            const auto first = rs::to_processor<int>(weir::take(9), short_lived, 4);
            const auto second = rs::to_processor<int>(weir::take(9), short_lived, 4);
            first->subscribe(second);
            second->subscribe(first);
            in_ring = first;
        }
        CHECK(in_ring.expired());
    }

    TEST_CASE("to_publisher: executors end while other threads subscribe, request and cancel") {
        for (int round = 0; round != 50; ++round) {
            auto upstream = std::make_unique<weir::executor>();
            auto downstream = std::make_unique<weir::executor>();
            const auto from = rs::to_publisher([] { return weir::iota(0); }, *upstream);
            const auto stage = rs::to_processor<int>(weir::map([](int x) { return x; }), *downstream, 8);
            from->subscribe(stage);
            std::vector<std::shared_ptr<recorder>> all;
            for (int i = 0; i != 3; ++i)
                all.push_back(std::make_shared<recorder>(script{.at_start = i + 1, .each = 1}));
            {
                std::vector<std::jthread> threads;
                for (int i = 0; i != 3; ++i) {
                    threads.emplace_back([&, to = all[static_cast<std::size_t>(i)], i] {
                        i == 0 ? stage->subscribe(to) : from->subscribe(to);
                        for (int k = 0; k != 20; ++k) to->link()->request(1 + k % 3);
                        if (i == 2) to->cancel();
                    });
                }
                threads.emplace_back([&] {
                    downstream->run(weir::yield());
                    downstream.reset();
                });
                upstream->run(weir::sleep_for(std::chrono::microseconds{round * 5}));
                upstream.reset();
            }
            for (const auto& to : all) {
                CHECK(to.use_count() == 1);
                CHECK(to->completed + to->failed <= 1);
                CHECK(to->deepest <= 1);
            }
        }
    }

    TEST_CASE("to_publisher: a subscription that is destroyed ends its run once the requested items were sent") {
        struct careless final : rs::subscriber<int> {
            void on_subscribe(std::shared_ptr<rs::subscription> link) override { link->request(3); }
            void on_next(int) override { ++items; }
            void on_error(std::exception_ptr) override { ++ends; }
            void on_complete() override { ++ends; }
            int items = 0, ends = 0;
        };
        weir::testing::virtual_executor ex;
        const auto token = std::make_shared<int>(0);
        auto to = std::make_shared<careless>();
        rs::to_publisher(numbers(9, false, token), ex)->subscribe(to);
        for (int i = 0; i != 4; ++i) ex.run(weir::yield());
        CHECK(to->items == 3);
        CHECK(to->ends == 0);
        CHECK(to.use_count() == 1);
        CHECK(token.use_count() == 1);
    }

    TEST_CASE("to_processor: operators may recover from an error of upstream") {
        weir::testing::virtual_executor ex;
        const auto stage =
            rs::to_processor<int>(weir::on_error_resume([](std::exception_ptr) { return weir::just(7); }), ex, 4);
        rs::to_publisher(numbers(2, true, nullptr), ex)->subscribe(stage);
        CHECK(ex.run(rs::from_publisher(stage, 2) | weir::to<std::vector>()) == std::vector{0, 1, 7});
    }
}
