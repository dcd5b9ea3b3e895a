// SPDX-License-Identifier: MIT
#include <weir/http/client.hpp>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "client_pool.hpp"
#include <weir/core/limit_exceeded.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/http/compression.hpp>
#include <weir/http/error.hpp>
#include <weir/scope/with_timeout.hpp>

namespace weir::http {

namespace detail {

namespace {

/// What is read of a redirect's body, so that its connection can serve the next request.
constexpr std::size_t most_skipped = 64 * 1024;

bool is_idempotent(std::string_view method) noexcept {
    // Static: clang 19 may compare the results of `find` and `end` behind the caller's next suspension, where a local
    // array has another place.
    static constexpr std::string_view all[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
    return std::find(std::begin(all), std::end(all), method) != std::end(all);
}

bool is_redirect(unsigned status) noexcept {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

[[noreturn]] void fail_redirect(const client_request& r, std::string_view why) {
    std::string what{"weir::http: redirect from "};
    throw redirect_error{what.append(r.url.origin()).append(": ").append(why)};
}

url redirect_target(const client_request& r, std::string_view location) {
    try {
        return r.url.resolve(encode_location(location));
    } catch (const std::invalid_argument& e) {
        fail_redirect(r, e.what());
    }
}

client_options checked(client_options o) {
    const auto require = [](bool ok, const char* what) {
        if (!ok) throw std::invalid_argument{what};
    };
    require(o.connections_per_origin != 0, "weir::http::client: connections_per_origin must be at least 1");
    require(o.connections != 0, "weir::http::client: connections must be at least 1");
    require(o.connect_timeout > duration::zero(), "weir::http::client: connect_timeout must be positive");
    require(o.total_timeout > duration::zero(), "weir::http::client: total_timeout must be positive");
    require(o.idle_timeout >= duration::zero(), "weir::http::client: idle_timeout must not be negative");
    require(o.connector != nullptr, "weir::http::client: there is no connector");
    require(o.compression == compression::refused || has_zlib(),
            "weir::http::client: compression is accepted, but this library was built without zlib");
    check(o.exchange, "weir::http::client");
    if (const char* const why = why_refused(o.headers); why != nullptr) {
        std::string what{"weir::http::client: headers: "};
        throw std::invalid_argument{what.append(why)};
    }
    return o;
}

/// Whether a redirect turns a request into a GET without a body (RFC 9110, 15.4).
bool becomes_get(const client_request& r, unsigned status) noexcept {
    return (status == 303 && r.method != "HEAD") || ((status == 301 || status == 302) && r.method == "POST");
}

/// Turns a request into the one that a redirect asks for.
void redirect(client_request& r, unsigned status, url to) {
    if (becomes_get(r, status)) {
        r.method = "GET";
        r.body = {};
        r.expect = expect_continue::no;
        for (const char* const name : {"Content-Type", "Content-Encoding", "Content-Language", "Content-Location"})
            r.headers.erase(name);
    }
    if (to.origin() != r.url.origin()) {
        for (const char* const name : {"Authorization", "Cookie", "Proxy-Authorization", "Host"}) r.headers.erase(name);
    }
    r.url = std::move(to);
}

/// Reads the head of a response over a connection of a pool.
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] pooled_head_operation {
public:
    using result_type = response_head;

    explicit pooled_head_operation(pooled_connection& c) noexcept : connection_{&c} {}

    poll<response_head> poll_result(context& cx) { return connection_->poll_head(cx); }

private:
    pooled_connection* connection_;
};

/// Reads the rest of a body up to a limit.
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] skip_operation {
public:
    using result_type = unit;

    explicit skip_operation(response_source& from) noexcept : from_{&from} {}

    poll<unit> poll_result(context& cx) {
        while (size_ <= most_skipped) {
            auto part = from_->poll_body(cx);
            if (part.is_pending()) return pending;
            if (part.is_done()) break;
            size_ += part->size();
            if (!cx.spend()) return cx.yield();
        }
        return unit{};
    }

private:
    response_source* from_;
    std::size_t size_ = 0;
};

/// A response of a pool.
struct pooled_response {
    response_head head;
    std::unique_ptr<pooled_connection> connection;
};

/// Sends a request, and once more if the connection turns out to have been closed. The body stays in the connection.
task<pooled_response> send_once(client_pool& pool, client_request& r, time_point until) {
    const bool may_send_again = is_idempotent(r.method) && !r.body.is_stream();
    for (auto which = client_pool::wanted::any;; which = client_pool::wanted::fresh) {
        auto acquiring = pool.acquire(r.url, which);
        std::unique_ptr<pooled_connection> c = co_await std::move(acquiring);
        c->core().start(r, pool.options().exchange);
        c->core().set_deadline(until, pool.options().total_timeout);
        try {
            pooled_head_operation reading{*c};
            pooled_response answer;
            answer.head = co_await std::move(reading);
            answer.connection = std::move(c);
            co_return answer;
        } catch (const request_timed_out&) {
            throw;
        } catch (...) {
            if (!may_send_again || which == client_pool::wanted::fresh || !c->may_be_stale()) throw;
            c->give_back(r.body);
        }
    }
}

/// Sends a request and follows redirects.
task<client_response> send_following(std::shared_ptr<client_pool> pool, client_request& r, time_point until) {
    const std::size_t most = pool->options().redirects;
    for (std::size_t n = 0;; ++n) {
        const bool is_stream = r.body.is_stream();
        auto sending = send_once(*pool, r, until);
        pooled_response answer = co_await std::move(sending);
        const auto location = answer.head.headers.get("Location");
        if (most == 0 || !is_redirect(answer.head.status) || !location) {
            client_response result{std::move(answer.head), r.url, std::move(answer.connection)};
            if (pool->options().compression == compression::refused) co_return result;
            co_return decompressed(std::move(result), pool->options().max_decoded);
        }

        url to = redirect_target(r, *location);
        if (n == most) fail_redirect(r, "there are more than " + std::to_string(most) + " redirects");
        if (r.url.is_https() && !to.is_https()) fail_redirect(r, "it leads from https to http");
        if (is_stream && !becomes_get(r, answer.head.status))
            fail_redirect(r, "the body of the request is a stream, which cannot be sent again");
        answer.connection->give_back(r.body);
        redirect(r, answer.head.status, std::move(to));
        try {
            skip_operation skipping{*answer.connection};
            co_await std::move(skipping);
        } catch (const request_timed_out& e) {
            if (e.phase() == request_phase::total) throw;
        } catch (const std::exception&) {
            // Only the connection is lost.
        }
    }
}

/// Adds the fields whose names are not there: all of a name, or none.
void add_missing(headers& to, const headers& fields) {
    headers missing;
    for (const auto [name, value] : fields) {
        if (!to.contains(name)) missing.add(name, value);
    }
    for (const auto [name, value] : missing) to.add(name, value);
}

task<client_response> send(std::shared_ptr<client_pool> pool, client_request r) {
    check(r);
    add_missing(r.headers, pool->options().headers);
    if (pool->options().compression == compression::accepted && !r.headers.contains("Accept-Encoding"))
        r.headers.add("Accept-Encoding", "gzip, deflate");
    const duration limit = pool->options().total_timeout;
    if (limit == duration::max()) {
        auto sending = send_following(std::move(pool), r, time_point::max());
        co_return co_await std::move(sending);
    }
    executor& ex = *co_await this_executor();
    const time_point until = ex.time_after(limit);
    std::string what{"weir::http: "};
    what.append(r.url.origin()).append(": no whole response");
    try {
        auto sending = with_deadline(until, send_following(std::move(pool), r, until));
        co_return co_await std::move(sending);
    } catch (const request_timed_out&) {
        throw;
    } catch (const timed_out&) {
        if (ex.now() < until) throw;
        throw request_timed_out{what, request_phase::total, limit};
    }
}

} // namespace

client_pool::client_pool(client_options options) : options_{checked(std::move(options))}, all_{options_.connections} {}

client_pool::waiting_place::waiting_place(client_pool& pool) : pool_{&pool} {
    if (pool.waiting_ == pool.options_.waiting) {
        std::string what{"weir::http::client: more than "};
        what.append(std::to_string(pool.options_.waiting)).append(" requests wait for a connection");
        throw limit_exceeded{what};
    }
    ++pool.waiting_;
}

task<semaphore::permit> client_pool::permit_of(const semaphore& from) {
    if (auto permit = from.try_acquire()) co_return *std::move(permit);
    const waiting_place place{*this};
    auto acquiring = from.acquire();
    co_return co_await std::move(acquiring);
}

std::shared_ptr<semaphore> client_pool::permits_of(const std::string& origin) {
    // The number of origins that are known stays within twice that of the connections.
    if (origins_.size() > 2 * options_.connections)
        std::erase_if(origins_, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<semaphore>& known = origins_[origin];
    std::shared_ptr<semaphore> permits = known.lock();
    if (permits == nullptr) {
        permits = std::make_shared<semaphore>(options_.connections_per_origin);
        known = permits;
    }
    return permits;
}

task<std::unique_ptr<pooled_connection>> client_pool::acquire(url to, wanted which) {
    const auto self = shared_from_this();
    std::string origin{to.origin()};
    std::shared_ptr<semaphore> of_origin = permits_of(origin);
    // That of the origin first, so that a slow origin does not hold up the others.
    auto for_origin = permit_of(*of_origin);
    semaphore::permit one_of_origin = co_await std::move(for_origin);
    auto for_all = permit_of(all_);
    semaphore::permit one_of_all = co_await std::move(for_all);

    pooled_connection::permits permits{std::move(of_origin), std::move(one_of_origin), std::move(one_of_all)};
    auto result = std::make_unique<pooled_connection>(self, origin, std::move(permits));
    if (which == wanted::any) {
        if (auto kept = take_idle(origin)) {
            result->set(std::move(kept), true);
            co_return result;
        }
    }
    // One that is kept for the origin makes room for a new one, so that there are never more than were permitted.
    if (which == wanted::fresh) static_cast<void>(take_idle(origin));
    make_room();
    auto connecting = connect(std::move(to));
    auto core = co_await std::move(connecting);
    result->set(std::move(core), false);
    co_return result;
}

task<std::unique_ptr<client_core>> client_pool::connect(url to) {
    executor& ex = *co_await this_executor();
    const time_point until = ex.time_after(options_.connect_timeout);
    std::string what{"weir::http: connect to "};
    what.append(to.origin()).append(": no connection");
    try {
        auto connecting = with_deadline(until, options_.connector(std::move(to)));
        connection c = co_await std::move(connecting);
        co_return std::move(c.core_);
    } catch (const timed_out&) {
        if (ex.now() < until) throw;
        throw request_timed_out{what, request_phase::connect, options_.connect_timeout};
    }
}

std::size_t client_pool::idle() const noexcept {
    return static_cast<std::size_t>(
        std::count_if(idle_.begin(), idle_.end(), [](const idle_connection& c) { return !c.closed(); }));
}

std::unique_ptr<client_core> client_pool::take_idle(const std::string& origin) noexcept {
    std::erase_if(idle_, [](const idle_connection& c) { return c.closed(); });
    const auto found =
        std::find_if(idle_.rbegin(), idle_.rend(), [&](const idle_connection& c) { return c.origin() == origin; });
    if (found == idle_.rend()) return nullptr;
    auto core = found->take();
    idle_.erase(std::next(found).base());
    return core;
}

void client_pool::keep(const std::string& origin, std::unique_ptr<client_core> core, context& cx) {
    std::erase_if(idle_, [](const idle_connection& c) { return c.closed(); });
    if (options_.idle_timeout == duration::zero()) return;
    if (!std::exchange(is_watching_, true)) executor_watch_.emplace(cx.executor().spawn(executor_watch{*this}));
    idle_.emplace_back(origin, std::move(core), cx, options_.idle_timeout);
}

void client_pool::make_room() noexcept {
    std::erase_if(idle_, [](const idle_connection& c) { return c.closed(); });
    while (!idle_.empty() && open_ + idle_.size() > options_.connections) idle_.pop_front();
}

void pooled_connection::close() noexcept {
    core_.reset();
    if (!permits_) return;
    --pool_->open_;
    permits_.reset();
}

void pooled_connection::end(context& cx) {
    trailers_ = core_->trailers();
    const bool reusable = core_->reusable();
    core_->give_back(body_);
    if (reusable) pool_->keep(origin_, std::move(core_), cx);
    close();
}

} // namespace detail

connector by_tcp(connect_options options) {
    return [options](url to) -> task<connection> {
        if (to.is_https()) throw std::invalid_argument{"weir::http::client: https takes the connector by_tls"};
        auto connecting = tcp_connect(std::string{to.host()}, to.port(), options);
        auto stream = co_await std::move(connecting);
        co_return connection{std::move(stream)};
    };
}

task<upgraded_response> upgrade(connection c, client_request request, exchange_options options) {
    detail::check(options, "weir::http::upgrade(connection, request, options)");
    c.core_->start(request, options, detail::protocol_change::offered);
    detail::head_operation reading{*c.core_};
    response_head head = co_await reading;
    if (head.status != 101) {
        std::string what{"weir::http: upgrade at "};
        what.append(request.url.origin()).append(": the status is ").append(std::to_string(head.status));
        throw upgrade_refused{what, head.status};
    }
    upgraded_response result{std::move(head), upgraded_stream{std::move(c.core_)}};
    co_return result;
}

client::client(client_options options) : pool_{std::make_shared<detail::client_pool>(std::move(options))} {}
client::client(const client&) noexcept = default;
client& client::operator=(const client&) noexcept = default;
client::client(client&&) noexcept = default;
client& client::operator=(client&&) noexcept = default;
client::~client() = default;

task<client_response> client::send(client_request request) const { return detail::send(pool_, std::move(request)); }

std::size_t client::idle() const noexcept { return pool_->idle(); }
void client::close_idle() const noexcept { pool_->close_idle(); }

} // namespace weir::http
