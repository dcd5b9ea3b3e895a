// SPDX-License-Identifier: MIT
#include <weir/observe/trace.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <executor/detail/type_outline.hpp>
#include <observe/trace_page.hpp>
#include <weir/core/detail/locals.hpp>
#include <weir/executor/detail/locals.hpp>
#include <weir/executor/detail/new_executor.hpp>
#include <weir/executor/detail/wait_dump.hpp>
#include <weir/executor/executor.hpp>
#include <weir/observe/detail/run_observer.hpp>
#include <weir/observe/detail/stage_run.hpp>

namespace weir {

namespace {

/// The length of the UTF-8 sequence at the start of a text; 0 if there is no valid one.
std::size_t utf8_length(std::string_view text) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
    const unsigned char lead = at(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    for (std::size_t i = 1; i != length; ++i) {
        if ((at(i) & 0xc0) != 0x80) return 0;
    }
    const bool overlong = (lead == 0xe0 && at(1) < 0xa0) || (lead == 0xf0 && at(1) < 0x90);
    const bool surrogate = lead == 0xed && at(1) > 0x9f;
    return overlong || surrogate || (lead == 0xf4 && at(1) > 0x8f) ? 0 : length;
}

/// A text in quotation marks, for JSON that may stand in a page.
std::string json_text(std::string_view text) {
    std::string result{'"'};
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) {
            result += "\\ufffd";
        } else if (static_cast<unsigned char>(text[0]) < ' ') {
            result += ' ';
        } else if (text[0] == '<') {
            result += "\\u003c"; // no "</script>" of an item ends the data
        } else {
            if (text[0] == '"' || text[0] == '\\') result += '\\';
            result += text.substr(0, length);
        }
        text.remove_prefix(std::max(length, std::size_t{1}));
    }
    return result + '"';
}

/// Microseconds, which is the unit of the format, with three decimals.
std::string microseconds(duration d) {
    const auto all = std::chrono::duration_cast<std::chrono::nanoseconds>(d).count();
    std::string decimals = std::to_string(all % 1000);
    decimals.insert(0, 3 - decimals.size(), '0');
    return std::to_string(all / 1000) + '.' + decimals;
}

constexpr std::size_t most_bytes_of_page = std::size_t{64} << 20;

void complain(const std::exception& e) noexcept { std::fprintf(stderr, "weir: WEIR_TRACE: %s\n", e.what()); }

/// Returns null when the file cannot be opened.
std::shared_ptr<trace_file> open_or_complain(const char* path) noexcept {
    try {
        return std::make_shared<trace_file>(path);
    } catch (const std::exception& e) {
        complain(e);
        return nullptr;
    }
}

} // namespace

trace_file::trace_file(const std::string& path, failure_function on_failure)
    : path_{path},
      on_failure_{std::move(on_failure)},
      page_{detail::is_page(path)},
      file_{std::fopen(path.c_str(), "we")} {
    if (file_ == nullptr) throw std::system_error{errno, std::generic_category(), "weir::trace_file: open " + path};
    if (page_) write_text(detail::trace_page_head);
    write_text("[");
}

trace_file::~trace_file() {
    write_text("\n]\n");
    if (page_) write_text(detail::trace_page_end);
    check(std::fclose(file_) == 0);
}

void trace_file::check(bool written) noexcept {
    if (written || std::exchange(failed_, true)) return;
    try {
        const std::system_error error{errno, std::generic_category(), "weir::trace_file: write " + path_};
        if (on_failure_) return on_failure_(error);
        std::fprintf(stderr, "%s; the trace ends here\n", error.what());
    } catch (...) { // no memory
    }
}

void trace_file::write_text(std::string_view text) noexcept {
    if (!failed_) check(std::fwrite(text.data(), 1, text.size(), file_) == text.size());
}

void trace_file::write(std::string_view event) noexcept {
    if (page_ && size_ > most_bytes_of_page) return;
    size_ += event.size();
    if (page_ && size_ > most_bytes_of_page) event = "{\"ph\":\"M\",\"name\":\"the page is full\",\"pid\":1,\"tid\":0}";
    write_text(std::exchange(first_, false) ? "\n" : ",\n");
    write_text(event);
}

void trace_file::receive(std::uint64_t track, const trace_span& span) noexcept {
    using kind = trace_span::kind;
    try {
        const std::string name = ",\"name\":" + json_text(span.name) + ",\"pid\":1,\"tid\":" + std::to_string(track);
        const std::string begin = ",\"ts\":" + microseconds(span.begin.time_since_epoch());
        const std::string locals = span.locals.empty() ? "" : R"("locals":)" + json_text(span.locals);
        const auto instant = [&](std::string_view category, std::string_view more = {}) {
            std::string event{R"({"ph":"i","s":"t","cat":")"};
            event.append(category).append("\"").append(name).append(begin).append(R"(,"args":{"stage":)");
            event.append(std::to_string(span.stage)).append(more);
            if (!span.text.empty()) event.append(R"(,"text":)").append(json_text(span.text));
            if (!locals.empty()) event.append(",").append(locals);
            const std::lock_guard held{lock_};
            write(event + "}}");
        };
        switch (span.what) {
        case kind::turn:
        case kind::run:
        case kind::idle: {
            const std::lock_guard held{lock_};
            const std::string args = locals.empty() ? "" : R"(,"args":{)" + locals + "}";
            return write(R"({"ph":"X")" + name + begin + R"(,"dur":)" + microseconds(span.length) + args + "}");
        }
        case kind::stage: {
            // Waits overlap, so that they have tracks of their own.
            const std::string end = ",\"ts\":" + microseconds(span.begin.time_since_epoch() + span.length);
            const std::lock_guard held{lock_};
            const std::string wait = R"(,"cat":"stage","id":)" + std::to_string(++waits_) + name;
            const std::string args = std::to_string(span.stage) + (locals.empty() ? "" : "," + locals);
            write(R"({"ph":"b")" + wait + begin + R"(,"args":{"stage":)" + args + "}}");
            return write(R"({"ph":"e")" + wait + end + "}");
        }
        case kind::stage_begins:
            return instant("stage_begins", R"(,"asked_by":)" + std::to_string(span.asked_by));
        case kind::stage_ends:
            return instant("stage_ends");
        case kind::item:
            return instant("item");
        }
    } catch (...) { // no memory: the span is missing
    }
}

class trace::recording final : public detail::run_observer, public detail::stage_observer {
public:
    recording(executor& ex, std::shared_ptr<trace_receiver> receiver, trace_options options)
        : ex_{ex}, receiver_{std::move(receiver)}, options_{options} {
        if (options_.one_in == 0) throw std::invalid_argument{"weir::trace: one_in is 0"};
        if (detail::stages_observed(ex_)) throw std::logic_error{"weir::trace: the executor has a trace already"};
        detail::observe_runs(ex_, *this);
        detail::observe_stages(ex_, this, everything() ? detail::observed_items::all : detail::observed_items::none);
    }
    recording(const recording&) = delete;
    recording& operator=(const recording&) = delete;
    ~recording() {
        end_turn();
        ends_ = true;
        detail::observe_stages(ex_, nullptr);
        detail::stop_observing(ex_, *this);
    }

    void turn_begins() noexcept override {
        end_turn();
        recorded_ = ++turns_ % options_.one_in == 0;
        if (!recorded_) return;
        turn_began_ = turn_ended_ = now();
    }
    void runs(waker& next) noexcept override {
        if (!recorded_) return;
        which_ = &next;
        locals_ = text_of(run_queue::locals_of(next));
        run_began_ = now();
    }
    void ran() noexcept override {
        if (!recorded_ || which_ == nullptr) return;
        turn_ended_ = now();
        if (turn_ended_ - run_began_ < options_.named_from) {
            which_ = nullptr;
            return pass_on(trace_span::kind::run, "run", run_began_, turn_ended_, locals_);
        }
        const std::string name = description(*std::exchange(which_, nullptr));
        const std::string_view shown = name.empty() ? "run" : std::string_view{name};
        pass_on(trace_span::kind::run, shown, run_began_, turn_ended_, locals_);
        const time_point described_from = std::exchange(turn_ended_, now());
        pass_on(trace_span::kind::run, "trace: described the run", described_from, turn_ended_);
    }
    void begins(const detail::observed_stage& stage) noexcept override {
        if (everything()) pass_on(trace_span::kind::stage_begins, stage, now(), now(), operators_of(stage.type));
    }
    void waited(const detail::observed_stage& stage, time_point begin, time_point end) noexcept override {
        if (++waits_ % options_.one_in == 0) pass_on(trace_span::kind::stage, stage, begin, end);
    }
    void passes(const detail::observed_stage& stage, std::string_view text, time_point at) noexcept override {
        pass_on(trace_span::kind::item, stage, at, at, text);
    }
    void ends(const detail::observed_stage& stage, std::string_view how, time_point at) noexcept override {
        if (everything()) pass_on(trace_span::kind::stage_ends, stage, at, at, how);
    }

private:
    bool everything() const noexcept { return options_.one_in == 1; }
    time_point now() const noexcept { return ex_.io().now(); }

    /// Records the turn, and what came behind it.
    void end_turn() noexcept {
        if (!std::exchange(recorded_, false)) return;
        pass_on(trace_span::kind::turn, "turn", turn_began_, turn_ended_);
        pass_on(trace_span::kind::idle, "timers and I/O", turn_ended_, now());
    }
    void pass_on(trace_span::kind what, std::string_view name, time_point begin, time_point end,
                 std::string_view locals = {}) noexcept {
        receiver_->receive(track_, {what, name, begin, end - begin, 0, 0, {}, locals});
    }
    void pass_on(trace_span::kind what, const detail::observed_stage& stage, time_point begin, time_point end,
                 std::string_view text = {}) noexcept {
        // The code that ends the trace has nothing to do with the stages that still wait.
        const std::string locals = ends_ ? std::string{} : text_of(detail::locals_here());
        receiver_->receive(track_,
                           {what, stage.name, begin, end - begin, stage.number, stage.downstream, text, locals});
    }
    /// The operators between a meter and the meters upstream of it. The text lives as long as the trace.
    std::string_view operators_of(const char* type) noexcept {
        try {
            const auto [found, is_new] = operators_.try_emplace(type);
            if (is_new) found->second = detail::operators_before(type);
            return found->second;
        } catch (...) { // no memory
            return {};
        }
    }
    static std::string text_of(const detail::locals_ref& locals) noexcept {
        try {
            return locals ? detail::text_of(locals) : std::string{};
        } catch (...) { // no memory
            return {};
        }
    }
    std::string description(const waker& of) const noexcept {
        try {
            return detail::describe_waker(ex_, of);
        } catch (...) { // no memory
            return {};
        }
    }
    static std::uint64_t next_track() noexcept {
        static std::atomic<std::uint64_t> last = 0;
        return last.fetch_add(1, std::memory_order_relaxed) + 1; // only a number
    }

    executor& ex_;
    const std::shared_ptr<trace_receiver> receiver_;
    const trace_options options_;
    const std::uint64_t track_ = next_track();
    std::map<const char*, std::string> operators_; // by the type of the meter
    std::uint32_t turns_ = 0;
    std::uint32_t waits_ = 0;
    bool recorded_ = false; // this turn
    bool ends_ = false;
    std::string locals_; // of the run
    const waker* which_ = nullptr;
    time_point turn_began_{};
    time_point turn_ended_{};
    time_point run_began_{};
};

trace::trace(executor& ex, std::shared_ptr<trace_receiver> receiver, trace_options options)
    : recording_{std::make_unique<recording>(ex, std::move(receiver), options)} {}
trace::~trace() = default;

void detail::trace_new_executor(executor& ex, const char* path) noexcept {
    static const std::shared_ptr<trace_file> file = open_or_complain(path); // for all executors
    if (file == nullptr) return;
    try {
        const trace_options options{.one_in = is_page(path) ? 1 : trace_options{}.one_in};
        detail::keep_trace(ex, std::make_shared<trace>(ex, file, options));
    } catch (const std::exception& e) {
        complain(e);
    }
}

} // namespace weir
