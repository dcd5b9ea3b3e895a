// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <weir/messages/broker.hpp>
#include <weir/messages/record.hpp>
#include <weir/task.hpp>

namespace weir::messages::detail {

/// A broker of any type.
class member {
public:
    virtual ~member() = default;

    virtual task<group_change> next_change() = 0;
    virtual task<std::vector<record>> fetch(const assignment& a, std::size_t n) = 0;
    virtual task<bool> commit(const assignment& a, const std::vector<position>& done) = 0;
    virtual task<> release(const assignment& a) = 0;
    virtual task<> leave() = 0;
    virtual task<partition_status> inspect(const assignment& a) = 0;
};

template <broker B>
class member_of final : public member {
public:
    explicit member_of(B body) : body_(std::move(body)) {}

    task<group_change> next_change() override {
        auto changing = body_.next_change();
        co_return co_await std::move(changing);
    }
    task<std::vector<record>> fetch(const assignment& a, std::size_t n) override {
        auto fetching = body_.fetch(a, n);
        co_return co_await std::move(fetching);
    }
    task<bool> commit(const assignment& a, const std::vector<position>& done) override {
        auto committing = body_.commit(a, done);
        co_return co_await std::move(committing);
    }
    task<> release(const assignment& a) override {
        auto releasing = body_.release(a);
        co_await std::move(releasing);
    }
    task<> leave() override {
        auto leaving = body_.leave();
        co_await std::move(leaving);
    }
    task<partition_status> inspect(const assignment& a) override {
        auto inspecting = body_.inspect(a);
        co_return co_await std::move(inspecting);
    }

private:
    B body_;
};

} // namespace weir::messages::detail
