// SPDX-License-Identifier: MIT
#include "testing/simulation/program.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include <weir/io/detail/error.hpp>
#include <weir/source/signals.hpp>

namespace weir::testing::detail {

namespace {

constexpr int signal_count = 64;

class simulated_signals final : public weir::detail::signal_subscription {
public:
    simulated_signals(std::shared_ptr<world> w, int fd) noexcept : world_{std::move(w)}, fd_{fd} {}
    ~simulated_signals() override { world_->close(fd_); }

    int descriptor() const noexcept override { return fd_; }
    int take() noexcept override { return world_->find_as<signal_queue>(fd_)->take(); }

private:
    std::shared_ptr<world> world_;
    int fd_;
};

} // namespace

int console::attempt(const io_request& request) {
    switch (request.what) {
    case io_request::kind::read:
    case io_request::kind::readable:
    case io_request::kind::writable:
        return 0;
    case io_request::kind::write: {
        const auto n = std::min<std::size_t>(request.size, 1U << 30U);
        world_.output.append(static_cast<const char*>(request.data), n);
        world_.tell("print", 0, static_cast<std::int64_t>(n));
        return static_cast<int>(n);
    }
    default:
        return -EINVAL;
    }
}

int signal_queue::attempt(const io_request& request) {
    if (request.what != io_request::kind::readable) return -EINVAL;
    return came_ != 0 ? 0 : -EAGAIN;
}

void signal_queue::deliver(int number) {
    came_ |= std::uint64_t{1} << (number - 1);
    retry();
}

int signal_queue::take() noexcept {
    if (came_ == 0) return 0;
    const int number = std::countr_zero(came_) + 1;
    came_ &= came_ - 1;
    return number;
}

std::unique_ptr<weir::detail::signal_subscription> catch_signals(const std::shared_ptr<world>& w,
                                                                 const std::vector<int>& numbers) {
    std::uint64_t wanted = 0;
    for (const int number : numbers) {
        if (number < 1 || number > signal_count || number == SIGKILL || number == SIGSTOP) {
            weir::detail::throw_io_error(-EINVAL, "catch signal", std::to_string(number));
        }
        wanted |= std::uint64_t{1} << (number - 1);
    }
    const int fd = w->add(std::make_shared<signal_queue>(*w, wanted));
    if (fd < 0) weir::detail::throw_io_error(fd, "descriptor for", "signals");
    return std::make_unique<simulated_signals>(w, fd);
}

void raise(world& w, int number) {
    w.tell("signal", 0, number);
    w.each_of<signal_queue>([number](signal_queue& q) {
        if (q.wants(number)) q.deliver(number);
    });
}

} // namespace weir::testing::detail
