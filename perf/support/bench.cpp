// SPDX-License-Identifier: MIT
#include "bench.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

namespace {

constexpr int rounds = 11;

void print_quoted(const std::string& text) {
    std::putchar('"');
    for (const char c : text) {
        if (c == '"' || c == '\\') std::putchar('\\');
        std::putchar(c);
    }
    std::putchar('"');
}

} // namespace

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

double spread(const std::vector<double>& values) {
    const double centre = median(values);
    std::vector<double> distances;
    for (const double v : values) distances.push_back(std::abs(v - centre));
    return median(std::move(distances));
}

/// A program that reads questions from its standard input and prints answers on its standard output.
class question::process {
public:
    explicit process(std::string command) : command_{std::move(command)} {
        int to[2];
        int from[2];
        if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0)
            throw std::runtime_error{"cannot open a pipe"};
        child_ = ::fork();
        if (child_ < 0) throw std::runtime_error{"cannot start a process"};
        if (child_ == 0) {
            ::dup2(to[0], 0);
            ::dup2(from[1], 1);
            ::execl("/bin/sh", "sh", "-c", ("exec " + command_).c_str(), nullptr);
            ::_exit(127);
        }
        ::close(to[0]);
        ::close(from[1]);
        ask_ = ::fdopen(to[1], "w");
        answer_ = ::fdopen(from[0], "r");
    }
    process(const process&) = delete;
    process& operator=(const process&) = delete;
    ~process() {
        std::fclose(ask_);
        std::fclose(answer_);
        ::waitpid(child_, nullptr, 0);
    }

    measurement measure(std::uint64_t items) {
        double took = 0;
        long long checksum = 0;
        std::fprintf(ask_, "%llu\n", static_cast<unsigned long long>(items));
        std::fflush(ask_);
        if (std::fscanf(answer_, "%lf %lld", &took, &checksum) != 2) {
            throw std::runtime_error{"no answer from: " + command_};
        }
        return {took, checksum};
    }

private:
    std::string command_;
    pid_t child_ = -1;
    std::FILE* ask_ = nullptr;
    std::FILE* answer_ = nullptr;
};

measurement timed(const std::function<std::int64_t()>& f) {
    const auto start = std::chrono::steady_clock::now();
    const std::int64_t checksum = f();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    return {took.count(), checksum};
}

work::function work::timed(std::function<std::int64_t(std::uint64_t items)> f) {
    return [f = std::move(f)](std::uint64_t items) { return bench::timed([&] { return f(items); }); };
}

question::question(int argc, char** argv, std::string text, std::string unit, std::uint64_t items)
    : text_{std::move(text)}, unit_{std::move(unit)}, items_{items}, arguments_(argv + 1, argv + argc) {}

question::~question() = default;

void question::add(std::string name, std::string kind, work run) {
    cases_.push_back({std::move(name), std::move(kind), std::move(run)});
}

/// Adds the peers between the floor and weir's cases.
void question::add_processes() {
    auto place = std::ranges::find(cases_, "weir", &measured::kind);
    for (std::size_t i = 0; i < arguments_.size(); ++i) {
        if (arguments_[i] == "--missing" && i + 1 < arguments_.size()) missing_.push_back(arguments_[++i]);
        if (arguments_[i] != "--peer" || i + 3 >= arguments_.size()) continue;
        auto peer = std::make_shared<process>(arguments_[i + 3]);
        measured c{arguments_[i + 1], "peer", [peer](std::uint64_t items) { return peer->measure(items); }, {}};
        c.scale = std::max(1ULL, std::strtoull(arguments_[i + 2].c_str(), nullptr, 10));
        i += 3;
        place = std::next(cases_.insert(place, std::move(c)));
    }
}

void question::measure(measured& c) {
    const std::uint64_t items = std::max<std::uint64_t>(items_ / c.scale, 1);
    const measurement m = c.run(items);
    c.checksum = m.checksum;
    c.rounds.push_back(m.cost / static_cast<double>(items));
}

int question::run() {
    const auto has = [&](const char* option) { return std::ranges::find(arguments_, option) != arguments_.end(); };
    if (has("--list")) {
        for (const measured& c : cases_) std::printf("%s\t%s\n", c.kind.c_str(), c.name.c_str());
        return 0;
    }
    if (arguments_.size() == 3 && arguments_[0] == "--once") {
        for (measured& c : cases_) {
            if (c.name != arguments_[1]) continue;
            std::printf("%lld\n",
                        static_cast<long long>(c.run(std::strtoull(arguments_[2].c_str(), nullptr, 10)).checksum));
            return 0;
        }
        std::fprintf(stderr, "there is no case named %s\n", arguments_[1].c_str());
        return 2;
    }

    const bool quick = has("--quick");
    if (cases_.empty()) { // the peers would then stand alone
        has("--json") ? print_json() : print_table();
        return 0;
    }
    if (quick) items_ = std::max<std::uint64_t>(items_ / 1000, 100);
    try {
        add_processes();
        for (int round = quick ? 0 : -1; round != (quick ? 1 : rounds); ++round) {
            for (measured& c : cases_) {
                measure(c);
                if (round < 0) c.rounds.clear(); // the first round warms up
            }
        }
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s: %s\n", text_.c_str(), e.what());
        return 1;
    }

    if (has("--json")) {
        print_json();
    } else {
        print_table();
    }
    for (const measured& c : cases_) {
        const std::uint64_t items = std::max<std::uint64_t>(items_ / c.scale, 1);
        const std::int64_t expected = c.scale == 1 ? cases_.front().checksum : cases_.front().run(items).checksum;
        if (c.checksum == expected) continue;
        std::fprintf(stderr, "checksums differ: %s has %lld, %s has %lld\n", c.name.c_str(),
                     static_cast<long long>(c.checksum), cases_.front().name.c_str(), static_cast<long long>(expected));
        return 1;
    }
    return 0;
}

void question::print_table() const {
    double best_peer = 0;
    for (const measured& c : cases_) {
        if (c.kind != "peer") continue;
        const double centre = median(c.rounds);
        if (best_peer == 0 || centre < best_peer) best_peer = centre;
    }
    std::printf("%s\n\n%-40s %9s %8s %9s %9s %9s   (%s)\n", text_.c_str(), "", "median", "MAD", "min", "of floor",
                "of peer", unit_.c_str());
    const double floor = cases_.empty() ? 0 : median(cases_.front().rounds);
    for (const measured& c : cases_) {
        const double centre = median(c.rounds);
        std::printf("%-40s %9.2f %8.2f %9.2f", c.name.c_str(), centre, spread(c.rounds),
                    *std::ranges::min_element(c.rounds));
        if (floor > 0) {
            std::printf(" %8.2fx", centre / floor);
        } else {
            std::printf(" %9s", "");
        }
        if (best_peer > 0 && c.kind == "weir") {
            std::printf(" %8.2fx", centre / best_peer);
        } else {
            std::printf(" %9s", "");
        }
        std::printf("\n");
    }
    for (const std::string& name : missing_) std::printf("%-40s   missing\n", name.c_str());
    std::printf("\n");
}

void question::print_json() const {
    for (const measured& c : cases_) {
        std::printf("{\"question\":");
        print_quoted(text_);
        std::printf(",\"case\":");
        print_quoted(c.name);
        std::printf(",\"kind\":\"%s\",\"unit\":", c.kind.c_str());
        print_quoted(unit_);
        std::printf(",\"median\":%.4f,\"mad\":%.4f,\"min\":%.4f,\"rounds\":%zu,\"checksum\":%lld", median(c.rounds),
                    spread(c.rounds), *std::ranges::min_element(c.rounds), c.rounds.size(),
                    static_cast<long long>(c.checksum));
        std::printf("}\n");
    }
    for (const std::string& name : missing_) {
        std::printf("{\"question\":");
        print_quoted(text_);
        std::printf(",\"case\":");
        print_quoted(name);
        std::printf(",\"kind\":\"missing\"}\n");
    }
}

} // namespace bench
