// SPDX-License-Identifier: MIT
#include <weir/testing/marbles.hpp>

#include <cstddef>
#include <typeinfo>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/poll.hpp>
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

} // namespace

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

/// The consumer of a drawing.
class marbles::player {
public:
    player(marbles& m, async_stream<std::string> upstream)
        : marbles_{m}, upstream_{std::move(upstream)}, start_{m.executor_.now()} {
        waker_.bind(*this, weir::detail::executor_access::queue(m.executor_));
        waker_.wake();
    }
    player(const player&) = delete;
    player& operator=(const player&) = delete;

    bool ended() const noexcept { return ended_; }
    std::string finish() {
        if (in_tick_ != 0) close_tick();
        return std::move(done_) + (ended_ ? "" : "...");
    }

private:
    void run() noexcept {
        if (ended_) return;
        context cx{waker_};
        const auto tick = static_cast<std::size_t>((marbles_.executor_.now() - start_) / marbles_.tick_);
        try {
            for (;;) {
                const auto item = upstream_.poll_next(cx);
                if (item.is_pending()) return;
                if (item.is_done()) {
                    add(tick, "|");
                    ended_ = true;
                    return;
                }
                add(tick, *item);
                if (!cx.spend()) return waker_.defer();
            }
        } catch (...) {
            add(tick, std::string(1, marbles_.name_of(std::current_exception())));
            ended_ = true;
        }
    }

    void add(std::size_t tick, std::string_view what) {
        while (tick_ < tick) close_tick();
        here_ += what;
        ++in_tick_;
    }
    void close_tick() {
        if (in_tick_ == 0) {
            done_ += '-';
        } else if (in_tick_ == 1) {
            done_ += here_;
        } else {
            done_ += '[' + here_ + ']';
        }
        here_.clear();
        in_tick_ = 0;
        ++tick_;
    }

    marbles& marbles_;
    weir::detail::member_waker<player, &player::run> waker_;
    async_stream<std::string> upstream_;
    time_point start_;
    bool ended_ = false;

    std::string done_;        // the drawing up to the tick
    std::string here_;        // the events of the tick
    std::size_t in_tick_ = 0; // their number
    std::size_t tick_ = 0;
};

std::string marbles::play_drawn(async_stream<std::string> upstream, std::size_t ticks) {
    player p{*this, std::move(upstream)};
    const time_point limit = executor_.now() + tick_ * static_cast<duration::rep>(ticks);
    while (!p.ended() && (!executor_.idle() || (executor_.stats().timers_armed != 0 && executor_.now() < limit))) {
        executor_.turn(limit);
    }
    return p.finish();
}

} // namespace weir::testing
