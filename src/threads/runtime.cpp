// SPDX-License-Identifier: MIT
#include <weir/threads/runtime.hpp>

#include <atomic>
#include <exception>
#include <latch>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <weir/core/assert.hpp>
#include <weir/core/poll.hpp>

#include <kernel/cpus.hpp>

namespace weir {

namespace {

struct never_over {
    using result_type = unit;

    poll<unit> poll_result(context&) noexcept { return pending; }
};

} // namespace

class runtime::threads {
public:
    threads(std::size_t n, runtime_options options)
        : options_{std::move(options)}, places_(n), started_{latch_size(n)}, dropped_{latch_size(n + 1)} {
        if (options_.pin == cpus::each) cpus_ = detail::usable_cpus();
        std::exception_ptr error;
        std::size_t running = 0;
        try {
            for (; running != n; ++running) {
                places_[running].thread = std::thread{[this, running] { main(running); }};
            }
        } catch (...) {
            error = std::current_exception();
            started_.count_down(latch_size(n - running));
            dropped_.count_down(latch_size(n - running));
        }
        started_.wait();
        for (const place& p : places_) {
            if (error == nullptr) error = p.error;
        }
        if (error != nullptr) {
            stop();
            std::rethrow_exception(error);
        }
    }
    threads(const threads&) = delete;
    threads& operator=(const threads&) = delete;

    /// Ends and joins all started threads.
    void stop() noexcept {
        ending_.store(true, std::memory_order_release); // pairs with the load in run()
        for (place& p : places_) {
            if (p.ex) p.ex->stop();
        }
        dropped_.count_down(); // until here all executors must exist
        for (place& p : places_) {
            WEIR_ASSERT(p.thread.get_id() != std::this_thread::get_id(),
                        "a runtime was destroyed by code that runs on it");
            if (p.thread.joinable()) p.thread.join();
        }
    }

    executor& operator[](std::size_t i) noexcept { return *places_[i].ex; }

private:
    struct place {
        std::thread thread;
        std::optional<executor> ex;
        std::exception_ptr error;
    };

    static std::ptrdiff_t latch_size(std::size_t n) noexcept { return static_cast<std::ptrdiff_t>(n); }

    void main(std::size_t i) noexcept {
        place& mine = places_[i];
        try {
            if (!cpus_.empty()) detail::pin_this_thread(cpus_[i % cpus_.size()]);
            mine.ex.emplace(options_.backend);
            if (options_.on_error) mine.ex->on_error(options_.on_error);
        } catch (...) {
            mine.error = std::current_exception();
        }
        started_.arrive_and_wait(); // operations may refer to all executors
        if (mine.ex) run(*mine.ex);
        dropped_.arrive_and_wait();
        mine.ex.reset();
    }

    void run(executor& ex) noexcept {
        while (!ending_.load(std::memory_order_acquire)) {
            try {
                ex.run(never_over{});
            } catch (const stopped&) {
                // Stopped by the runtime; a stop by other code has no effect here.
            } catch (...) {
                ex.report(std::current_exception(), {}, "an executor of a runtime");
                break;
            }
        }
        ex.shut_down();
    }

    runtime_options options_;
    std::vector<int> cpus_;
    std::vector<place> places_;
    std::latch started_;
    std::latch dropped_;
    std::atomic<bool> ending_ = false;
};

runtime::runtime(runtime_options options) : runtime{of_size{detail::usable_cpus().size()}, std::move(options)} {}

runtime::runtime(of_size size, runtime_options options)
    : size_{size.n}, threads_{std::make_unique<threads>(size.n, std::move(options))} {}

runtime::~runtime() { threads_->stop(); }

executor& runtime::operator[](std::size_t i) const noexcept {
    WEIR_ASSERT(i < size_, "a runtime has no executor of that number");
    return (*threads_)[i];
}

executor& runtime::at(std::size_t i) const {
    if (i >= size_) {
        throw std::out_of_range{"weir::runtime: there is no executor " + std::to_string(i) + ": there are " +
                                std::to_string(size_)};
    }
    return (*threads_)[i];
}

} // namespace weir
