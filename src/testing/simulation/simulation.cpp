// SPDX-License-Identifier: MIT
#include <weir/testing/simulation.hpp>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <weir/source/signals.hpp>

#include "testing/simulation/file_state.hpp"
#include "testing/simulation/network_state.hpp"
#include "testing/simulation/program.hpp"
#include "testing/simulation/world.hpp"

namespace weir::testing {

namespace {

using detail::world;

/// The backend through which an executor uses a world.
class simulated_backend final : public backend {
public:
    explicit simulated_backend(std::shared_ptr<world> w) noexcept : world_{std::move(w)} {}

    std::string_view name() const noexcept override { return "simulated"; }
    time_point now() noexcept override { return world_->now; }
    std::uint64_t random_seed() override { return world_->random(); }

    void start(io_operation& operation) override { world_->start(operation); }
    void cancel(io_operation& operation) noexcept override { world_->cancel(operation); }
    void put_back(const io_operation& operation, int result) noexcept override { world_->put_back(operation, result); }
    void wait(time_point until) override { world_->wait(until); }
    void notify() noexcept override {}
    std::size_t in_flight() const noexcept override { return world_->in_flight; }
    bool may_wake() const noexcept override { return false; }

    int open_stream_socket(const endpoint&) override {
        return world_->add(std::make_shared<detail::stream_socket>(*world_));
    }
    int listen(const endpoint& local, int backlog) override {
        const int fd = open_stream_socket(local);
        if (fd < 0) return fd;
        const int r = world_->net->listen(fd, local, backlog);
        if (r < 0) world_->close(fd);
        return r < 0 ? r : fd;
    }
    int local_endpoint(int fd, endpoint& result) override {
        if (const auto socket = world_->find_as<detail::stream_socket>(fd)) return socket->local_endpoint(result);
        const auto socket = world_->find_as<detail::datagram_socket>(fd);
        if (socket == nullptr) return -ENOTSOCK;
        result = socket->local;
        return 0;
    }
    int remote_endpoint(int fd, endpoint& result) override {
        const auto socket = world_->find_as<detail::stream_socket>(fd);
        return socket != nullptr ? socket->remote_endpoint(result) : -ENOTSOCK;
    }
    int shutdown_write(int fd) override {
        const auto socket = world_->find_as<detail::stream_socket>(fd);
        return socket != nullptr ? socket->shut() : -ENOTSOCK;
    }
    int open_pipe(int& read_end, int& write_end) override { return world_->net->open_pair(read_end, write_end); }
    std::int64_t file_size(int fd) override {
        file_status status;
        const int r = world_->disk->status(fd, status);
        return r < 0 ? r : static_cast<std::int64_t>(status.size);
    }
    file_system& files() noexcept override { return *world_->disk; }
    socket_system& sockets() noexcept override { return *world_->net; }
    std::unique_ptr<weir::detail::signal_subscription> catch_signals(const std::vector<int>& numbers) override {
        return detail::catch_signals(world_, numbers);
    }
    bool works_alone() const noexcept override { return true; }
    std::shared_ptr<descriptor_closer> closer() noexcept override { return world_; }

private:
    std::shared_ptr<world> world_;
};

void check(const simulation_options& o) {
    const auto probability = [](double p, const char* name) {
        if (!(p >= 0 && p <= 1)) {
            throw std::invalid_argument{std::string{"weir::testing::simulation: "} + name + " is not from 0 to 1"};
        }
    };
    probability(o.slow_turn, "slow_turn");
    probability(o.late_completion, "late_completion");
    probability(o.cancel_late, "cancel_late");
    const network_options& n = o.network;
    probability(n.short_transfer, "network.short_transfer");
    probability(n.reset, "network.reset");
    probability(n.refuse, "network.refuse");
    probability(n.black_hole, "network.black_hole");
    probability(n.abort_accept, "network.abort_accept");
    probability(n.partition, "network.partition");
    probability(n.lose_datagram, "network.lose_datagram");
    probability(n.duplicate_datagram, "network.duplicate_datagram");
    const file_options& f = o.files;
    probability(f.short_transfer, "files.short_transfer");
    probability(f.read_error, "files.read_error");
    probability(f.write_error, "files.write_error");
    probability(f.sync_error, "files.sync_error");
    if (o.tick <= duration::zero()) throw std::invalid_argument{"weir::testing::simulation: tick is not positive"};
    if (n.buffer == 0) throw std::invalid_argument{"weir::testing::simulation: network.buffer is 0"};
    if (n.shortest_latency < duration::zero() || n.longest_latency < n.shortest_latency) {
        throw std::invalid_argument{"weir::testing::simulation: the network latencies are not a range"};
    }
    if (f.shortest_latency < duration::zero() || f.longest_latency < f.shortest_latency) {
        throw std::invalid_argument{"weir::testing::simulation: the file latencies are not a range"};
    }
}

const simulation_options& checked(const simulation_options& o) {
    check(o);
    return o;
}

} // namespace

simulation::simulation(std::uint64_t seed, const simulation_options& options)
    : simulation{seed, std::make_shared<world>(seed, checked(options))} {}

simulation::simulation(std::uint64_t seed, std::shared_ptr<detail::world> w)
    : virtual_time_executor{std::make_unique<simulated_backend>(w)}, seed_{seed}, world_{std::move(w)} {
    weir::detail::executor_access::queue(*this).reorder(world_.get());
}

simulation::~simulation() { shut_down(); }

testing::network simulation::network() noexcept { return testing::network{*world_}; }
testing::files simulation::files() noexcept { return testing::files{*world_}; }
void simulation::raise(int signal) { detail::raise(*world_, signal); }
const std::string& simulation::output() const noexcept { return world_->output; }
std::size_t simulation::descriptors() const noexcept { return world_->open_descriptors(); }
const testing::trace& simulation::trace() const noexcept { return world_->history; }
void simulation::note(std::string text) { world_->tell("note", 0, 0, std::move(text)); }

namespace detail {

namespace {

/// Returns the command line of this process, quoted for a shell.
std::string command_line() {
    std::ifstream file{"/proc/self/cmdline", std::ios::binary};
    std::string result;
    std::string argument;
    while (std::getline(file, argument, '\0')) {
        if (!result.empty()) result += ' ';
        const bool plain = argument.find_first_of(" \t\n'\"\\$&|;<>()*?[]#~`!{}") == std::string::npos;
        if (plain && !argument.empty()) {
            result += argument;
            continue;
        }
        result += '\'';
        for (const char c : argument) {
            if (c == '\'') {
                result += "'\\''";
            } else {
                result += c;
            }
        }
        result += '\'';
    }
    return result;
}

constexpr std::size_t entries_shown = 40;

} // namespace

void report_failed_seed(const simulation& sim, std::exception_ptr error) noexcept {
    try {
        std::string what = "an exception that is not a std::exception";
        try {
            std::rethrow_exception(std::move(error));
        } catch (const std::exception& e) {
            what = e.what();
        } catch (...) {}
        std::uint64_t only = 0;
        const std::size_t shown = only_seed(only) ? sim.trace().entries().size() : entries_shown;
        const std::string seed = std::to_string(sim.seed());
        std::fprintf(stderr,
                     "seed %s failed: %s\n%s%llu events, history %016llx; to run it alone:\n  WEIR_SEED=%s %s\n",
                     seed.c_str(), what.c_str(), sim.trace().to_string(shown).c_str(),
                     static_cast<unsigned long long>(sim.trace().size()),
                     static_cast<unsigned long long>(sim.trace().hash()), seed.c_str(), command_line().c_str());
    } catch (...) {
        std::fputs("a seed failed, and there is no memory to print it\n", stderr);
    }
}

bool only_seed(std::uint64_t& seed) {
    const char* const text = std::getenv("WEIR_SEED");
    if (text == nullptr || *text == '\0') return false;
    const std::string_view all{text};
    const auto r = std::from_chars(all.data(), all.data() + all.size(), seed);
    if (r.ec != std::errc{} || r.ptr != all.data() + all.size()) {
        throw std::invalid_argument{"weir::testing::for_each_seed: WEIR_SEED is not a number: " + std::string{all}};
    }
    return true;
}

} // namespace detail

} // namespace weir::testing
