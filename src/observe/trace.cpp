// SPDX-License-Identifier: MIT
#include <weir/observe/trace.hpp>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <weir/executor/detail/new_executor.hpp>
#include <weir/executor/detail/wait_dump.hpp>
#include <weir/executor/executor.hpp>
#include <weir/observe/detail/run_observer.hpp>
#include <weir/observe/detail/stage_run.hpp>

namespace weir {

namespace {

std::string json_text(std::string_view text) {
    std::string result{'"'};
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < ' ') {
            result += ' ';
            continue;
        }
        if (c == '"' || c == '\\') result += '\\';
        result += c;
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

trace_file::trace_file(const std::string& path) : file_{std::fopen(path.c_str(), "we")} {
    if (file_ == nullptr) throw std::system_error{errno, std::generic_category(), "weir::trace_file: open " + path};
    std::fputs("[", file_);
}

trace_file::~trace_file() {
    std::fputs("\n]\n", file_);
    std::fclose(file_);
}

void trace_file::write(std::string_view event) noexcept {
    std::fputs(std::exchange(first_, false) ? "\n" : ",\n", file_);
    std::fwrite(event.data(), 1, event.size(), file_);
}

void trace_file::receive(std::uint64_t track, const trace_span& span) noexcept {
    try {
        const std::string name = json_text(span.name);
        const std::string where = ",\"pid\":1,\"tid\":" + std::to_string(track);
        const std::string begin = ",\"ts\":" + microseconds(span.begin.time_since_epoch());
        const std::lock_guard held{lock_};
        if (span.what != trace_span::kind::stage) {
            return write("{\"ph\":\"X\",\"name\":" + name + where + begin + ",\"dur\":" + microseconds(span.length) +
                         "}");
        }
        // Waits overlap, so that they have tracks of their own.
        const std::string wait = ",\"cat\":\"stage\",\"id\":" + std::to_string(++waits_) + ",\"name\":" + name + where;
        write("{\"ph\":\"b\"" + wait + begin + "}");
        write("{\"ph\":\"e\"" + wait + ",\"ts\":" + microseconds(span.begin.time_since_epoch() + span.length) + "}");
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
        detail::observe_stages(ex_, this);
    }
    recording(const recording&) = delete;
    recording& operator=(const recording&) = delete;
    ~recording() {
        end_turn();
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
        run_began_ = now();
    }
    void ran() noexcept override {
        if (!recorded_ || which_ == nullptr) return;
        turn_ended_ = now();
        if (turn_ended_ - run_began_ < options_.named_from) {
            which_ = nullptr;
            return pass_on(trace_span::kind::run, "run", run_began_, turn_ended_);
        }
        const std::string name = description(*std::exchange(which_, nullptr));
        pass_on(trace_span::kind::run, name.empty() ? "run" : std::string_view{name}, run_began_, turn_ended_);
        const time_point described_from = std::exchange(turn_ended_, now());
        pass_on(trace_span::kind::run, "trace: described the run", described_from, turn_ended_);
    }
    void waited(std::string_view stage, time_point begin, time_point end) noexcept override {
        if (++waits_ % options_.one_in == 0) pass_on(trace_span::kind::stage, stage, begin, end);
    }

private:
    time_point now() const noexcept { return ex_.io().now(); }

    /// Records the turn, and what came behind it.
    void end_turn() noexcept {
        if (!std::exchange(recorded_, false)) return;
        pass_on(trace_span::kind::turn, "turn", turn_began_, turn_ended_);
        pass_on(trace_span::kind::idle, "timers and I/O", turn_ended_, now());
    }
    void pass_on(trace_span::kind what, std::string_view name, time_point begin, time_point end) noexcept {
        receiver_->receive(track_, {what, name, begin, end - begin});
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
    std::uint32_t turns_ = 0;
    std::uint32_t waits_ = 0;
    bool recorded_ = false; // this turn
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
        detail::keep_trace(ex, std::make_shared<trace>(ex, file));
    } catch (const std::exception& e) {
        complain(e);
    }
}

} // namespace weir
