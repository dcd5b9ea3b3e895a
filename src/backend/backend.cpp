// SPDX-License-Identifier: MIT
#include <weir/backend/backend.hpp>

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include <weir/backend/file_system.hpp>
#include <weir/backend/process_system.hpp>
#include <weir/backend/socket_system.hpp>

#include "kernel/signals.hpp"

namespace weir {

namespace {

struct no_file_system final : file_system {};
struct no_socket_system final : socket_system {};
struct no_process_system final : process_system {};

} // namespace

std::uint64_t backend::random_seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

std::unique_ptr<detail::signal_subscription> backend::catch_signals(const std::vector<int>& numbers) {
    return kernel::catch_signals(numbers);
}

file_system& backend::files() noexcept {
    static no_file_system none;
    return none;
}

socket_system& backend::sockets() noexcept {
    static no_socket_system none;
    return none;
}

std::shared_ptr<process_system> backend::processes() noexcept {
    static no_process_system none;
    return {std::shared_ptr<void>{}, &none};
}
} // namespace weir
