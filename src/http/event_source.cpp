// SPDX-License-Identifier: MIT
#include <weir/http/event_source.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>

#include <weir/core/limit_exceeded.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/http/detail/event_parser.hpp>
#include <weir/http/detail/syntax.hpp>
#include <weir/http/error.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/next.hpp>

namespace weir::http {

namespace {

constexpr unsigned no_content = 204;

void check_event_stream(const client_response& r) {
    std::string what{"weir::http: events of "};
    what.append(r.url().origin());
    if (r.status != 200)
        throw not_an_event_stream{what.append(": the status is ").append(std::to_string(r.status)), r.status};
    const std::string_view type = r.headers.get("Content-Type").value_or("");
    if (!detail::equal_without_case(detail::trimmed(type.substr(0, type.find(';'))), "text/event-stream"))
        throw not_an_event_stream{what.append(": the Content-Type is not text/event-stream"), r.status};
}

bool may_pass(unsigned status) noexcept {
    return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/// Whether a failure may be gone after a while.
bool may_pass(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const not_an_event_stream& e) {
        return may_pass(e.status());
    } catch (const message_too_large& e) {
        return e.part() == message_part::body;
    } catch (const bad_message& e) {
        return e.reason() == fault::truncated;
    } catch (const limit_exceeded&) {
        return false;
    } catch (const redirect_error&) {
        return false;
    } catch (const std::logic_error&) {
        return false;
    } catch (...) {
        return true;
    }
}

client_request event_request(const url& from, const event_source_options& o,
                             const std::optional<std::string>& last_id) {
    client_request r{"GET", from, {}, o.headers};
    if (!r.headers.contains("Accept")) r.headers.add("Accept", "text/event-stream");
    if (!r.headers.contains("Cache-Control")) r.headers.add("Cache-Control", "no-store");
    if (last_id && !last_id->empty() && detail::find_control(*last_id) == std::string_view::npos)
        r.headers.set("Last-Event-ID", *last_id);
    r.body_timeout = o.silence;
    return r;
}

async_stream<event> receive_events(client c, url from, event_source_options o, weir::detail::backoff waits) {
    executor& ex = *co_await this_executor();
    std::string name{from.origin()};
    std::optional<std::string> last_id;
    if (!o.last_event_id.empty()) last_id = std::move(o.last_event_id);
    duration asked = duration::zero(); // the wait that the server wants
    time_point row_ends = ex.time_after(o.reconnect.total_timeout);
    for (;;) {
        std::exception_ptr error;
        detail::event_parser parser{name, o.limits, last_id};
        try {
            const time_point until = std::min(row_ends, ex.time_after(o.reconnect.attempt_timeout));
            auto sending = with_deadline(until, c.send(event_request(from, o, last_id)));
            auto answer = co_await std::move(sending);
            if (answer.status == no_content) co_return;
            check_event_stream(answer);
            auto parts = std::move(answer).body();
            while (const auto part = co_await next(parts)) {
                std::span<const char> input{part->data(), part->size()};
                while (parser.next(input)) {
                    waits.succeeded();
                    row_ends = time_point::max();
                    event found = parser.take();
                    co_yield std::move(found);
                }
            }
        } catch (...) {
            error = std::current_exception();
        }
        if (error != nullptr && !may_pass(error)) std::rethrow_exception(error);
        last_id = parser.last_id();
        if (const auto wanted = parser.retry_after()) asked = std::min(*wanted, o.reconnect.max_delay);
        if (row_ends == time_point::max()) row_ends = ex.time_after(o.reconnect.total_timeout);
        const bool again = waits.again(error);
        const time_point until = again ? ex.time_after(std::max(asked, waits.wait(ex))) : time_point::max();
        if (!again || until >= row_ends) {
            if (error != nullptr) std::rethrow_exception(error);
            co_return;
        }
        if (error != nullptr && o.on_error) o.on_error(error);
        co_await sleep_until(until);
    }
}

} // namespace

async_stream<event> event_source(const client& c, url from, event_source_options options) {
    if (options.silence <= duration::zero())
        throw std::invalid_argument{"weir::http::event_source: silence must be positive"};
    if (detail::find_control(options.last_event_id) != std::string_view::npos)
        throw std::invalid_argument{"weir::http::event_source: last_event_id has a control character"};
    weir::detail::backoff waits{options.reconnect};
    return receive_events(c, std::move(from), std::move(options), std::move(waits));
}

async_stream<event> read_events(client_response response, event_limits limits) {
    check_event_stream(response);
    detail::event_parser parser{std::string{response.url().origin()}, limits};
    auto parts = std::move(response).body();
    while (const auto part = co_await next(parts)) {
        std::span<const char> input{part->data(), part->size()};
        while (parser.next(input)) {
            event found = parser.take();
            co_yield std::move(found);
        }
    }
}

} // namespace weir::http
