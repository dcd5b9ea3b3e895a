#include "kernel/descriptors.hpp"

#include <array>
#include <atomic>

#include <fcntl.h>
#include <unistd.h>

#include <weir/io/descriptor.hpp>

namespace weir::kernel {

namespace {

constexpr unsigned per_chunk = 4096;

struct chunk {
    std::array<std::atomic<std::uint32_t>, per_chunk> generations{};
};

// Room for a million descriptors, made where they are used. Those beyond share one number: then each close makes the
// backends look again at all of them.
std::array<std::atomic<chunk*>, 256> chunks{};
std::atomic<std::uint32_t> shared{0};

std::atomic<std::uint32_t>& counter(int fd) noexcept {
    const auto number = static_cast<unsigned>(fd);
    if (number / per_chunk >= chunks.size()) return shared;
    std::atomic<chunk*>& place = chunks[number / per_chunk];
    chunk* c = place.load(std::memory_order_acquire); // pairs with the exchange below
    if (c == nullptr) {
        auto made = std::unique_ptr<chunk>{new (std::nothrow) chunk};
        if (!made) return shared;
        if (place.compare_exchange_strong(c, made.get(), std::memory_order_acq_rel)) c = made.release();
    }
    return c->generations[number % per_chunk];
}

class kernel_closer final : public descriptor_closer {
public:
    void close(int fd) noexcept override {
        // First renewed, then closed: after that the number may at once belong to another thread.
        renew(fd);
        ::close(fd);
    }
};

kernel_closer the_closer;

} // namespace

std::uint32_t generation(int fd) noexcept {
    return fd < 0 ? 0 : counter(fd).load(std::memory_order_acquire); // pairs with the add in renew
}

void renew(int fd) noexcept {
    if (fd >= 0) counter(fd).fetch_add(1, std::memory_order_acq_rel);
}

void occupy_standard_streams() noexcept {
    for (;;) {
        const int fd = ::open("/", O_PATH | O_CLOEXEC);
        if (fd >= 0 && fd <= STDERR_FILENO) continue;
        if (fd >= 0) ::close(fd);
        return;
    }
}

std::shared_ptr<descriptor_closer> closer() noexcept {
    // Lives as long as the process: nothing to count.
    return {std::shared_ptr<void>{}, &the_closer};
}

} // namespace weir::kernel

weir::detail::descriptor::descriptor(int fd) noexcept : fd_{fd} { kernel::renew(fd); }
