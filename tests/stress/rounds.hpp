// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <cstdint>
#include <exception>
#include <iostream>
#include <random>
#include <string_view>
#include <system_error>

#include <weir/threads/runtime.hpp>

namespace stress {

/// Calls round(runtime, seed) with one seed after the other, until the rounds are over or one throws. Returns the exit
/// status of the program, whose options are `--rounds N` and `--seed N`.
inline int run(int argc, char** argv, std::uint64_t rounds, void (*round)(weir::runtime&, std::uint64_t)) {
    const std::string_view program = argv[0];
    std::uint64_t seed = std::random_device{}();
    for (int i = 1; i < argc; i += 2) {
        const std::string_view name = argv[i];
        const std::string_view value = i + 1 == argc ? "" : argv[i + 1];
        std::uint64_t& number = name == "--rounds" ? rounds : seed;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        if ((name != "--rounds" && name != "--seed") || error != std::errc{} || end != value.data() + value.size()) {
            std::cerr << "usage: " << program.substr(program.rfind('/') + 1) << " [--rounds N] [--seed N]\n";
            return 2;
        }
    }
    weir::runtime rt{2};
    for (std::uint64_t k = 0; k != rounds; ++k) {
        try {
            round(rt, seed + k);
        } catch (const std::exception& e) {
            std::cerr << "round " << k << ", --seed " << seed + k << ": " << e.what() << '\n';
            return 1;
        }
    }
    std::cout << rounds << " rounds from --seed " << seed << ": all counts are exact\n";
    return 0;
}

} // namespace stress
