// SPDX-License-Identifier: MIT
#include <executor/detail/type_outline.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <cxxabi.h>

namespace weir::detail {

namespace {

constexpr std::string_view opening = "<({[";
constexpr std::string_view closing = ">)}]";

bool contains(std::string_view set, char c) noexcept { return set.find(c) != std::string_view::npos; }

/// Returns how many characters from a position on are the name of an operator, such as `operator<<`. Its brackets open
/// and close nothing.
std::size_t operator_name(std::string_view text, std::size_t at) noexcept {
    constexpr std::string_view keyword = "operator";
    if (text.substr(at, keyword.size()) != keyword) return 0;
    for (const std::string_view symbol : {"<<=", "<=>", "->*", ">>=", "<<", "<=", "->", ">>", ">=", "<", ">", ","}) {
        if (text.substr(at + keyword.size(), symbol.size()) == symbol) return keyword.size() + symbol.size();
    }
    return 0;
}

/// Returns the position of the first character of a set that is in no bracket, from a position on. Returns the size of
/// the text when there is no such character.
std::size_t find_outside(std::string_view text, std::string_view set, std::size_t from = 0) {
    int depth = 0;
    for (std::size_t i = from; i < text.size(); ++i) {
        if (const std::size_t length = operator_name(text, i); length != 0) {
            i += length - 1;
            continue;
        }
        if (depth == 0 && contains(set, text[i])) return i;
        if (contains(opening, text[i])) ++depth;
        if (contains(closing, text[i])) --depth;
    }
    return text.size();
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

/// What stands behind the last character of a set that is in no bracket.
std::string_view behind_last(std::string_view text, std::string_view set) {
    std::string_view rest = text;
    for (;;) {
        const std::size_t at = find_outside(rest, set);
        if (at == rest.size()) return rest;
        rest.remove_prefix(at + 1);
    }
}

struct parsed {
    std::string_view full;                   // the name with its namespaces
    std::string_view name;                   // without them
    std::vector<std::string_view> arguments; // of the template
};

parsed parse(std::string_view type) {
    parsed result;
    // A local class comes behind its function, which may have a list of arguments of its own.
    const std::string_view last = behind_last(type, ":");
    const std::size_t list = type.size() - last.size() + find_outside(last, "<");
    result.full = type.substr(0, list);
    result.name = result.full.substr(type.size() - last.size());
    if (list == type.size()) return result;
    for (std::size_t at = list + 1; at < type.size();) {
        const std::size_t end = find_outside(type, ",>", at);
        result.arguments.push_back(trimmed(type.substr(at, end - at)));
        if (end == type.size() || type[end] == '>') break;
        at = end + 1;
    }
    return result;
}

bool ends_with(std::string_view text, std::string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}
bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// packaging/gdb/weir.py has the same names, and tests/hygiene/gdb_names.py compares them.

/// Classes that are not called like what users write.
constexpr std::pair<std::string_view, std::string_view> renamed[] = {
    {"call_each", "for_each"},
    {"ignore_items", "drain"},
    {"timed_operation", "with_timeout"},
    {"fold_all", "fold"},
    {"reduce_all", "reduce"},
    {"count_items", "count"},
    {"event_wait_operation", "wait"},
    {"lock_operation", "lock"},
    {"concurrent_operations", "when_all or when_any"},
    {"lazy_operation", "a function"},
    {"local_operation", "with_local"},
    {"results_in_order", "parallel"},
    {"executor_queue_receiver", "publish_on"},
    {"await_each", "for_each"},
    {"best_item", "min or max"},
    {"both_ends", "minmax"},
    {"fill_container", "to"},
    {"joined_text", "join"},
    {"keep_first", "first"},
    {"keep_last", "last"},
    {"keep_single", "single"},
    {"mean", "average"},
    {"run_groups", "for_each_group"},
    {"search_all", "all_of"},
    {"search_any", "any_of"},
    {"search_none", "none_of"},
    {"send_items", "send"},
    {"shared_subscription", "share"},
    {"write_items", "write"},
};
/// What follows the user's name in the name of a class.
constexpr std::string_view suffixes[] = {"_stream", "_operation", "_sink", "_into"};
/// Classes that are named like their first argument.
constexpr std::string_view wrappers[] = {"sink", "boxed_stream"};
/// Classes other than streams whose first argument may be their upstream.
constexpr std::string_view over_upstream[] = {"accumulation", "next_operation", "await_each", "run_groups",
                                              "send_items",   "serve_sink",     "write_items"};
/// Streams whose names do not end in "_stream".
constexpr std::string_view other_streams[] = {
    "concurrent_receiver", "executor_queue_receiver", "group_items",  "published",    "receiver", "shared_subscription",
    "side_items",          "stream_branch",           "subscription", "window_items",
};
/// Streams whose template arguments are all streams.
constexpr std::string_view fans_in[] = {"combine_latest_stream", "concat_stream", "or_else_stream",
                                        "with_latest_from_stream", "zip_longest_stream"};
/// Classes that hold the upstream of others.
constexpr std::string_view holders[] = {"weir::shared_source", "weir::detail::made_once", "weir::detail::zipped_sides"};
/// Types of one word that are no classes.
constexpr std::string_view plain_types[] = {"bool", "char", "short", "int", "long", "float", "double"};
/// Sources with a template argument that may be taken for their upstream.
constexpr std::string_view source_types[] = {
    "accept_stream",   "empty_stream",  "fail_stream",  "from_callback_stream", "from_range_stream",
    "generate_stream", "iota_stream",   "just_stream",  "never_stream",         "once_stream",
    "read_stream",     "repeat_stream", "async_stream", "unfold_stream",
};

template <std::size_t N>
bool contains(const std::string_view (&names)[N], std::string_view name) {
    return std::ranges::find(names, name) != std::end(names);
}

std::string stage_name(const parsed& type) {
    for (const auto& [name, user] : renamed) {
        if (type.name == name) return std::string{user};
    }
    if ((type.name == "in_flight_stream" || type.name == "map_async_stream") && type.arguments.size() > 3) {
        if (has(type.arguments[2], "inner_streams")) return "flat_map";
        // delivery::as_started
        return ends_with(type.arguments[3], "1") ? "map_async" : "map_async_unordered";
    }
    if (type.name == "accumulation" && type.arguments.size() > 1) return stage_name(parse(type.arguments[1]));
    std::string_view name = type.name;
    for (const std::string_view end : suffixes) {
        if (ends_with(name, end) && name != "async_stream") name.remove_suffix(end.size());
    }
    return std::string{name};
}

std::string outline(std::string_view text, int depth) {
    const parsed type = parse(text);
    if (text.substr(0, 6) != "weir::" || depth > 20) return std::string{type.full};
    if (contains(wrappers, type.name) && !type.arguments.empty()) return outline(type.arguments.front(), depth + 1);
    std::string name = stage_name(type);
    if (type.arguments.empty()) return name;
    const std::string_view first = type.arguments.front();
    const bool may_have_upstream = ends_with(type.name, "_stream") || contains(over_upstream, type.name);
    const bool has_upstream = may_have_upstream && (first.substr(0, 6) == "weir::" || has(parse(first).name, "stream"));
    return has_upstream ? outline(first, depth + 1) + " | " + name : name;
}

/// Walks through the types of a pipeline, from the sink to the sources.
class pipeline_walk {
public:
    /// Adds a stage behind those that it asks, and returns its number.
    std::size_t add(std::string_view text) {
        const parsed type = parse(text);
        const bool deep = ++depth_ > deepest || stages_.size() > most;
        outlined_stage one{std::string{type.name}, std::string{text}, {}};
        if (is_weir(text) && !deep) {
            if (contains(wrappers, type.name) && !type.arguments.empty()) return leave(add(type.arguments.front()));
            if (type.name == "published_operation" && type.arguments.size() > 1) {
                const std::string_view outer = std::exchange(other_thread_, type.arguments.front());
                const std::size_t sink = add(type.arguments[1]);
                other_thread_ = outer;
                return leave(sink);
            }
            one.name = stage_name(type);
            if (type.name == "executor_queue_receiver" && !other_thread_.empty()) {
                one.upstream.push_back(add(other_thread_));
            }
            add_upstream(type, one.upstream);
        }
        stages_.push_back(std::move(one));
        return leave(stages_.size() - 1);
    }
    std::vector<outlined_stage> stages() && { return std::move(stages_); }

private:
    static constexpr int deepest = 100;
    static constexpr std::size_t most = 1000;

    static bool is_weir(std::string_view text) { return text.substr(0, 6) == "weir::"; }
    static bool is_std(std::string_view text) { return text.substr(0, 5) == "std::"; }
    static bool is_stream(std::string_view text) {
        const parsed type = parse(text);
        if (!is_weir(text)) return has(type.name, "stream") && !is_std(text);
        return ends_with(type.name, "_stream") || contains(other_streams, type.name);
    }

    void add_upstream(const parsed& type, std::vector<std::size_t>& upstream) {
        if (contains(source_types, type.name)) return;
        bool first = ends_with(type.name, "_stream") || contains(over_upstream, type.name);
        for (const std::string_view argument : type.arguments) {
            if (is_holder(argument)) first = false; // an item type came before
        }
        const bool all = contains(fans_in, type.name);
        const bool holds = is_holder(type.full);
        for (const std::string_view argument : type.arguments) {
            const std::string_view last = behind_last(argument, ":");
            const bool is_class = find_outside(last, " ") == last.size(); // not a pointer to a function
            if (is_holder(argument)) {
                add_upstream(parse(argument), upstream);
            } else if (is_class &&
                       (is_stream(argument) || ((first || all || holds) && is_class_of_user(parse(argument))))) {
                for (std::size_t n = copies_in(type); n != 0; --n) upstream.push_back(add(argument));
            }
            first = false;
        }
    }
    /// How many streams of its type a holder has. A children_array tells, up to a number that can still be drawn.
    static std::size_t copies_in(const parsed& holder) {
        if (holder.name != "children_array" || holder.arguments.size() != 2) return 1;
        const unsigned long count = std::strtoul(std::string{holder.arguments[1]}.c_str(), nullptr, 10);
        return std::clamp(count, 1UL, 32UL);
    }
    /// Whether that is a class of the library that holds streams for another one.
    static bool is_holder(std::string_view text) {
        const parsed type = parse(text);
        return has(type.full, "weir::detail::children_") || contains(holders, type.full);
    }
    /// Whether that may be a stream of the user's own.
    static bool is_class_of_user(const parsed& type) {
        if (is_weir(type.full) || is_std(type.full) || type.name.empty() || contains(plain_types, type.full))
            return false;
        const char first = type.name.front();
        return (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '_';
    }
    std::size_t leave(std::size_t number) noexcept {
        --depth_;
        return number;
    }

    std::vector<outlined_stage> stages_;
    std::string_view other_thread_; // the pipeline that runs on the executor of publish_on
    int depth_ = 0;
};

/// Walks through the objects of a pipeline, from the sink to the sources.
class object_walk final : public stage_outline {
public:
    std::vector<outlined_stage> stages() && { return std::move(stages_); }

    using stage_outline::holds;
    void holds(const held_bound& more) override { open_.back().held += more; }

protected:
    bool begin(const void* object, const char* type) override {
        if (const auto seen = seen_.find({object, type}); seen != seen_.end()) {
            link(seen->second);
            return false;
        }
        if (open_.size() == deepest || stages_.size() + open_.size() >= most) {
            open_.back().held.unknown += 1;
            return false;
        }
        open_.push_back({.object = object, .mangled = type});
        return true;
    }
    void undescribed(bool is_operation) override {
        // An operation of the library that says nothing receives no items.
        if (!is_operation || demangled(open_.back().mangled).substr(0, 6) != "weir::") ++open_.back().held.unknown;
    }
    void end() override {
        stage one = std::move(open_.back());
        open_.pop_back();
        std::string text = demangled(one.mangled);
        const parsed type = parse(text);
        std::size_t number = stages_.size();
        if (is_no_stage(type) && !one.upstream.empty()) {
            number = one.upstream.back();
            stages_[number].held += one.held;
        } else {
            std::string name = text.substr(0, 6) == "weir::" ? stage_name(type) : std::string{type.name};
            if (type.name == "executor_queue_receiver" && near_ != none) one.upstream.push_back(near_);
            stages_.push_back({std::move(name), std::move(text), std::move(one.upstream), one.held});
        }
        seen_.emplace(std::pair{one.object, one.mangled}, number);
        link(number);
    }
    void absent(const char* type, bool lives) override {
        const std::size_t first = stages_.size();
        for (outlined_stage& one : pipeline_outline(type)) {
            for (std::size_t& from : one.upstream) from += first;
            if (lives) one.held.unknown = 1;
            stages_.push_back(std::move(one));
        }
        link(stages_.size() - 1);
    }

private:
    static constexpr std::size_t deepest = 200;
    static constexpr std::size_t most = 1000;
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    struct stage {
        const void* object;
        const char* mangled;
        std::vector<std::size_t> upstream{};
        held_bound held{};
    };

    static bool crosses(const parsed& type) { return type.name == "published_operation" || type.name == "published"; }
    static bool is_no_stage(const parsed& type) { return contains(wrappers, type.name) || crosses(type); }

    /// Adds a stage to the upstream of the one that is described. The first of a pipeline with publish_on is upstream
    /// of the queue between the executors.
    void link(std::size_t number) {
        if (open_.empty()) return;
        stage& by = open_.back();
        if (by.upstream.empty() && crosses(parse(demangled(by.mangled)))) near_ = number;
        by.upstream.push_back(number);
    }

    std::vector<stage> open_; // that are described, from the sink on
    std::vector<outlined_stage> stages_;
    std::map<std::pair<const void*, std::string_view>, std::size_t> seen_;
    std::size_t near_ = none; // the last stage before a publish_on
};

} // namespace

std::string demangled(const char* mangled) {
    const std::unique_ptr<char, decltype(&std::free)> text{abi::__cxa_demangle(mangled, nullptr, nullptr, nullptr),
                                                           &std::free};
    return text != nullptr ? std::string{text.get()} : std::string{mangled};
}

std::vector<outlined_stage> pipeline_outline(const char* mangled) {
    if (mangled == nullptr) return {{"an operation", {}, {}}};
    pipeline_walk walk;
    walk.add(demangled(mangled));
    return std::move(walk).stages();
}

std::vector<outlined_stage> pipeline_outline(const drawing& what) {
    if (what.type == nullptr) return {{"an operation", {}, {}}};
    object_walk walk;
    what.outline(what.object, walk);
    return std::move(walk).stages();
}

namespace {

/// The stage of that number with what is upstream of it, up to the next meters.
std::string chain_to(const std::vector<outlined_stage>& stages, std::size_t number) {
    const outlined_stage& last = stages[number];
    if (last.name == "meter") return {};
    std::string upstream;
    for (const std::size_t from : last.upstream) {
        const std::string one = chain_to(stages, from);
        if (!upstream.empty() && !one.empty()) upstream += ", ";
        upstream += one;
    }
    if (upstream.empty()) return last.name;
    return last.upstream.size() == 1 ? upstream + " | " + last.name : last.name + '(' + upstream + ')';
}

} // namespace

std::string operators_before(const char* mangled) {
    const std::vector<outlined_stage> stages = pipeline_outline(mangled);
    const std::vector<std::size_t>& upstream = stages.back().upstream;
    return upstream.empty() ? std::string{} : chain_to(stages, upstream.front());
}

std::string last_stage(const char* mangled) {
    const std::string all = type_outline(mangled);
    const std::size_t bar = all.rfind(" | ");
    return bar == std::string::npos ? all : all.substr(bar + 3);
}

std::string type_outline(const char* mangled) {
    if (mangled == nullptr) return "an operation";
    return outline(demangled(mangled), 0);
}

std::string function_outline(std::string_view signature) {
    // g++ describes a coroutine by its frame: void f(f(int)::_Z1fi.Frame*)
    if (const std::size_t with = signature.find(" [with "); with != std::string_view::npos) {
        signature = signature.substr(0, with);
    }
    for (const std::string_view end : {" const", " noexcept", " &", " &&"}) {
        if (ends_with(signature, end)) signature.remove_suffix(end.size());
    }
    if (ends_with(signature, ")")) {
        int depth = 0;
        std::size_t at = signature.size();
        do {
            --at;
            if (signature[at] == ')') ++depth;
            if (signature[at] == '(') --depth;
        } while (at != 0 && depth != 0);
        signature = signature.substr(0, at);
    }
    std::string name{behind_last(signature, " ")};
    if (const std::size_t lambda = name.find("<lambda("); lambda != std::string::npos) {
        name = name.substr(0, lambda) + "<lambda>";
    }
    for (const std::string_view hidden : {"(anonymous namespace)::", "{anonymous}::"}) {
        for (std::size_t at = 0; (at = name.find(hidden)) != std::string::npos;) name.erase(at, hidden.size());
    }
    return name;
}

} // namespace weir::detail
