// SPDX-License-Identifier: MIT
#include <weir/testing/marbles.hpp>

#include <array>
#include <charconv>
#include <limits>
#include <random>
#include <typeinfo>

#include <testing/drawing.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/wake_order.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/executor.hpp>

namespace weir::testing {

namespace {

std::string message_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return std::string{typeid(e).name()} + e.what();
    } catch (...) {
        return {};
    }
}

template <class Number>
std::string shortest_text(Number number) {
    std::array<char, 32> text{}; // the longest is "-2.2250738585072014e-308"
    const auto written = std::to_chars(text.data(), text.data() + text.size(), number);
    return std::string(text.data(), written.ptr);
}

} // namespace

std::string detail::draw_number(float number) { return shortest_text(number); }
std::string detail::draw_number(double number) { return shortest_text(number); }

std::vector<marble> parse_marbles(std::string_view diagram) {
    std::vector<marble> script;
    std::size_t tick = 0;
    bool grouped = false;
    if (diagram.ends_with("...")) diagram.remove_suffix(3);
    for (std::size_t i = 0; i != diagram.size(); ++i) {
        const char c = diagram[i];
        const auto reject = [&](const char* why) {
            throw std::invalid_argument{"marbles: \"" + std::string{diagram} + "\", character " +
                                        std::to_string(i + 1) + ": " + why};
        };
        if (!script.empty() && script.back().what != marble::kind::item && c != ']' && c != ' ') {
            reject("nothing comes after the end");
        }
        switch (c) {
        case ' ':
            continue;
        case '[':
            if (grouped) reject("a group within a group");
            grouped = true;
            continue;
        case ']':
            if (!grouped) reject("no group to close");
            grouped = false;
            break;
        case '-':
            if (grouped) reject("time does not pass in a group");
            break;
        case '|':
            script.push_back({tick, marble::kind::end, c});
            break;
        case '#':
            script.push_back({tick, marble::kind::error, c});
            break;
        default:
            script.push_back({tick, marble::kind::item, c});
        }
        if (!grouped) ++tick;
    }
    if (grouped) throw std::invalid_argument{"marbles: \"" + std::string{diagram} + "\": a group is not closed"};
    return script;
}

std::vector<marble> marbles::parse(std::string_view diagram) const {
    std::vector<marble> script = parse_marbles(diagram);
    for (marble& m : script) {
        if (m.what == marble::kind::item && errors_.contains(m.name)) m.what = marble::kind::error;
    }
    return script;
}

char marbles::name_of(const std::exception_ptr& error) const {
    const std::string message = message_of(error);
    for (const auto& [name, known] : errors_) {
        if (message_of(known) == message) return name;
    }
    return '#';
}

std::string without_ticks(std::string_view drawing) {
    std::string items;
    int depth = 0; // within an item that is drawn with brackets
    if (drawing.ends_with("...")) drawing.remove_suffix(3);
    if (drawing.ends_with('!')) drawing.remove_suffix(1);
    for (const char c : drawing) {
        if (c == '<' || c == '(') ++depth;
        if (c == '>' || c == ')') --depth;
        if (depth != 0 || (c != '-' && c != '[' && c != ']')) items += c;
    }
    return items;
}

/// The wakers in an order that a seed decides.
class marbles::shuffled final : public wake_order {
public:
    shuffled(marbles& m, std::uint64_t seed)
        : queue_{weir::detail::executor_access::queue(m.executor_)}, random_{seed} {}

    std::size_t turn_length(std::size_t most) noexcept override { return most; }
    std::size_t pass_over() noexcept override { return random_() % queue_.size(8); }

private:
    run_queue& queue_;
    std::mt19937_64 random_;
};

marbles::marbles(duration tick) : tick_{tick} {}
marbles::~marbles() = default;

void marbles::shuffle(std::uint64_t seed) {
    order_ = std::make_unique<shuffled>(*this, seed);
    weir::detail::executor_access::queue(executor_).reorder(order_.get());
}

/// The consumer of a drawing.
class marbles::player {
public:
    player(marbles& m, async_stream<std::string> upstream, const marble_consumer& consumer)
        : marbles_{m},
          upstream_{std::move(upstream)},
          start_{m.executor_.now()},
          asks_{consumer.asks},
          how_{consumer.how} {
        run_queue& queue = weir::detail::executor_access::queue(m.executor_);
        waker_.bind(*this, queue);
        alarm_.bind(*this, queue);
        alarm_.wake();
    }
    player(const player&) = delete;
    player& operator=(const player&) = delete;

    bool finished() const noexcept { return seen_.what != detail::seen::last::running; }
    detail::seen finish() {
        seen_.drawing = drawing_.finish(finished());
        return std::move(seen_);
    }

private:
    using last = detail::seen::last;

    static constexpr std::size_t all = std::numeric_limits<std::size_t>::max();

    std::size_t tick() const noexcept {
        return static_cast<std::size_t>((marbles_.executor_.now() - start_) / marbles_.tick_);
    }
    void take(std::string item) {
        drawing_.add(tick(), item);
        seen_.items.push_back(std::move(item));
        if (wanted_ != all) --wanted_;
    }
    void finish(last what, std::string_view drawn) {
        drawing_.add(tick(), drawn);
        seen_.what = what;
    }

    void run() noexcept {
        if (finished() || wanted_ == 0) return;
        context cx{waker_};
        try {
            if (how_ == asking::in_a_loop) {
                const auto consume = [this](std::string&& item) {
                    take(std::move(item));
                    return wanted_ != 0;
                };
                if (upstream_->poll_each(cx, consume) == flow::done) finish(last::ended, "|");
                return;
            }
            while (wanted_ != 0) {
                auto item = upstream_->poll_next(cx);
                if (item.is_pending()) return;
                if (item.is_done()) return finish(last::ended, "|");
                take(*std::move(item));
                if (!cx.spend()) return waker_.defer();
            }
        } catch (...) {
            finish(last::failed, std::string(1, marbles_.name_of(std::current_exception())));
        }
    }

    /// Does what the consumer's diagram says for this tick, and waits for the next.
    void follow_diagram() noexcept {
        for (; position_ != asks_.size(); ++position_) {
            if (asks_[position_] == '-') continue;
            const time_point due = start_ + marbles_.tick_ * static_cast<duration::rep>(position_);
            if (due > marbles_.executor_.now()) {
                context cx{alarm_};
                timer_.arm(marbles_.executor_, due);
                static_cast<void>(timer_.poll(cx));
                return;
            }
            if (finished()) continue;
            if (asks_[position_] == '!') {
                upstream_.reset();
                finish(last::dropped, "!");
            } else {
                if (wanted_ == 0) waker_.wake();
                const auto n = static_cast<std::size_t>(asks_[position_] - '0');
                wanted_ = asks_[position_] == '*' || wanted_ == all ? all : wanted_ + n;
            }
        }
    }

    marbles& marbles_;
    weir::detail::member_waker<player, &player::run> waker_;
    weir::detail::member_waker<player, &player::follow_diagram> alarm_;
    std::optional<async_stream<std::string>> upstream_;
    time_point start_;
    std::string asks_;
    std::size_t position_ = 0; // in the consumer's diagram
    asking how_;
    deadline_timer timer_;
    std::size_t wanted_ = 0;
    detail::drawing drawing_;
    detail::seen seen_;
};

detail::seen marbles::play_drawn(async_stream<std::string> upstream, marble_consumer consumer, std::size_t ticks) {
    for (std::size_t i = 0; i != consumer.asks.size(); ++i) {
        const char c = consumer.asks[i];
        if (c != '-' && c != '*' && (c < '1' || c > '9') && (c != '!' || i + 1 != consumer.asks.size())) {
            throw std::invalid_argument{
                "marbles: the consumer \"" + std::string{consumer.asks} + "\", character " + std::to_string(i + 1) +
                ": " + (c == '!' ? "nothing comes after the drop" : "neither -, a digit from 1, *, nor !")};
        }
    }
    player p{*this, std::move(upstream), consumer};
    const time_point limit = executor_.now() + tick_ * static_cast<duration::rep>(ticks);
    const time_point start = executor_.now();
    std::size_t turns_at_once = 0;
    while (!p.finished() && (!executor_.idle() || (executor_.stats().timers_armed != 0 && executor_.now() < limit))) {
        const time_point before = executor_.now();
        executor_.turn(limit);
        turns_at_once = executor_.now() == before ? turns_at_once + 1 : 0;
        if (turns_at_once == 100'000) {
            throw std::logic_error{"marbles: the stream wakes itself or its consumer again and again at tick " +
                                   std::to_string((before - start) / tick_)};
        }
    }
    return p.finish();
}

} // namespace weir::testing
