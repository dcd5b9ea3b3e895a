// SPDX-License-Identifier: MIT
#include <weir/testing/virtual_executor.hpp>

#include <atomic>
#include <cerrno>

namespace weir::testing {

namespace {

/// A backend with virtual time and without I/O. Waiting for a time sets the clock to it.
class virtual_backend final : public backend {
public:
    std::string_view name() const noexcept override { return "virtual"; }
    time_point now() noexcept override { return now_; }
    std::uint64_t random_seed() override { return 1; }

    void start(io_operation& operation) override { operation.complete(-ENOSYS); }
    void cancel(io_operation&) noexcept override {}

    void wait(time_point until) override {
        if (until != time_point::max() && until > now_) now_ = until;
    }
    void notify() noexcept override {}
    std::size_t in_flight() const noexcept override { return 0; }
    bool may_wake() const noexcept override { return false; }

    int open_stream_socket(const endpoint&) override { return -ENOSYS; }
    int listen(const endpoint&, int) override { return -ENOSYS; }
    int local_endpoint(int, endpoint&) override { return -ENOSYS; }
    int remote_endpoint(int, endpoint&) override { return -ENOSYS; }
    int shutdown_write(int) override { return -ENOSYS; }
    int open_pipe(int&, int&) override { return -ENOSYS; }
    std::int64_t file_size(int) override { return -ENOSYS; }
    std::shared_ptr<descriptor_closer> closer() noexcept override { return nullptr; }

private:
    time_point now_{};
};

} // namespace

virtual_executor::virtual_executor() : virtual_time_executor{std::make_unique<virtual_backend>()} {}

} // namespace weir::testing
