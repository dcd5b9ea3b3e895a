// SPDX-License-Identifier: MIT
#include <weir/testing/properties.hpp>

#include <algorithm>
#include <exception>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string_view>

#include <testing/drawing.hpp>
#include <testing/printed_test.hpp>
#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>

namespace weir::testing::detail {

namespace {

constexpr std::size_t most_items = 8;
constexpr std::size_t most_asks = 4;
constexpr std::size_t ticks_of_a_case = 10'000;

using generator = std::mt19937_64;

std::size_t below(generator& random, std::size_t n) {
    return std::uniform_int_distribution<std::size_t>{0, n - 1}(random);
}
bool one_in(generator& random, std::size_t n) { return below(random, n) == 0; }

std::string concatenate(const std::vector<std::string>& parts) {
    std::string all;
    for (const std::string& part : parts) all += part;
    return all;
}

} // namespace

struct property_check::event {
    std::size_t gap; // the ticks since the event before
    int value;       // of an item; how many items a consumer asks for, 0 for all
};

struct property_check::scenario {
    enum class last { end, error, neither };

    std::vector<event> items;
    last how = last::end;
    std::size_t gap_to_last = 0;
    std::vector<event> asks;
    std::optional<std::size_t> gap_to_drop;
    asking by = asking::one_by_one;
    std::uint64_t schedule = 0; // the seed of the order of wakers; 0 for the usual order

    static scenario random(generator& bits, bool over_time) {
        scenario s;
        const std::size_t most_gap = one_in(bits, 4) ? 1 : 5;
        const auto gap = [&] { return below(bits, most_gap); };
        for (std::size_t n = below(bits, most_items + 1); n != 0; --n) {
            s.items.push_back({gap(), static_cast<int>(below(bits, 10))});
        }
        s.gap_to_last = gap();
        s.by = one_in(bits, 2) ? asking::one_by_one : asking::in_a_loop;
        if (one_in(bits, 2)) s.schedule = below(bits, 1000) + 1;
        if (over_time) return s;
        if (one_in(bits, 3)) s.how = one_in(bits, 2) ? last::error : last::neither;
        if (one_in(bits, 2)) {
            for (std::size_t n = below(bits, most_asks); n != 0; --n) {
                s.asks.push_back({below(bits, 6) + 1, static_cast<int>(below(bits, 4))});
            }
        }
        if (one_in(bits, 4)) s.gap_to_drop = below(bits, 12) + 1;
        return s;
    }

    std::string diagram() const {
        drawing d;
        std::size_t tick = 0;
        for (const auto& [gap, value] : items) d.add(tick += gap, std::to_string(value));
        if (how != last::neither) d.add(tick + gap_to_last, how == last::end ? "|" : "#");
        return d.finish(how != last::neither);
    }
    std::string consumer() const {
        std::string text;
        for (const auto& [gap, n] : asks) {
            text.append(gap - 1, '-');
            text += n == 0 ? '*' : static_cast<char>('0' + n);
        }
        if (asks.empty()) text = "*";
        if (gap_to_drop) text.append(*gap_to_drop - 1, '-') += '!';
        return text;
    }
    std::vector<int> values() const {
        std::vector<int> all;
        all.reserve(items.size());
        for (const event& item : items) all.push_back(item.value);
        return all;
    }
    timeline<int> line() const {
        timeline<int> all;
        std::size_t tick = 0;
        for (const auto& [gap, value] : items) all.items.push_back({tick += gap, value});
        all.end = tick + gap_to_last;
        return all;
    }
    /// The number of items that the consumer asks for; none for all.
    std::optional<std::size_t> asked() const {
        if (asks.empty()) return {};
        std::size_t sum = 0;
        for (const event& ask : asks) {
            if (ask.value == 0) return {};
            sum += static_cast<std::size_t>(ask.value);
        }
        return sum;
    }
    /// The gap before an event of upstream in a diagram that is easy to read.
    static std::size_t usual_gap(std::size_t position) { return position == 0 ? 0 : 1; }
    /// The scenarios that are one step smaller.
    std::vector<scenario> smaller() const;
};

struct property_check::failure {
    enum class check { equals, is_start_of, none };

    std::string what;
    std::string drawing; // what was seen
    std::string expected;
    check how = check::none;
};

std::vector<property_check::scenario> property_check::scenario::smaller() const {
    std::vector<scenario> all;
    const auto add = [&](auto change) {
        scenario s = *this;
        change(s);
        all.push_back(std::move(s));
    };
    if (schedule != 0) add([](scenario& s) { s.schedule = 0; });
    if (gap_to_drop) add([](scenario& s) { s.gap_to_drop.reset(); });
    if (!asks.empty()) add([](scenario& s) { s.asks.clear(); });
    if (how != last::end) add([](scenario& s) { s.how = last::end; });
    if (by != asking::one_by_one) add([](scenario& s) { s.by = asking::one_by_one; });
    for (std::size_t i = 0; i != items.size(); ++i) {
        add([i](scenario& s) { s.items.erase(s.items.begin() + static_cast<std::ptrdiff_t>(i)); });
    }
    for (std::size_t i = 0; i != asks.size(); ++i) {
        add([i](scenario& s) { s.asks.erase(s.asks.begin() + static_cast<std::ptrdiff_t>(i)); });
    }
    for (std::size_t i = 0; i != items.size(); ++i) {
        if (items[i].gap != usual_gap(i)) add([i](scenario& s) { s.items[i].gap = usual_gap(i); });
        if (items[i].gap > usual_gap(i)) add([i](scenario& s) { --s.items[i].gap; });
        if (items[i].value != 0) add([i](scenario& s) { --s.items[i].value; });
    }
    for (std::size_t i = 0; i != asks.size(); ++i) {
        if (asks[i].gap > 1) add([i](scenario& s) { --s.asks[i].gap; });
        if (asks[i].value > 1) add([i](scenario& s) { --s.asks[i].value; });
    }
    const std::size_t usual_end = usual_gap(items.size());
    if (gap_to_last != usual_end) add([=](scenario& s) { s.gap_to_last = usual_end; });
    if (gap_to_last > usual_end) add([](scenario& s) { --s.gap_to_last; });
    if (gap_to_drop && *gap_to_drop > 1) add([](scenario& s) { --*s.gap_to_drop; });
    return all;
}

/// What happened to upstream, which owns it until it is destroyed.
struct property_check::history {
    bool finished = false;
    bool polled_after_end = false;
};

/// The stream of a diagram.
class property_check::upstream {
public:
    using value_type = int;

    upstream(marble_stream<int> source, std::shared_ptr<history> h)
        : source_{std::move(source)}, history_{std::move(h)} {}

    poll<int> poll_next(context& cx) {
        if (history_->finished) {
            history_->polled_after_end = true;
            return done;
        }
        try {
            auto item = source_.poll_next(cx);
            history_->finished = item.is_done();
            return item;
        } catch (...) {
            history_->finished = true;
            throw;
        }
    }

private:
    marble_stream<int> source_;
    std::shared_ptr<history> history_;
};

seen property_check::play(const scenario& s, marbles& m, const std::shared_ptr<history>& h) const {
    if (s.schedule != 0) m.shuffle(s.schedule);
    const std::string asks = s.consumer();
    return m.play_drawn(op(async_stream<int>{upstream{m.hot<int>(s.diagram()), h}}, s.by), {asks, s.by},
                        ticks_of_a_case);
}

std::optional<property_check::failure> property_check::find_failure(const scenario& s, bool passes_errors) const {
    marbles m;
    const auto h = std::make_shared<history>();
    seen result;
    try {
        result = play(s, m, h);
    } catch (const std::exception& e) { // of marbles, about the stream
        return failure{.what = e.what(), .drawing = {}, .expected = {}, .how = failure::check::none};
    }
    const auto fails = [&](std::string what, std::string expected = {}, failure::check how = failure::check::none) {
        return failure{std::move(what), result.drawing, std::move(expected), how};
    };
    constexpr auto equals = failure::check::equals;
    if (h.use_count() != 1) return fails("it was dropped, and keeps its upstream");
    if (h->polled_after_end) return fails("upstream was polled after its end");
    if (m.executor().stats().timers_armed != 0) return fails("it was dropped, and keeps a timer armed");

    if (timed_model != nullptr) {
        const std::string expected = timed_model(s.line());
        if (result.drawing == expected) return {};
        return fails("the model has other items, or has them at other times", expected, equals);
    }
    const std::vector<std::string> items = model(s.values());
    const std::string all = concatenate(items);
    const bool has_error = s.how == scenario::last::error && passes_errors;
    const std::string finished = all + (has_error ? '#' : '|');
    if (result.items.size() > items.size() ||
        !std::ranges::equal(result.items, items | std::views::take(result.items.size()))) {
        const bool exact = result.what == seen::last::ended || result.what == seen::last::failed;
        return fails("the model has other items", exact ? finished : all, exact ? equals : failure::check::is_start_of);
    }
    switch (result.what) {
    case seen::last::ended:
        if (result.items.size() != items.size()) return fails("it ends before the model's last item", finished, equals);
        if (has_error) { // it must have ended before
            scenario endless = s;
            endless.how = scenario::last::neither;
            marbles other;
            if (play(endless, other, std::make_shared<history>()).what == seen::last::running)
                return fails("upstream fails, and the consumer sees an end", finished, equals);
        }
        break;
    case seen::last::failed:
        if (!has_error) return fails("it fails with an error that is not upstream's", finished, equals);
        break;
    case seen::last::dropped:
        break;
    case seen::last::running:
        if (s.how == scenario::last::neither) break;
        if (const auto asked = s.asked(); asked && *asked <= items.size()) {
            if (has_error || result.items.size() == *asked) break;
            return fails("fewer items arrive than were asked for",
                         concatenate({items.begin(), items.begin() + static_cast<std::ptrdiff_t>(*asked)}), equals);
        }
        return fails("upstream has finished, and the consumer is not told", finished, equals);
    }
    return {};
}

void property_check::shrink(scenario& s, failure& f, bool passes_errors) const {
    for (bool shrunk = true; shrunk;) {
        shrunk = false;
        for (scenario& candidate : s.smaller()) {
            if (auto other = find_failure(candidate, passes_errors)) {
                s = std::move(candidate);
                f = std::move(*other);
                shrunk = true;
                break;
            }
        }
    }
}

/// A failure as a marble test.
std::string property_check::test_of(const scenario& s, const failure& f) const {
    printed_test test{"    weir::testing::marbles m;\n", "m.hot<int>(\"" + s.diagram() + "\")", {}};
    if (s.schedule != 0) test.setup += "    m.shuffle(" + std::to_string(s.schedule) + ");\n";
    if (const std::string asks = s.consumer(); asks != "*" || s.by != asking::one_by_one) {
        test.consumer = "{.asks = \"" + asks + '"';
        if (s.by == asking::in_a_loop) test.consumer += ", .how = weir::testing::asking::in_a_loop";
        test.consumer += '}';
    }
    const std::string was = "was \"" + f.drawing + '"';
    switch (f.how) {
    case failure::check::equals:
        return test.checked((timed_model != nullptr ? test.played() : test.items()) + " == \"" + f.expected + '"', was);
    case failure::check::is_start_of:
        return test.checked("std::string{\"" + f.expected + "\"}.starts_with(" + test.items() + ')', was);
    case failure::check::none:
        break;
    }
    return test.unchecked(f.what);
}

std::string property_check::run(const property_options& options) const {
    generator bits{options.seed};
    for (std::size_t i = 0; i != options.cases; ++i) {
        scenario s = scenario::random(bits, timed_model != nullptr);
        auto f = find_failure(s, options.passes_errors);
        if (!f) continue;
        shrink(s, *f, options.passes_errors);

        return "case " + std::to_string(i) + " of seed " + std::to_string(options.seed) + ", made smaller: " + f->what +
               "\n\n" + test_of(s, *f);
    }
    return {};
}

std::string draw_timeline(const timeline<std::string>& line) {
    drawing d;
    for (const auto& [tick, item] : line.items) d.add(tick, item);
    if (line.end) d.add(*line.end, "|");
    return d.finish(line.end.has_value());
}

} // namespace weir::testing::detail
