// SPDX-License-Identifier: MIT
#include <weir/redis/detail/link.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/timed_out.hpp>
#include <weir/io/resolve.hpp>
#include <weir/io/unix.hpp>
#include <weir/redis/detail/arguments.hpp>
#include <weir/scope/with_timeout.hpp>

namespace weir::redis::detail {

namespace {

/// Sends commands, and waits until each has its reply.
class [[nodiscard]] exchange {
public:
    using result_type = unit;

    exchange(link& l, const std::string& commands, const std::vector<std::string_view>& names)
        : link_{&l}, names_{&names} {
        l.start_write(commands);
    }

    poll<unit> poll_result(context& cx) {
        // The replies are read also when the write is stuck: the server may answer before it has read everything.
        static_cast<void>(link_->poll_write(cx));
        for (;;) {
            for (value v; answered_ != names_->size() && link_->next(v); ++answered_) {
                if (v.is_error()) throw error{(*names_)[answered_], v.text()};
            }
            if (answered_ == names_->size() && link_->poll_write(cx)) return unit{};
            if (!link_->poll_read(cx)) return pending;
            if (!cx.spend()) return cx.yield();
        }
    }

private:
    link* link_;
    const std::vector<std::string_view>* names_;
    std::size_t answered_ = 0;
};

std::string name_of_server(const options& o) {
    if (!o.unix_path.empty()) return o.unix_path;
    return o.host + ":" + std::to_string(o.port);
}

task<std::unique_ptr<link>> connect_and_log_in(const options& o, const connector& connect) {
    auto connecting = connect();
    auto stream = co_await std::move(connecting);
    // The commands must outlive the stream, which writes them.
    std::string commands;
    std::vector<std::string_view> names;
    if (!o.password.empty()) {
        names.push_back("AUTH");
        if (o.user.empty()) {
            append_command(commands, "AUTH", o.password);
        } else {
            append_command(commands, "AUTH", o.user, o.password);
        }
    }
    if (o.database != 0) {
        names.push_back("SELECT");
        append_command(commands, "SELECT", o.database);
    }
    if (!o.client_name.empty()) {
        names.push_back("CLIENT");
        append_command(commands, "CLIENT", "SETNAME", o.client_name);
    }
    auto opened = std::make_unique<link>(std::move(stream), o.max_reply_size);
    if (!names.empty()) {
        exchange login{*opened, commands, names};
        co_await std::move(login);
    }
    co_return opened;
}

} // namespace

link::link(std::unique_ptr<transport> stream, std::size_t reply_size)
    : name_{stream->name()},
      replies_{name_, reply_size},
      input_{std::make_unique_for_overwrite<char[]>(input_size)},
      stream_{std::move(stream)} {}

bool link::poll_read(context& cx) {
    const std::span buffer{input_.get(), input_size};
    const auto size = stream_->poll_read(cx, buffer);
    if (size.is_pending()) return false;
    if (*size == 0) throw std::runtime_error{name_ + " has closed the connection"};
    replies_.feed(buffer.first(*size));
    return true;
}

connector connector_to(const options& o) {
    if (o.tls) {
        throw std::invalid_argument{
            "weir::redis: options.tls is set: give the client a function that connects by TLS, such as "
            "weir::redis::over_tls(options)"};
    }
    if (!o.unix_path.empty()) {
        return connector_of([at = unix_address{o.unix_path}] { return unix_connect(at); });
    }
    return connector_of([host = o.host, port = o.port] { return tcp_connect(host, port); });
}

task<std::unique_ptr<link>> open_link(const options& o, const connector& connect) {
    try {
        auto opening = with_timeout(o.connect_timeout, connect_and_log_in(o, connect));
        co_return co_await std::move(opening);
    } catch (const timed_out& e) {
        if (e.limit() != o.connect_timeout) throw;
        throw timed_out{"weir::redis: no connection to " + name_of_server(o), o.connect_timeout};
    }
}

} // namespace weir::redis::detail
