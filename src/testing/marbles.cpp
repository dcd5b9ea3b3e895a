// SPDX-License-Identifier: MIT
#include <weir/testing/marbles.hpp>

#include <typeinfo>

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

namespace detail {

void drawing::close_tick() {
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

void drawing::add(std::size_t tick, std::string_view what) {
    while (tick_ < tick) close_tick();
    here_ += what;
    ++in_tick_;
}

std::string drawing::finish(bool ended) {
    if (in_tick_ != 0) close_tick();
    return std::move(done_) + (ended ? "" : "...");
}

} // namespace detail

} // namespace weir::testing
