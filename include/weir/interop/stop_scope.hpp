// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <concepts>
#include <forward_list>
#include <stop_token>
#include <utility>

namespace weir {

/// A std::stop_token for code that cannot be dropped, because it blocks or runs on another thread. A stop is requested
/// when the scope ends: by return, by an exception, or because its coroutine is dropped.
///
///     weir::task<hash> digest(weir::thread_pool& pool, std::filesystem::path path) {
///         weir::stop_scope scope;
///         co_return co_await weir::offload(pool, [=, stop = scope.token()] { return sha256(path, stop); });
///     }
///
/// A stop_scope that is linked to other tokens is also stopped when one of them is.
///
/// Threads: `request_stop` may be called, and the linked tokens stopped, on any thread.
/// See: with_stop, offload.
class stop_scope {
public:
    template <std::same_as<std::stop_token>... Tokens>
    explicit stop_scope(Tokens... outer) {
        (links_.emplace_front(std::move(outer), forward{source_}), ...);
    }
    stop_scope(const stop_scope&) = delete;
    stop_scope& operator=(const stop_scope&) = delete;
    ~stop_scope() { source_.request_stop(); }

    std::stop_token token() const noexcept { return source_.get_token(); }
    bool request_stop() noexcept { return source_.request_stop(); }
    bool stop_requested() const noexcept { return source_.stop_requested(); }

private:
    struct forward {
        std::stop_source source;
        void operator()() noexcept { source.request_stop(); }
    };

    std::stop_source source_;
    std::forward_list<std::stop_callback<forward>> links_;
};

} // namespace weir
