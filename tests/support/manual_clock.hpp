// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <weir/executor/executor.hpp>

namespace support {

/// A clock that the test sets, and no I/O.
class manual_backend final : public weir::backend {
public:
    void pass(weir::duration d) noexcept { now_ += d; }

    std::string_view name() const noexcept override { return "manual"; }
    weir::time_point now() noexcept override { return now_; }

    void start(weir::io_operation& operation) override { operation.complete(-ENOSYS); }
    void cancel(weir::io_operation&) noexcept override {}
    void wait(weir::time_point) override {}
    void notify() noexcept override {}
    std::size_t in_flight() const noexcept override { return 0; }

    int open_stream_socket(const weir::endpoint&) override { return -ENOSYS; }
    int listen(const weir::endpoint&, int) override { return -ENOSYS; }
    int local_endpoint(int, weir::endpoint&) override { return -ENOSYS; }
    int remote_endpoint(int, weir::endpoint&) override { return -ENOSYS; }
    int shutdown_write(int) override { return -ENOSYS; }
    int open_pipe(int&, int&) override { return -ENOSYS; }
    std::int64_t file_size(int) override { return -ENOSYS; }
    std::shared_ptr<weir::descriptor_closer> closer() noexcept override { return nullptr; }

private:
    weir::time_point now_{};
};

/// An executor whose turns come when the test says so: late ones too, and with time that passes within a turn.
class manual_executor : public weir::executor {
public:
    manual_executor() : executor{std::make_unique<manual_backend>()} {}

    /// Lets time pass and nothing run.
    void stall(weir::duration d) noexcept { static_cast<manual_backend&>(io()).pass(d); }

    void run_ready() {
        do turn();
        while (!idle());
    }
    /// Everything that is due in between runs at the end.
    void run_after(weir::duration d) {
        stall(d);
        run_ready();
    }
};

} // namespace support
