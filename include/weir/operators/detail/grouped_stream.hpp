// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/limit_exceeded.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/collecting_operator.hpp>

namespace weir::detail {

/// The items of an upstream in vectors of neighbours that belong together.
///
///     bool Rule::joins(const std::vector<T>& group, const T& item); // whether an item belongs to a group
///     static constexpr const char* Rule::name;                      // the name of the operator
///
/// The group is empty at the first call.
///
/// Callable is the type of the user's function that the rule calls.
template <stream S, class Rule, class Callable>
class [[nodiscard("add a sink and co_await it")]] grouped_stream
    : public collecting_operator<grouped_stream<S, Rule, Callable>, S, Callable> {
    using collecting_operator = detail::collecting_operator<grouped_stream, S, Callable>;
    friend collecting_operator;

public:
    using typename collecting_operator::value_type;

    grouped_stream(S upstream, Callable f, std::size_t limit)
        : collecting_operator(std::move(upstream)), rule_(std::move(f)), limit_{limit} {}

    void outline(stage_outline& out) const {
        out.holds(limit_);
        out.holds(1);
        collecting_operator::outline(out);
    }

private:
    auto adder(context& cx) {
        return [this, &cx](item_t<S>&& item) {
            const bool joins = rule_.joins(std::as_const(this->held_), std::as_const(item));
            if (cx.stopping()) [[unlikely]]
                return true;
            if (joins) {
                if (this->held_.size() == limit_) fail();
                this->append(std::move(item));
                return true;
            }
            value_type next;
            next.push_back(std::move(item));
            complete_ = std::exchange(this->held_, std::move(next));
            return false;
        };
    }
    value_type take() noexcept { return std::exchange(complete_.empty() ? this->held_ : complete_, {}); }

    [[noreturn, gnu::cold, gnu::noinline]] void fail() const {
        throw limit_exceeded{std::string{"weir::"} + Rule::name + ": more than " + std::to_string(limit_) +
                             " items in a group"};
    }

    Rule rule_;
    std::size_t limit_;
    value_type complete_; // a group that was followed by an item of the next
};

} // namespace weir::detail
