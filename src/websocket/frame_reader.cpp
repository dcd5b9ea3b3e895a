// SPDX-License-Identifier: MIT
#include "frame_reader.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <random>
#include <stdexcept>
#include <utility>

#include <wslay/wslay.h>

namespace weir::websocket::detail {

namespace {

std::span<const char>& input_of(void* user) noexcept { return *static_cast<std::span<const char>*>(user); }

ssize_t take_input(std::uint8_t* to, std::size_t size, int, void* user) noexcept {
    std::span<const char>& input = input_of(user);
    const std::size_t n = std::min(size, input.size());
    if (n == 0) return -1;
    std::memcpy(to, input.data(), n);
    input = input.subspan(n);
    return static_cast<ssize_t>(n);
}

/// There is room in the string.
ssize_t append_output(const std::uint8_t* data, std::size_t size, int, void* user) noexcept {
    (*static_cast<std::string**>(user))->append(reinterpret_cast<const char*>(data), size);
    return static_cast<ssize_t>(size);
}

/// A mask must not be predictable (RFC 6455, 10.3).
int make_mask(std::uint8_t* to, std::size_t size, void*) noexcept {
    try {
        static thread_local std::random_device random;
        const std::random_device::result_type bits = random();
        static_assert(sizeof bits == 4);
        std::memcpy(to, &bits, std::min(size, sizeof bits));
        return 0;
    } catch (...) {
        return -1;
    }
}

bool is_control(opcode kind) noexcept { return kind >= opcode::close; }

bool is_known(std::uint8_t code) noexcept { return code <= 2 || (code >= 8 && code <= 10); }

wslay_frame_context* make_context(const wslay_frame_callbacks& callbacks, void* user) {
    wslay_frame_context* made = nullptr;
    if (wslay_frame_context_init(&made, &callbacks, user) != 0) throw std::bad_alloc{};
    return made;
}

constexpr std::size_t largest_head = 14;

/// wslay's sender, whose state is the frame that is being sent: between two frames it has none. One that has masked a
/// frame masks all, so that each role has its own.
struct frame_sender {
    static frame_sender& of(role own) {
        static thread_local frame_sender senders[2];
        return senders[own == role::client ? 0 : 1];
    }

    std::string* output = nullptr;
    frame_context frames{make_context({append_output, nullptr, make_mask}, &output)};
};

close_code code_of(std::string_view payload) noexcept {
    const auto high = static_cast<unsigned char>(payload[0]);
    const auto low = static_cast<unsigned char>(payload[1]);
    return static_cast<close_code>(high << 8 | low);
}

} // namespace

void free_frame_context::operator()(wslay_frame_context* c) const noexcept { wslay_frame_context_free(c); }

frame_reader::frame_reader(role own, std::string name, std::size_t max_message, std::size_t max_frame)
    : own_{own},
      name_{std::move(name)},
      max_message_{max_message},
      max_frame_{max_frame},
      frames_{make_context({nullptr, take_input, nullptr}, &input_)} {}

frame_reader::~frame_reader() = default;

frame_step frame_reader::next(std::span<const char>& input) {
    input_ = input;
    for (;;) {
        wslay_frame_iocb frame{};
        const ssize_t size = wslay_frame_recv(frames_.get(), &frame);
        input = input_; // wslay has copied what it took
        if (size == WSLAY_ERR_WANT_READ) return frame_step::more;
        if (size < 0) fail("a frame is malformed: its length, or a control frame that is long or fragmented");
        if (!in_frame_) start_frame(frame.opcode, frame.fin != 0, frame.rsv, frame.mask != 0, frame.payload_length);
        add({reinterpret_cast<const char*>(frame.data), frame.data_length});
        if (left_ != 0) continue;
        in_frame_ = false;
        const frame_step step = end_frame();
        if (step != frame_step::more) return step;
    }
}

void frame_reader::start_frame(std::uint8_t code, bool fin, std::uint8_t reserved, bool masked, std::uint64_t size) {
    if (reserved != 0) fail("a frame has a reserved bit");
    if (!is_known(code)) fail("a frame has an unknown opcode");
    if (masked != (own_ == role::server)) fail(masked ? "a frame is masked" : "a frame is not masked");
    in_frame_ = true;
    kind_ = static_cast<opcode>(code);
    left_ = size;
    if (is_control(kind_)) {
        control_.clear();
        return;
    }
    if (kind_ == opcode::continuation) {
        if (!in_message_) fail("a continuation without a message");
    } else {
        if (in_message_) fail("a message within another one");
        message_.data.clear();
        message_.type = kind_ == opcode::text ? message_type::text : message_type::binary;
        utf8_ = {};
    }
    in_message_ = true;
    last_ = fin;
    if (size > max_frame_) fail_size("a frame", max_frame_);
    if (size > max_message_ - message_.data.size()) fail_size("a message", max_message_);
}

void frame_reader::add(std::string_view part) {
    left_ -= part.size();
    if (is_control(kind_)) {
        control_.append(part);
        return;
    }
    message_.data.append(part);
    if (message_.type == message_type::text) check_text(part, left_ == 0 && last_);
}

frame_step frame_reader::end_frame() {
    switch (kind_) {
    case opcode::ping:
        return frame_step::ping;
    case opcode::pong:
        return frame_step::pong;
    case opcode::close:
        check_close();
        return frame_step::close;
    default:
        if (!last_) return frame_step::more;
        in_message_ = false;
        return frame_step::message;
    }
}

void frame_reader::check_text(std::string_view part, bool ends) {
    try {
        utf8_.check(part);
        if (ends) utf8_.end();
    } catch (const invalid_utf8&) {
        fail("a text is not UTF-8", close_code::invalid_data);
    }
}

void frame_reader::check_close() const {
    if (control_.empty()) return;
    if (control_.size() == 1) fail("a close frame with half a code");
    if (!may_be_sent(code_of(control_))) fail("a close frame with a code that must not be sent");
    if (!is_utf8(std::string_view{control_}.substr(2)))
        fail("the text of a close frame is not UTF-8", close_code::invalid_data);
}

close_reason frame_reader::reason() const {
    if (control_.empty()) return {};
    return {code_of(control_), control_.substr(2)};
}

void frame_reader::fail(std::string_view why, close_code code) const {
    std::string what{"weir::websocket: read from "};
    throw protocol_error{what.append(name_).append(": ").append(why), code};
}

void frame_reader::fail_size(std::string_view what, std::size_t most) const {
    std::string text{"weir::websocket: read from "};
    text.append(name_).append(": ").append(what).append(" has more than ").append(std::to_string(most));
    throw message_too_large{text.append(" bytes")};
}

void append_frame(std::string& to, role own, opcode kind, std::string_view payload, bool last) {
    frame_sender& sender = frame_sender::of(own);
    to.reserve(to.size() + payload.size() + largest_head);
    sender.output = &to;
    wslay_frame_iocb frame{};
    frame.fin = last ? 1 : 0;
    frame.opcode = static_cast<std::uint8_t>(kind);
    frame.payload_length = payload.size();
    frame.mask = own == role::client ? 1 : 0;
    do {
        frame.data = reinterpret_cast<const std::uint8_t*>(payload.data());
        frame.data_length = payload.size();
        const ssize_t sent = wslay_frame_send(sender.frames.get(), &frame);
        if (sent < 0) throw std::runtime_error{"weir::websocket: there are no random numbers for a mask"};
        payload.remove_prefix(static_cast<std::size_t>(sent));
    } while (!payload.empty());
}

std::string close_payload(const close_reason& reason) {
    if (reason.code == close_code::no_code) return {};
    const auto code = static_cast<unsigned>(reason.code);
    std::string payload;
    payload.push_back(static_cast<char>(code >> 8));
    payload.push_back(static_cast<char>(code & 0xff));
    return payload.append(reason.text);
}

bool may_be_sent(close_code code) noexcept {
    const auto n = static_cast<unsigned>(code);
    if (n >= 3000) return n <= 4999;
    return n >= 1000 && n <= 1014 && n != 1004 && n != 1005 && n != 1006;
}

bool is_utf8(std::string_view text) noexcept {
    try {
        weir::detail::utf8_checker checker;
        checker.check(text);
        checker.end();
        return true;
    } catch (const invalid_utf8&) {
        return false;
    }
}

} // namespace weir::websocket::detail
