// SPDX-License-Identifier: MIT
#include <weir/http/request.hpp>

#include <weir/sink/next.hpp>

namespace weir::http {

task<std::string> request::text() {
    std::string all;
    request_body parts = body();
    while (const auto part = co_await next(parts)) all.append(part->view());
    co_return all;
}

} // namespace weir::http
