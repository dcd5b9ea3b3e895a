// SPDX-License-Identifier: MIT
#include "kernel/signals.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

#include <sys/eventfd.h>
#include <unistd.h>

#include <weir/io/detail/error.hpp>

#include "kernel/descriptors.hpp"

namespace weir::kernel {

namespace {

/// The pending signals of one stream. Listeners are reused and never freed, because the handler walks over all of them.
///
/// All accesses are sequentially consistent: the handler increments `visitors` and then reads `wanted`; a listener that
/// leaves clears `wanted` and then reads `visitors`. At least one of the two sees the other's write.
struct signal_listener {
    std::atomic<std::uint64_t> wanted = 0;  // bit n - 1 for signal n; 0 when the listener is unused
    std::atomic<std::uint64_t> pending = 0; // the signals that have arrived
    std::atomic<int> visitors = 0;          // the number of handlers that may use the descriptor
    int event = -1;
    bool in_use = false; // guarded by the registry's mutex
    signal_listener* next = nullptr;
};

constexpr int signal_count = 64;
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "the handler takes no lock");

std::uint64_t bit(int number) noexcept { return std::uint64_t{1} << (number - 1); }

std::atomic<signal_listener*> listeners = nullptr;

struct registry {
    std::mutex mutex;
    std::array<int, signal_count + 1> users{};
    std::array<struct sigaction, signal_count + 1> former{};

    void catch_signal(int number);
    void let_go(int number) noexcept;
};
registry the_registry;

void handler(int number) noexcept {
    const int saved = errno;
    for (signal_listener* l = listeners.load(); l != nullptr; l = l->next) {
        l->visitors.fetch_add(1);
        if ((l->wanted.load() & bit(number)) != 0) {
            l->pending.fetch_or(bit(number));
            const std::uint64_t one = 1;
            static_cast<void>(!::write(l->event, &one, sizeof one));
        }
        l->visitors.fetch_sub(1);
    }
    errno = saved;
}

void registry::catch_signal(int number) {
    const auto index = static_cast<std::size_t>(number);
    if (users[index] == 0) {
        struct sigaction action{};
        action.sa_handler = handler;
        action.sa_flags = SA_RESTART;
        sigfillset(&action.sa_mask);
        if (::sigaction(number, &action, &former[index]) < 0) {
            weir::detail::throw_io_error(-errno, "catch signal", std::to_string(number));
        }
    }
    ++users[index];
}

void registry::let_go(int number) noexcept {
    const auto index = static_cast<std::size_t>(number);
    if (--users[index] == 0) ::sigaction(number, &former[index], nullptr);
}

void let_all_go(std::uint64_t numbers) noexcept {
    for (; numbers != 0; numbers &= numbers - 1) the_registry.let_go(std::countr_zero(numbers) + 1);
}

signal_listener& free_listener() {
    for (signal_listener* l = listeners.load(); l != nullptr; l = l->next) {
        if (!l->in_use) return *l;
    }
    auto* made = new signal_listener;
    made->next = listeners.load();
    listeners.store(made);
    return *made;
}

class kernel_signals final : public weir::detail::signal_subscription {
public:
    explicit kernel_signals(const std::vector<int>& numbers);
    ~kernel_signals() override;

    int descriptor() const noexcept override { return listener_->event; }
    int take() noexcept override;

private:
    signal_listener* listener_;
};

kernel_signals::kernel_signals(const std::vector<int>& numbers) {
    const std::lock_guard lock{the_registry.mutex};
    listener_ = &free_listener();
    listener_->event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (listener_->event < 0) weir::detail::throw_io_error(-errno, "eventfd for", "signals");
    listener_->pending.store(0);

    std::uint64_t caught = 0;
    try {
        for (const int number : numbers) {
            if (number < 1 || number > signal_count)
                weir::detail::throw_io_error(-EINVAL, "catch signal", std::to_string(number));
            if ((caught & bit(number)) != 0) continue;
            // Wanted before it is caught: a signal that arrives in between must find its listener.
            listener_->wanted.fetch_or(bit(number));
            the_registry.catch_signal(number);
            caught |= bit(number);
        }
    } catch (...) {
        let_all_go(caught);
        listener_->wanted.store(0);
        while (listener_->visitors.load() != 0) std::this_thread::yield();
        closer()->close(listener_->event);
        throw;
    }
    listener_->in_use = true;
}

kernel_signals::~kernel_signals() {
    const std::lock_guard lock{the_registry.mutex};
    let_all_go(listener_->wanted.load());
    listener_->wanted.store(0);
    while (listener_->visitors.load() != 0) std::this_thread::yield();
    closer()->close(listener_->event);
    listener_->in_use = false;
}

int kernel_signals::take() noexcept {
    for (bool looked_twice = false;; looked_twice = true) {
        const std::uint64_t came = listener_->pending.load();
        if (came != 0) {
            const int number = std::countr_zero(came) + 1;
            listener_->pending.fetch_and(~bit(number));
            return number;
        }
        if (looked_twice) return 0;
        // Emptied before the second look: a signal that arrives after that look makes the descriptor readable.
        std::uint64_t count = 0;
        static_cast<void>(!::read(listener_->event, &count, sizeof count));
    }
}

} // namespace

std::unique_ptr<weir::detail::signal_subscription> catch_signals(const std::vector<int>& numbers) {
    return std::make_unique<kernel_signals>(numbers);
}

} // namespace weir::kernel
