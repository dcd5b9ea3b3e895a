// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace weir::testing {

namespace detail {
class property_check;
}

/// The error for `#`.
class marble_error : public std::runtime_error {
public:
    marble_error() : std::runtime_error{"#"} {}
};

/// An event in a tick of a diagram.
struct marble {
    enum class kind : unsigned char { item, end, error };

    std::size_t tick;
    kind what;
    char name;
};

/// The consumer of `marbles::play`.
struct marble_consumer {
    std::string_view asks = "*";
    asking how = asking::one_by_one;
};

/// Removes from a drawing what tells the time: `-`, the brackets around the events of a tick, and the `...` or `!` of a
/// stream that did not end.
///
///     CHECK(without_ticks(m.play(numbers | weir::buffer(8))) == "123|");
std::string without_ticks(std::string_view drawing);

/// Parses a diagram.
/// @throws std::invalid_argument with the invalid character
std::vector<marble> parse_marbles(std::string_view diagram);

/// A stream that follows a diagram, one tick per character, on the executor's clock. An item waits until it is polled
/// for.
template <class T>
class marble_stream {
public:
    using value_type = T;
    using value_of = std::function<T(char)>;
    using error_of = std::function<std::exception_ptr(char)>;

    marble_stream(std::vector<marble> script, value_of value, error_of error, duration tick,
                  std::optional<time_point> origin)
        : script_{std::move(script)},
          value_(std::move(value)),
          error_{std::move(error)},
          tick_{tick},
          origin_{origin} {}

    poll<T> poll_next(context& cx) {
        checker_.check();
        if (!origin_) origin_ = cx.executor().now();
        if (position_ == script_.size()) return pending; // never ends
        const marble& next = script_[position_];
        const time_point due = *origin_ + tick_ * static_cast<duration::rep>(next.tick);
        if (due > cx.executor().now()) {
            if (!timer_.armed() || timer_.deadline() != due) timer_.arm(cx.executor(), due);
            static_cast<void>(timer_.poll(cx));
            return pending;
        }
        ++position_;
        switch (next.what) {
        case marble::kind::item:
            return value_(next.name);
        case marble::kind::end:
            checker_.ended();
            return done;
        case marble::kind::error:
            checker_.ended();
            std::rethrow_exception(error_(next.name));
        }
        return done;
    }

    void outline(stage_outline&) const noexcept {}

private:
    std::vector<marble> script_;
    value_of value_;
    error_of error_;
    duration tick_;
    std::optional<time_point> origin_;
    std::size_t position_ = 0;
    deadline_timer timer_;
    weir::detail::poll_checker checker_;
};

namespace detail {

/// Draws a single character as itself, and longer text in angle brackets.
inline std::string draw_text(std::string text) {
    if (text.size() == 1) return text;
    text.insert(0, 1, '<');
    text.push_back('>');
    return text;
}

/// The shortest text that stands for the number and no other.
std::string draw_number(float number);
std::string draw_number(double number);

/// Draws an item: text and numbers as above, a list or tuple in parentheses.
template <class T>
std::string draw(const T& item) {
    if constexpr (std::same_as<T, char>) {
        return std::string(1, item);
    } else if constexpr (std::same_as<T, bool>) {
        return item ? "T" : "F";
    } else if constexpr (std::integral<T>) {
        return draw_text(std::to_string(item));
    } else if constexpr (std::same_as<T, float> || std::same_as<T, double>) {
        return draw_text(draw_number(item));
    } else if constexpr (std::convertible_to<const T&, std::string_view>) {
        return draw_text(std::string{std::string_view{item}});
    } else if constexpr (requires { item.has_value(); }) {
        return item.has_value() ? draw(*item) : "_";
    } else if constexpr (!std::ranges::range<const T> && !requires { std::tuple_size<T>::value; }) {
        static_assert(weir::detail::always_false<T>,
                      "weir::testing: an item of this type cannot be drawn; map it to characters, numbers or text, or "
                      "to optionals, ranges or tuples of them");
        return {};
    } else {
        std::string text(1, '(');
        if constexpr (requires { std::tuple_size<T>::value; }) {
            std::apply([&](const auto&... part) { (text.append(draw(part)), ...); }, item);
        } else {
            for (const auto& part : item) text.append(draw(part));
        }
        text.push_back(')');
        return text;
    }
}

/// The items of a stream as drawings of them, so that all streams are played by the same code.
template <stream S, bool InALoop>
class drawn_stream {
public:
    using value_type = std::string;

    explicit drawn_stream(S upstream) : upstream_(std::move(upstream)) {}

    poll<std::string> poll_next(context& cx) {
        auto item = upstream_.poll_next(cx);
        if (item.is_pending()) return pending;
        if (item.is_done()) return done;
        return draw(*item);
    }
    template <class Consume>
    flow poll_each(context& cx, Consume& consume)
        requires InALoop
    {
        auto drawing = [&](item_t<S>&& item) { return consume(draw(item)); };
        return weir::poll_each(upstream_, cx, drawing);
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    S upstream_;
};

/// What a consumer has seen of a stream.
struct seen {
    enum class last { running, ended, failed, dropped };

    std::string drawing;
    std::vector<std::string> items;
    last what = last::running;
};

} // namespace detail

/// Tests as diagrams, under virtual time.
///
///     marbles m;
///     CHECK(m.play(weir::merge(m.hot("a-c-|"), m.hot("-b-d|"))) == "abcd|");
///
/// Each character is a tick: `-` nothing, a letter or digit an item, `|` the end, `#` an error, `[ab|]` several in one
/// tick. A diagram that does not end with `|` or `#` never ends; it is drawn with a trailing `...`.
///
/// Characters, numbers and text can be drawn as items, and optionals, ranges and tuples of them. A text or a number of
/// more than one character stands in `<>`, a range or a tuple in `()`. A float or double is drawn with as few digits as
/// tell it from all others: 2 as `2`, 0.1 as `<0.1>`. Map other items to one of these first.
///
/// `play` draws from the moment at which it is called. The executor's clock goes on from one `play` to the next: use
/// new `marbles` where items contain times.
///
/// A consumer has a diagram, too: a digit asks for as many items, `*` for all, and `!` drops the stream.
///
///     CHECK(m.play(m.hot("abcde|"), {.asks = "2---*"}) == "ab--[cde]|");
///     CHECK(m.play(m.hot("abcde|"), {.asks = "*--!"}) == "abc!");
class marbles {
public:
    explicit marbles(duration tick = std::chrono::milliseconds{1});
    ~marbles();

    /// A stream that started with the test: its ticks are those of the drawing.
    marble_stream<char> hot(std::string_view diagram) { return hot<char>(diagram, {}); }
    /// The same with named values. A digit that is not named stands for its number.
    template <class T>
    marble_stream<T> hot(std::string_view diagram, std::map<char, T> values = {}) {
        auto script = script_of(diagram, values);
        return {std::move(script), value_of(std::move(values)), error_of(), tick_, executor_.now()};
    }
    /// A stream that starts at its first poll, for the inner streams of concat_map and similar operators.
    marble_stream<char> cold(std::string_view diagram) { return cold<char>(diagram, {}); }
    template <class T>
    marble_stream<T> cold(std::string_view diagram, std::map<char, T> values = {}) {
        auto script = script_of(diagram, values);
        return {std::move(script), value_of(std::move(values)), error_of(), tick_, std::nullopt};
    }

    /// Names an error by a letter, in diagrams and drawings. Errors are distinguished by their what().
    template <class E>
    void error(char name, E what) {
        errors_[name] = std::make_exception_ptr(std::move(what));
    }

    /// Draws the events at a consumer with unlimited demand that polls only after a wake.
    /// @param ticks  the time limit for a stream that never ends
    template <stream S>
    std::string play(S upstream, std::size_t ticks = 1000) {
        return play_drawn(detail::drawn_stream<S, false>{std::move(upstream)}, {}, ticks).drawing;
    }
    /// Draws the events at a consumer that asks as its diagram says. It polls when it asks, and then only after a wake.
    template <stream S>
    std::string play(S upstream, marble_consumer consumer, std::size_t ticks = 1000) {
        return play_drawn(detail::drawn_stream<S, true>{std::move(upstream)}, consumer, ticks).drawing;
    }

    /// Runs the wakers that are ready together in an order of their own, which depends on the seed alone.
    void shuffle(std::uint64_t seed);

    virtual_executor& executor() noexcept { return executor_; }
    duration ticks(duration::rep n) const noexcept { return tick_ * n; }

private:
    std::vector<marble> parse(std::string_view diagram) const;
    char name_of(const std::exception_ptr& error) const;

    /// Whether a character stands for a value although it has no name: itself, or the number of a digit.
    template <class T>
    static constexpr bool is_value(char name) {
        return std::same_as<T, char> || (std::constructible_from<T, int> && name >= '0' && name <= '9');
    }
    template <class T>
    std::vector<marble> script_of(std::string_view diagram, const std::map<char, T>& values) const {
        std::vector<marble> script = parse(diagram);
        for (const marble& m : script) {
            if (m.what != marble::kind::item || values.contains(m.name) || is_value<T>(m.name)) continue;
            throw std::invalid_argument{"marbles: \"" + std::string{diagram} + "\": there is no value named " + m.name};
        }
        return script;
    }
    template <class T>
    static std::function<T(char)> value_of(std::map<char, T> values) {
        return [values = std::move(values)](char name) -> T {
            if constexpr (std::same_as<T, char>) {
                const auto found = values.find(name);
                return found != values.end() ? found->second : name;
            } else if constexpr (std::constructible_from<T, int>) {
                const auto found = values.find(name);
                return found != values.end() ? found->second : T(name - '0');
            } else {
                return values.at(name);
            }
        };
    }
    std::function<std::exception_ptr(char)> error_of() const {
        return [errors = errors_](char name) {
            const auto found = errors.find(name);
            return found != errors.end() ? found->second : std::make_exception_ptr(marble_error{});
        };
    }

    friend class detail::property_check;
    class player;
    class shuffled;

    detail::seen play_drawn(async_stream<std::string> upstream, marble_consumer consumer, std::size_t ticks);

    std::unique_ptr<shuffled> order_;
    virtual_executor executor_;
    duration tick_;
    std::map<char, std::exception_ptr> errors_;
};

} // namespace weir::testing
