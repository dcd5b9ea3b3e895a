// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/executor.hpp>
#include <weir/http/client.hpp>
#include <weir/http/detail/client_core.hpp>
#include <weir/io/limited_stream.hpp>
#include <weir/sync/semaphore.hpp>

namespace weir::http::detail {

class pooled_connection;

/// The connections of a client.
class client_pool : public std::enable_shared_from_this<client_pool> {
public:
    explicit client_pool(client_options options);

    const client_options& options() const noexcept { return options_; }

    enum class wanted : std::uint8_t { any, fresh };

    /// Waits for permission to have a connection, and returns one that is kept or a new one.
    task<std::unique_ptr<pooled_connection>> acquire(url to, wanted which);

    std::size_t idle() const noexcept;
    void close_idle() noexcept { idle_.clear(); }

private:
    friend class pooled_connection;
    friend weir::detail::described;

    void describe(weir::detail::wait_report& report) const {
        report.object(this, "weir::http::client", "kept connections: " + std::to_string(idle()));
    }

    /// Is spawned while connections are kept, so that the end of the executor closes them: the client may outlive it.
    class [[nodiscard]] executor_watch {
    public:
        using result_type = unit;

        explicit executor_watch(client_pool& pool) noexcept : pool_{&pool} {}
        executor_watch(executor_watch&& other) noexcept : pool_{std::exchange(other.pool_, nullptr)} {}
        ~executor_watch() {
            if (pool_ == nullptr) return;
            pool_->idle_.clear();
            pool_->is_watching_ = false;
        }

        poll<unit> poll_result(context& cx) noexcept {
            pool_->watching_.arm(cx.waker());
            return pending;
        }

    private:
        client_pool* pool_;
    };

    /// A connection that waits for a request. It is watched, so that its end is seen when it comes.
    class idle_connection {
    public:
        idle_connection(std::string origin, std::unique_ptr<client_core> core, context& cx, duration limit)
            : origin_{std::move(origin)}, core_{std::move(core)}, until_{cx.executor().time_after(limit)} {
            driver_.bind(*this, cx.waker().queue());
            driver_.wake();
        }
        idle_connection(const idle_connection&) = delete;
        idle_connection& operator=(const idle_connection&) = delete;

        const std::string& origin() const noexcept { return origin_; }
        /// Whether it was closed meanwhile.
        bool closed() const noexcept { return core_ == nullptr; }
        std::unique_ptr<client_core> take() noexcept { return std::move(core_); }

    private:
        void run() noexcept {
            if (core_ == nullptr) return;
            context cx{driver_};
            if (!core_->poll_idle(cx) && !time_.over(cx, until_)) return;
            time_.stop();
            core_.reset();
        }

        std::string origin_;
        std::unique_ptr<client_core> core_;
        time_point until_;
        weir::detail::progress_limit time_;
        weir::detail::member_waker<idle_connection, &idle_connection::run> driver_;
    };

    /// The number of requests that wait, while it lives.
    class waiting_place {
    public:
        explicit waiting_place(client_pool& pool);
        waiting_place(const waiting_place&) = delete;
        waiting_place& operator=(const waiting_place&) = delete;
        ~waiting_place() { --pool_->waiting_; }

    private:
        client_pool* pool_;
    };

    task<semaphore::permit> permit_of(const semaphore& from);
    std::shared_ptr<semaphore> permits_of(const std::string& origin);
    std::unique_ptr<client_core> take_idle(const std::string& origin) noexcept;
    void keep(const std::string& origin, std::unique_ptr<client_core> core, context& cx);
    /// Closes kept connections until one more fits.
    void make_room() noexcept;
    task<std::unique_ptr<client_core>> connect(url to);

    client_options options_;
    semaphore all_;
    std::map<std::string, std::weak_ptr<semaphore>> origins_;
    std::size_t waiting_ = 0;
    std::size_t open_ = 0;            // connections that serve a request, or are being opened
    std::list<idle_connection> idle_; // the one that was used last stands last
    bool is_watching_ = false;
    weir::detail::described_slot watching_{*this};              // is never woken
    std::optional<join_handle<executor_watch>> executor_watch_; // last: it uses everything else
};

/// A connection of a pool that serves one request.
class pooled_connection final : public response_source {
public:
    /// What entitles to a connection: returned in the reverse order, before the next request can get it.
    struct permits {
        std::shared_ptr<semaphore> of_origin;
        semaphore::permit one_of_origin;
        semaphore::permit one_of_all;
    };

    pooled_connection(std::shared_ptr<client_pool> pool, std::string origin, permits p) noexcept
        : pool_{std::move(pool)}, origin_{std::move(origin)}, permits_{std::move(p)} {
        ++pool_->open_;
    }
    ~pooled_connection() override { close(); }

    /// @param reused  whether it has served a request before
    void set(std::unique_ptr<client_core> core, bool reused) {
        core_ = std::move(core);
        name_ = core_->name();
        reused_ = reused;
    }
    client_core& core() noexcept { return *core_; }
    /// Whether the server may have closed the connection before it has seen the request.
    bool may_be_stale() const noexcept { return reused_ && core_ != nullptr && !core_->has_answer(); }

    poll<response_head> poll_head(context& cx) {
        auto head = core_->poll_head(cx);
        if (head.is_item() && core_->body_ended()) end(cx);
        return head;
    }
    poll<bytes> poll_body(context& cx) override {
        if (failure_ != nullptr) std::rethrow_exception(failure_);
        if (core_ == nullptr) return done;
        try {
            auto part = core_->poll_body(cx);
            if (part.is_done()) end(cx);
            return part;
        } catch (...) {
            failure_ = std::current_exception();
            close();
            throw;
        }
    }
    const headers& trailers() const noexcept override { return core_ != nullptr ? core_->trailers() : trailers_; }
    const std::string& name() const noexcept override { return name_; }

    /// The body of the request, to send it again. Nothing of a stream is left.
    void give_back(http::body& to) noexcept {
        if (core_ != nullptr) {
            core_->give_back(to);
        } else {
            to = std::exchange(body_, {});
        }
    }
    void close() noexcept;

private:
    /// Hands the connection to the pool.
    void end(context& cx);

    std::shared_ptr<client_pool> pool_;
    std::string origin_;
    std::string name_;
    std::optional<permits> permits_;
    std::unique_ptr<client_core> core_;
    headers trailers_;
    http::body body_; // of the request, when the exchange has ended
    std::exception_ptr failure_;
    bool reused_ = false;
};

} // namespace weir::http::detail
