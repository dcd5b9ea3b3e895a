// SPDX-License-Identifier: MIT
#include <weir/executor/detail/wait_dump.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <source_location>
#include <string_view>
#include <utility>
#include <vector>

#include <executor/detail/live_stages.hpp>
#include <executor/detail/type_outline.hpp>
#include <weir/backend/io_operation.hpp>
#include <weir/core/detail/coroutine.hpp>
#include <weir/core/detail/locals.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/time.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/executor.hpp>

namespace weir::detail {

struct slot_access {
    static slot_base* first(const waker& of) noexcept { return of.slots_; }
    static slot_base* next(const slot_base& slot) noexcept { return slot.next_; }
    static slot_mark mark(const slot_base& slot) noexcept { return static_cast<slot_mark>(slot.mark()); }
    /// For a slot with the mark `described` or `referring`.
    static const described& description(const slot_base& slot) noexcept {
        if (mark(slot) == slot_mark::described) return static_cast<const described_slot&>(slot).what_;
        return *static_cast<const referring_slot&>(slot).what_;
    }
};

namespace {

std::string request_text(const io_request& request) {
    using kind = io_request::kind;
    const auto on = [&](const char* what) { return what + std::to_string(request.fd); };
    switch (request.what) {
    case kind::read:
        return on("data of descriptor ");
    case kind::receive:
    case kind::receive_bytes:
        return on("data of the socket ");
    case kind::receive_message:
        return on("a datagram of the socket ");
    case kind::writable:
        return on("room to write in descriptor ");
    case kind::readable:
        return on("something to read from descriptor ");
    case kind::write:
        return on("a write to descriptor ");
    case kind::send:
    case kind::send_message:
        return on("room to send in the socket ");
    case kind::accept:
        return on("a connection to the listening socket ");
    case kind::connect:
        return on("the peer of the connecting socket ");
    case kind::sync:
        return on("a sync of descriptor ");
    case kind::close:
        return on("the close of descriptor ");
    case kind::open:
        return std::string{"the open of "} + request.path();
    }
    return "I/O";
}

/// Without digits that do not matter to a reader.
std::string time_text(duration d) {
    using namespace std::chrono_literals;
    if (d >= 2h) return std::to_string(std::chrono::round<std::chrono::hours>(d).count()) + " h";
    if (d >= 2min) return std::to_string(std::chrono::round<std::chrono::minutes>(d).count()) + " min";
    if (d >= 10s) return std::to_string(std::chrono::round<std::chrono::seconds>(d).count()) + " s";
    return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(d).count()) + " ms";
}

std::string place_text(const std::source_location& place) {
    return std::string{place.file_name()} + ":" + std::to_string(place.line());
}

/// How and where an operation was started.
std::string start_text(const live_root& one) {
    return one.place.line() != 0 ? std::string{one.how} + " at " + place_text(one.place) : one.how;
}

std::string await_text(const coroutine_state::suspension& where) {
    return function_outline(where.place.function_name()) + " at " + place_text(where.place);
}

class dump_writer final : public wait_report, public live_roots {
public:
    explicit dump_writer(executor& ex) : ex_{ex} { executor_access::list(ex, *this); }

    std::string text() {
        const executor::statistics load = ex_.stats();
        text_ = std::to_string(roots_.size()) + " operations, " + std::to_string(load.timers_armed) + " timers, " +
                std::to_string(load.io_in_flight) + " I/O requests in flight\n";
        for (std::size_t i = 0; i != roots_.size(); ++i) root(i);
        return std::move(text_);
    }

    void add(const live_root& one) override { roots_.push_back(one); }
    /// The line of one waker, behind that of its root.
    std::string text_of(const waker& which) {
        target_ = &which;
        static_cast<void>(text());
        return std::move(found_);
    }

    void stage(const char* type, std::string_view condition) override {
        line(type != nullptr ? last_stage(type) + ": " + std::string{condition} : std::string{condition});
    }

    void object(const void* which, std::string_view name, std::string_view condition) override {
        if (const std::size_t number = number_of(which); number != 0) {
            return line("the end of #" + std::to_string(number));
        }
        auto found = std::ranges::find(objects_, which);
        if (found == objects_.end()) found = objects_.insert(objects_.end(), which);
        if (name.substr(0, 6) == "weir::") name.remove_prefix(6);
        line(std::string{name} + " " + static_cast<char>('A' + (found - objects_.begin()) % 26) + ": " +
             std::string{condition});
    }

    void cause(waker& waiting) override {
        look_for(waiting);
        if (depth_ == deepest) return line("... and so on");
        ++depth_;
        slot_base* slot = slot_access::first(waiting);
        if (slot == nullptr) without_slot(waiting);
        for (; slot != nullptr; slot = slot_access::next(*slot)) through(*slot);
        --depth_;
    }

private:
    static constexpr std::size_t deepest = 60;

    void line(std::string_view what) {
        text_.append(2 * depth_, ' ');
        text_ += what;
        text_ += '\n';
    }

    /// Its number in the dump; 0 for what is no root.
    std::size_t number_of(const void* root) const {
        const auto found = std::ranges::find(roots_, root, [](const live_root& r) -> const void* { return r.self; });
        return found == roots_.end() ? 0 : static_cast<std::size_t>(found - roots_.begin()) + 1;
    }

    static std::string head(const live_root& one) {
        std::string text = start_text(one);
        if (one.coroutine == nullptr) text += ": " + type_outline(one.what.type);
        if (const locals_ref locals = run_queue::locals_of(*one.self)) text += ", with " + detail::text_of(locals);
        return text;
    }

    /// To be called behind the line of a waker.
    void look_for(const waker& which) {
        if (&which != target_ || !found_.empty()) return;
        found_ = head(roots_[root_]);
        if (depth_ == 0) return;
        const std::size_t end = text_.size() - 1;
        const std::size_t begin = text_.find_first_not_of(' ', text_.rfind('\n', end - 1) + 1);
        found_ += ", " + text_.substr(begin, end - begin);
    }

    void root(std::size_t index) {
        root_ = index;
        const live_root& one = roots_[index];
        line("\n#" + std::to_string(index + 1) + " " + head(one));
        if (one.ended) return line("  an operation that has ended");
        if (one.coroutine == nullptr) return cause(*one.self);
        ++depth_;
        frame(*one.coroutine);
        --depth_;
    }

    void without_slot(waker& waiting) {
        if (waiting.queued()) return line("nothing: it runs in this turn or the next");
        if (waiting.bound() && waiting.queue().running() == &waiting) return line("nothing: it runs now");
        line("nothing that this dump knows; if it stays so, its wake was lost");
    }

    void through(slot_base& slot) {
        switch (slot_access::mark(slot)) {
        case slot_mark::none:
            return line("an object that does not describe itself");
        case slot_mark::coroutine:
            return coroutine(coroutine_state::awaited_through(slot));
        case slot_mark::timer:
            return timer(deadline_timer::of(slot));
        case slot_mark::io:
            return line(request_text(io_operation::of(slot).request()));
        case slot_mark::described:
        case slot_mark::referring:
            return slot_access::description(slot).describe(*this);
        case slot_mark::thread:
            return line("another thread");
        }
    }

    void timer(const deadline_timer& one) {
        const duration left = one.deadline() - ex_.now();
        if (left <= duration::zero()) return line("a timer that is due");
        line("a timer that is due in " + time_text(left));
    }

    void coroutine(coroutine_state& awaited) {
        if (const std::size_t number = number_of(static_cast<waker*>(&awaited)); number != 0) {
            return line("the end of #" + std::to_string(number));
        }
        frame(awaited);
    }

    void frame(coroutine_state& one) {
        show(one);
        look_for(one);
    }

    void show(coroutine_state& one) {
        using progress = coroutine_state::progress;
        coroutine_state::suspension where;
        switch (one.look(where)) {
        case progress::not_polled:
            return line("a coroutine that is not asked to run");
        case progress::runs:
            return line("a coroutine that runs now");
        case progress::ready:
            return line("a coroutine that runs in this turn or the next");
        case progress::holds_item:
            return line("a coroutine at a co_yield; its item was not taken");
        case progress::has_ended:
            return line("a coroutine that has ended");
        case progress::awaits:
            break;
        }
        line(await_text(where) + " awaits " + type_outline(where.awaited.type));
        cause(one); // looks for it
    }

    executor& ex_;
    std::vector<live_root> roots_;
    std::vector<const void*> objects_;
    std::size_t root_ = 0; // the root that is described
    std::size_t depth_ = 0;
    std::string text_;
    const waker* target_ = nullptr;
    std::string found_;
};

/// Finds the stages of all live operations.
class stage_finder final : public wait_report, public live_roots {
public:
    explicit stage_finder(executor& ex) {
        executor_access::list(ex, *this);
        for (const live_root& one : roots_) {
            if (one.ended) continue;
            const std::size_t last =
                one.coroutine != nullptr ? coroutine(*one.coroutine) : operation(one.what, *one.self).back();
            stages_[last].name += '\n' + start_text(one);
        }
    }

    std::vector<outlined_stage> stages() && { return std::move(stages_); }

    void add(const live_root& one) override { roots_.push_back(one); }
    void stage(const char* /*type*/, std::string_view /*condition*/) override {}
    void object(const void* /*which*/, std::string_view /*name*/, std::string_view /*condition*/) override {}
    void cause(waker& waiting) override {
        if (depth_ == deepest) return;
        ++depth_;
        for (slot_base* slot = slot_access::first(waiting); slot != nullptr; slot = slot_access::next(*slot)) {
            const slot_mark mark = slot_access::mark(*slot);
            if (mark == slot_mark::coroutine) {
                const std::size_t number = coroutine(coroutine_state::awaited_through(*slot));
                awaited_->push_back(number);
            } else if (mark == slot_mark::described || mark == slot_mark::referring) {
                slot_access::description(*slot).describe(*this);
            }
        }
        --depth_;
    }

private:
    static constexpr std::size_t deepest = 60;

    /// Each function adds stages, and returns the number of the last one.
    std::size_t add(outlined_stage one) {
        stages_.push_back(std::move(one));
        return stages_.size() - 1;
    }
    std::size_t add_all(std::vector<outlined_stage> outline) {
        const std::size_t first = stages_.size();
        for (outlined_stage& one : outline) {
            for (std::size_t& from : one.upstream) from += first;
            add(std::move(one));
        }
        return stages_.size() - 1;
    }
    std::size_t coroutine(coroutine_state& one) {
        if (const auto found = coroutines_.find(&one); found != coroutines_.end()) return found->second;
        coroutine_state::suspension where;
        outlined_stage self{"a coroutine", {}, {}, {.in_user_code = 1}};
        if (one.look(where) == coroutine_state::progress::awaits) {
            self.name = await_text(where);
            self.upstream = operation(where.awaited, one);
        }
        return coroutines_[&one] = add(std::move(self));
    }
    /// Adds an operation: a pipeline, or a stage behind the coroutines for which it waits. A task is its coroutine.
    std::vector<std::size_t> operation(const drawing& what, waker& waiting) {
        std::vector<outlined_stage> outline = pipeline_outline(what);
        const bool of_task = outline.front().name == "task";
        if (outline.size() > 1 && !of_task) return {add_all(std::move(outline))};
        std::vector<std::size_t> inner;
        std::vector<std::size_t>* const outer = std::exchange(awaited_, &inner);
        cause(waiting);
        awaited_ = outer;
        if (of_task && !inner.empty()) {
            outline.erase(outline.begin());
            if (outline.empty()) return inner;
            for (outlined_stage& one : outline) {
                for (std::size_t& from : one.upstream) --from;
            }
        }
        const std::size_t first = stages_.size();
        const std::size_t last = add_all(std::move(outline));
        stages_[first].upstream = std::move(inner);
        return {last};
    }

    std::vector<live_root> roots_;
    std::vector<outlined_stage> stages_;
    std::map<const coroutine_state*, std::size_t> coroutines_; // that have been added
    std::vector<std::size_t>* awaited_ = nullptr;
    std::size_t depth_ = 0;
};

} // namespace

std::vector<outlined_stage> live_stages(executor& ex) { return stage_finder{ex}.stages(); }

std::string describe_waker(executor& ex, const waker& which) { return dump_writer{ex}.text_of(which); }

std::string describe_waits(executor& ex) { return dump_writer{ex}.text(); }

} // namespace weir::detail
