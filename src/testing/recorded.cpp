// SPDX-License-Identifier: MIT
#include <weir/testing/recorded.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <map>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include <testing/drawing.hpp>
#include <testing/printed_test.hpp>
#include <weir/testing/marbles.hpp>

namespace weir::testing {

namespace {

/// Appends a character as UTF-8.
void append_utf8(std::string& text, std::uint32_t code) {
    const auto add = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
    if (code < 0x80) return add(code);
    if (code < 0x800) {
        add(0xc0 | code >> 6);
    } else {
        add(0xe0 | code >> 12);
        add(0x80 | (code >> 6 & 0x3f));
    }
    add(0x80 | (code & 0x3f));
}

/// One event of a file that trace_file has written: a JSON object in a line.
class event_line {
public:
    explicit event_line(std::string_view line) noexcept : line_{line} {}

    /// The value of a key whose value is no text. Empty if there is none.
    std::string_view value(std::string_view key) const {
        const std::size_t at = behind(key);
        return at == line_.npos ? "" : line_.substr(at, line_.find_first_of(",}", at) - at);
    }
    std::uint64_t number(std::string_view key) const { return number_in(value(key)); }
    /// Microseconds with three decimals, as nanoseconds.
    std::uint64_t time() const {
        std::string digits{value("ts")};
        std::erase(digits, '.');
        return number_in(digits);
    }
    std::string text(std::string_view key) const {
        std::string result;
        std::size_t at = behind(key);
        if (at == line_.npos) return result;
        for (++at; at < line_.size() && line_[at] != '"'; ++at) {
            if (line_[at] != '\\') {
                result += line_[at];
            } else if (++at < line_.size() && line_[at] == 'u') {
                std::uint32_t code = 0;
                const std::string_view hex = line_.substr(at + 1, 4);
                std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
                append_utf8(result, code);
                at += 4;
            } else if (at < line_.size()) {
                result += line_[at];
            }
        }
        return result;
    }

private:
    static std::uint64_t number_in(std::string_view text) {
        std::uint64_t n = 0;
        std::from_chars(text.data(), text.data() + text.size(), n);
        return n;
    }
    /// Quotation marks within texts are escaped, so that this cannot be part of one.
    std::size_t behind(std::string_view key) const {
        const std::string quoted = '"' + std::string{key} + "\":";
        const std::size_t at = line_.find(quoted);
        return at == line_.npos ? at : at + quoted.size();
    }

    std::string_view line_;
};

struct recorded_item {
    std::uint64_t at; // ns
    std::string text;
};

struct recorded_stage {
    std::string name;
    std::uint64_t track = 0;
    std::uint64_t number = 0;
    std::uint64_t asked_by = 0;
    std::string operators; // in front of it
    std::uint64_t begin = 0;
    std::vector<recorded_item> items;
    std::optional<std::uint64_t> end;
    std::string how;

    bool has_ended() const noexcept { return how == "ended"; }
    bool has_failed() const noexcept { return how.starts_with("failed"); }
    bool has_texts() const {
        return std::ranges::all_of(items, [](const recorded_item& one) { return !one.text.empty(); });
    }
    /// The mark of its end in a diagram; empty if the stage was dropped, or has not ended.
    std::string_view mark() const noexcept { return has_ended() ? "|" : has_failed() ? "#" : ""; }
};

class record {
public:
    explicit record(const std::string& path) {
        std::ifstream file{path, std::ios::binary};
        if (!file) throw std::system_error{errno, std::generic_category(), "weir::recorded_marble_test: open " + path};
        for (std::string line; std::getline(file, line);) {
            if (line.starts_with(R"({"ph":"i")")) add(event_line{line});
        }
        if (file.bad())
            throw std::system_error{errno, std::generic_category(), "weir::recorded_marble_test: read " + path};
    }

    /// The first one of that name that failed, or else the last.
    const recorded_stage* find(std::string_view name) const {
        const recorded_stage* found = nullptr;
        for (const recorded_stage& one : stages_) {
            if (one.name != name) continue;
            if (one.has_failed()) return &one;
            found = &one;
        }
        return found;
    }
    /// The one that asks a stage; null where that also asks another one.
    const recorded_stage* behind(const recorded_stage& stage) const {
        const recorded_stage* found = nullptr;
        for (const recorded_stage& one : stages_) {
            if (one.track != stage.track) continue;
            if (one.number == stage.asked_by) found = &one;
            if (one.asked_by == stage.asked_by && one.number != stage.number) return nullptr;
        }
        return found;
    }

private:
    void add(const event_line& event) {
        const std::string category = event.text("cat");
        const std::uint64_t track = event.number("tid"), number = event.number("stage");
        if (category == "stage_begins") {
            numbers_[{track, number}] = stages_.size();
            stages_.push_back({event.text("name"),
                               track,
                               number,
                               event.number("asked_by"),
                               event.text("text"),
                               event.time(),
                               {},
                               {},
                               {}});
            return;
        }
        const auto found = numbers_.find({track, number});
        if (found == numbers_.end()) return;
        recorded_stage& stage = stages_[found->second];
        if (category == "item") stage.items.push_back({event.time(), event.text("text")});
        if (category == "stage_ends") stage.end = event.time(), stage.how = event.text("text");
    }

    std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> numbers_; // by track and number
    std::vector<recorded_stage> stages_;
};

/// A string literal.
std::string literal(std::string_view text) {
    std::string result{'"'};
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + '"';
}

enum class value_type { character, integer, text };

value_type type_of(const std::vector<recorded_item>& items) {
    const auto is_character = [](const recorded_item& one) {
        const auto within = [c = one.text[0]](char first, char last) { return c >= first && c <= last; };
        return one.text.size() == 1 && (within('0', '9') || within('a', 'z') || within('A', 'Z'));
    };
    const auto is_integer = [](const recorded_item& one) {
        int n = 0;
        const char* const end = one.text.data() + one.text.size();
        const auto [parsed, error] = std::from_chars(one.text.data(), end, n);
        return error == std::errc{} && parsed == end && std::to_string(n) == one.text;
    };
    if (std::ranges::all_of(items, is_integer)) return value_type::integer;
    if (std::ranges::all_of(items, is_character)) return value_type::character;
    return value_type::text;
}

/// The names of the items in a diagram.
class item_names {
public:
    explicit item_names(value_type type) noexcept : type_{type} {}

    /// Empty when no name is left.
    std::optional<char> of(const std::string& text) {
        if (type_ == value_type::character) return text[0];
        if (type_ == value_type::integer && text.size() == 1) return text[0];
        const auto found = std::ranges::find(named_, text);
        if (found == named_.end()) {
            if (named_.size() == all.size()) return {};
            named_.push_back(text);
            return all[named_.size() - 1];
        }
        return all[static_cast<std::size_t>(found - named_.begin())];
    }

    /// The expression of a stream with that diagram.
    std::string stream(std::string_view diagram) const {
        std::string text{"m.hot"};
        if (type_ == value_type::integer) text += "<int>";
        if (type_ == value_type::text) text += "<std::string>";
        text.append("(\"").append(diagram).append("\"");
        const char* before = named_.size() > 6 ? ",\n        {" : ", {";
        for (std::size_t i = 0; i != named_.size(); ++i) {
            text.append(before).append("{'").append(1, all[i]).append("', ");
            text.append(type_ == value_type::text ? literal(named_[i]) : named_[i]).append("}");
            before = i % 6 == 5 ? ",\n        " : ", ";
        }
        return text + (named_.empty() ? ")" : "})");
    }

private:
    static constexpr std::string_view all = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    value_type type_;
    std::vector<std::string> named_;
};

/// A duration as a C++ expression.
std::string duration_text(std::uint64_t ns) {
    const std::pair<std::uint64_t, const char*> units[] = {
        {1'000'000'000, "seconds"}, {1'000'000, "milliseconds"}, {1'000, "microseconds"}, {1, "nanoseconds"}};
    const auto& [size, name] = *std::ranges::find_if(units, [&](const auto& unit) { return ns % unit.first == 0; });
    return std::string{"std::chrono::"} + name + '{' + std::to_string(ns / size) + '}';
}

/// A tick that divides all times if that is fine enough, and else a round one that gives a diagram of readable length.
std::uint64_t tick_for(const std::vector<std::uint64_t>& times) {
    constexpr std::uint64_t longest = 300;
    const std::uint64_t exact = std::accumulate(times.begin(), times.end(), std::uint64_t{0},
                                                [](std::uint64_t a, std::uint64_t b) { return std::gcd(a, b); });
    const std::uint64_t span = times.empty() ? 0 : times.back();
    if (exact == 0) return 1'000'000;
    if (span / exact <= longest) return exact;
    for (std::uint64_t decade = 1;; decade *= 10) {
        for (const std::uint64_t factor : {1U, 2U, 5U}) {
            if (span / (decade * factor) <= longest) return decade * factor;
        }
    }
}

std::string drawing_of(const recorded_stage& stage) {
    std::string text;
    for (const recorded_item& item : stage.items) text += detail::draw(item.text);
    return without_ticks(text.append(stage.mark()));
}

} // namespace

std::string recorded_marble_test(const std::string& path, std::string_view stage_name, recorded_options options) {
    if (options.most_items == 0) throw std::invalid_argument{"weir::recorded_marble_test: most_items is 0"};
    const record all{path};
    const auto wrong = [&](const char* what) {
        return std::invalid_argument{"weir::recorded_marble_test: " + path + " has " + what + std::string{stage_name}};
    };
    const recorded_stage* const found = all.find(stage_name);
    if (found == nullptr) throw wrong("no recorded stage ");
    if (!found->has_texts()) throw wrong("no texts, by meter(name, text), for the items of ");
    recorded_stage stage = *found;
    const std::size_t recorded = stage.items.size();

    // The last items, as many as have names.
    const auto shorten_to = [&](std::size_t most) {
        if (stage.items.size() <= most) return;
        stage.items.erase(stage.items.begin(), stage.items.end() - static_cast<std::ptrdiff_t>(most));
        stage.begin = stage.items.front().at;
    };
    shorten_to(options.most_items);
    const value_type type = type_of(stage.items);
    item_names names{type};
    for (std::size_t n = 1; n <= stage.items.size(); ++n) {
        if (!names.of(stage.items[stage.items.size() - n].text)) shorten_to(n - 1);
    }
    names = item_names{type}; // in the order of the items

    std::vector<std::uint64_t> times;
    for (const recorded_item& item : stage.items) times.push_back(item.at - stage.begin);
    if (!stage.mark().empty()) times.push_back(*stage.end - stage.begin);
    const std::uint64_t tick = tick_for(times);
    detail::drawing diagram;
    for (std::size_t i = 0; i != stage.items.size(); ++i) {
        diagram.add(times[i] / tick, std::string(1, *names.of(stage.items[i].text)));
    }
    if (!stage.mark().empty()) diagram.add(times.back() / tick, stage.mark());

    const recorded_stage* const behind = all.behind(stage);
    const bool whole = stage.items.size() == recorded;
    std::string setup = "    // " + literal(stage.name) + " in a recorded run";
    if (!whole) {
        setup += ", the last " + std::to_string(stage.items.size()) + " of " + std::to_string(recorded) + " items";
    }
    if (behind != nullptr) {
        const std::string& op = behind->operators;
        setup += "; op: " + (op.empty() ? std::string{"nothing"} : op) + ", up to " + literal(behind->name);
    }
    setup += tick == 1'000'000 ? "\n    weir::testing::marbles m;\n"
                               : "\n    weir::testing::marbles m{" + duration_text(tick) + "};\n";
    setup += "    auto upstream = " + names.stream(diagram.finish(!stage.mark().empty())) + ";\n";
    const detail::printed_test test{std::move(setup), "std::move(upstream)", {}};
    if (!whole || behind == nullptr || !behind->has_texts()) return test.unchecked(stage.has_failed() ? stage.how : "");
    return test.checked(test.items() + " == " + literal(drawing_of(*behind)), behind->has_failed() ? behind->how : "");
}

} // namespace weir::testing
