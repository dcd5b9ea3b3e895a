// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// Hides a value from the optimiser, which can then neither compute with it ahead of time nor remove it.
template <class T>
inline void opaque(T& value) {
    asm volatile("" : "+r,m"(value) : : "memory");
}

/// The total cost of some items in the question's unit, and a checksum of the work.
struct measurement {
    double cost;
    std::int64_t checksum;
};

/// Measures the time of f, which returns a checksum. For cases that must prepare something outside the measurement.
measurement timed(const std::function<std::int64_t()>& f);

/// A case's work for a number of items. Work that returns a checksum is timed. Work that returns a measurement has
/// measured itself, for example as the processor time of another process.
class work {
public:
    template <std::invocable<std::uint64_t> F>
    work(F f) : run_{measured(std::move(f))} {}

    measurement operator()(std::uint64_t items) const { return run_(items); }

private:
    using function = std::function<measurement(std::uint64_t items)>;

    template <class F>
    static function measured(F f) {
        if constexpr (std::convertible_to<std::invoke_result_t<F&, std::uint64_t>, measurement>) {
            return f;
        } else {
            return timed(std::move(f));
        }
    }
    static function timed(std::function<std::int64_t(std::uint64_t items)> f);

    function run_;
};

/// One question and the cases that answer it. The cases are measured in turn (A B C, A B C, ...), so that a change of
/// the machine's speed affects all of them.
///
///     bench::question q{argc, argv, "What does ... cost?", "ns/item", 10'000'000};
///     q.floor("loop", [](std::uint64_t n) { ...; return checksum; });
///     q.weir("iota | map", ...);
///     return q.run();
///
/// A case does its work n times and returns a checksum; all cases must return the same, or the run fails.
///
/// Options: `--quick` for a smoke run, `--json` for JSON lines, `--once CASE N` to run one case for a profiler,
/// `--list` for the names of the cases. `--peer NAME SCALE COMMAND` adds a case in a process of its own, which answers
/// each line `N` on its standard input with a line `NANOSECONDS CHECKSUM`, and gets the number of items divided by
/// SCALE. `--missing NAME` names a peer that is not available here.
class question {
public:
    question(int argc, char** argv, std::string text, std::string unit, std::uint64_t items);
    question(const question&) = delete;
    question& operator=(const question&) = delete;
    ~question();

    void floor(std::string name, work run) { add(std::move(name), "floor", std::move(run)); }
    void peer(std::string name, work run) { add(std::move(name), "peer", std::move(run)); }
    void weir(std::string name, work run) { add(std::move(name), "weir", std::move(run)); }

    /// Names a peer that is not available here.
    void missing(std::string name) { missing_.push_back(std::move(name)); }

    /// Measures and prints. Returns the exit status of the program.
    int run();

private:
    class process;
    struct measured {
        std::string name;
        std::string kind;
        work run;
        std::uint64_t scale = 1;
        std::vector<double> rounds{};
        std::int64_t checksum = 0;
    };

    void add(std::string name, std::string kind, work run);
    void add_processes();
    void measure(measured& c);
    void print_table() const;
    void print_json() const;

    std::string text_;
    std::string unit_;
    std::uint64_t items_;
    std::vector<measured> cases_;
    std::vector<std::string> missing_;
    std::vector<std::string> arguments_;
};

double median(std::vector<double> values);
/// Returns the median absolute deviation.
double spread(const std::vector<double>& values);

} // namespace bench
