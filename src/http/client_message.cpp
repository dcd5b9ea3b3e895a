// SPDX-License-Identifier: MIT
#include <weir/http/client_message.hpp>

#include <weir/http/error.hpp>
#include <weir/sink/for_each.hpp>

namespace weir::http {

namespace {

task<std::string> collect(detail::response_source& from, std::size_t most) {
    std::string all;
    const auto add = [&](const bytes& part) {
        if (part.size() > most - all.size()) {
            std::string what{"weir::http: read from "};
            what.append(from.name()).append(": the body has more than ").append(std::to_string(most));
            throw message_too_large{what.append(" bytes"), message_part::body};
        }
        all.append(part.view());
    };
    auto collecting = response_body{from} | for_each(add);
    co_await std::move(collecting);
    co_return all;
}

task<std::string> collect_owned(std::unique_ptr<detail::response_source> from, std::size_t most) {
    auto collecting = collect(*from, most);
    co_return co_await std::move(collecting);
}

} // namespace

task<std::string> client_response::text(std::size_t most) & { return collect(*source_, most); }
task<std::string> client_response::text(std::size_t most) && { return collect_owned(std::move(source_), most); }

} // namespace weir::http
