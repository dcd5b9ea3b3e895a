// SPDX-License-Identifier: MIT
#include "kernel/message.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace weir::kernel {

namespace {

struct kernel_form {
    msghdr header;
    iovec part;
};
static_assert(sizeof(kernel_form) <= sizeof(io_message::header) && alignof(kernel_form) <= alignof(void*));

using numbers = decltype(passed_descriptors::numbers);
static_assert(CMSG_SPACE(sizeof(numbers)) <= sizeof(passed_descriptors::control));
static_assert(alignof(cmsghdr) <= alignof(std::size_t));

msghdr& form_of(io_message& message) noexcept {
    auto* form = ::new (message.header.data()) kernel_form{};
    form->part = {message.data, message.size};
    form->header.msg_iov = &form->part;
    form->header.msg_iovlen = 1;
    return form->header;
}

} // namespace

msghdr* to_send(io_message& message) noexcept {
    msghdr& header = form_of(message);
    if (message.to != nullptr) {
        header.msg_name = const_cast<void*>(message.to->data());
        header.msg_namelen = message.to->size();
    }
    if (message.descriptors != nullptr && message.descriptors->count != 0) {
        passed_descriptors& passed = *message.descriptors;
        const std::size_t size = passed.count * sizeof(int);
        passed.control = {};
        header.msg_control = passed.control.data();
        header.msg_controllen = CMSG_SPACE(size);
        cmsghdr* control = CMSG_FIRSTHDR(&header);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(size);
        std::memcpy(CMSG_DATA(control), passed.numbers.data(), size);
    }
    return &header;
}

msghdr* to_receive(io_message& message) noexcept {
    msghdr& header = form_of(message);
    if (message.from != nullptr) {
        header.msg_name = message.from->data();
        header.msg_namelen = endpoint::capacity;
    }
    if (message.descriptors != nullptr) {
        message.descriptors->count = 0;
        message.descriptors->lost = false;
        header.msg_control = message.descriptors->control.data();
        header.msg_controllen = CMSG_SPACE(sizeof(numbers));
    }
    return &header;
}

int receive_flags(const io_message& message) noexcept {
    // MSG_TRUNC makes the result the full length of a datagram. A stream socket gives the flag another meaning.
    return message.descriptors != nullptr ? MSG_CMSG_CLOEXEC : MSG_TRUNC;
}

void received(io_message& message) noexcept {
    auto& header = std::launder(reinterpret_cast<kernel_form*>(message.header.data()))->header;
    if (message.from != nullptr) message.from->resize(std::min<std::uint32_t>(header.msg_namelen, endpoint::capacity));
    if (message.descriptors == nullptr) return;
    passed_descriptors& passed = *message.descriptors;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t size = c->cmsg_len - CMSG_LEN(0);
        std::memcpy(passed.numbers.data() + passed.count, CMSG_DATA(c), size);
        passed.count += size / sizeof(int);
    }
    passed.lost = (header.msg_flags & MSG_CTRUNC) != 0;
}

} // namespace weir::kernel
