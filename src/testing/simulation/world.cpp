// SPDX-License-Identifier: MIT
#include "testing/simulation/world.hpp"

#include <algorithm>
#include <cerrno>

#include "testing/simulation/file_state.hpp"
#include "testing/simulation/network_state.hpp"
#include "testing/simulation/program.hpp"

namespace weir::testing::detail {

namespace {

constexpr std::size_t first_descriptor = 3;

} // namespace

/// Refers to its operation by number, because the operation may be cancelled before the event.
class world::late final : public actor {
public:
    late(world& w, std::uint64_t number) noexcept : world_{w}, number_{number} {}

    void happen(std::uint32_t) override {
        const auto found = world_.late_.find(number_);
        if (found == world_.late_.end()) return;
        io_operation& operation = *found->second;
        world_.late_.erase(found);
        operation.backend_data = 0;
        world_.try_now(operation);
    }

private:
    world& world_;
    std::uint64_t number_;
};

world::world(std::uint64_t seed, const simulation_options& o)
    : random{seed},
      options{o},
      host{o.host},
      history{o.trace},
      net{std::make_unique<network_state>(*this)},
      disk{std::make_unique<file_state>(*this)},
      nodes_(first_descriptor, std::make_shared<console>(*this)) {}

world::~world() = default;

bool world::chance(double probability) noexcept {
    if (probability <= 0) return false;
    return static_cast<double>(random() >> 11U) * 0x1p-53 < probability;
}

duration world::between(duration shortest, duration longest) noexcept {
    const auto tick = std::max<duration::rep>(options.tick.count(), 1);
    const auto first = (shortest.count() + tick - 1) / tick;
    const auto last = std::max(longest.count() / tick, first);
    return duration{(first + static_cast<duration::rep>(below(static_cast<std::uint64_t>(last - first + 1)))) * tick};
}

std::size_t world::some_of(std::size_t n, double short_transfer) noexcept {
    return n > 1 && chance(short_transfer) ? 1 + below(n - 1) : n;
}

std::size_t world::turn_length(std::size_t most) noexcept {
    // Some turns are short, so that timers and completions run between any two wakers.
    return chance(0.2) ? 1 + below(4) : most;
}

std::size_t world::pass_over() noexcept {
    const std::uint64_t n = below(8);
    history.mix(n);
    return n;
}

void world::schedule(time_point at, std::shared_ptr<actor> whom, std::uint32_t what) {
    events_.push_back({at, random(), ++last_event_, std::move(whom), what});
    std::push_heap(events_.begin(), events_.end());
}

void world::wait(time_point until) {
    if (events_.empty() && until == time_point::max()) throw deadlock{};
    now = std::max(now, events_.empty() ? until : std::min(until, events_.front().at));
    while (!events_.empty() && events_.front().at <= now) {
        std::pop_heap(events_.begin(), events_.end());
        const event next = std::move(events_.back());
        events_.pop_back();
        next.whom->happen(next.what);
    }
}

void world::turn_taken() noexcept {
    if (chance(options.slow_turn)) now += options.tick;
}

node* world::behind(const io_request& request) const noexcept {
    if (request.what == io_request::kind::open) return disk.get();
    const auto index = static_cast<std::size_t>(request.fd);
    return request.fd >= 0 && index < nodes_.size() ? nodes_[index].get() : nullptr;
}

void world::start(io_operation& operation) {
    const io_request& request = operation.request();
    node* const on = behind(request);
    if (on == nullptr) return operation.complete(-EBADF);
    ++in_flight;
    operation.backend_data = 0;
    operation.set_descriptor(on->opened);
    duration time = on->time_for(request);
    if (time < duration::zero() && chance(options.late_completion))
        time = chance(0.5) ? duration::zero() : options.tick;
    if (time < duration::zero()) return try_now(operation);
    operation.backend_data = ++last_late_;
    late_.emplace(last_late_, &operation);
    schedule(now + time, std::make_shared<late>(*this, last_late_), 0);
}

void world::try_now(io_operation& operation) {
    const io_request& request = operation.request();
    node* const on = behind(request);
    if (on == nullptr) return complete(operation, -EBADF);
    if (request.what == io_request::kind::close) {
        const int r = on->close_result();
        close(request.fd);
        return complete(operation, r);
    }
    auto& waiting = request.waits_for_writable() ? on->writers : on->readers;
    if (!waiting.empty()) return waiting.push_back(operation);
    const int r = on->answer(request);
    if (r == -EAGAIN) return waiting.push_back(operation);
    complete(operation, r);
}

void world::cancel(io_operation& operation) noexcept {
    if (operation.backend_data != 0) {
        late_.erase(operation.backend_data);
    } else {
        operation.leave_list();
    }
    int result = -ECANCELED;
    if (operation.request().what == io_request::kind::close) {
        close(operation.request().fd);
    } else if (chance(options.cancel_late)) {
        const io_request& request = operation.request();
        node* const on = behind(request);
        if (on != nullptr) result = on->answer(request);
        if (result == -EAGAIN) result = -ECANCELED;
    }
    complete(operation, result);
}

void world::put_back(const io_operation& operation, int result) noexcept {
    node* const on = behind(operation.request());
    if (on != nullptr && on->opened == operation.descriptor()) on->put_back(operation.request(), result);
}

void world::complete(io_operation& operation, int result) noexcept {
    --in_flight;
    operation.complete(result);
}

int node::answer(const io_request& request) {
    if (unread_.empty() || !request.reads()) return attempt(request);
    std::vector<int> none;
    return unread_.answer(request, none);
}

void node::put_back(const io_request& request, int result) {
    if (request.what == io_request::kind::readable) return;
    if (result > 0 || weir::detail::is_told_once(result)) keep(request, result, boundaries::none);
}

void node::retry(intrusive_list<io_operation>& waiting) {
    while (!waiting.empty()) {
        const int r = answer(waiting.front().request());
        if (r == -EAGAIN) return;
        world_.complete(waiting.pop_front(), r);
    }
}

std::shared_ptr<node> world::find(int fd) const noexcept {
    const auto index = static_cast<std::size_t>(fd);
    return fd >= 0 && index < nodes_.size() ? nodes_[index] : nullptr;
}

int world::add(std::shared_ptr<node> n) {
    if (full()) return -EMFILE;
    auto place = std::find(nodes_.begin() + first_descriptor, nodes_.end(), nullptr);
    if (place == nodes_.end()) place = nodes_.insert(place, nullptr);
    *place = std::move(n);
    (*place)->opened = ++last_opened_ % io_operation::descriptors;
    ++open_;
    return static_cast<int>(place - nodes_.begin());
}

void world::close(int fd) noexcept {
    const auto index = static_cast<std::size_t>(fd);
    if (fd < 0 || index < first_descriptor || index >= nodes_.size() || nodes_[index] == nullptr) {
        tell("close of a descriptor that is not open", 0, fd);
        return;
    }
    const std::shared_ptr<node> closed = std::exchange(nodes_[index], nullptr);
    --open_;
    while (!closed->readers.empty()) complete(closed->readers.pop_front(), -EBADF);
    while (!closed->writers.empty()) complete(closed->writers.pop_front(), -EBADF);
    closed->close();
}

} // namespace weir::testing::detail
