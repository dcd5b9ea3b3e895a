// SPDX-License-Identifier: MIT
#include <weir/redis/error.hpp>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace weir::redis {

namespace {

std::string message(std::string_view command, std::string_view what, const std::exception_ptr& cause) {
    std::string all{"weir::redis: "};
    all.append(command).append(": ").append(what).append(": ");
    try {
        std::rethrow_exception(cause);
    } catch (const std::exception& e) {
        all += e.what();
    } catch (...) {
        all += "unknown error";
    }
    return all;
}

} // namespace

connection_lost::connection_lost(std::string_view command, std::exception_ptr cause)
    : connection_error{message(command, "connection lost before the reply", cause), command, std::move(cause)} {}

not_connected::not_connected(std::string_view command, std::exception_ptr cause)
    : connection_error{message(command, "not sent", cause), command, std::move(cause)} {}

} // namespace weir::redis
