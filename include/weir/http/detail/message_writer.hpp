// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <weir/async_stream.hpp>
#include <weir/core/assert.hpp>
#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/executor.hpp>
#include <weir/http/body.hpp>
#include <weir/http/detail/serialize.hpp>
#include <weir/http/error.hpp>
#include <weir/io/byte_stream.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/io/bytes.hpp>
#include <weir/io/limited_stream.hpp>

namespace weir::http::detail {

/// How a receiver finds the end of a body.
enum class framing : std::uint8_t {
    none,      ///< no body is sent
    length,    ///< Content-Length
    chunked,   ///< Transfer-Encoding: chunked
    until_end, ///< the connection ends
};

/// For a message_writer that may write at any time.
struct open_gate {
    bool poll(context&) const noexcept { return true; }
};

/// Writes a message: the head, which is in a buffer, and its body. Small parts are gathered, so that a small message is
/// one write. The head waits for the first part, unless that is not ready.
///
/// @tparam Gate  `poll(cx)` is called before each write, and returns false while the write has to wait
///
/// Errors: those of the stream and of the body; request_timed_out when the peer takes no data; std::length_error when
/// the body is not as long as it was said to be. The message is incomplete then.
/// Dropped: the message is incomplete.
template <byte_stream S, class Gate = open_gate>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] message_writer {
    using write_type = decltype(std::declval<S&>().write(std::declval<byte_view>()));

public:
    using result_type = unit;

    /// @param buffer  the head; its memory is used again for the body, and it is empty afterwards
    /// @param limit  for the time in which the peer takes 64 KiB
    message_writer(S& stream, std::string& buffer, body& content, framing how, duration limit, Gate gate = {}) noexcept
        : stream_{&stream}, buffer_{&buffer}, body_{&content}, time_{limit}, gate_{gate}, how_{how} {}

    /// Whether a write was started.
    bool has_written() const noexcept { return has_written_; }

    poll<unit> poll_result(context& cx) {
        for (;;) {
            if (!poll_writes(cx)) return pending;
            switch (at_) {
            case step::start:
                start();
                break;
            case step::parts: {
                auto* const texts = std::get_if<async_stream<std::string>>(&body_->content_);
                const bool ready =
                    texts != nullptr ? gather(cx, *texts) : gather(cx, std::get<async_stream<bytes>>(body_->content_));
                if (!ready) return pending;
                break;
            }
            case step::end:
                return unit{};
            }
        }
    }

private:
    enum class step : std::uint8_t { start, parts, end };

    static constexpr std::size_t largest_copy = 16 * 1024;
    static constexpr std::size_t block = 64 * 1024; // of one write

    /// Writes the buffer and then the large part. Returns true when nothing is left to write.
    bool poll_writes(context& cx) {
        for (;;) {
            if (write_) {
                if (write_->poll_result(cx).is_pending()) {
                    if (!limit_.over(cx, until_)) return false;
                    std::string what{"weir::http: write to "};
                    what.append(stream_->name()).append(": the peer has taken no data");
                    throw request_timed_out{what, request_phase::write, time_};
                }
                write_.reset();
                limit_.stop();
            }
            if (rest_.empty()) {
                if (std::exchange(flushing_, false)) buffer_->clear();
                if (large_.empty()) return true;
                rest_ = std::exchange(large_, {});
                if (how_ == framing::chunked) buffer_->append("\r\n"); // behind this part
            }
            if (!gate_.poll(cx)) return false;
            has_written_ = true;
            const auto part = rest_.first(std::min(rest_.size(), block));
            rest_ = rest_.subspan(part.size());
            until_ = cx.executor().time_after(time_);
            write_.emplace(stream_->write(byte_view{part}));
        }
    }
    void flush() noexcept {
        rest_ = *buffer_;
        flushing_ = true;
    }

    void start() {
        if (how_ == framing::none) {
            *body_ = {};
            end();
        } else if (body_->is_stream()) {
            at_ = step::parts;
        } else {
            WEIR_ASSERT(how_ == framing::length, "a body that is no stream has a length");
            add(body_->text());
            end();
        }
    }
    /// Ends the body: what is left in the buffer is written.
    void end() {
        if (how_ == framing::chunked) append_last_chunk(*buffer_, body_->trailers_ ? body_->trailers_() : headers{});
        at_ = step::end;
        flush();
    }

    /// Adds a part. A large one must stay where it is until it was written.
    void add(std::string_view part) {
        if (part.empty()) return;
        if (how_ == framing::chunked) append_chunk_size(*buffer_, part.size());
        if (part.size() > largest_copy) {
            large_ = part;
            flush();
            return;
        }
        buffer_->append(part);
        if (how_ == framing::chunked) buffer_->append("\r\n");
        if (buffer_->size() > largest_copy) flush();
    }

    /// Adds the parts that are ready. Returns true when there is something to write, or when the body has ended.
    template <class Parts>
    bool gather(context& cx, Parts& parts) {
        item_ = std::monostate{};
        for (;;) {
            auto part = parts.poll_next(cx);
            if (cx.stopping()) return static_cast<void>(cx.yield()), false;
            if (part.is_item()) {
                sent_ += part->size();
                if (body_->length_ && sent_ > *body_->length_) fail_length("more");
                add(item_.template emplace<item_t<Parts>>(*std::move(part)));
                if (!cx.spend() && !flushing_) {
                    if (buffer_->empty()) return static_cast<void>(cx.yield()), false;
                    flush();
                }
                if (flushing_) return true;
                continue;
            }
            if (part.is_pending()) {
                if (buffer_->empty()) return false;
                flush();
                return true;
            }
            if (body_->length_ && sent_ < *body_->length_) fail_length("fewer");
            body_->content_ = std::monostate{};
            end();
            if (cx.stopping()) return static_cast<void>(cx.yield()), false; // the trailers have dropped this
            return true;
        }
    }

    [[noreturn]] void fail_length(std::string_view how) const {
        std::string what{"weir::http: the stream of a body has "};
        what.append(how).append(" bytes than its length, ").append(std::to_string(*body_->length_));
        throw std::length_error{what};
    }

    S* stream_;
    std::string* buffer_;
    body* body_;
    duration time_;
    [[no_unique_address]] Gate gate_;
    framing how_;
    bool has_written_ = false;
    step at_ = step::start;
    bool flushing_ = false;       // rest_ is a part of the buffer
    std::span<const char> rest_;  // what is being written, without the write in flight
    std::span<const char> large_; // written behind rest_
    std::variant<std::monostate, std::string, bytes> item_;
    std::uint64_t sent_ = 0;
    time_point until_ = time_point::max();
    weir::detail::progress_limit limit_;
    std::optional<write_type> write_; // last: cancelled before its memory is freed
};

} // namespace weir::http::detail
