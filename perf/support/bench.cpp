#include "bench.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace bench {

namespace {

constexpr int rounds = 11;

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

question::question(int argc, char** argv, std::string text, std::string unit, std::uint64_t items)
    : text_{std::move(text)}, unit_{std::move(unit)}, items_{items}, arguments_(argv + 1, argv + argc) {}

void question::measure(measured& c) {
    const auto start = std::chrono::steady_clock::now();
    c.checksum = c.run(items_);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    c.rounds.push_back(took.count() / static_cast<double>(items_));
}

int question::run() {
    const auto has = [&](const char* option) { return std::ranges::find(arguments_, option) != arguments_.end(); };
    if (arguments_.size() == 3 && arguments_[0] == "--once") {
        for (measured& c : cases_) {
            if (c.name != arguments_[1]) continue;
            std::printf("%lld\n", static_cast<long long>(c.run(std::strtoull(arguments_[2].c_str(), nullptr, 10))));
            return 0;
        }
        std::fprintf(stderr, "there is no case named %s\n", arguments_[1].c_str());
        return 2;
    }

    const bool quick = has("--quick");
    if (quick) items_ = std::max<std::uint64_t>(items_ / 1000, 100);
    for (int round = quick ? 0 : -1; round != (quick ? 1 : rounds); ++round) {
        for (measured& c : cases_) {
            measure(c);
            if (round < 0) c.rounds.clear(); // the first warms up
        }
    }

    if (has("--json")) {
        print_json();
    } else {
        print_table();
    }
    for (const measured& c : cases_) {
        if (c.checksum == cases_.front().checksum) continue;
        std::fprintf(stderr, "checksums differ: %s has %lld, %s has %lld\n", c.name.c_str(),
                     static_cast<long long>(c.checksum), cases_.front().name.c_str(),
                     static_cast<long long>(cases_.front().checksum));
        return 1;
    }
    return 0;
}

void question::print_table() const {
    std::printf("%s\n\n%-34s %8s %8s %8s  %s   (%s)\n", text_.c_str(), "", "median", "MAD", "min", "of floor",
                unit_.c_str());
    const double floor = median(cases_.front().rounds);
    for (const measured& c : cases_) {
        const double centre = median(c.rounds);
        std::printf("%-34s %8.2f %8.2f %8.2f  %7.2fx", c.name.c_str(), centre, spread(c.rounds),
                    *std::ranges::min_element(c.rounds), centre / floor);
        if (c.bar > 0) std::printf("  %s (bar %.2fx)", centre <= c.bar * floor ? "met" : "missed", c.bar);
        std::printf("\n");
    }
    std::printf("\n");
}

void question::print_json() const {
    for (const measured& c : cases_) {
        std::printf("{\"question\":\"%s\",\"case\":\"%s\",\"kind\":\"%s\",\"unit\":\"%s\",\"median\":%.4f,\"mad\":%.4f,"
                    "\"min\":%.4f,\"rounds\":%zu,\"checksum\":%lld}\n",
                    text_.c_str(), c.name.c_str(), c.kind.c_str(), unit_.c_str(), median(c.rounds), spread(c.rounds),
                    *std::ranges::min_element(c.rounds), c.rounds.size(), static_cast<long long>(c.checksum));
    }
}

} // namespace bench
