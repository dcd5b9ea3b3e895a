#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace bench {

/// Hides a value from the optimiser, so that it can neither compute with it ahead of time nor drop it.
template <class T>
inline void opaque(T& value) {
    asm volatile("" : "+r,m"(value) : : "memory");
}

/// One question and the cases that answer it, measured in turn (A B C, A B C, ...) so that a change of the machine's
/// speed meets all of them.
///
///     bench::question q{argc, argv, "What does ... cost?", "ns/item", 10'000'000};
///     q.floor("loop", [](std::uint64_t n) { ...; return checksum; });
///     q.weir("iota | map", ...);
///     return q.run();
///
/// A case does its work n times and returns a checksum; all cases must return the same, or the run fails. Options:
/// `--quick` for a smoke run, `--json` for JSON lines, `--once CASE N` to run one case for a profiler.
class question {
public:
    /// Work for a number of items; returns its checksum.
    using work = std::function<std::int64_t(std::uint64_t items)>;

    question(int argc, char** argv, std::string text, std::string unit, std::uint64_t items);

    void floor(std::string name, work run) { cases_.push_back({std::move(name), "floor", std::move(run), 0, {}, 0}); }
    void peer(std::string name, work run) { cases_.push_back({std::move(name), "peer", std::move(run), 0, {}, 0}); }
    /// @param bar  what it may cost at most, as a multiple of the floor; 0 for none
    void weir(std::string name, work run, double bar = 0) {
        cases_.push_back({std::move(name), "weir", std::move(run), bar, {}, 0});
    }

    /// Measures, prints, and gives the exit status of the program.
    int run();

private:
    struct measured {
        std::string name;
        std::string kind;
        work run;
        double bar;
        std::vector<double> rounds;
        std::int64_t checksum;
    };

    void measure(measured& c);
    void print_table() const;
    void print_json() const;

    std::string text_;
    std::string unit_;
    std::uint64_t items_;
    std::vector<measured> cases_;
    std::vector<std::string> arguments_;
};

double median(std::vector<double> values);
/// Median absolute deviation.
double spread(const std::vector<double>& values);

} // namespace bench
