// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/io/byte_stream.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/io/detail/transfer.hpp>
#include <weir/task.hpp>

namespace weir::redis::detail {

/// A byte stream of any type, with its transfers in flight. Buffers must outlive it.
class transport {
public:
    virtual ~transport() = default;

    /// Returns the number of bytes read, 0 at the end.
    virtual poll<std::size_t> poll_read(context& cx, std::span<char> to) = 0;
    /// To be called when no write is in flight.
    virtual void start_write(byte_view what) = 0;
    /// Returns true when nothing is left to be written.
    virtual bool poll_write(context& cx) = 0;
    virtual std::string name() const = 0;
};

template <byte_stream S>
class transport_of final : public transport {
public:
    explicit transport_of(S stream) : stream_(std::move(stream)) {}

    poll<std::size_t> poll_read(context& cx, std::span<char> to) override { return read_.poll_next(cx, stream_, to); }
    void start_write(byte_view what) override { write_.start(what); }
    bool poll_write(context& cx) override { return write_.poll(cx, stream_); }
    std::string name() const override { return stream_.name(); }

private:
    S stream_;
    weir::detail::reads<S> read_;
    weir::detail::writes<S> write_;
};

/// Connects to the server, each time it is called.
using connector = std::function<task<std::unique_ptr<transport>>()>;

template <class F>
task<std::unique_ptr<transport>> connect_by(std::shared_ptr<F> connect) {
    auto connecting = (*connect)();
    auto stream = co_await std::move(connecting);
    co_return std::make_unique<transport_of<decltype(stream)>>(std::move(stream));
}

/// A function that returns an operation whose result is a byte stream.
template <class F>
concept connects = requires(F& connect) {
    { connect() } -> operation;
    requires byte_stream<typename std::remove_cvref_t<decltype(connect())>::result_type>;
};

template <connects F>
connector connector_of(F connect) {
    return [kept = std::make_shared<F>(std::move(connect))] { return connect_by(kept); };
}

} // namespace weir::redis::detail
