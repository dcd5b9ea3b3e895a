// SPDX-License-Identifier: MIT
// Runs weir's executor inside an io_context of asio, on its thread: tasks of weir await coroutines of asio, and
// coroutines of asio await operations of weir.

#include <chrono>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <utility>

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <unistd.h>

#include <weir/weir.hpp>

using namespace std::chrono_literals;

namespace {

/// Calls the executor whenever it has something to do, until this object is destroyed.
class weir_in_asio {
public:
    weir_in_asio(asio::io_context& loop, weir::executor& ex)
        : guest_{ex}, ready_{loop, ::dup(guest_.descriptor())}, timer_{loop} {
        asio::post(loop, [this] { turn(); });
        watch();
    }

private:
    void turn() {
        timer_.expires_at(guest_.run()); // ends the wait for the earlier time
        timer_.async_wait([this](std::error_code error) {
            if (!error) turn();
        });
    }
    void watch() {
        ready_.async_wait(asio::posix::stream_descriptor::wait_read, [this](std::error_code error) {
            if (error) return;
            turn();
            watch();
        });
    }

    weir::embedding guest_;
    asio::posix::stream_descriptor ready_; // owns a copy, as asio closes it
    asio::steady_timer timer_;
};

/// An operation of weir that runs a coroutine of asio. Dropping it cancels the coroutine.
template <class T>
auto from_asio(asio::io_context& loop, asio::awaitable<T> coroutine) {
    return weir::from_completion<T>([&loop, coroutine = std::move(coroutine)](weir::completion<T> done) mutable {
        auto signal = std::make_shared<asio::cancellation_signal>();
        asio::co_spawn(loop, std::move(coroutine),
                       asio::bind_cancellation_slot(signal->slot(), [done, signal](std::exception_ptr error, T value) {
                           if (error) {
                               done.fail(error);
                           } else {
                               done.set(std::move(value));
                           }
                       }));
        return [signal] { signal->emit(asio::cancellation_type::all); };
    });
}

/// Runs an operation of weir and passes its result to a handler of asio.
template <weir::operation A, class Handler>
weir::task<> run_for_asio(A operation, Handler handler, std::stop_token stop) {
    std::optional<weir::await_result_t<A>> value;
    std::exception_ptr error;
    try {
        value = co_await weir::with_stop(stop, std::move(operation));
        if (!value) throw std::system_error{asio::error::operation_aborted};
    } catch (...) {
        error = std::current_exception();
    }
    if (error) value.emplace();
    const auto on = asio::get_associated_executor(handler);
    auto complete = [to = std::move(handler), error, v = *std::move(value)]() mutable {
        std::move(to)(error, std::move(v));
    };
    asio::post(on, std::move(complete));
}

/// `co_await to_asio(ex, operation)` in a coroutine of asio, which may cancel it.
template <weir::operation A>
asio::awaitable<weir::await_result_t<A>> to_asio(weir::executor& ex, A operation) {
    auto initiate = [&ex](auto handler, A o) {
        std::stop_source stop;
        if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
            slot.assign([stop](asio::cancellation_type) mutable { stop.request_stop(); });
        }
        weir::spawn_on(ex, [stop, o = std::move(o), h = std::move(handler)]() mutable {
            return run_for_asio(std::move(o), std::move(h), stop.get_token());
        }).detach();
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>,
                                            void(std::exception_ptr, weir::await_result_t<A>)>(
        std::move(initiate), asio::use_awaitable, std::move(operation));
}

// The coroutines of the two libraries.

asio::awaitable<int> square(int x) {
    asio::steady_timer timer(co_await asio::this_coro::executor, 2ms);
    co_await timer.async_wait(asio::use_awaitable);
    if (x < 0) throw std::invalid_argument{"square of a negative number"};
    co_return x* x;
}

asio::awaitable<int> never(bool& cancelled) {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
    try {
        co_await timer.async_wait(asio::use_awaitable);
    } catch (const std::system_error&) {
        cancelled = true;
        throw;
    }
    co_return 0;
}

weir::task<int> half(int x) {
    co_await weir::sleep_for(2ms);
    if (x % 2 != 0) throw std::invalid_argument{"half of an odd number"};
    co_return x / 2;
}

weir::task<int> never_in_weir(bool& dropped) {
    const std::shared_ptr<bool> at_end{&dropped, [](bool* b) { *b = true; }};
    co_await weir::sleep_for(1h);
    co_return 0;
}

/// A task of weir that awaits coroutines of asio.
weir::task<int> weir_side(asio::io_context& loop) {
    std::cout << "weir: 6 squared by asio is " << co_await from_asio(loop, square(6)) << '\n';
    try {
        co_await from_asio(loop, square(-1));
    } catch (const std::invalid_argument& e) {
        std::cout << "weir: asio throws: " << e.what() << '\n';
    }
    bool cancelled = false;
    try {
        co_await weir::with_timeout(5ms, from_asio(loop, never(cancelled)));
    } catch (const weir::timed_out&) {}
    co_await weir::sleep_for(1ms); // asio's coroutine ends in the next turn of its loop
    std::cout << "weir: the coroutine of asio was " << (cancelled ? "cancelled" : "left behind") << " after 5 ms\n";
    co_return cancelled ? 0 : 1;
}

/// A coroutine of asio that awaits operations of weir.
asio::awaitable<int> asio_side(weir::executor& ex) {
    using namespace asio::experimental::awaitable_operators;
    std::cout << "asio: half of 36 by weir is " << co_await to_asio(ex, half(36)) << '\n';
    try {
        co_await to_asio(ex, half(7));
    } catch (const std::invalid_argument& e) {
        std::cout << "asio: weir throws: " << e.what() << '\n';
    }
    bool dropped = false;
    asio::steady_timer limit(co_await asio::this_coro::executor, 5ms);
    co_await (to_asio(ex, never_in_weir(dropped)) || limit.async_wait(asio::use_awaitable));
    std::cout << "asio: the task of weir was " << (dropped ? "dropped" : "left behind") << " after 5 ms\n";
    co_return dropped ? 0 : 1;
}

} // namespace

int main() try {
    weir::executor ex;
    asio::io_context loop;
    weir_in_asio guest{loop, ex};

    // One after the other, so that the lines come in order.
    int failures = 1;
    auto both = [&]() -> asio::awaitable<void> {
        failures = co_await to_asio(ex, weir_side(loop));
        failures += co_await asio_side(ex);
    };
    asio::co_spawn(loop, both(), [&](std::exception_ptr error) {
        loop.stop();
        if (error) std::rethrow_exception(error);
    });
    loop.run();
    return failures;
} catch (const std::exception& e) {
    std::cerr << "asio_loop: " << e.what() << '\n';
    return 1;
}
