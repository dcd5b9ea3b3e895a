// SPDX-License-Identifier: MIT
#include "io/name_lookups.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <new>
#include <thread>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>

#include <weir/executor/executor.hpp>

namespace weir::detail {

namespace {

constexpr std::chrono::seconds idle_limit{10};

} // namespace

found_addresses look_up(const std::string& host, int flags) noexcept {
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = flags;
    addrinfo* list = nullptr;
    const int r = ::getaddrinfo(host.c_str(), nullptr, &wanted, &list);
    if (r != 0) return {r == EAI_SYSTEM && errno == EAGAIN ? EAI_AGAIN : r, {}};
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned{list, &::freeaddrinfo};
    found_addresses found;
    try {
        for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
            endpoint e;
            if (a->ai_addrlen > endpoint::capacity) continue;
            std::memcpy(e.data(), a->ai_addr, a->ai_addrlen);
            *e.resize(0) = static_cast<std::uint32_t>(a->ai_addrlen);
            if (std::ranges::find(found.addresses, e) == found.addresses.end()) found.addresses.push_back(e);
        }
    } catch (const std::bad_alloc&) {
        return {EAI_MEMORY, {}};
    }
    if (found.addresses.empty()) found.code = EAI_NONAME;
    return found;
}

void lookup_waiter::answer(found_addresses result) noexcept {
    result_ = std::move(result);
    self_ = shared_from_this();
    if (!inbox_->enter(*this)) self_.reset();
}

void lookup_waiter::run() noexcept {
    done_ = true;
    waker_.wake();
    self_.reset();
}

name_lookups& name_lookups::of_process() {
    static name_lookups& it = *new name_lookups;
    return it;
}

void name_lookups::enter(const std::string& host, std::shared_ptr<lookup_waiter> waiter) {
    const std::lock_guard lock{mutex_};
    const auto [at, is_new] = lookups_.try_emplace(host);
    try {
        at->second.push_back(std::move(waiter));
        if (!is_new) return;
        queue_.push_back(host);
        serve();
    } catch (...) {
        if (is_new) {
            queue_.remove(host);
            lookups_.erase(at);
        }
        throw;
    }
}

/// Makes sure that a waiting lookup gets a thread, if there may be one more. Throws when it would never get one.
void name_lookups::serve() {
    if (idle_ >= queue_.size()) {
        available_.notify_one();
        return;
    }
    if (threads_ >= most_threads) return;
    // Signals are for the threads of the program.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::exception_ptr error;
    try {
        std::thread{[this] { work(); }}.detach();
        ++threads_;
        ++idle_;
    } catch (...) {
        error = std::current_exception();
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error != nullptr && threads_ == 0) std::rethrow_exception(error);
}

void name_lookups::leave(const std::string& host, const lookup_waiter& waiter) noexcept {
    const std::lock_guard lock{mutex_};
    const auto at = lookups_.find(host);
    if (at == lookups_.end()) return;
    std::erase_if(at->second, [&](const auto& other) { return other.get() == &waiter; });
    if (!at->second.empty()) return;
    const auto waits = std::ranges::find(queue_, host);
    if (waits == queue_.end()) return;
    queue_.erase(waits);
    lookups_.erase(at);
}

void name_lookups::work() noexcept {
    std::unique_lock lock{mutex_};
    for (;;) {
        while (queue_.empty()) {
            const bool timed_out = available_.wait_for(lock, idle_limit) == std::cv_status::timeout;
            if (!timed_out || !queue_.empty()) continue;
            --idle_;
            --threads_;
            return;
        }
        --idle_;
        const std::string host = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        const found_addresses found = look_up(host, AI_ADDRCONFIG);
        lock.lock();
        auto ended = lookups_.extract(host);
        ++idle_; // the answers take no time, and the next lookup needs no other thread
        lock.unlock();
        for (const std::shared_ptr<lookup_waiter>& waiter : ended.mapped()) {
            try {
                waiter->answer(found);
            } catch (const std::bad_alloc&) {
                waiter->answer({EAI_MEMORY, {}});
            }
        }
        ended = {};
        lock.lock();
    }
}

poll<found_addresses> lookup_operation::poll_result(context& cx) {
    executor& ex = cx.executor();
    if (!waiter_) {
        if (ex.io().works_alone()) return look_up(host_, AI_ADDRCONFIG);
        auto waiter = std::make_shared<lookup_waiter>(detail::executor_access::inbox(ex));
        name_lookups::of_process().enter(host_, waiter);
        waiter_ = std::move(waiter);
        timer_.arm(ex, ex.time_after(limit_));
    }
    if (waiter_->poll(cx)) return waiter_->take();
    if (!timer_.poll(cx)) return pending;
    leave();
    return found_addresses{EAI_AGAIN, {}};
}

void lookup_operation::leave() noexcept {
    if (!waiter_) return;
    waiter_->abandon();
    name_lookups::of_process().leave(host_, *waiter_);
    waiter_.reset();
}

} // namespace weir::detail
