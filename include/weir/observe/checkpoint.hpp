// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <source_location>
#include <string>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/error_notes.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream, whose error is noted under a name.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] checkpoint_stream {
public:
    using value_type = item_t<S>;

    checkpoint_stream(S upstream, std::string name, std::source_location place)
        : upstream_(std::move(upstream)), name_{std::move(name)}, place_{place} {}

    poll<value_type> poll_next(context& cx) {
        try {
            return upstream_.poll_next(cx);
        } catch (...) {
            note();
            throw;
        }
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        detail::fenced passed(consume);
        flow answer = flow::done;
        try {
            answer = weir::poll_each(upstream_, cx, passed);
        } catch (...) {
            note();
            throw;
        }
        passed.rethrow();
        return answer;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    void note() const noexcept { detail::note_checkpoint(name_, place_); }

    S upstream_;
    std::string name_;
    std::source_location place_;
};

struct checkpoint_fn : detail::operator_fn<checkpoint_fn> {
    template <class S, class Name, class Place>
    using pipeline = checkpoint_stream<S>;

    auto operator()(std::string name, std::source_location place = std::source_location::current()) const {
        return with(std::move(name), place);
    }
};

/// checkpoint(name): the items unchanged. An error that passes is noted under the name, for an error_trail.
///
///     weir::read(path) | weir::lines() | weir::map(parse) | weir::checkpoint("orders") | weir::map_async(8, store)
///
///     std::invalid_argument: stoi
///       passed orders at src/import.cpp:41
///       left read | lines | map | checkpoint | map_async | drain at src/import.cpp:42
///
/// It tells which part of a long pipeline has failed. The name and the line of the call appear.
///
/// Ends: with upstream. Errors: upstream's, unchanged.
/// Cost: no allocation; nothing held; nothing while no error is thrown.
/// See: error_trail, what_happened, meter.
inline constexpr checkpoint_fn checkpoint{};

} // namespace weir
