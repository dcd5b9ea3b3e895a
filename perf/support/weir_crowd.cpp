// SPDX-License-Identifier: MIT
#include "crowd_servers.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/io/tcp.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/read.hpp>
#include <weir/task.hpp>

namespace bench {

namespace {

class room {
    struct membership {
        membership(room& where, weir::tcp_stream& who) : r{where}, fd{static_cast<std::size_t>(who.native_handle())} {
            if (r.clients_.size() <= fd) r.clients_.resize(fd + 1);
            r.clients_[fd] = &who;
        }
        membership(const membership&) = delete;
        membership& operator=(const membership&) = delete;
        ~membership() { r.clients_[fd] = nullptr; }

        room& r;
        std::size_t fd;
    };

    std::vector<weir::tcp_stream*> clients_; // by descriptor

public:
    weir::task<> stay(weir::tcp_stream client) {
        const membership here{*this, client};
        auto obey = [this](weir::bytes message) { return answer(std::move(message)); };
        // Named, because a temporary in a co_await would also keep the parts it was built from in the frame.
        auto obeying = weir::read(client) | weir::for_each(obey);
        co_await std::move(obeying);
    }

    weir::task<> stay_with_buffer(weir::tcp_stream client) {
        const membership here{*this, client};
        std::array<char, crowd_message> message;
        while (const std::size_t got = co_await client.read(message)) {
            co_await obey({message.data(), got});
        }
    }

    weir::task_group members;

private:
    weir::task<> answer(weir::bytes message) { co_await obey({message.data(), message.size()}); }

    weir::task<> obey(std::string_view message) {
        if (message.front() == crowd_leaves) {
            members.cancel();
            co_return;
        }
        auto send = [message](weir::tcp_stream* client) { return client->write(message); };
        co_await (weir::from_range(clients_) |
                  weir::filter([](weir::tcp_stream* client) { return client != nullptr; }) |
                  weir::map_async_unordered(256, send) | weir::drain());
    }
};

template <auto Stay>
weir::task<> serve(const ready_function& ready) {
    auto listener = co_await weir::listen({"127.0.0.1", 0});
    ready(listener.local_endpoint().port());
    room all;
    auto clients = weir::accept(std::move(listener));
    while (auto client = co_await weir::next(clients)) all.members.spawn((all.*Stay)(*std::move(client)));
}

} // namespace

void weir_crowd(const ready_function& ready, weir::backend_kind backend) {
    weir::executor{backend}.run(serve<&room::stay>(ready));
}

void weir_crowd_buffer(const ready_function& ready, weir::backend_kind backend) {
    weir::executor{backend}.run(serve<&room::stay_with_buffer>(ready));
}

} // namespace bench
