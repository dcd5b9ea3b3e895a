// SPDX-License-Identifier: MIT
#include "testing/simulation/network_state.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <weir/io/bytes.hpp>

namespace weir::testing {

network_options& network::options() noexcept { return world_.options.network; }

void network::partition(std::string_view a, std::string_view b, duration how_long) {
    world_.net->part(world_.net->host_of(a), world_.net->host_of(b), how_long);
}

void network::heal(std::string_view a, std::string_view b) {
    world_.net->heal(world_.net->host_of(a), world_.net->host_of(b));
}
void network::heal() { world_.net->heal(); }

void network::reset(std::string_view host) {
    const std::size_t h = world_.net->host_of(host);
    for (const auto& one : world_.net->connections) {
        const auto c = one.lock();
        if (c == nullptr || !c->alive() || (c->ends[0].host != h && c->ends[1].host != h)) continue;
        c->reset(0);
        c->reset(1);
    }
}

std::size_t network::connections() const noexcept {
    const auto& all = world_.net->connections;
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const auto& one) {
        const auto c = one.lock();
        return c != nullptr && c->alive();
    }));
}

namespace detail {

namespace {

bool is_this_host(std::string_view address) {
    return address.starts_with("127.") || address == "::1" || address == "0.0.0.0" || address == "::";
}

} // namespace

std::size_t network_state::host_of(std::string_view address) {
    if (is_this_host(address)) address = world_.host;
    const auto found = std::find(hosts.begin(), hosts.end(), address);
    if (found != hosts.end()) return static_cast<std::size_t>(found - hosts.begin());
    hosts.emplace_back(address);
    return hosts.size() - 1;
}

duration network_state::latency(std::size_t a, std::size_t b) noexcept {
    const network_options& o = world_.options.network;
    return a == b ? world_.between({}, world_.options.tick) : world_.between(o.shortest_latency, o.longest_latency);
}

class network_state::end_of_partition final : public actor {
public:
    explicit end_of_partition(network_state& net) noexcept : net_{net} {}
    void happen(std::uint32_t) override { net_.release(); }

private:
    network_state& net_;
};

bool network_state::parted(std::size_t a, std::size_t b) noexcept {
    for (const partition& p : partitions_) {
        if (((p.a == a && p.b == b) || (p.a == b && p.b == a)) && p.until > world_.now) return true;
    }
    return false;
}

void network_state::part(std::size_t a, std::size_t b, duration how_long) {
    if (a == b) return;
    const time_point until = how_long > time_point::max() - world_.now ? time_point::max() : world_.now + how_long;
    world_.tell("partition", 0, how_long == duration::max() ? 0 : how_long.count(), hosts[a] + " " + hosts[b]);
    partitions_.push_back({a, b, until});
    if (until != time_point::max()) world_.schedule(until, std::make_shared<end_of_partition>(*this), 0);
}

void network_state::heal(std::size_t a, std::size_t b) {
    std::erase_if(partitions_, [&](const partition& p) { return (p.a == a && p.b == b) || (p.a == b && p.b == a); });
    release();
}

void network_state::heal() {
    partitions_.clear();
    release();
}

void network_state::release() {
    std::erase_if(partitions_, [&](const partition& p) { return p.until <= world_.now; });
    auto all = std::exchange(held_up_, {});
    for (const auto& one : all) {
        const auto c = one.lock();
        if (c == nullptr) continue;
        if (parted(c->ends[0].host, c->ends[1].host)) {
            held_up_.push_back(one);
        } else {
            c->healed();
        }
    }
}

int network_state::set_option(int fd, socket_option, int) { return world_.find(fd) != nullptr ? 0 : -EBADF; }

int network_state::listen(int fd, const endpoint& local, int backlog) {
    const auto socket = world_.find_as<stream_socket>(fd);
    if (socket == nullptr) return -ENOTSOCK;
    endpoint got;
    const int r = bind(listeners, *socket, local, got);
    if (r < 0) return r;
    socket->listen(host_of(local), got, static_cast<std::size_t>(std::max(backlog, 1)));
    return 0;
}

int network_state::check_tcp(int fd) { return world_.find_as<stream_socket>(fd) != nullptr ? 0 : -ENOTSOCK; }

int network_state::open_datagram_socket(const endpoint&) {
    return world_.add(std::make_shared<datagram_socket>(world_));
}

int network_state::bind(int fd, const endpoint& local) {
    const auto socket = world_.find_as<datagram_socket>(fd);
    return socket != nullptr ? socket->bind(local) : -ENOTSOCK;
}

int network_state::connect(int fd, const endpoint& peer) {
    const auto socket = world_.find_as<datagram_socket>(fd);
    return socket != nullptr ? socket->connect(peer) : -ENOTSOCK;
}

int network_state::listen_unix(const unix_address& local, int backlog, unsigned,
                               std::shared_ptr<descriptor_closer>& closer) {
    const std::string name = local.to_string();
    if (unix_listeners.contains(name)) return -EADDRINUSE;
    auto socket = std::make_shared<stream_socket>(world_);
    const int fd = world_.add(socket);
    if (fd < 0) return fd;
    socket->path = name;
    socket->listen(0, {}, static_cast<std::size_t>(std::max(backlog, 1)));
    unix_listeners.emplace(name, socket.get());
    closer = world_.shared_from_this();
    return fd;
}

int network_state::remove_socket(const unix_address& at) {
    return unix_listeners.erase(at.to_string()) != 0 ? 0 : -ENOENT;
}

int network_state::connect_unix(const unix_address& peer) {
    const auto found = unix_listeners.find(peer.to_string());
    if (found == unix_listeners.end()) return -ENOENT;
    if (!found->second->has_room()) return -EAGAIN;
    auto c = std::make_shared<connection>(world_, connection::kind::local);
    const int fd = world_.add(std::make_shared<stream_socket>(world_, c, 0));
    if (fd >= 0) found->second->take(std::move(c));
    return fd;
}

int network_state::unix_pair(int& one, int& other) { return open_pair(one, other); }

int network_state::open_pair(int& one, int& other) {
    const auto c = std::make_shared<connection>(world_, connection::kind::local);
    one = world_.add(std::make_shared<stream_socket>(world_, c, 0));
    if (one < 0) return one;
    other = world_.add(std::make_shared<stream_socket>(world_, c, 1));
    if (other < 0) {
        world_.close(one);
        return other;
    }
    return 0;
}

duration connection::latency() const noexcept { return world_.net->latency(ends[0].host, ends[1].host); }

bool connection::alive() const noexcept { return !ends[0].closed && !ends[1].closed && !ends[0].dead && !ends[1].dead; }

int connection::send(std::size_t from, const char* data, std::size_t size) {
    end& here = ends[from];
    end& there = ends[1 - from];
    if (here.error != 0) return -std::exchange(here.error, 0);
    if (here.dead || here.shut) return -EPIPE;
    if (size == 0) return 0;
    const network_options& o = world_.options.network;
    const std::size_t unread = there.stream.size() - there.head;
    if (unread >= o.buffer) return -EAGAIN;
    std::size_t n = std::min(size, o.buffer - unread);
    if (kind_ == kind::tcp) {
        n = world_.some_of(n, o.short_transfer);
        if (world_.chance(o.partition)) {
            world_.net->part(here.host, there.host, world_.between({}, o.longest_partition));
        }
        if (world_.chance(o.reset)) {
            world_.tell("cut", number);
            reset(0);
            reset(1);
        }
    }
    there.stream.append(data, n);
    push(1 - from, n);
    world_.tell("send", number, static_cast<std::int64_t>(n));
    return static_cast<int>(n);
}

void connection::push(std::size_t to, std::size_t size) {
    end& there = ends[to];
    there.segments.push_back(size);
    there.line_free = std::max(there.line_free, world_.now);
    if (const std::uint64_t rate = world_.options.network.bandwidth; rate != 0 && kind_ == kind::tcp) {
        there.line_free += duration{static_cast<duration::rep>(size * 1'000'000'000 / rate)};
    }
    there.last_arrival = std::max(there.last_arrival, there.line_free + latency());
    world_.schedule(there.last_arrival, shared_from_this(), code(arrive, to));
}

int connection::receive(std::size_t at, char* to, std::size_t size) {
    end& here = ends[at];
    if (const std::size_t some = here.arrived - here.head; some != 0) {
        if (size == 0) return 0;
        const network_options& o = world_.options.network;
        const std::size_t n = world_.some_of(std::min(size, some), kind_ == kind::tcp ? o.short_transfer : 0);
        std::memcpy(to, here.stream.data() + here.head, n);
        here.head += n;
        if (here.head >= 4096 && here.head * 2 >= here.stream.size()) {
            here.stream.erase(0, here.head);
            here.arrived -= here.head;
            here.head = 0;
        }
        world_.tell("receive", number, static_cast<std::int64_t>(n));
        stream_socket* const sender = ends[1 - at].socket;
        if (sender != nullptr && !sender->writers.empty()) {
            world_.schedule(world_.now + latency(), shared_from_this(), code(window, 1 - at));
        }
        return static_cast<int>(n);
    }
    if (here.error != 0) return -std::exchange(here.error, 0);
    return here.dead || here.ended ? 0 : -EAGAIN;
}

bool connection::readable(std::size_t at) const noexcept {
    const end& here = ends[at];
    return here.arrived != here.head || here.dead || here.ended;
}

bool connection::writable(std::size_t at) const noexcept {
    const end& here = ends[at];
    const end& there = ends[1 - at];
    return here.error != 0 || here.dead || here.shut ||
           there.stream.size() - there.head < world_.options.network.buffer;
}

int connection::shut(std::size_t from) {
    end& here = ends[from];
    if (here.dead) return -ENOTCONN;
    if (here.shut) return 0;
    here.shut = true;
    world_.tell("shut down", number);
    push(1 - from, 0);
    return 0;
}

void connection::close(std::size_t side) {
    end& here = ends[side];
    here.closed = true;
    here.socket = nullptr;
    world_.tell("close", number, 0, here.arrived != here.head ? "with unread data" : "");
    if (here.dead) return;
    if (here.arrived != here.head) {
        reset(1 - side);
    } else {
        shut(side);
    }
}

void connection::reset(std::size_t side) {
    // A reset may overtake data that was sent before it. That data is then lost.
    const time_point soon = world_.now + latency();
    world_.schedule(world_.chance(0.5) ? soon : std::max(soon, ends[side].last_arrival), shared_from_this(),
                    code(reset_arrives, side));
}

void connection::fail(std::size_t side, int error) {
    end& here = ends[side];
    if (here.dead) return;
    here.dead = true;
    if (kind_ == kind::tcp) here.error = error;
    world_.tell("failed", number, error);
    if (here.socket != nullptr) here.socket->retry();
}

void connection::segment_arrives(std::size_t side) {
    end& here = ends[side];
    const std::size_t size = here.segments.front();
    here.segments.pop_front();
    if (here.closed || here.dead) {
        if (size != 0) reset(1 - side);
        return;
    }
    if (size == 0) {
        here.ended = true;
        world_.tell("end arrives", number);
    } else {
        here.arrived += size;
    }
    if (here.socket != nullptr) here.socket->retry_readers();
}

void connection::happen(std::uint32_t what) {
    const std::size_t side = what >> 2U & 1U;
    end& here = ends[side];
    const std::uint32_t event = what & 3U;
    if (event == give_up) {
        if (here.held_up.empty() || here.stall != what >> 3U) return;
        return fail(1 - side, ETIMEDOUT);
    }
    if (kind_ == kind::tcp && world_.net->parted(ends[0].host, ends[1].host)) {
        if (event == reset_arrives) return; // a lost reset is not sent again
        if (here.held_up.empty()) {
            ++here.stall;
            if (event == arrive) {
                world_.schedule(world_.now + world_.options.network.send_timeout, shared_from_this(),
                                code(give_up, side, here.stall));
            }
        }
        if (ends[0].held_up.empty() && ends[1].held_up.empty()) world_.net->held_up(shared_from_this());
        here.held_up.push_back(what);
        return;
    }
    switch (event) {
    case arrive:
        return segment_arrives(side);
    case window:
        if (here.socket != nullptr) here.socket->retry_writers();
        return;
    case reset_arrives:
        return fail(side, ECONNRESET);
    default:
        return;
    }
}

void connection::healed() {
    for (end& e : ends) {
        time_point at = world_.now + latency();
        for (const std::uint32_t what : std::exchange(e.held_up, {})) world_.schedule(at, shared_from_this(), what);
        e.last_arrival = std::max(e.last_arrival, at);
    }
}

int stream_socket::attempt(const io_request& request) {
    switch (request.what) {
    case io_request::kind::accept:
        return accept(request);
    case io_request::kind::connect:
        if (state_ == state::fresh) start_connect(*request.address);
        if (state_ == state::connecting) return -EAGAIN;
        if (state_ == state::connected) return 0;
        if (state_ != state::failed) return -EINVAL;
        state_ = state::fresh;
        return -error_;
    case io_request::kind::readable:
        if (state_ == state::listening) return backlog_.empty() ? -EAGAIN : 0;
        return connection_ != nullptr && !connection_->readable(side_) ? -EAGAIN : 0;
    case io_request::kind::writable:
        if (state_ == state::connecting) return -EAGAIN;
        return connection_ != nullptr && !connection_->writable(side_) ? -EAGAIN : 0;
    case io_request::kind::send:
    case io_request::kind::write:
        if (connection_ == nullptr) return -EPIPE;
        return connection_->send(side_, static_cast<const char*>(request.data),
                                 std::min<std::size_t>(request.size, 1U << 30U));
    case io_request::kind::receive:
    case io_request::kind::read:
        if (connection_ == nullptr) return -ENOTCONN;
        return connection_->receive(side_, static_cast<char*>(request.data),
                                    std::min<std::size_t>(request.size, 1U << 30U));
    case io_request::kind::receive_bytes: {
        if (connection_ == nullptr) return -ENOTCONN;
        weir::detail::byte_filler filler;
        filler.make_room(request.size, request.size);
        const int n = connection_->receive(side_, filler.room(), request.size);
        if (n >= 0) *static_cast<bytes*>(request.data) = filler.take(static_cast<std::size_t>(n));
        return n;
    }
    case io_request::kind::send_message: {
        const auto& message = *static_cast<const io_message*>(request.data);
        if (connection_ == nullptr) return -EPIPE;
        if (message.descriptors != nullptr && message.descriptors->count != 0) return -EOPNOTSUPP;
        return connection_->send(side_, static_cast<const char*>(message.data), message.size);
    }
    case io_request::kind::receive_message: {
        auto& message = *static_cast<io_message*>(request.data);
        if (connection_ == nullptr) return -ENOTCONN;
        if (message.descriptors != nullptr) message.descriptors->count = 0;
        return connection_->receive(side_, static_cast<char*>(message.data), message.size);
    }
    default:
        return -EINVAL;
    }
}

int stream_socket::accept(const io_request& request) {
    if (state_ != state::listening) return -EINVAL;
    if (backlog_.empty()) return -EAGAIN;
    if (world_.full()) {
        world_.tell("accept", number_, -EMFILE);
        return -EMFILE;
    }
    const auto c = std::move(backlog_.front());
    backlog_.pop_front();
    if (world_.chance(world_.options.network.abort_accept)) {
        c->close(1);
        return -ECONNABORTED;
    }
    if (request.address != nullptr) *request.address = c->ends[0].address;
    world_.tell("accept", c->number);
    return world_.add(std::make_shared<stream_socket>(world_, c, 1));
}

void stream_socket::listen(std::size_t host, const endpoint& local, std::size_t backlog) {
    state_ = state::listening;
    host_ = host;
    local_ = local;
    most_ = backlog;
    number_ = ++world_.last_number;
    world_.tell("listen", number_, 0, path.empty() ? local.to_string() : path);
}

void stream_socket::take(std::shared_ptr<connection> c) {
    backlog_.push_back(std::move(c));
    retry_readers();
}

void stream_socket::close() noexcept {
    if (state_ == state::listening) {
        if (!path.empty()) {
            if (const auto at = world_.net->unix_listeners.find(path);
                at != world_.net->unix_listeners.end() && at->second == this) {
                world_.net->unix_listeners.erase(at);
            }
        } else {
            world_.net->listeners.erase({host_, local_.port()});
        }
        for (const auto& c : backlog_) {
            c->ends[1].closed = true;
            c->reset(0);
        }
        backlog_.clear();
        world_.tell("close", number_, 0, "a listener");
    }
    state_ = state::closed;
    if (connection_ != nullptr) connection_->close(side_);
}

int stream_socket::local_endpoint(endpoint& result) const {
    result = connection_ != nullptr ? connection_->ends[side_].address : local_;
    return 0;
}

int stream_socket::remote_endpoint(endpoint& result) const {
    if (connection_ == nullptr) return -ENOTCONN;
    result = connection_->ends[1 - side_].address;
    return 0;
}

void stream_socket::start_connect(const endpoint& peer) {
    const network_options& o = world_.options.network;
    state_ = state::connecting;
    peer_ = peer;
    host_ = world_.net->host_of(world_.host);
    give_up_at_ = world_.now + o.connect_timeout;
    retry_ = std::chrono::seconds{1};
    world_.tell("connect", 0, 0, peer.to_string());
    if (world_.chance(o.black_hole)) return world_.schedule(give_up_at_, shared_from_this(), timed_out);
    const duration there = world_.net->latency(host_, world_.net->host_of(peer));
    if (world_.chance(o.refuse)) return world_.schedule(world_.now + 2 * there, shared_from_this(), refused);
    world_.schedule(world_.now + there, shared_from_this(), syn_arrives);
}

void stream_socket::syn_later() {
    if (world_.now + retry_ >= give_up_at_) return world_.schedule(give_up_at_, shared_from_this(), timed_out);
    world_.schedule(world_.now + retry_, shared_from_this(), syn_arrives);
    retry_ *= 2;
}

void stream_socket::syn() {
    network_state& net = *world_.net;
    const std::size_t there = net.host_of(peer_);
    if (net.parted(host_, there)) return syn_later();
    const time_point answer = world_.now + net.latency(host_, there);
    const auto found = net.listeners.find({there, peer_.port()});
    if (found == net.listeners.end()) return world_.schedule(answer, shared_from_this(), refused);
    if (!found->second->has_room()) return syn_later();

    connection_ = std::make_shared<connection>(world_, connection::kind::tcp);
    side_ = 0;
    connection::end& here = connection_->ends[0];
    here.socket = this;
    here.host = host_;
    here.address = endpoint{net.hosts[host_], net.free_port()};
    connection_->ends[1].host = there;
    connection_->ends[1].address = peer_;
    if (net.connections.size() == net.connections.capacity()) {
        std::erase_if(net.connections, [](const auto& one) { return one.expired(); });
    }
    net.connections.push_back(connection_);
    found->second->take(connection_);
    world_.schedule(answer, shared_from_this(), established);
}

void stream_socket::happen(std::uint32_t what) {
    if (what == try_again) return retry();
    if (state_ != state::connecting) return;
    switch (what) {
    case syn_arrives:
        return syn();
    case established:
        state_ = state::connected;
        world_.tell("connected", connection_->number);
        break;
    case refused:
    case timed_out:
        state_ = state::failed;
        error_ = what == refused ? ECONNREFUSED : ETIMEDOUT;
        world_.tell("not connected", 0, -error_, peer_.to_string());
        break;
    default:
        break;
    }
    retry_writers();
}

namespace {

class datagram_on_its_way final : public actor {
public:
    datagram_on_its_way(world& w, std::size_t to_host, const endpoint& from, const endpoint& to, std::string data)
        : world_{w}, to_host_{to_host}, from_{from}, to_{to}, data_{std::move(data)} {}

    void happen(std::uint32_t) override {
        network_state& net = *world_.net;
        const std::size_t from_host = net.host_of(from_);
        if (net.parted(from_host, to_host_)) return world_.tell("datagram is lost in a partition");
        if (const auto at = net.datagrams.find({to_host_, to_.port()}); at != net.datagrams.end()) {
            return at->second->deliver(from_, data_);
        }
        const auto sender = net.datagrams.find({from_host, from_.port()});
        if (sender != net.datagrams.end() && sender->second->remote == to_) sender->second->refused();
    }

private:
    world& world_;
    std::size_t to_host_;
    endpoint from_;
    endpoint to_;
    std::string data_;
};

constexpr std::size_t longest_datagram = 65507;
constexpr std::size_t most_datagrams = 256;

} // namespace

int datagram_socket::bind(const endpoint& wanted) {
    const int r = world_.net->bind(world_.net->datagrams, *this, wanted, local);
    if (r == 0) host_ = world_.net->host_of(wanted);
    return r;
}

int datagram_socket::connect(const endpoint& peer) {
    if (local.size() == 0) {
        if (const int r = bind({world_.host, 0}); r < 0) return r;
    }
    remote = peer;
    return 0;
}

int datagram_socket::attempt(const io_request& request) {
    switch (request.what) {
    case io_request::kind::send_message:
        return send(*static_cast<const io_message*>(request.data));
    case io_request::kind::receive_message:
        return receive(*static_cast<io_message*>(request.data));
    case io_request::kind::readable:
        return inbox_.empty() ? -EAGAIN : 0;
    case io_request::kind::writable:
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}

void datagram_socket::put_back(const io_request& request, int result) {
    if (request.what != io_request::kind::receive_message) return;
    // A datagram that was too long for its buffer has lost its rest, and is not kept.
    const bool whole = result >= 0 && static_cast<std::size_t>(result) <= static_cast<io_message*>(request.data)->size;
    if (whole || weir::detail::is_told_once(result)) keep(request, result, boundaries::kept);
}

int datagram_socket::send(const io_message& message) {
    if (error_ != 0) return -std::exchange(error_, 0);
    const endpoint& to = message.to != nullptr ? *message.to : remote;
    if (to.size() == 0) return -EDESTADDRREQ;
    if (message.size > longest_datagram) return -EMSGSIZE;
    if (local.size() == 0) {
        if (const int r = bind({world_.host, 0}); r < 0) return r;
    }
    const network_options& o = world_.options.network;
    const int result = static_cast<int>(message.size);
    world_.tell("send datagram", 0, result, to.to_string());
    if (world_.chance(o.lose_datagram)) {
        world_.tell("datagram is lost");
        return result;
    }
    const std::size_t there = world_.net->host_of(to);
    // The address of a socket that is bound to all addresses is that of its host.
    const endpoint from{world_.net->hosts[host_], local.port()};
    const std::string data{static_cast<const char*>(message.data), message.size};
    for (int copies = world_.chance(o.duplicate_datagram) ? 2 : 1; copies != 0; --copies) {
        world_.schedule(world_.now + world_.net->latency(host_, there),
                        std::make_shared<datagram_on_its_way>(world_, there, from, to, data), 0);
    }
    return result;
}

int datagram_socket::receive(io_message& message) {
    if (error_ != 0) return -std::exchange(error_, 0);
    if (inbox_.empty()) return -EAGAIN;
    const datagram& d = inbox_.front();
    const auto result = static_cast<int>(d.data.size());
    std::memcpy(message.data, d.data.data(), std::min(message.size, d.data.size()));
    if (message.from != nullptr) *message.from = d.from;
    inbox_.pop_front();
    world_.tell("receive datagram", 0, result);
    return result;
}

void datagram_socket::deliver(const endpoint& from, std::string data) {
    if (remote.size() != 0 && remote != from &&
        !(world_.net->host_of(remote) == world_.net->host_of(from) && remote.port() == from.port()))
        return;
    if (inbox_.size() == most_datagrams) return world_.tell("datagram is lost in a full buffer");
    inbox_.push_back({from, std::move(data)});
    retry_readers();
}

void datagram_socket::refused() {
    error_ = ECONNREFUSED;
    retry();
}

void datagram_socket::close() noexcept {
    if (local.size() != 0) world_.net->datagrams.erase({host_, local.port()});
}

} // namespace detail

} // namespace weir::testing
