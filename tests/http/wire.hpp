// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/waker.hpp>
#include <weir/io/byte_stream.hpp>

namespace support {

/// The other end of a wire_stream, in the hands of a test.
class wire {
public:
    wire() = default;
    wire(const wire&) = delete;
    wire& operator=(const wire&) = delete;

    /// Bytes for the stream to read.
    void send(std::string_view text) {
        incoming_.append(text);
        reader_.wake();
    }
    /// The stream reads the end.
    void end() {
        ended_ = true;
        reader_.wake();
    }
    /// Reads fail.
    void reset() {
        reset_ = true;
        reader_.wake();
    }
    /// Writes wait until this is called again with true.
    void take_data(bool takes) {
        takes_ = takes;
        writer_.wake();
    }

    /// What was written, since the last call.
    std::string received() { return std::exchange(outgoing_, {}); }
    /// Forgets what was written, and keeps the memory.
    void forget() noexcept { outgoing_.clear(); }
    /// The number of writes.
    std::size_t writes() const noexcept { return writes_; }
    std::size_t unread() const noexcept { return incoming_.size(); }
    bool shut_down() const noexcept { return shut_down_; }
    /// Whether the stream was destroyed.
    bool closed() const noexcept { return closed_; }
    bool read_waits() const noexcept { return reads_ != 0; }

private:
    friend class wire_stream;

    std::string incoming_;
    std::string outgoing_;
    std::size_t writes_ = 0;
    int reads_ = 0; // in flight
    bool ended_ = false;
    bool takes_ = true;
    bool reset_ = false;
    bool shut_down_ = false;
    bool closed_ = false;
    weir::waker_slot reader_;
    weir::waker_slot writer_;
};

/// A byte stream in memory.
class wire_stream {
    class read_operation {
    public:
        using result_type = std::size_t;

        read_operation(wire& w, weir::byte_span to) noexcept : wire_{&w}, to_{to} { ++w.reads_; }
        read_operation(read_operation&& other) noexcept : wire_{std::exchange(other.wire_, nullptr)}, to_{other.to_} {}
        ~read_operation() {
            if (wire_ != nullptr) --wire_->reads_;
        }

        weir::poll<std::size_t> poll_result(weir::context& cx) {
            wire& w = *wire_;
            if (w.reset_) throw std::system_error{std::make_error_code(std::errc::connection_reset), "read peer"};
            const std::size_t size = std::min(w.incoming_.size(), to_.size());
            if (size == 0 && !w.ended_) {
                w.reader_.arm(cx.waker());
                return weir::pending;
            }
            std::memcpy(to_.data(), w.incoming_.data(), size);
            w.incoming_.erase(0, size);
            return size;
        }

    private:
        wire* wire_;
        weir::byte_span to_;
    };

    class write_operation {
    public:
        using result_type = weir::unit;

        write_operation(wire& w, weir::byte_view what) noexcept : wire_{&w}, what_{what} {}

        weir::poll<weir::unit> poll_result(weir::context& cx) {
            if (!wire_->takes_) {
                wire_->writer_.arm(cx.waker());
                return weir::pending;
            }
            wire_->outgoing_.append(static_cast<const char*>(what_.data()), what_.size());
            ++wire_->writes_;
            return weir::unit{};
        }

    private:
        wire* wire_;
        weir::byte_view what_;
    };

    class shutdown_operation {
    public:
        using result_type = weir::unit;

        explicit shutdown_operation(wire& w) noexcept : wire_{&w} {}

        weir::poll<weir::unit> poll_result(weir::context&) {
            wire_->shut_down_ = true;
            return weir::unit{};
        }

    private:
        wire* wire_;
    };

public:
    explicit wire_stream(wire& w) noexcept : wire_{&w} {}
    wire_stream(wire_stream&& other) noexcept : wire_{std::exchange(other.wire_, nullptr)} {}
    ~wire_stream() {
        if (wire_ != nullptr) wire_->closed_ = true;
    }

    auto read(weir::byte_span to) noexcept { return read_operation{*wire_, to}; }
    auto write(weir::byte_view what) noexcept { return write_operation{*wire_, what}; }
    auto shutdown_write() noexcept { return shutdown_operation{*wire_}; }
    std::string name() const { return "peer"; }

private:
    wire* wire_;
};
static_assert(weir::byte_stream<wire_stream>);

} // namespace support
