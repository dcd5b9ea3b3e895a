// SPDX-License-Identifier: MIT
#include "backend/unread.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <weir/backend/socket_system.hpp>
#include <weir/io/bytes.hpp>

namespace weir::detail {

namespace {

std::string_view received_by(const io_request& request, std::size_t size) noexcept {
    switch (request.what) {
    case io_request::kind::receive_bytes:
        return *static_cast<const bytes*>(request.data);
    case io_request::kind::receive_message:
        return {static_cast<const char*>(static_cast<const io_message*>(request.data)->data), size};
    default:
        return {static_cast<const char*>(request.data), size};
    }
}

std::size_t room_in(const io_request& request) noexcept {
    return request.what == io_request::kind::receive_message ? static_cast<const io_message*>(request.data)->size
                                                             : request.size;
}

} // namespace

void unread::put_back(const io_request& request, int result, boundaries b) {
    piece p;
    p.kept = b;
    if (result < 0) {
        p.error = result;
    } else {
        p.data = received_by(request, static_cast<std::size_t>(result));
        if (request.what == io_request::kind::receive_message) {
            const io_message& message = *static_cast<const io_message*>(request.data);
            if (message.from != nullptr) p.from = *message.from;
            if (passed_descriptors* const passed = message.descriptors) {
                p.descriptors.assign(passed->numbers.begin(),
                                     passed->numbers.begin() + static_cast<std::ptrdiff_t>(passed->count));
                p.descriptors_lost = passed->lost;
            }
        }
    }
    pieces_.push_front(std::move(p));
    if (result < 0) return;
    if (request.what == io_request::kind::receive_bytes) *static_cast<bytes*>(request.data) = {};
    if (!pieces_.front().descriptors.empty()) static_cast<io_message*>(request.data)->descriptors->count = 0;
}

int unread::answer(const io_request& request, std::vector<int>& left_over) {
    if (request.what == io_request::kind::readable) return 0;
    piece& p = pieces_.front();
    if (p.error != 0) {
        const int error = p.error;
        pieces_.pop_front();
        return error;
    }

    const std::string_view all = std::string_view{p.data}.substr(p.head);
    const std::string_view some = all.substr(0, room_in(request));
    auto result = static_cast<int>(some.size());
    switch (request.what) {
    case io_request::kind::receive_bytes:
        *static_cast<bytes*>(request.data) = bytes{some};
        break;
    case io_request::kind::receive_message: {
        io_message& message = *static_cast<io_message*>(request.data);
        std::copy(some.begin(), some.end(), static_cast<char*>(message.data));
        if (message.from != nullptr) *message.from = p.from;
        if (message.descriptors == nullptr) {
            if (p.kept == boundaries::kept) result = static_cast<int>(all.size());
            break;
        }
        std::copy(p.descriptors.begin(), p.descriptors.end(), message.descriptors->numbers.begin());
        message.descriptors->count = p.descriptors.size();
        message.descriptors->lost = p.descriptors_lost;
        p.descriptors.clear();
        p.descriptors_lost = false;
        break;
    }
    default:
        std::copy(some.begin(), some.end(), static_cast<char*>(request.data));
        break;
    }
    left_over = std::exchange(p.descriptors, {});
    p.head += some.size();
    if (p.kept == boundaries::kept || p.head == p.data.size()) pieces_.pop_front();
    return result;
}

void unread::close_descriptors(descriptor_closer& closer) noexcept {
    for (piece& p : pieces_) {
        for (const int fd : std::exchange(p.descriptors, {})) closer.close(fd);
    }
}

bool is_told_once(int result) noexcept {
    switch (-result) {
    case ECONNRESET:
    case ECONNREFUSED:
    case ECONNABORTED:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case EPIPE:
    case EPROTO:
    case ENOPROTOOPT:
        return true;
    default:
        return false;
    }
}

} // namespace weir::detail
